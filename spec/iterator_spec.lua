local data = require "spec.support.data"
local expect = require "spec.support.expect"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"

describe("store:signals", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  local function ids(filter) return stores.pluck("id", assert(store:signals(filter))) end

  --- Four signals: 1 and 2 of one company, 3 and 4 of as many others; in time 3, 1, 4, 2.
  local function fill()
    assert(store:save_signal(data.signal { detected_at = "2026-01-02" }))
    assert(store:save_signal(
      data.signal { detected_at = "2026-01-04", source_api = "github_ranking" }))
    assert(store:save_signal(
      data.signal { detected_at = "2026-01-01", canonical_key = "b", signal_type = "launch" }))
    assert(store:save_signal(data.signal { detected_at = "2026-01-03", canonical_key = "c" }))
  end

  it("gives every signal to a for, newest first", function()
    fill()
    assert.same({ 2, 4, 1, 3 }, ids())
    local seen = {}
    for signal in store:signals() do seen[#seen + 1] = signal.canonical_key end
    assert.same({ "domain:acme.ai", "c", "domain:acme.ai", "b" }, seen)
  end)

  it("runs no turn where there is none", function()
    assert.same({}, ids())
    assert.same({}, ids { canonical_key = "nobody" })
  end)

  it("takes an order", function()
    fill()
    assert.same({ 2, 4, 1, 3 }, ids { order = "newest" })
    assert.same({ 3, 1, 4, 2 }, ids { order = "oldest" })
    assert.same({ 1, 2, 3, 4 }, ids { order = "id" })
  end)

  it("orders signals of one moment by their ids", function()
    for i = 1, 3 do assert(store:save_signal(data.signal { canonical_key = "k" .. i })) end
    assert.same({ 3, 2, 1 }, ids { order = "newest" })
    assert.same({ 1, 2, 3 }, ids { order = "oldest" })
  end)

  it("filters by any field, and by all that are given", function()
    fill()
    assert(store:mark_pushed(4, "page"))
    assert.same({ 2, 1 }, ids { canonical_key = "domain:acme.ai" })
    assert.same({ 3 }, ids { signal_type = "launch" })
    assert.same({ 2 }, ids { source_api = "github_ranking" })
    assert.same({ 4 }, ids { status = "pushed" })
    assert.same({ 2, 1, 3 }, ids { status = "pending" })
    assert.same({ 1 }, ids { canonical_key = "domain:acme.ai", source_api = "github" })
    assert.same({}, ids { canonical_key = "b", signal_type = "github_spike" })
    for _, order in ipairs { "newest", "oldest", "id" } do
      local found = ids { canonical_key = "domain:acme.ai", status = "pending", order = order,
        since = "2026-01-02", before = "2026-01-05", limit = 5, source_api = "github" }
      assert.same({ 1 }, found)
    end
  end)

  it("takes a span of time: since is inclusive, before is not", function()
    fill()
    assert.same({ 2, 4 }, ids { since = "2026-01-03" })
    assert.same({ 1, 3 }, ids { before = "2026-01-03" })
    assert.same({ 4, 1 }, ids { since = "2026-01-02", before = "2026-01-04" })
    assert.same({ 4, 1 },
      ids { since = signalbox.time "2026-01-02", before = signalbox.time "2026-01-04" })
    assert.same({ 4, 1 }, ids { since = "2026-01-02", before = "2026-01-04", status = "pending" })
    assert.same({}, ids { since = "2026-01-04", before = "2026-01-02" })
  end)

  it("takes a limit", function()
    fill()
    assert.same({ 2, 4 }, ids { limit = 2 })
    assert.same({}, ids { limit = 0 })
    assert.same({ 2, 4, 1, 3 }, ids { limit = math.maxinteger })
  end)

  it("gives what fails at opening as nil, err", function()
    for _, order in ipairs { "", "random", "NEWEST" } do
      expect.invalid("order", store:signals { order = order })
    end
    for _, status in ipairs { "", "done" } do
      expect.invalid("status", store:signals { status = status })
    end
    for _, field in ipairs { "canonical_key", "signal_type", "source_api" } do
      for _, text in ipairs { "a\0b", "\xff" } do
        expect.invalid(field, store:signals { [field] = text })
      end
    end
    for _, field in ipairs { "since", "before" } do
      for _, time in ipairs { "", "soon", 0 / 0, math.huge } do
        expect.invalid(field, store:signals { [field] = time })
      end
    end
    expect.invalid("limit", store:signals { limit = -1 })
  end)

  it("raises for the wrong type and for a field that does not exist", function()
    for field,
      allowed in pairs { canonical_key = "string", signal_type = "string", source_api = "string",
      status = "string", order = "string", limit = "number", since = "string number",
        before = "string number" } do
      expect.each_type_but(allowed, function(value)
        expect.raises({ "bad argument #1 to 'signals'", "field '" .. field .. "': " },
          function() store:signals { [field] = value } end)
      end)
    end
    expect.raises("no such field: 'key'", function() store:signals { key = "x" } end)
    expect.each_type_but("table", function(value)
      expect.raises("bad argument #1 to 'signals' (table expected",
        function() store:signals(value) end)
    end)
  end)
end)

describe("an iterator", function()
  local store, path

  before_each(function()
    store, path = stores.open()
    assert(store:save_signals(data.signals(10)))
  end)
  after_each(function() store:close() end)

  --- Whether a snapshot is still held: then a checkpoint leaves frames in the log.
  local function snapshot_held()
    assert(store:save_signals(
      data.signals(50, { signal_type = "later", detected_at = os.time() + math.random() })))
    local pipe <close> = assert(io.popen("sqlite3 " .. path .. " 'PRAGMA wal_checkpoint(PASSIVE)'"))
    local _, frames, moved = pipe:read("a"):match "(%d+)|(%d+)|(%d+)"
    return frames ~= moved
  end

  it("sees one moment: what is written while it runs does not show", function()
    local seen = 0
    for signal in store:signals { order = "id" } do
      seen = seen + 1
      assert(store:save_signal(data.signal { canonical_key = "new " .. signal.id }))
      assert(store:mark_rejected(11 - signal.id, "while it runs"))
      assert.equal("pending", signal.status)
    end
    assert.equal(10, seen)
    assert.equal(20, store:get_stats().total_signals)
  end)

  it("keeps its moment beside others", function()
    local first = assert(store:signals { order = "id" })
    assert.equal(1, first().id)
    assert(store:save_signal(data.signal()))
    local second = assert(store:signals { order = "id", since = "2000-01-01" })
    assert(store:save_signal(data.signal { canonical_key = "b" }))
    local function count(next_signal)
      local n = 0
      while next_signal() do n = n + 1 end
      return n
    end
    assert.equal(9, count(first))
    assert.equal(11, count(second))
  end)

  it("can be inside another, of the same question", function()
    local pairs_seen = 0
    for a in store:signals { limit = 3 } do
      for b in store:signals { limit = 3 } do
        pairs_seen = pairs_seen + (a.id == b.id and 1 or 0)
      end
    end
    assert.equal(3, pairs_seen)
  end)

  it("as a function alone gives nil for ever after its end", function()
    local next_signal = assert(store:signals { limit = 1 })
    assert.is_table(next_signal())
    assert.is_nil(next_signal())
    assert.is_nil(next_signal())
  end)

  describe("lets go of its moment", function()
    it("at its end", function()
      for _ in store:signals() do end
      assert.is_false(snapshot_held())
    end)

    it("when the loop is left by break, goto, return or an error", function()
      for signal in store:signals() do
        if signal.id then break end
      end
      assert.is_false(snapshot_held())
      for signal in store:signals() do
        if signal.id then goto out end
      end
      ::out::
      assert.is_false(snapshot_held())
      local function first()
        for signal in store:signals() do
          if signal.id then return signal end
        end
      end
      assert.is_table(first())
      assert.is_false(snapshot_held())
      pcall(function() for _ in store:signals() do error "stop" end end)
      assert.is_false(snapshot_held())
    end)

    it("when its coroutine is closed, or dies and is collected", function()
      local reader = coroutine.create(function()
        for signal in store:signals() do coroutine.yield(signal) end
      end)
      assert(coroutine.resume(reader))
      assert.is_true(snapshot_held())
      assert(coroutine.close(reader))
      assert.is_false(snapshot_held())

      reader = coroutine.create(function()
        for signal in store:signals() do coroutine.yield(signal) end
      end)
      assert(coroutine.resume(reader))
      assert.equal("suspended", coroutine.status(reader))
      reader = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert.is_false(snapshot_held())
    end)

    it("when it is dropped and collected", function()
      assert.equal(10, assert(store:signals())().id)
      collectgarbage()
      collectgarbage()
      assert.is_false(snapshot_held())
    end)

    -- In Lua 5.4.4 a loop that is left by `break`, after its body made a closure over the loop's
    -- variable, forgets to close its iterator.
    it("when Lua forgets to close it", function()
      local function leave()
        local jobs = {}
        for signal in store:signals() do
          jobs[#jobs + 1] = function() return signal.id end
          if #jobs == 3 then break end
        end
        return #jobs
      end
      pcall(coroutine.wrap(leave))
      collectgarbage()
      collectgarbage()
      assert.is_false(snapshot_held())
    end)
  end)

  describe("whose store is closed under it", function()
    it("raises closed", function()
      local next_signal = assert(store:signals())
      next_signal()
      store:close()
      local _, err = pcall(next_signal)
      assert.equal("closed", err.code)
    end)

    it("raises closed also for rows that it has read ahead", function()
      for read = 1, 9 do
        local other <close> = assert(signalbox.open(path, { mode = "ro" }))
        local next_signal = assert(other:signals())
        for _ = 1, read do assert.is_table(next_signal()) end
        other:close()
        local _, err = pcall(next_signal)
        assert.equal("closed", err.code)
      end
    end)

    it("of rows raises closed too", function()
      local next_row = assert(store:rows "SELECT id FROM signals")
      next_row()
      store:close()
      local _, err = pcall(next_row)
      assert.equal("closed", err.code)
    end)

    it("ends its loop with that error", function()
      local turns = 0
      local fine, err = pcall(function()
        for _ in store:signals() do
          turns = turns + 1
          store:close()
        end
      end)
      assert.is_false(fine)
      assert.equal("closed", err.code)
      assert.equal(1, turns)
    end)
  end)

  it("keeps its store from being collected", function()
    local next_signal = assert(assert(signalbox.open(path, { mode = "ro" })):signals())
    collectgarbage()
    collectgarbage()
    local seen = 0
    while next_signal() do
      seen = seen + 1
      collectgarbage()
    end
    assert.equal(10, seen)
  end)

  it("may be open when the program ends, in any order", function()
    local script = [[
      local signalbox = require "signalbox"
      store = assert(signalbox.open(arg[1]))
      next_signal = assert(store:signals())
      next_row = assert(store:rows "SELECT * FROM signals")
      transaction = assert(store:begin())
      inside = assert(store:signals())
      kept = { next_signal(), next_row(), inside() }
      setmetatable({}, { __gc = function() pcall(next_signal) pcall(store.close, store) end })
    ]]
    for _, close in ipairs { "", "store:close()", "os.exit(0, true)", "store = nil",
      "transaction = nil" } do
      local result = run.lua { "-e",
        "arg = { [1] = " .. string.format("%q", path) .. " }\n" .. script .. close }
      assert.equal(0, result.status, result.err)
    end
  end)

  describe("inside a transaction", function()
    it("sees the transaction's writes", function()
      store:transaction(function()
        assert(store:save_signal(data.signal()))
        assert.equal(11, #stores.pluck("id", assert(store:signals())))
        return nil, "no"
      end)
    end)

    it("ends with it", function()
      local next_signal
      assert(store:transaction(function()
        next_signal = assert(store:signals())
        assert.is_table(next_signal())
        return true
      end))
      local _, err = pcall(next_signal)
      assert.equal("conflict", err.code)
    end)

    it("ends with it also where it has read ahead", function()
      for read = 1, 9 do
        local next_signal
        store:transaction(function()
          next_signal = assert(store:signals())
          for _ = 1, read do assert.is_table(next_signal()) end
          return nil, "no"
        end)
        local _, err = pcall(next_signal)
        assert.equal("conflict", err.code)
      end
    end)
  end)

  it("costs no more memory for more rows", function()
    assert(store:save_signals(data.signals(2000, { signal_type = "many" })))
    local most = 0
    collectgarbage()
    local before = collectgarbage "count"
    for _ in store:signals() do most = math.max(most, collectgarbage "count") end
    assert.is_true(most - before < 2000, most - before .. " KiB")
  end)

  -- A row's texts are the store's until they are copied, and making the first Lua value of a row
  -- can collect garbage: finalizers that use the store must not pull them away.
  it("gives whole rows while finalizers use the store", function()
    local log = 0
    local function litter()
      setmetatable({}, { __gc = function()
        log = log + 1
        store:get_signal(1)
        store:row("SELECT ? AS text", ("x"):rep(200))
        store:check_suppression "domain:acme.ai"
        store:save_signal(data.signal { detected_at = log, raw_data = { text = ("y"):rep(300) } })
      end })
    end
    for signal in store:signals { order = "id" } do
      for _ = 1, 5 do litter() end
      collectgarbage "step"
      assert.equal("Company " .. signal.id, signal.company_name)
      assert.equal("acme/rocket", signal.raw_data.repository)
      assert.equal("domain:company-" .. signal.id .. ".com",
        store:get_signal(signal.id).canonical_key)
    end
    collectgarbage()
    assert.is_true(log > 0)
  end)

  it("gives each row once and whole while finalizers read from it too", function()
    assert(store:save_signals(data.signals(300, { signal_type = "many" })))
    local next_signal = assert(store:signals { signal_type = "many", order = "id" })
    local seen, busy = {}, 0
    local function see(signal)
      assert.is_nil(seen[signal.id])
      seen[signal.id] = true
      assert.equal("Company " .. signal.id - 10, signal.company_name)
      assert.equal("domain:company-" .. signal.id - 10 .. ".com", signal.canonical_key)
    end
    local function litter()
      setmetatable({}, { __gc = function()
        local fine, result = pcall(next_signal)
        if fine and result then see(result) end
        if not fine then
          assert.equal("conflict", result.code)
          busy = busy + 1
        end
      end })
    end
    for signal in next_signal do
      see(signal)
      litter()
    end
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    assert.equal(300, count, busy .. " were refused")
  end)

  it("survives the finalizer of the transaction that it reads in", function()
    for _ = 1, 20 do
      assert(store:begin()) -- dropped at once
      local fine, err = pcall(function()
        for signal in store:signals() do
          assert.equal("Company " .. signal.id, signal.company_name)
          local _ = { {}, {}, {} }
        end
        collectgarbage()
      end)
      assert.is_true(fine or err.code == "conflict", tostring(err))
      collectgarbage()
    end
  end)
end)
