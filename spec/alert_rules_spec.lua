-- Rules at their limits: what they may say, what they see, and what the shipped ones are worth on a
-- store that has been used for long.
local signalbox = require "signalbox"
local alerts = require "spec.support.alerts"
local data = require "spec.support.data"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

local sleep = require("system").sleep

local FIRES <const> = [[alert("Up", { when = function() return true end, summary = "it is up" })]]

--- Names of alerts in a state, sorted.
local function names(answer, state)
  local list = {}
  for _, alert in ipairs(answer.alerts) do
    if alert.state == state then list[#list + 1] = alert.name end
  end
  table.sort(list)
  return list
end

--- The one alert of a name in an answer.
local function named(answer, name)
  for _, alert in ipairs(answer.alerts) do
    if alert.name == name then return alert end
  end
end

local function clock()
  return signalbox.time(signalbox.now())
end

describe("a rule's text", function()
  it("is cut where it becomes too long, between two letters, and stops no later check", function()
    local desk = alerts.desk { a = [[
      local on = stats.total_signals > 0
      alert("Long", { labels = { a = ("ä"):rep(250), b = ("b"):rep(500) },
        summary = ("{a}{b} "):rep(100),
        when = function() return on and { { labels = { n = 1 } }, { labels = { n = 2 } } } end,
        description = function() return ("€"):rep(9000) end })]] }
    desk:switch_on()
    local long = named(desk:check(), "Long")
    assert.is_true(#long.summary <= 4096 and #long.summary > 4090)
    assert.truthy(utf8.len(long.summary))
    desk:switch_off()
    assert.same({ "Long", "Long" }, names(desk:check(), "resolved"))
    assert.equal(0, select(2, desk:check()).status)
  end)

  it("draws no line of its own, and moves no terminal", function()
    local desk = alerts.desk { a = [[
      alert("Up", { when = function() return true end, labels = { x = "1\n2" },
        summary = "a\27[2J\r\nsignalbox: firing: Faked" })]] }
    local _, result = desk:check()
    assert.falsy(result.err:find("[\27\r]"), result.err)
    assert.equal(1, select(2, result.err:gsub("\n", "")))
  end)
end)

describe("a rule's value", function()
  it("may be infinite: what was never seen is over every limit, and has no value", function()
    local desk = alerts.desk { a = [[
      alert("Never", { when = function() return above(hours_since_last "incorporation", 48) end,
        summary = "none for {value} hours" })]] }
    local one = named(desk:check(), "Never")
    assert.same({ "firing", signalbox.null, "none for ∞ hours" },
      { one.state, one.value, one.summary })
  end)

  it("is no data where above and below are given none", function()
    local desk = alerts.desk { a = [[
      alert("Above", { when = function() return above(nil, 3) end, no_data = "alert" })
      alert("Below", { when = function() return below(stats.none, 3) end, no_data = "alert" })]] }
    assert.same({ "Above", "Below" }, names(desk:check(), "firing"))
  end)
end)

describe("a rule's labels", function()
  for _, name in ipairs { "alertname", "alertstate", "severity" } do
    it("can't be called " .. name .. ", which every alert has", function()
      local desk = alerts.desk { a = string.format([[
        alert("X", { when = function() return true end, labels = { %s = "x" } })]], name) }
      local failed = named(desk:check(), "RuleFailed")
      assert.truthy(failed.summary:find("a.lua:1: labels has the name '" .. name .. "'", 1, true),
        failed.summary)
    end)
  end
end)

describe("a rule file", function()
  it("may give a thousand instances in all; a rule beyond them is RuleFailed", function()
    local desk = alerts.desk { a = [[
      local function some(n)
        return function()
          local list = {}
          for i = 1, n do list[i] = { labels = { i = i } } end
          return list
        end
      end
      alert("A", { when = some(600) })
      alert("B", { when = some(401) })
      alert("C", { when = some(400) })]] }
    local answer = desk:check()
    assert.equal(1001, #names(answer, "firing"))
    assert.equal("B", named(answer, "RuleFailed").labels.rule)
    assert.is_nil(named(answer, "B"))
  end)

  it("may say a mebibyte in all; a rule beyond it is RuleFailed", function()
    local desk = alerts.desk { a = [[
      local function much()
        local list = {}
        for i = 1, 200 do list[i] = { labels = { i = i }, summary = ("x"):rep(4000) } end
        return list
      end
      alert("A", { when = much })
      alert("B", { when = much })]] }
    local answer = desk:check()
    assert.equal(201, #names(answer, "firing"))
    assert.truthy(named(answer, "RuleFailed").summary:find("longer than 1048576 bytes", 1, true))
  end)

  it("whose name is not UTF-8 is RuleFailed", function()
    local desk = alerts.desk { good = FIRES, ["caf\xe9"] = FIRES }
    local answer = desk:check()
    assert.same({ "RuleFailed", "Up" }, names(answer, "firing"))
    assert.truthy(named(answer, "RuleFailed").summary:find("caf\\xe9.lua: its name is not UTF-8",
      1, true))
  end)

  it("that is no plain file is RuleFailed, and is not waited for", function()
    local desk = alerts.desk { good = FIRES }
    assert(os.execute("mkfifo '" .. desk.folder .. "/scripts/rules/pipe.lua'"))
    local answer = desk:check()
    assert.same({ "RuleFailed", "Up" }, names(answer, "firing"))
    assert.truthy(named(answer, "RuleFailed").summary:find("pipe.lua: it is no plain file", 1,
      true))
  end)

  it("may be a link to one", function()
    local desk = alerts.desk {}
    temp.write(desk.folder .. "/up.lua", FIRES)
    assert(os.execute(string.format("ln -s %s/up.lua %s/scripts/rules/up.lua", desk.folder,
      desk.folder)))
    assert.same({ "Up" }, names(desk:check(), "firing"))
  end)

  it("that is broken keeps its own alerts as they were, not those of other files", function()
    local desk = alerts.desk { a = FIRES, b = FIRES:gsub("Up", "Other") }
    desk:check()
    desk:rule("a", "nonsense")
    desk:rule("b", "")
    local answer = desk:check()
    assert.same({ "RuleFailed", "Up" }, names(answer, "firing"))
    assert.same({ "Other" }, names(answer, "resolved"))
  end)

  it("hears where it went wrong, also inside of what it was given", function()
    local cases <const> = {
      ["alert('X', { when = function()\n local n = change('due', 'soon') end })"] = "a.lua:2: ",
      ["alert('X', {\n when = function() return 'yes' end })"] = "a.lua:1: ",
      ["\n\nalert('X', { when = pairs, for_ = 'soon' })"] = "a.lua:3: for_",
    }
    for text, place in pairs(cases) do
      local failed = named(alerts.desk({ a = text }):check(), "RuleFailed")
      assert.truthy(failed.summary:find(place, 1, true), failed.summary)
    end
  end)

  it("gets none of the descriptors that its checker has", function()
    local desk = alerts.desk { a = [[
      alert("Slow", { when = function()
        return ("a"):rep(30000):find(("a-"):rep(40) .. "b") end })]] }
    temp.write(desk.folder .. "/secret", "")
    local process = run.start { program = "/bin/sh", "-c",
      require("spec.support.paths").program .. " alerts check 9<secret", cwd = desk.folder,
      env = { SIGNALBOX_DB = desk.database, SIGNALBOX_PATH = desk.env.SIGNALBOX_PATH } }
    local held
    for _ = 1, 400 do
      local pipe <close> = assert(io.popen(string.format(
        "for p in $(pgrep -f -- '^signalbox --rule-worker %s'); do ls -l /proc/$p/fd; done 2>&1",
        desk.database)))
      held = pipe:read "a"
      if held:find("signals.db", 1, true) or held:find("denied", 1, true) then break end
      sleep(0.005)
    end
    process.wait()
    if held:find("denied", 1, true) then pending "only root sees another's descriptors" end
    assert.truthy(held:find("signals.db", 1, true), held)
    assert.falsy(held:find("secret", 1, true), held)
  end)
end)

describe("figures", function()
  it("may have a dot in their names: a list is a path, too", function()
    local desk = alerts.desk { a = [[
      alert("Grown", { when = function()
        return change({ "signals_by_type", "web.visit" }, "2h") end })
      alert("Most", { when = function()
        return most({ "signals_by_type", "web.visit" }, "2h") end })]] }
    local store <close> = desk:store()
    assert(store:exec("INSERT INTO stat_samples(at, figures) VALUES (?, ?)",
      signalbox.iso(clock() - 600),
      signalbox.json.encode { signals_by_type = { ["web.visit"] = 5 } }))
    assert(store:save_signals(data.signals(3, { signal_type = "web.visit" })))
    local answer = desk:check()
    assert.equal(-2, named(answer, "Grown").value)
    assert.equal(5, named(answer, "Most").value)
  end)

  it("are kept an hour each after a week, whenever in the hour the check ran", function()
    local desk = alerts.desk { a = "" }
    local store <close> = desk:store()
    local hour = (clock() - 7 * 86400) // 3600 * 3600 - 2 * 3600
    for minute = 7, 52, 15 do
      for before = 0, 1 do
        assert(store:exec("INSERT INTO stat_samples(at, figures) VALUES (?, '{}')",
          signalbox.iso(hour - before * 3600 + minute * 60)))
      end
    end
    desk:check()
    local kept = {}
    for row in store:rows("SELECT at FROM stat_samples WHERE at < ? ORDER BY at",
        signalbox.iso(hour + 3600)) do
      kept[#kept + 1] = row.at:sub(15, 16)
    end
    assert.same({ "07", "07" }, kept)
  end)

  it("are backtested however much there is of them", function()
    local desk = alerts.desk { a = [[
      alert("High", { when = function() return above(stats.signals_by_type.type_1, 100) end })]] }
    local store <close> = desk:store()
    local types = {}
    for i = 1, 90 do types["a_type_of_signals_with_a_long_name_" .. i] = i * 1000003 end
    local now = clock() // 60 * 60
    assert(store:transaction(function()
      for minute = 1, 1000 do
        types.type_1 = minute == 700 and 200 or 1
        assert(store:exec("INSERT INTO stat_samples(at, figures) VALUES (?, ?)",
          signalbox.iso(now - minute * 60),
          signalbox.json.encode { signals_by_type = types, last_signal = types }))
      end
      return true
    end))
    local result = desk:run("backtest", "High", "--since", "2d", "--json")
    assert.equal(0, result.status, result.err)
    local answer = signalbox.json.decode(result.out)
    assert.same({ 1000, 1 }, { answer.samples, #answer.episodes })
  end)

  it("that are too many for a request are RuleFailed", function()
    local desk = alerts.desk { a = FIRES }
    local store <close> = desk:store()
    local n = 0
    assert(store:save_signals(function()
      n = n + 1
      return n <= 30000 and data.signal { canonical_key = "domain:c" .. n .. ".com",
        signal_type = ("a_long_name_"):rep(8) .. n } or nil
    end))
    local answer = desk:check()
    local failed = named(answer, "RuleFailed")
    assert.truthy(failed and failed.summary:find("too many", 1, true))
  end)

  it("may be series over many days in a test", function()
    local path = temp.file("rule.lua", [[
      alert("Due", { when = function() return above(stats.due, 100) end })
      test("Due is quiet for eleven days", {
        series = { due = "5x15839 500" },
        at "10d" { expect "quiet" },
        at "11d" { expect "firing" },
      })]])
    local result = run { "alerts", "test", path }
    assert.equal(0, result.status, result.out .. result.err)
  end)

  it("may be nothing for a while in a series: _x3", function()
    local path = temp.file("rule.lua", [[
      alert("Due", { when = function() return stats.due or nil end, no_data = "alert" })
      test("Due has no data from the first minute to the third", {
        series = { due = "5 _x3 6" },
        at "0m" { expect { instances = { { labels = {}, value = 5 } } } },
        at "3m" { expect { instances = { { labels = {}, summary = "Due: no data" } } } },
        at "4m" { expect { instances = { { labels = {}, value = 6 } } } },
      })]])
    local result = run { "alerts", "test", path }
    assert.equal(0, result.status, result.out .. result.err)
  end)
end)

describe("the rules that ship", function()
  it("count what is due, and no company that is held", function()
    local desk = alerts.desk {}
    local store <close> = desk:store()
    assert(store:save_signals(data.signals(1001)))
    assert.same({ "BacklogLarge" }, names(desk:check(), "pending"))
    assert(store:claim { limit = 1 }[1]:hold { for_ = 3600, reason = "a talk is planned" })
    assert.same({}, names(desk:check(), "pending"))
  end)

  it("find no fault with what `signalbox maintain` does to the schema", function()
    local desk = alerts.desk {}
    local store <close> = desk:store()
    assert(store:save_signals(data.signals(200)))
    desk:check()
    assert(store:exec("UPDATE stat_samples SET at = ?", signalbox.iso(clock() - 3600)))
    local maintained = run { "maintain", desk.database }
    assert.equal(0, maintained.status, maintained.err)
    assert.truthy(store:row "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'")
    assert.same({}, names(desk:check(), "pending"))
    assert(store:exec "CREATE INDEX by_hand ON signals(source_api)")
    assert.same({ "SchemaDrift" }, names(desk:check(), "pending"))
  end)

  it("are evaluated on a store with 90,000 runs, within the memory of a rule file", function()
    local desk = alerts.desk({}, { config = "alerts = { seconds = 20 }" })
    local store <close> = desk:store()
    assert(store:exec([[
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 89999)
      INSERT INTO runs(command, name, started_at, finished_at, status, counts)
      SELECT 'collect', 'collector_' || (i % 30),
        strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', ?1 - i * 25, 'unixepoch'),
        strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', ?1 - i * 25 + 1, 'unixepoch'),
        CASE WHEN i % 30 = 7 AND i < 90 THEN 'failed' ELSE 'done' END,
        '{"saved":1,"duplicates":2,"quarantined":0,"seen":3}' FROM n]], clock() // 1 - 60))
    local answer = desk:check()
    assert.same({}, names(answer, "firing"))
    assert.same({ "CollectorFailing" }, names(answer, "pending"))
    assert.same({ collector = "collector_7" }, named(answer, "CollectorFailing").labels)
    assert.equal(3, named(answer, "CollectorFailing").value)
  end)

  it("notice that the clock was set back", function()
    local desk = alerts.desk {}
    desk:check()
    local store <close> = desk:store()
    assert(store:exec("UPDATE runs SET started_at = ? WHERE command = 'alerts'",
      signalbox.iso(clock() + 7200)))
    assert.same({ "ClockSetBack" }, names(desk:check(), "firing"))
  end)
end)

describe("signalbox new rule", function()
  it("gives a rule of what is due, with a test that passes, and the list shows its file", function()
    local desk = alerts.desk {}
    local env = { SIGNALBOX_DB = desk.database, SIGNALBOX_PATH = desk.env.SIGNALBOX_PATH }
    local made = run { "new", "rule", "backlog_huge", env = env }
    assert.equal(0, made.status, made.err)
    local path = made.out:match "%S+"
    assert.truthy(temp.read(path):find("stats.due", 1, true))
    local tested = run { "alerts", "test", path, env = env }
    assert.equal(0, tested.status, tested.out)
    assert.falsy(tested.out:find("^0 passed"))
    local list = signalbox.json.decode(desk:run("list", "--all", "--json").out)
    local found
    for _, rule in ipairs(list.rules) do
      if rule.name == "backlog_huge" then found = rule end
    end
    assert.same({ "quiet", path }, { found.state, found.file })
    assert.truthy(desk:run("list", "--all").out:find(path, 1, true))
  end)
end)

describe("alerts list --all", function()
  it("names a file that can't be read", function()
    local desk = alerts.desk { broken = "alert(" }
    assert.truthy(desk:run("list", "--all").out:find "failed.*rules/broken.lua")
  end)
end)
