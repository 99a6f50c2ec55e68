-- Unit tests that stand in rule files, rules as at another time, and backtests.
local signalbox = require "signalbox"
local alerts = require "spec.support.alerts"
local data = require "spec.support.data"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

local QUIET <const> = [[
alert("NoIncorporations", {
  when     = function() return hours_since_last "incorporation" > 48 end,
  for_     = "30m",
  severity = "warning",
  summary  = "no incorporation seen for two days: is the Companies House key still valid?",
})

test "NoIncorporations fires after two quiet days" {
  at "0h"  { signal "incorporation" },
  at "47h" { expect "quiet" },
  at "49h" { expect "firing" },
}
]]

--- `alerts test` of one file with this text.
local function test_file(text)
  local path = temp.file("rule.lua", text)
  local result = run { "alerts", "test", path }
  return result.out, result
end

describe("alerts test", function()
  it("runs a newcomer's rule and its test", function()
    local out, result = test_file(QUIET)
    assert.equal("✓ NoIncorporations fires after two quiet days\n1 passed, 0 failed\n", out)
    assert.equal(0, result.status, result.err)
  end)

  it("says so where no rule has a test", function()
    local out, result = test_file 'alert("A", { when = function() return true end })'
    assert.same({ 0, "0 passed, 0 failed\n" }, { result.status, out })
    assert.truthy(result.err:find("signalbox alerts check evaluates", 1, true), result.err)
  end)

  it("needs no database, and leaves nothing behind", function()
    local folder = temp.folder()
    temp.write(folder .. "/rule.lua", QUIET)
    local before = temp.folder()
    local result = run { "alerts", "test", "rule.lua", cwd = folder, env = { TMPDIR = before } }
    assert.equal(0, result.status, result.err)
    local pipe <close> = assert(io.popen("ls -A '" .. folder .. "'"))
    assert.equal("rule.lua\n", pipe:read "a")
  end)

  it("says where a test fails, when, and what is the case instead", function()
    local out, result = test_file(QUIET:gsub('"firing"', '"quiet"'))
    assert.equal(1, result.status)
    assert.truthy(out:find("rule.lua:11: at 49h NoIncorporations is firing, and should be quiet", 1,
      true), out)
    assert.truthy(out:find("0 passed, 1 failed\n", 1, true))
  end)

  it("runs what the user's folders have, and the tests of the rules that ship", function()
    local desk = alerts.desk { quiet = QUIET }
    local result = desk:run("test", "--json")
    local answer = signalbox.json.decode(result.out)
    assert.equal(0, answer.failed, result.out)
    assert.is_true(answer.passed >= 13)
    assert.equal("NoIncorporations fires after two quiet days", answer.tests[1].test)
  end)

  it("ships at least twelve rules, each quiet on a new store and on one that is filled", function()
    local folder = temp.folder()
    local database = folder .. "/signals.db"
    assert(signalbox.open(database)):close()
    local function check()
      return run { "alerts", "check", env = { SIGNALBOX_DB = database }, cwd = folder }
    end
    local new = check()
    assert.equal(0, new.status, new.out)
    assert.is_true(tonumber(new.out:match "^(%d+) rules") >= 12)
    local store <close> = assert(signalbox.open(database))
    assert(store:save_signals(data.signals(2000)))
    assert.equal(0, check().status)
  end)

  it("finds a rule by its name or its file's", function()
    local desk = alerts.desk { quiet = QUIET }
    assert.truthy(desk:run("test", "NoIncorporations").out:find("1 passed, 0 failed", 1, true))
    assert.truthy(desk:run("test", "quiet").out:find("1 passed, 0 failed", 1, true))
    local unknown = desk:run("test", "NoIncorporation")
    assert.equal(2, unknown.status)
    assert.truthy(unknown.err:find("NoIncorporations", 1, true), unknown.err)
  end)

  it("takes series in the manner of promtool", function()
    local out = test_file [[
      alert("Due", { when = function() return above(stats.due, 100) end, for_ = "2m" })
      test("Due follows a series", {
        series = { due = "0+50x3 50 _ 500x5" },
        at "2m" { expect "quiet" },
        at "3m" { expect "pending" },
        at "4m" { expect "quiet" },
        at "6m" { expect "pending" },
        at "8m" { expect "firing" },
        at "1h" { expect { instances = { { labels = {}, value = 500 } } } },
      })]]
    assert.truthy(out:find("1 passed, 0 failed", 1, true), out)
  end)

  it("expects exact labels, values and texts", function()
    local text <const> = [[
      alert("Types", {
        when = function()
          return each("kind", stats.signals_by_type, function(n) return n > 1 and n end)
        end,
        summary = "{value} of {kind}",
      })
      test "Types has an instance of each" {
        at "0m" { signal("a", { count = 2 }), signal("b", { count = 3 }), signal "c" },
        at "1m" { expect { instances = {
          { labels = { kind = "a" }, value = 2, summary = "2 of a" },
          { labels = { kind = "b" }, value = 3 },
        } } },
      }]]
    assert.truthy(test_file(text):find("1 passed", 1, true), (test_file(text)))
    local missing = test_file((text:gsub('{ labels = { kind = "b" }, value = 3 },', "")))
    assert.truthy(missing:find('there is one more, Types{kind="b"}', 1, true), missing)
    local other = test_file((text:gsub("value = 3", "value = 4")))
    assert.truthy(other:find("its value is 3, not 4", 1, true), other)
    local wrong = test_file((text:gsub('"2 of a"', '"two"')))
    assert.truthy(wrong:find("its summary is 2 of a, not two", 1, true), wrong)
  end)

  it("plays runs of commands and states of signals", function()
    local out = test_file [[
      alert("Sync", { when = function()
        local one = last_run "sync"
        return one and one.status == "failed" and one.age / 60
      end })
      alert("Failed", { when = function() return above(stats.processing_status.failed, 0) end })
      test "Sync tells how long it is broken" {
        at "0m"  { run "sync" },
        at "5m"  { run("sync", { status = "failed", counts = { pages = 3 } }) },
        at "10m" { expect { name = "Sync", instances = { { labels = {}, value = 5 } } } },
      }
      test "Failed counts" {
        at "0m" { signal("a", { status = "pushed" }), expect("Failed", "quiet") },
        at "1m" { signal("a", { status = "failed", count = 2 }), expect("Failed", "firing") },
      }]]
    assert.truthy(out:find("2 passed, 0 failed", 1, true), out)
  end)

  it("fails what a rule can't evaluate, and a file that can't be read", function()
    local out = test_file [[
      alert("X", { when = function() return stats.nope.x end })
      test "X" { at "0m" { expect "quiet" } }]]
    assert.truthy(out:find("rule.lua:1: attempt to index a nil value", 1, true), out)
    local broken, result = test_file "test 'x' {"
    assert.equal(1, result.status)
    assert.truthy(broken:find("rule.lua:1:", 1, true), broken)
    local none = run { "alerts", "test", "/none/rule.lua" }
    assert.equal(1, none.status)
    assert.truthy((none.out .. none.err):find("No such file", 1, true))
  end)

  it("asks which alert is meant where that isn't clear", function()
    local out = test_file [[
      alert("A", { when = function() end })
      alert("B", { when = function() end })
      test "something" { at "0m" { expect "quiet" } }]]
    assert.truthy(out:find("which alert is meant", 1, true), out)
  end)
end)

describe("alerts test RULE --at TIME", function()
  it("evaluates a rule on the user's store, as at that time", function()
    local desk = alerts.desk { quiet = QUIET }
    local store <close> = desk:store()
    assert(store:save_signal(data.signal { signal_type = "incorporation",
      detected_at = "2026-08-01T00:00:00Z" }))
    local quiet = desk:run("test", "NoIncorporations", "--at", "2026-08-02")
    assert.equal(0, quiet.status, quiet.err)
    assert.truthy(quiet.out:find "^quiet at 2026%-08%-02")
    local due = desk:run("test", "NoIncorporations", "--at", "2026-08-04", "--json")
    assert.equal(3, due.status, due.err)
    assert.equal("pending", signalbox.json.decode(due.out).alerts[1].state)
  end)
end)
