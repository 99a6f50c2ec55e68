local await = require "spec.support.await"
local batches = require "spec.support.batch"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local KEY <const> = "domain:acme.ai"

describe("the outbox", function()
  local batch

  before_each(function() batch = batches.new() end)

  --- A sink that does what its deliveries' `try` says: text of a function's body.
  local function sink(body)
    batch:sink("own", "return { deliver = function(sink, delivery, holds)\n" .. body .. "\nend }")
  end

  --- A sink that says that it began, and waits to be told to go on.
  local function slow_sink(outcome)
    sink(string.format([[
      local signalbox = require "signalbox"
      io.open("begun", "w"):close()
      while not io.open("go") do signalbox.sleep(0.01) end
      if not holds() then return { lost = true } end
      return %s]], outcome))
  end

  --- A run of a slow sink that has begun with its delivery.
  local function begun()
    local worker = batch:start("--sink", "own")
    await(function() return temp.exists(batch.folder .. "/begun") end)
    return worker
  end

  local function go() temp.write(batch.folder .. "/go", "") end

  --- A row whose last try may have been made.
  local function failed_unknown(settle)
    batch:save_company(KEY)
    sink 'return { unknown = "no answer" }'
    batch:process("--sink", "own", "--limit", "1", { SIGNALBOX_SETTLE = "300" })
    batch:exec("UPDATE outbox SET attempts = 10, not_before = '2026-01-01T00:00:00.000000+00:00'")
    batch:process("--sink", "own", { SIGNALBOX_SETTLE = settle })
    return batch:outbox(KEY)
  end

  it("marks signals that arrived during a delivery which comes to nothing", function()
    for outcome, state in pairs { ['{ refused = "in the CRM as Lost" }'] = "rejected",
      ['{ failed = "no such field" }'] = "failed" } do
      batch = batches.new()
      batch:save_company(KEY)
      slow_sink(outcome)
      local worker = begun()
      batch:save { KEY, "funding_event", "news", 1 }
      local counts, result = batch:process("--sink", "own")
      assert.equal(1, counts.companies, result.err)
      go()
      worker.wait()
      assert.equal(string.rep(state .. " ", 4):sub(1, -2), batch:statuses(KEY))
    end
  end)

  it("delivers once more what arrived during a delivery", function()
    batch:save_company(KEY)
    slow_sink '{ page_id = "page-" .. delivery.version .. "-" .. #delivery.item.signal_ids }'
    local worker = begun()
    batch:save { KEY, "funding_event", "news", 1 }
    batch:process("--sink", "own")
    go()
    worker.wait()
    batch:process("--sink", "own")
    assert.equal("pushed pushed pushed pushed", batch:statuses(KEY))
    assert.equal("sent", batch:outbox(KEY).state)
    assert.equal("page-2-4", batch:outbox(KEY).page_id)
  end)

  it("lets a person take back what a worker is at", function()
    batch:save_company(KEY)
    slow_sink '{ page_id = "page-1" }'
    local worker = begun()
    local result = batch:run("process", "reject", KEY, "--reason", "a competitor")
    assert.equal(0, result.status, result.err)
    go()
    assert.equal(0, worker.wait().status)
    assert.equal("rejected rejected rejected", batch:statuses(KEY))
    local row = batch:outbox(KEY)
    assert.same({ "refused", "withdrawn: a competitor" }, { row.state, row.last_error })
    assert.is_nil(row.page_id)
  end)

  it("keeps the word of a person who marks a signal while it is on its way", function()
    batch:save_company(KEY)
    slow_sink '{ page_id = "page-1" }'
    local worker = begun()
    do
      local store <close> = assert(signalbox.open(batch.db))
      assert(store:mark_rejected(2, "wrong"))
    end
    go()
    worker.wait()
    assert.equal("pushed rejected pushed", batch:statuses(KEY))
  end)

  it("queues only the signals that are still pending when it is decided", function()
    batch:save_company(KEY)
    temp.write(batch.folder .. "/gate.lua", [[
      local signalbox = require "signalbox"
      return { evaluate = function(signals)
        local store <close> = assert(signalbox.open "signals.db")
        assert(store:mark_rejected(1, "not this one"))
        if #signals == 1 then return { decision = "auto_push", score = 1 } end
        return { decision = "auto_push", score = 1 }
      end }]])
    batch:process("--gate", batch.folder .. "/gate.lua")
    assert.equal("rejected pushed pushed", batch:statuses(KEY))
    assert.same({ 2, 3 }, batch:lines()[1].signal_ids)
  end)

  it("decides nothing where a person has decided all of it", function()
    batch:save { KEY, "incorporation", "companies_house", 1 }
    temp.write(batch.folder .. "/gate.lua", [[
      local signalbox = require "signalbox"
      return { evaluate = function(signals)
        local store <close> = assert(signalbox.open "signals.db")
        assert(store:mark_rejected(1, "not this one"))
        return { decision = "auto_push", score = 1 }
      end }]])
    local counts = batch:process("--gate", batch.folder .. "/gate.lua")
    assert.equal(0, counts.companies)
    assert.equal("rejected", batch:statuses(KEY))
    assert.is_nil(batch:outbox(KEY))
  end)

  describe("of unknown outcome", function()
    it("waits out the settle time, also when a person says retry", function()
      local failed = failed_unknown "300"
      assert.equal("failed", failed.state)
      assert.equal(0, batch:run("process", "retry").status)
      local row = batch:outbox(KEY)
      assert.equal("ready", row.state)
      assert.equal(failed.not_before, row.not_before)
      assert.is_true(signalbox.time(row.not_before) - signalbox.time(signalbox.now()) > 200)
      assert.equal("queued queued queued", batch:statuses(KEY))
    end)

    it("waits it out when new signals arrive, too", function()
      local failed = failed_unknown "300"
      batch:save { KEY, "funding_event", "news", 1 }
      sink 'io.open("written", "w"):close() return { page_id = "page-1" }'
      batch:process("--sink", "own")
      assert.is_false(temp.exists(batch.folder .. "/written"))
      assert.equal(failed.not_before, batch:outbox(KEY).not_before)
      assert.equal("queued queued queued queued", batch:statuses(KEY))
    end)

    it("is given up only after a last look", function()
      batch:save_company(KEY)
      sink [[
        if delivery.last then return { page_id = "found" } end
        return { unknown = "no answer" }]]
      batch:process("--sink", "own", { SIGNALBOX_SETTLE = "300" })
      batch:exec [[UPDATE outbox SET attempts = 9,
        not_before = '2026-01-01T00:00:00.000000+00:00']]
      batch:process("--sink", "own", { SIGNALBOX_SETTLE = "300" })
      assert.same({ "ready", 10 }, { batch:outbox(KEY).state, batch:outbox(KEY).attempts })
      batch:exec "UPDATE outbox SET not_before = '2026-01-01T00:00:00.000000+00:00'"
      assert.equal(1, batch:process("--sink", "own").pushed)
      assert.equal("pushed pushed pushed", batch:statuses(KEY))
    end)
  end)

  it("gives up after ten attempts, with the reason, and counts no waiting that a sink asks for",
    function()
      batch:save_company(KEY)
      sink 'return { busy = "full house", wait = 300 }'
      batch:process("--sink", "own")
      local row = batch:outbox(KEY)
      assert.same({ "ready", 0, "full house" }, { row.state, row.attempts, row.last_error })
      assert.is_true(signalbox.time(row.not_before) - signalbox.time(signalbox.now()) > 200)
      batch:exec [[UPDATE outbox SET attempts = 9,
        not_before = '2026-01-01T00:00:00.000000+00:00']]
      sink 'return { again = "out of paper" }'
      local counts, result = batch:process("--sink", "own")
      assert.equal(1, counts.failed)
      assert.equal(1, result.status)
      assert.equal("out of paper (given up after 10 attempts)", batch:outbox(KEY).last_error)
      assert.equal("failed failed failed", batch:statuses(KEY))
    end)

  it("frees what a dead worker had, and what is due, whatever the clock says by now", function()
    batch:save_company(KEY)
    slow_sink '{ page_id = "page-1" }'
    local worker = begun()
    worker.kill "KILL"
    worker.wait()
    batch:exec "UPDATE outbox SET taken_at = '2099-01-01T00:00:00.000000+00:00'"
    go()
    assert.equal(1, batch:process("--sink", "own").pushed)

    batch:save { KEY, "funding_event", "news", 1 }
    sink 'return { busy = "later", wait = 300 }'
    batch:process("--sink", "own", "--limit", "1")
    sink 'return { page_id = "page-1" }'
    batch:exec "UPDATE outbox SET not_before = '2099-01-01T00:00:00.000000+00:00'"
    assert.equal(1, batch:process("--sink", "own").pushed)
  end)

  it("takes nothing from a worker that was paused for longer than its lease, and lets it write "
    .. "nothing then", function()
    batch:save_company(KEY)
    slow_sink '{ page_id = "page-1" }'
    local worker = begun()
    worker.kill "STOP"
    batch:exec "UPDATE outbox SET taken_at = '2026-01-01T00:00:00.000000+00:00'"
    sink 'return { page_id = "page-2" }'
    assert.equal(1, batch:process("--sink", "own").pushed)
    go()
    worker.kill "CONT"
    local result = worker.wait()
    assert.equal(0, signalbox.json.decode(result.out).pushed, result.err)
    assert.equal("page-2", batch:outbox(KEY).page_id)
  end)
end)
