-- What keeps notices back and what must not: silences and inhibitions that go wrong, clocks that
-- ran ahead, checks that overlap or are killed.
local signalbox = require "signalbox"
local await = require "spec.support.await"
local alerts = require "spec.support.alerts"
local server = require "spec.support.server"
local slow = require "spec.support.slow"
local temp = require "spec.support.temp"

local sleep = require("system").sleep

local SWITCH <const> = alerts.SWITCH
local requests <const>, texts <const> = alerts.requests, alerts.texts
local slack_desk <const> = alerts.slack_desk

local function clock()
  return signalbox.time(signalbox.now())
end

--- Names and states of what a check told, as "Name state".
local function states(answer)
  local list = {}
  for i, alert in ipairs(answer.alerts) do list[i] = alert.name .. " " .. alert.state end
  table.sort(list)
  return list
end

local function all_texts(hooks)
  return table.concat(texts(hooks), "\n")
end

--- A rule that fires, with more fields.
local function fires(name, fields)
  return string.format("alert(%q, { when = function() return true end, %s })\n", name, fields or "")
end

describe("a pattern of a silence", function()
  it("is refused where it is none, also behind what is found first", function()
    local desk = alerts.desk {}
    for _, pattern in ipairs { "A[", "A%", "x(", "x)", "%f", "%bx", "[a-", "[]", "(a)%2", "[^]" } do
      local result = desk:run("silence", "alertname=~" .. pattern, "--for", "1h")
      assert.equal(2, result.status, pattern)
      assert.truthy(result.err:find("is no Lua pattern", 1, true), result.err)
    end
    for _, pattern in ipairs { "A.*", "[]]", "[^]a]x", "%[", "(a)%1", "%f[%w]x", "%b()", "[%]]" } do
      local result = desk:run("silence", "alertname=~" .. pattern, "--for", "1h")
      assert.equal(0, result.status, result.err)
    end
    assert.equal(0, desk:run("check").status)
  end)

  it("that was stored all the same holds nothing back, and is named", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = fires "Up" }, hooks)
    local store <close> = desk:store()
    for _, operator in ipairs { "=~", "!~" } do
      assert(store:exec([[
        INSERT INTO alert_silences(matchers, starts_at, ends_at) VALUES (?, ?, ?)]],
        signalbox.json.encode { { "alertname", operator, "U[" } }, signalbox.iso(clock() - 10),
        signalbox.iso(clock() + 3600)))
    end
    local answer, result = desk:check()
    assert.same({ "Up firing" }, states(answer))
    assert.equal(1, #texts(hooks))
    assert.truthy(result.err:find("U[", 1, true), result.err)
  end)

  it("is looked at in the configuration, too", function()
    for _, config in ipairs {
      [[alerts = { notify = { { "log", match = { team = { "=~", "a[" } } } } }]],
      [[alerts = { inhibit = { { source = { team = { "=~", "a[" } }, target = {} } } }]],
    } do
      local result = alerts.desk({ a = fires "Up" }, { config = config }):run("check")
      assert.equal(1, result.status)
      assert.truthy(result.err:find("'a[' is no Lua pattern", 1, true), result.err)
    end
  end)
end)

describe("inhibition", function()
  it("never silences all of those that explain each other", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = fires("A", 'severity = "critical"') ..
      fires("B", 'severity = "critical"') .. fires "C" }, hooks, [[
      alerts = { inhibit = { { source = { severity = "critical" }, target = {} } } }]])
    desk:check()
    assert.equal(2, #texts(hooks))
    assert.falsy(all_texts(hooks):find("C (", 1, true))
  end)

  it("is as `help alerts` shows it: critical ones are all told", function()
    local help = alerts.desk({}):run("--help").out
    local example = help:match "inhibit = (%b{})"
    assert.truthy(load("return " .. example))
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = fires("A", 'severity = "critical"') ..
      fires("B", 'severity = "critical"') .. fires "C" }, hooks,
      "alerts = { inhibit = " .. example .. " }")
    desk:check()
    assert.equal(2, #texts(hooks))
  end)

  it("is not by one that is held back itself, and of a circle one is heard", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = fires("Cause", 'inhibits = "Middle"') ..
      fires("Middle", 'inhibits = "Effect"') .. fires "Effect" ..
      fires("One", 'depends_on = "Two"') .. fires("Two", 'depends_on = "One"') }, hooks)
    desk:check()
    local sent = all_texts(hooks)
    assert.equal(3, #texts(hooks), sent)
    assert.truthy(sent:find("Cause", 1, true) and sent:find("Effect", 1, true), sent)
    assert.is_true((sent:find("One", 1, true) == nil) ~= (sent:find("Two", 1, true) == nil))
  end)

  it("is shown by list, too, with the name of what is told instead", function()
    local desk = alerts.desk { a = fires("Cause", 'inhibits = "Effect"') .. fires "Effect" }
    desk:check()
    assert.truthy(desk:run("list").out:find("held back by Cause", 1, true))
    for _, alert in ipairs(signalbox.json.decode(desk:run("list", "--json").out).alerts) do
      assert.equal(alert.name == "Effect", alert.inhibited)
      assert.equal(alert.name == "Effect" and "Cause" or nil, alert.held_by)
    end
  end)
end)

describe("an acknowledgement", function()
  it("of one that is pending ends with it", function()
    local hooks <close> = server.start "hooks"
    local seldom = SWITCH:gsub("severity", "n_of_m = { 2, 3 }, severity")
    local desk = slack_desk({ a = seldom:gsub("n_of_m", 'for_ = "1h", n_of_m') }, hooks)
    desk:switch_on()
    desk:check()
    desk:check()
    assert.equal(0, desk:run("ack", "Switch").status)
    desk:switch_off()
    desk:check()
    desk:check()
    desk:rule("a", seldom)
    desk:switch_on()
    desk:check()
    assert.is_false(desk:alert("Switch").acknowledged)
    assert.equal(1, #texts(hooks))
  end)
end)

describe("a receiver that hears of what lives again and again", function()
  it("does so whether it was silenced or acknowledged, once it was told", function()
    local hooks <close> = server.start "hooks"
    local desk = alerts.desk({ a = SWITCH .. fires "Other" .. fires "Quiet" }, { config =
      string.format([[alerts = { notify = { { "alertmanager", url = "%s" } } }]], hooks.url) })
    desk:switch_on()
    desk:run("silence", "Quiet", "--for", "1h")
    desk:check()
    desk:run("silence", "Switch", "--for", "1h")
    desk:run("ack", "Other")
    sleep(1.1)
    desk:check()
    for i = 1, 2 do
      local body = signalbox.json.decode(requests(hooks)[i].body)
      assert.equal(2, #body, "request " .. i)
      for _, alert in ipairs(body) do
        assert.is_true(signalbox.time(alert.endsAt) > clock() + 600)
        assert.not_equal("Quiet", alert.labels.alertname)
      end
    end
  end)
end)

describe("a clock that ran ahead and was set back", function()
  it("does not keep a group from its next notice", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks, "alerts = { group_interval = 0.5 }")
    desk:switch_on()
    desk:check()
    local store <close> = desk:store()
    assert(store:exec("UPDATE alert_groups SET told = json_set(told, '$.notified_at', ?)",
      clock() + 86400))
    desk:switch_off()
    desk:check()
    sleep(0.6)
    desk:check()
    assert.truthy(texts(hooks)[2]:find "^RESOLVED")
  end)

  it("does not keep a notice in the queue", function()
    local hooks <close> = server.start "hooks"
    temp.write(hooks.folder .. "/answers", "500\n")
    local desk = slack_desk({ a = SWITCH }, hooks)
    desk:switch_on()
    assert.equal(1, desk:check().notices.waiting)
    local store <close> = desk:store()
    assert(store:exec("UPDATE alert_notices SET next_at = ?", signalbox.iso(clock() + 86400)))
    assert.equal(1, desk:check().notices.sent)
  end)

  it("does not drop what later checks find", function()
    local desk = alerts.desk { a = SWITCH }
    desk:check()
    local store <close> = desk:store()
    assert(store:exec("UPDATE runs SET started_at = ? WHERE command = 'alerts'",
      signalbox.iso(clock() + 86400)))
    desk:switch_on()
    assert.same({ "ClockSetBack firing", "Switch firing" }, states(desk:check()))
  end)
end)

describe("checks at the same time", function()
  --- Waits until the check has asked for a process that rules run in.
  local function await_worker(desk)
    await(function()
      local pipe <close> = assert(io.popen("pgrep -fc -- '^signalbox --rule-worker " ..
        desk.database .. "'"))
      return tonumber(pipe:read "l") > 0
    end)
    sleep(0.1)
  end

  it("leave what the one found that began last, though another ends later", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH, ["0_slow"] = [[
      alert("Slow", { when = function() while true do end end })]] }, hooks,
      string.format("alerts = { seconds = %d }", 3 * slow))
    desk:switch_on()
    local first = desk:start("check", "--json")
    await_worker(desk)
    desk:switch_off()
    desk:rule("0_slow", "")
    assert.same({}, states(desk:check()))
    local late = signalbox.json.decode(first.wait().out)
    assert.same({}, states(late))
    assert.same({}, texts(hooks))
    assert.same({}, states(desk:check()))
  end)

  it("are none in `watch`, where a check takes longer than the time between two", function()
    local desk = alerts.desk({ a = fires "Up", loop = [[
      alert("Loop", { when = function() while true do end end })]] },
      { config = "alerts = { seconds = 0.3 }" })
    local watch = desk:start("watch", "--every", "0.1")
    await(function() return select(2, watch.out():gsub("2 firing", "")) >= 3 end)
    watch.kill "INT"
    local result = watch.wait(5)
    assert.equal(130, result.status, result.err)
  end)
end)

describe("checks that are killed at any moment", function()
  local KILLS <const> = 3 -- before each check that is let be

  --- Requests by the notice that they brought, in the order of their first ones.
  local function notices_of(hooks)
    local list, counts = {}, {}
    for _, request in ipairs(requests(hooks)) do
      local body = signalbox.json.decode(request.body)
      if not counts[body.id] then list[#list + 1] = { id = body.id, status = body.status } end
      counts[body.id] = (counts[body.id] or 0) + 1
    end
    return list, counts
  end

  --- Kills some, and lets one be; what died with a request on its way counts as lost then.
  local function check_through_kills(desk, random)
    for _ = 1, KILLS do
      local process = desk:start "check"
      sleep(random() * 0.09)
      process.kill()
      process.wait()
    end
    local store <close> = desk:store()
    assert(store:exec("UPDATE alert_notices SET next_at = created_at WHERE status = 'waiting'"))
    desk:check()
    assert.equal(0, store:row("SELECT count(*) AS n FROM alert_notices WHERE status <> 'sent'").n)
  end

  it("lose no notice and keep their order; one whose check died may come twice", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    print("SEED=" .. seed)
    math.randomseed(seed)
    for _ = 1, 3 do
      local hooks <close> = server.start "hooks"
      temp.write(hooks.folder .. "/answers", ("200 wait=0.02\n"):rep(100))
      local desk = alerts.desk({ a = SWITCH }, { config = string.format(
        [[alerts = { notify = { { "webhook", url = "%s/hook" } } }]], hooks.url) })
      for _ = 1, 2 do
        desk:switch_on()
        check_through_kills(desk, math.random)
        desk:switch_off()
        check_through_kills(desk, math.random)
      end
      local list, counts = notices_of(hooks)
      local order = {}
      for i, notice in ipairs(list) do
        order[i] = notice.status
        assert.is_true(counts[notice.id] <= 1 + KILLS)
      end
      assert.same({ "firing", "resolved", "firing", "resolved" }, order)
    end
  end)
end)
