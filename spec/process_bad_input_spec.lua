local batches = require "spec.support.batch"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

describe("process, given nonsense", function()
  local batch

  before_each(function()
    batch = batches.new()
    batch:save({ "domain:odd.ai", "research_paper", "arxiv", .5 },
      { "domain:sane.ai", "research_paper", "arxiv", .5 })
  end)

  --- Runs it with a gate that does `text` for domain:odd.ai, and holds the other.
  local function judge(text)
    temp.write(batch.folder .. "/gate.lua", string.format([[
      return { evaluate = function(signals)
        if signals[1].canonical_key == "domain:odd.ai" then %s end
        return { decision = "hold", score = 0.1, reason = "so be it" }
      end }]], text))
    return batch:process("--gate", batch.folder .. "/gate.lua")
  end

  local function decision(key)
    return batch:row("SELECT * FROM decisions WHERE canonical_key = ? ORDER BY id DESC", key)
  end

  for text, reason in pairs {
    ["return nil"] = "the gate gave no decision",
    ['return nil, ""'] = "the gate gave no decision",
    ['return nil, "the moon\\0 is wrong"'] = "the moon  is wrong",
    ['error("bad \\xff")'] = "the gate failed: .*bad %?",
    ["error()"] = "the gate failed: without a word",
    ['return "auto_push"'] = "the gate gave no decision",
    ['return { decision = "push", score = 1 }'] = "the gate gave no decision",
    ['return { decision = "hold" }'] = "the gate gave no score",
    ['return { decision = "hold", score = 0 / 0 }'] = "the gate gave no score",
    ['return { decision = "hold", score = 1 / 0 }'] = "the gate gave no score",
    ['return setmetatable({}, { __index = error })'] = "the gate's verdict can't be read",
  } do
    it("sets a company aside, and goes on: " .. text, function()
      local counts, result = judge(text)
      assert.equal(1, result.status)
      assert.same({ 2, 1, 1, 1 }, { counts.companies, counts.hold, counts.set_aside,
        counts.failed })
      assert.matches("domain:odd.ai set aside: " .. reason, result.err)
      assert.equal("failed", batch:statuses "domain:odd.ai")
      assert.equal("set_aside", decision("domain:odd.ai").decision)
      assert.matches(reason, decision("domain:odd.ai").reason)
      assert.equal("pending", batch:statuses "domain:sane.ai")
    end)
  end

  for text, fields in pairs {
    ['return { decision = "reject", score = 0 }'] = { reason = "the gate says reject" },
    ['return { decision = "reject", score = 0, reason = 42 }'] = { reason = "42" },
    ['return { decision = "reject", score = 0, reason = "a\\nb\\0c\\xff" }'] =
      { reason = "a b c?" },
    ['return { decision = "auto_push", score = 1, suggested_status = 7 }'] = { status = "Source" },
    ['return { decision = "needs_review", score = 1 }'] = { status = "Tracking" },
    ['return { decision = "auto_push", score = 1, suggested_status = "New" }'] = { status = "New" },
    ['return { decision = "hold", score = 1, breakdown = { print } }'] = {},
    ['local b = {} b.b = b return { decision = "hold", score = 1, breakdown = b }'] = {},
    ['return { decision = "hold", score = 1, verification_status = {} }'] = {},
    ['return { decision = "hold", score = 1, reason = setmetatable({}, { __tostring = error }) }']
      = { reason = "the gate says hold" },
  } do
    it("makes a verdict sound: " .. text, function()
      local counts, result = judge(text)
      assert.equal(0, result.status, result.err)
      assert.equal(2, counts.companies)
      local found = decision "domain:odd.ai"
      if fields.reason then assert.equal(fields.reason, found.reason) end
      if fields.status then assert.equal(fields.status, batch:lines()[1].status) end
    end)
  end

  describe("of a sink", function()
    before_each(function() batch:save_company "domain:push.ai" end)

    for text, reason in pairs {
      ["deliver = function() end"] = "the sink gave no outcome, but nil",
      ["deliver = function() return { page_id = 7 } end"] = "the sink gave no outcome",
      ['deliver = function() return { page_id = "a\\0b" } end'] = "the sink gave no outcome",
      ["deliver = function() error 'ouch' end"] = "the sink failed: .*ouch",
      ["deliver_batch = function() error 'ouch' end"] = "the sink failed: .*ouch",
      ["deliver_batch = function() return 7 end"] = "the sink gave no outcome, but number",
      ["deliver_batch = function() return {} end"] = "the sink gave no outcome, but nil",
      ["open = function() return 1 end, deliver = function() return { unknown = '\\xff' } end"]
        = "^%?$",
    } do
      it("does not know what it has done: " .. text, function()
        batch:sink("own", "return { " .. text .. " }")
        local counts, result = batch:process("--sink", "own", { SIGNALBOX_SETTLE = "60" })
        assert.equal(0, result.status, result.err)
        assert.same({ 0, 1 }, { counts.pushed, counts.waiting })
        local row = batch:outbox "domain:push.ai"
        assert.matches(reason, row.last_error)
        assert.is_true(signalbox.time(row.not_before) - signalbox.time(signalbox.now()) > 30)
      end)
    end

    for text, complaint in pairs {
      ["return 7"] = "the sink own returns no sink",
      ["return {}"] = "the sink own returns no sink",
      ["return { deliver = function() end, open = 1 }"] = "the sink own returns no sink",
      ["error 'broken'"] = "the sink own can't be loaded: .*broken",
      ["return { deliver = print, open = function() error 'shut' end }"] =
        "the sink can't be opened: .*shut",
      ["return { deliver = print, open = function() return nil, 'no paper' end }"] = "no paper",
      ["return { deliver = print, open = function() end }"] = "gives no reason",
    } do
      it("ends before anything is claimed: " .. text, function()
        batch:sink("own", text)
        local _, result = batch:process("--sink", "own")
        assert.equal(1, result.status)
        assert.matches(complaint, result.err)
        assert.equal("pending pending pending", batch:statuses "domain:push.ai")
      end)
    end

    it("does without one to open and to close", function()
      batch:sink("own", 'return { deliver = function() return { page_id = "1" } end }')
      assert.equal(1, batch:process("--sink", "own").pushed)
    end)

    it("stops where it says so, and leaves the rest waiting", function()
      batch:save_company "domain:more.ai"
      for _, way in ipairs { "deliver = function() return { stop = 'token gone' } end",
        [[deliver_batch = function(_, list)
          local outcomes = {}
          for i in ipairs(list) do outcomes[i] = { stop = "token gone" } end
          return outcomes
        end]] } do
        batch:sink("own", "return { " .. way .. " }")
        local counts, result = batch:process("--sink", "own")
        assert.equal(1, result.status)
        assert.matches("token gone", result.err)
        assert.same({ 2, 0, "token gone" }, { counts.waiting, counts.failed, counts.stopped })
      end
    end)
  end)

  it("sets aside what a predecessor left without a company's name or with an odd one", function()
    batch:save_company "domain:push.ai"
    os.execute(string.format("sqlite3 %s \"UPDATE signals SET company_name = CAST(x'ff41' AS TEXT)"
      .. " WHERE canonical_key = 'domain:push.ai'\"", run.quote(batch.db)))
    local counts, result = batch:process()
    assert.equal(3, counts.companies, result.err)
    assert.equal(1, counts.set_aside)
    assert.matches("domain:push.ai set aside: no sink can be told", result.err)
  end)

  it("goes on with a company that another program gave an odd status in the cache", function()
    batch:save_company "domain:push.ai"
    os.execute(string.format("sqlite3 %s \"INSERT INTO suppression_cache(canonical_key, "
      .. "notion_page_id, status, cached_at, expires_at) VALUES('domain:push.ai', 'page', "
      .. "CAST(x'ff41' AS TEXT), '2026-01-01', '9999-01-01')\"", run.quote(batch.db)))
    local counts, result = batch:process()
    assert.equal(0, result.status, result.err)
    assert.equal(1, counts.pushed)
  end)
end)
