-- Alerts: what a rule says, what becomes of it from check to check, and who is kept from what.
local signalbox = require "signalbox"
local await = require "spec.support.await"
local alerts = require "spec.support.alerts"
local data = require "spec.support.data"
local temp = require "spec.support.temp"

local sleep = require("system").sleep

local FIRES <const> = [[alert("Up", { when = function() return true end, summary = "it is up" })]]

--- A rule that fires while the store holds signals.
local SWITCH <const> = [[
alert("Switch", {
  when = function() return stats.total_signals > 0 and stats.total_signals end,
  summary = "{value} signals",
})]]

--- Names of alerts in a state.
local function names(answer, state)
  local list = {}
  for _, alert in ipairs(answer.alerts) do
    if alert.state == state then list[#list + 1] = alert.name end
  end
  return list
end

describe("alerts check", function()
  it("fires for true, with the severity, labels and summary of the rule", function()
    local desk = alerts.desk { up = [[
      alert("Up", { when = function() return true end, severity = "critical",
        labels = { team = "deals" }, summary = "it is up" })]] }
    local answer, result = desk:check()
    assert.equal(3, result.status)
    local one = answer.alerts[1]
    assert.same({ "Up", "firing", "critical", { team = "deals" }, "it is up", 1 },
      { one.name, one.state, one.severity, one.labels, one.summary, one.value })
  end)

  it("is quiet for false and for nil, with exit 0", function()
    local desk = alerts.desk { a = [[
      alert("No", { when = function() return false end })
      alert("None", { when = function() return nil end })]] }
    local answer, result = desk:check()
    assert.equal(0, result.status)
    assert.same({}, answer.alerts)
    assert.truthy(result.out:find('"alerts":[]', 1, true))
  end)

  it("takes a number as the value, also 0", function()
    local desk = alerts.desk { a = [[
      alert("Zero", { when = function() return 0 end })
      alert("Half", { when = function() return 0.5 end, summary = "{value} of it" })]] }
    local answer = desk:check()
    assert.equal(0.5, answer.alerts[1].value)
    assert.equal("0.5 of it", answer.alerts[1].summary)
    assert.equal(0, answer.alerts[2].value)
  end)

  it("makes an instance of each item of a list", function()
    local desk = alerts.desk { a = [[
      alert("Each", {
        labels = { team = "deals" },
        when = function()
          return { { labels = { kind = "a" }, value = 1 }, { labels = { kind = "b" }, value = 2 },
            { labels = { kind = "c" }, summary = "c is {kind}" } }
        end,
        summary = "{kind} has {value}",
      })]] }
    local answer = desk:check()
    assert.equal(3, #answer.alerts)
    assert.same({ kind = "a", team = "deals" }, answer.alerts[1].labels)
    assert.equal("b has 2", answer.alerts[2].summary)
    assert.same({ 1, "c is c" }, { answer.alerts[3].value, answer.alerts[3].summary })
  end)

  it("sees stats and a store to read", function()
    local desk = alerts.desk { a = [[
      alert("Seen", { when = function()
        local n = 0
        for s in store:signals { signal_type = "github_spike" } do n = n + s.raw_data.stars end
        return n == 1200 and stats.processing_status.pending == 1 and stats.due == 1
          and stats.signals_by_type.github_spike == 1
          and store:row("SELECT company_name AS n FROM signals").n == "Acme" end })]] }
    desk:switch_on()
    assert.equal("firing", desk:alert("Seen").state)
  end)

  it("lets the seed's monitoring be two rules of two lines", function()
    local desk = alerts.desk { seed = [[
      alert("HighPending", { summary = "High pending signal count",
        when = function() return above(stats.processing_status.pending, 1000) end })
      alert("CacheStale", { summary = "Suppression cache may be stale",
        when = function() return below(stats.active_suppression_entries, 10) end })]] }
    local store <close> = desk:store()
    assert(store:save_signals(data.signals(1000)))
    assert.same({ "CacheStale" }, names(desk:check(), "firing"))
    assert(store:save_signal(data.signal { canonical_key = "domain:one-more.com" }))
    local entries = {}
    for i = 1, 10 do entries[i] = data.suppression { canonical_key = "domain:" .. i .. ".com" } end
    assert(store:update_suppression_cache(entries))
    local answer = desk:check()
    assert.same({ "HighPending" }, names(answer, "firing"))
    assert.same({ "CacheStale" }, names(answer, "resolved"))
  end)

  it("waits for `for_`, in seconds or as a span, before it fires", function()
    local desk = alerts.desk { a = [[
      alert("Plain", { when = function() return true end, for_ = 1 })
      alert("Span", { when = function() return true end, for_ = "1s" })
      alert("Long", { when = function() return true end, for_ = "1h30m" })
      alert("Day", { when = function() return true end, for_ = "7d" })]] }
    local answer, result = desk:check()
    assert.equal(0, result.status)
    assert.equal(4, #names(answer, "pending"))
    sleep(1.1)
    answer, result = desk:check()
    assert.equal(3, result.status)
    assert.same({ "Plain", "Span" }, names(answer, "firing"))
    assert.same({ "Day", "Long" }, names(answer, "pending"))
  end)

  it("begins to wait anew when it was not true in between", function()
    local desk = alerts.desk { a = [[
      alert("Wait", { when = function() return stats.total_signals > 0 end, for_ = "1s" })]] }
    desk:switch_on()
    assert.equal("pending", desk:alert("Wait").state)
    desk:switch_off()
    assert.is_nil(desk:alert("Wait"))
    sleep(1.1)
    desk:switch_on()
    assert.equal("pending", desk:alert("Wait").state)
  end)

  it("resolves, with the value that it had", function()
    local desk = alerts.desk { a = SWITCH }
    desk:switch_on()
    assert.equal("firing", desk:alert("Switch").state)
    desk:switch_off()
    local answer, result = desk:check()
    assert.equal(0, result.status)
    assert.same({ "resolved", 1, "1 signals" },
      { answer.alerts[1].state, answer.alerts[1].value, answer.alerts[1].summary })
  end)

  it("gives Nagios its line and its codes", function()
    local desk = alerts.desk { a = SWITCH }
    local quiet = desk:run("check", "--nagios")
    assert.equal(0, quiet.status)
    assert.truthy(quiet.out:find "^SIGNALBOX OK %- .* | firing=0;0 pending=0\n$")
    desk:switch_on()
    assert.equal(1, desk:run("check", "--nagios").status)
    desk:rule("a", (SWITCH:gsub("summary", 'severity = "critical", summary')))
    local critical = desk:run("check", "--nagios")
    assert.equal(2, critical.status)
    assert.truthy(critical.out:find "^SIGNALBOX CRITICAL %- Switch")
  end)

  it("tells Nagios of a rule that failed as unknown", function()
    local result = alerts.desk({ a = "nonsense" }):run("check", "--nagios")
    assert.equal(3, result.status)
    assert.truthy(result.out:find "^SIGNALBOX UNKNOWN %- RuleFailed")
  end)

  it("tells Nagios of its own failure as unknown", function()
    local desk = alerts.desk {}
    os.remove(desk.database)
    local result = desk:run("check", "--nagios")
    assert.equal(3, result.status)
    assert.truthy(result.out:find "^SIGNALBOX UNKNOWN")
  end)

  it("makes no database that is not there", function()
    local desk = alerts.desk {}
    os.remove(desk.database)
    assert.equal(1, desk:run("check").status)
    assert.is_false(temp.exists(desk.database))
  end)
end)

describe("alerts watch", function()
  it("checks again and again, and ends with Ctrl-C", function()
    local desk = alerts.desk { a = FIRES }
    local process = desk:start("watch", "--every", "0.1")
    await(function() return select(2, process.out():gsub("rules: 1 firing", "")) >= 3 end)
    process.kill "INT"
    local result = process.wait(5)
    assert.equal(130, result.status, result.err)
  end)

  it("leaves no process behind when it is killed in the midst of a rule", function()
    local desk = alerts.desk { a = [[
      alert("Slow", { when = function()
        return ("a"):rep(30000):find(("a-"):rep(40) .. "b") end })]] }
    local process = desk:start "check"
    local function workers()
      local pipe <close> = assert(io.popen("pgrep -fc -- '--rule-worker " .. desk.database .. "'"))
      return tonumber(pipe:read "l") - 1 -- the shell that asks
    end
    await(function() return workers() > 0 end)
    assert.equal(1, workers())
    process.kill()
    process.wait()
    sleep(0.1)
    assert.equal(0, workers())
  end)
end)

describe("a rule that is wrong", function()
  --- The RuleFailed of a file's rule, the others being evaluated.
  local function failure(text)
    local desk = alerts.desk { bad = text, good = FIRES }
    local answer, result = desk:check()
    assert.equal(3, result.status)
    local failed, good
    for _, alert in ipairs(answer.alerts) do
      if alert.name == "RuleFailed" then failed = alert end
      if alert.name == "Up" then good = alert end
    end
    assert.equal("firing", good.state, "the other rules run")
    assert.equal("firing", failed and failed.state, "there is no RuleFailed")
    assert.truthy(failed.labels.file:find("rules/bad.lua", 1, true))
    assert.truthy(failed.summary:find("bad.lua", 1, true), failed.summary)
    return failed
  end

  local wrong <const> = {
    { "has a syntax error", "\nalert('X' {", "bad.lua:2: " },
    { "raises", "alert('X', { when = function()\n error 'broken' end })", "bad.lua:2: broken" },
    { "raises no text", "alert('X', { when = function() error({}) end })", "bad.lua:1" },
    { "looks into nil",
      "alert('X', { when = function() return stats.a.b end })", "bad.lua:1: attempt" },
    { "compares with nil",
      "alert('X', { when = function() return stats.nope > 3 end })", "bad.lua:1" },
    { "gives NaN", "alert('X', { when = function() return 0/0 end })", "NaN" },
    { "gives less than any number",
      "alert('X', { when = function() return -1/0 end })", "infinite" },
    { "gives a text", "alert('X', { when = function() return 'yes' end })", "gave a string" },
    { "has a `when` that is none", "alert('X', { when = true })", "when is a boolean" },
    { "has no `when`", "alert('X', {})", "when is a missing field" },
    { "has no fields", "alert('X')({})", "when is a missing field" },
    { "has a wrong span", "alert('X', { when = pairs, for_ = 'soon' })", "for_ is 'soon'" },
    { "has a negative span", "alert('X', { when = pairs, for_ = -1 })", "for_ is '-1'" },
    { "has a misspelt field", "alert('X', { when = pairs, sumary = 'x' })", "no field 'sumary'" },
    { "has labels that are none",
      "alert('X', { when = pairs, labels = 'x' })", "labels is a string" },
    { "has a wrong severity",
      "alert('X', { when = pairs, severity = 3 })", "severity is a number" },
    { "has no name", "alert(nil, { when = pairs })", "the name of an alert is a nil" },
    { "takes the name RuleFailed", "alert('RuleFailed', { when = pairs })", "is taken" },
    { "has a name twice", "alert('X', { when = function() end })\nalert('X', { when = pairs })",
      "bad.lua:2: there are two alerts 'X'" },
    { "explodes in labels", [[alert('X', { when = function() local t = {}
      for i = 1, 1001 do t[i] = { labels = { i = i } } end return t end })]], "1001 instances" },
    { "gives an instance twice", [[alert('X', { when = function()
      return { { labels = { a = 1 } }, { labels = { a = 1 } } } end })]], "same labels" },
    { "has SQL that is wrong",
      "alert('X', { when = function() return store:row('SELEC 1') end })", "SELEC" },
    { "writes",
      "alert('X', { when = function() return store:row('DELETE FROM signals') end })", "" },
    { "takes too long",
      "alert('X', { when = function() while true do end end })", "longer than 1 s" },
    { "takes too long outside of Lua",
      "alert('X', { when = function() return ('a'):rep(30000):find(('a-'):rep(40) .. 'b') end })",
      "bad.lua:1: it takes longer than 1 s" },
    { "takes too long in a query", [[alert('X', { when = function() return store:row(
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n') end })
      ]], "bad.lua:1: it takes longer than 1 s" },
    { "takes too much memory", [[alert('X', { when = function() local text = 'x'
      while true do text = text .. text end end })]], "memory" },
    { "is too large", "-- " .. ("x"):rep(70000), "larger than 64 KiB" },
    { "is bytecode", string.dump(function() end), "" },
    { "does not get through its file",
      "local x = nil + 1\nalert('X', { when = pairs })", "bad.lua:1" },
  }
  for _, case in ipairs(wrong) do
    it(case[1] .. ": RuleFailed, naming the file; the others run", function()
      local failed = failure(case[2])
      assert.truthy(failed.summary:find(case[3], 1, true), failed.summary)
    end)
  end

  it("has the name of another file's: the first file's counts", function()
    local desk = alerts.desk { a = FIRES, b = FIRES }
    local answer = desk:check()
    assert.same({ "RuleFailed", "Up" }, names(answer, "firing"))
    local summary = answer.alerts[1].summary
    assert.truthy(summary:find("rules/b.lua:1: there are two alerts 'Up'", 1, true), summary)
  end)

  it("that can't be read is one too", function()
    local desk = alerts.desk { good = FIRES }
    assert(os.execute("mkdir '" .. desk.folder .. "/scripts/rules/bad.lua'"))
    local answer = desk:check()
    assert.same({ "RuleFailed", "Up" }, names(answer, "firing"))
  end)

  it("costs the rules beside it in its file nothing", function()
    local desk = alerts.desk { bad = [[
      alert("Before", { when = function() return true end })
      alert("Loop", { when = function() while true do end end })
      alert("Behind", { when = function() return true end })]] }
    assert.same({ "Before", "Behind", "RuleFailed" }, (function(list)
      table.sort(list)
      return list
    end)(names(desk:check(), "firing")))
  end)

  it("leaves its alerts as they were until it is mended", function()
    local desk = alerts.desk { a = FIRES }
    assert.equal("firing", desk:alert("Up").state)
    desk:rule("a", "alert('Up', { when = function() error 'x' end })")
    assert.same({ "RuleFailed", "Up" }, names(desk:check(), "firing"))
    desk:rule("a", FIRES)
    local answer = desk:check()
    assert.same({ "Up" }, names(answer, "firing"))
    assert.same({ "RuleFailed" }, names(answer, "resolved"))
  end)

  it("may give exactly a thousand instances", function()
    local desk = alerts.desk { a = [[alert('X', { when = function() local t = {}
      for i = 1, 1000 do t[i] = { labels = { i = i } } end return t end })]] }
    assert.equal(1000, #names(desk:check(), "firing"))
  end)
end)

describe("an alert's life", function()
  it("is kept firing for a time that the rule names", function()
    local desk = alerts.desk { a = SWITCH:gsub("summary", 'keep_firing_for = "1h", summary') }
    desk:switch_on()
    desk:check()
    desk:switch_off()
    assert.equal("firing", desk:alert("Switch").state)
    desk:rule("a", (SWITCH:gsub("summary", "keep_firing_for = 0.001, summary")))
    assert.equal("resolved", desk:alert("Switch").state)
  end)

  it("ends at another mark than it began at, where the rule says so", function()
    local desk = alerts.desk { a = [[alert("Level", {
      when = function() return stats.total_signals >= 3 end,
      resolve_when = function() return stats.total_signals < 2 end })]] }
    local store <close> = desk:store()
    assert(store:save_signals(data.signals(3)))
    assert.equal("firing", desk:alert("Level").state)
    assert(store:exec "DELETE FROM signals WHERE id = (SELECT max(id) FROM signals)")
    assert.equal("firing", desk:alert("Level").state)
    assert(store:exec "DELETE FROM signals WHERE id = (SELECT max(id) FROM signals)")
    assert.equal("resolved", desk:alert("Level").state)
  end)

  it("can ask for N of the last M evaluations", function()
    local desk = alerts.desk { a = SWITCH:gsub("summary", "n_of_m = { 2, 3 }, summary") }
    desk:switch_on()
    assert.is_nil(desk:alert("Switch"))
    desk:switch_off()
    assert.is_nil(desk:alert("Switch"))
    desk:switch_on()
    assert.equal("firing", desk:alert("Switch").state)
    desk:switch_off()
    assert.equal("resolved", desk:alert("Switch").state)
  end)

  it("treats no data as the rule says: quiet, as it was, or an alert", function()
    local desk = alerts.desk { a = [[
      local given = stats.total_signals > 0 or nil
      alert("Ok", { when = function() return given end })
      alert("Keep", { when = function() return given end, no_data = "keep" })
      alert("Alert", { when = function() return given end, no_data = "alert" })]] }
    assert.same({ "Alert" }, names(desk:check(), "firing"))
    desk:switch_on()
    desk:check()
    desk:switch_off()
    assert.same({ "Alert", "Keep" }, names(desk:check(), "firing"))
  end)

  it("damps one that comes and goes", function()
    local desk = alerts.desk { a = SWITCH }
    for _ = 1, 3 do
      desk:switch_on()
      desk:check()
      desk:switch_off()
      desk:check()
    end
    assert.is_true(desk:alert("Switch").flapping)
  end)

  it("is over when no rule declares it any more", function()
    local desk = alerts.desk { a = FIRES }
    assert.equal("firing", desk:alert("Up").state)
    desk:rule("a", "")
    assert.equal("resolved", desk:alert("Up").state)
  end)

  it("is told by list and history, newest first", function()
    local desk = alerts.desk { a = SWITCH }
    desk:switch_on()
    desk:check()
    local list = signalbox.json.decode(desk:run("list", "--json").out)
    assert.equal("firing", list.alerts[1].state)
    desk:switch_off()
    desk:check()
    local events = signalbox.json.decode(desk:run("history", "--json").out).events
    assert.same({ "resolved", "firing" }, { events[1].event, events[2].event })
    assert.equal("Switch", events[1].name)
  end)
end)

describe("figures over time", function()
  it("are noted by each check, and seen by rules as history", function()
    local desk = alerts.desk { a = [[
      alert("Grown", { when = function() return above(change("total_signals", "2h"), 5) end })
      alert("Most", { when = function() return most("total_signals", "2h") end })]] }
    local store <close> = desk:store()
    for i = 1, 10 do
      assert(store:exec("INSERT INTO stat_samples(at, figures) VALUES (?, ?)",
        signalbox.iso(signalbox.time(signalbox.now()) - i * 600),
        signalbox.json.encode { total_signals = 100 - i }))
    end
    assert(store:save_signals(data.signals(107)))
    local answer = desk:check()
    assert.equal(107 - 90, answer.alerts[1].value)
    assert.equal(107, answer.alerts[2].value)
    assert.equal(11, store:row("SELECT count(*) AS n FROM stat_samples").n)
  end)

  it("keep one sample a minute, and one an hour after a week", function()
    local desk = alerts.desk { a = "" }
    local store <close> = desk:store()
    local now = signalbox.time(signalbox.now())
    for minute = 0, 3 * 60 do
      assert(store:exec("INSERT OR IGNORE INTO stat_samples(at, figures) VALUES (?, '{}')",
        signalbox.iso((now - 7 * 86400 - 7200) // 60 * 60 + minute * 60)))
    end
    desk:check()
    desk:check()
    local old = store:row("SELECT count(*) AS n FROM stat_samples WHERE at < ?",
      signalbox.iso(now - 7 * 86400)).n
    assert.is_true(old >= 2 and old <= 3, "kept " .. old)
    assert.is_true(store:row("SELECT count(*) AS n FROM stat_samples WHERE at > ?",
      signalbox.iso(now - 120)).n <= 2)
  end)

  it("are what a backtest runs over", function()
    local desk = alerts.desk { a = [[
      alert("High", { when = function() return above(stats.due, 100) end, for_ = "2m" })]] }
    local store <close> = desk:store()
    local now = signalbox.time(signalbox.now())
    for minute = 60, 1, -1 do
      local due = minute <= 40 and minute > 30 and 200 or minute == 20 and 300 or 5
      assert(store:exec("INSERT INTO stat_samples(at, figures) VALUES (?, ?)",
        signalbox.iso(now // 60 * 60 - minute * 60), signalbox.json.encode { due = due }))
    end
    local result = desk:run("backtest", "High", "--since", "2h", "--json")
    local answer = signalbox.json.decode(result.out)
    assert.equal(60, answer.samples)
    assert.equal(1, #answer.episodes, "one minute alone is no reason")
    assert.equal(8 * 60, signalbox.time(answer.episodes[1].to) -
      signalbox.time(answer.episodes[1].from))
  end)
end)
