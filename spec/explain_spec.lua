local data = require "spec.support.data"
local json = require("signalbox").json
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

describe("explain", function()
  local folder, db

  before_each(function()
    folder = temp.folder()
    db = folder .. "/signals.db"
    local store <close> = assert(signalbox.open(db))
    assert(store:save_signals {
      data.signal { signal_type = "github_spike", source_api = "github", confidence = .95 },
      data.signal { signal_type = "github_activity", source_api = "github", confidence = .95 },
    })
  end)

  local function explain(...)
    return run.signalbox { "--db", db, "explain", ... }
  end

  it("shows the arithmetic of a score, and the missing piece", function()
    local result = explain("domain:acme.ai", "--as-of", "2026-08-22")
    assert.equal(0, result.status, result.err)
    assert.matches("domain:acme.ai   needs_review 0%.433   2 pending", result.out)
    assert.matches("1 +github_spike +github +2026%-08%-22 +0 d +0%.95 +0%.20 +14 d +0%.190 "
      .. "+pending", result.out)
    assert.matches("sum of the evidence +0%.361", result.out)
    assert.matches("2 kinds of evidence +x 1%.2 +0%.433", result.out)
    assert.matches("one more source would give x 1%.15 at the least, and reach 0%.498", result.out)
  end)

  it("shows what was decided, and where the company went", function()
    run.signalbox { "--db", db, "process", "--as-of", "2026-08-22", "--out", folder .. "/out" }
    local result = explain "domain:acme.ai"
    assert.matches("2026%-08%-22 00:00  needs_review  0%.433", result.out)
    assert.matches("file sent, page domain:acme.ai#1", result.out)
  end)

  it("shows until when a company is held, and why", function()
    local store <close> = assert(signalbox.open(db))
    assert(store:save_signal(data.signal { canonical_key = "domain:other.ai", confidence = .1 }))
    run.signalbox { "--db", db, "process", "--as-of", "2026-08-22", "--out", folder .. "/out" }
    assert.matches("held until %d+%-%d+%-%d+ %d+:%d+ or a new signal: score 0.020",
      explain("domain:other.ai").out)
  end)

  it("shows signals that do not count, and those that weigh against it", function()
    local store <close> = assert(signalbox.open(db))
    assert(store:save_signals {
      data.signal { signal_type = "github_spike", source_api = "rival", confidence = .5 },
      data.signal { signal_type = "github_inactive_90d", confidence = 1 },
    })
    local out = explain("domain:acme.ai", "--as-of", "2026-08-22").out
    assert.matches("3 +github_spike +rival.*0%.50 +0%.20 +14 d +superseded +pending", out)
    assert.matches("4 +github_inactive_90d .*x 0%.3 +pending", out)
    assert.matches("github_inactive_90d +x 0%.3 +0%.108", out)
  end)

  it("judges as `process` does: by the gate and the numbers that are configured", function()
    local function configured(text, ...)
      temp.write(folder .. "/signalbox.lua", text)
      return run.signalbox { "--db", db, "explain", "domain:acme.ai", "--as-of", "2026-08-22",
        cwd = folder, ... }
    end
    local out = configured("gate = { options = { weights = { github_spike = 0.9 } } }").out
    assert.matches("domain:acme.ai   auto_push 1%.000", out)
    temp.write(folder .. "/gate.lua", [[return { evaluate = function()
      return { decision = "hold", score = 0.25, reason = "not on a Monday" } end }]])
    out = configured('gate = { file = "gate.lua" }').out
    assert.matches("hold 0%.250.*not on a Monday", out)
    temp.write(folder .. "/gate.lua", "return { evaluate = function() return nil, 'no idea' end }")
    out = configured('gate = { file = "gate.lua" }').out
    assert.matches("domain:acme.ai   can't be judged   2 pending.*no idea", out)
    assert.equal(1, configured('gate = { options = { treshold = 1 } }').status)
  end)

  it("shows a company that was set aside among its decisions", function()
    temp.write(folder .. "/gate.lua", "return { evaluate = function() return nil, 'no idea' end }")
    run.signalbox { "--db", db, "process", "--gate", folder .. "/gate.lua" }
    assert.matches("set_aside +no idea", explain("domain:acme.ai").out)
  end)

  it("shows why a signal was rejected", function()
    local store <close> = assert(signalbox.open(db))
    assert(store:mark_rejected(1, "a competitor"))
    assert.matches("rejected: a competitor   %(1 github_spike%)\n",
      explain("domain:acme.ai").out)
  end)

  it("tells all of it as JSON", function()
    local known = json.decode(explain("domain:acme.ai", "--json", "--as-of", "2026-08-22").out)
    assert.equal("needs_review", known.verdict.decision)
    assert.equal(2, #known.signals)
    assert.equal(2, #known.verdict.breakdown.evidence)
    assert.same({}, known.decisions)
  end)

  it("says so where nothing is known of a company", function()
    local result = explain "domain:nope.ai"
    assert.equal(1, result.status)
    assert.matches("nothing is known of domain:nope.ai\n  keys look like domain:acme.ai",
      result.err)
  end)

  it("finds the key that was meant by an address, or by one in other letters", function()
    for _, word in ipairs { "acme.ai", "https://www.Acme.ai/about", "domain:ACME.ai" } do
      local result = explain(word)
      assert.equal(1, result.status)
      assert.matches("nothing is known of .-\n  did you mean 'domain:acme.ai'%?\n$", result.err)
    end
  end)
end)
