-- How notices get through: servers that refuse, wait, are away or want it slower, and settings that
-- are wrong.
local signalbox = require "signalbox"
local await = require "spec.support.await"
local alerts = require "spec.support.alerts"
local data = require "spec.support.data"
local run = require "spec.support.run"
local server = require "spec.support.server"
local temp = require "spec.support.temp"

local sleep = require("system").sleep

local SWITCH <const> = alerts.SWITCH
local requests <const>, texts <const> = alerts.requests, alerts.texts

local FOUR <const> = [[
for i = 1, 4 do
  alert("Up" .. i, { when = function() return true end })
end]]

local EACH <const> = [[
alert("Each", { summary = "number {n}", when = function()
  local list = {}
  for i = 1, 3 do list[i] = { labels = { n = i } } end
  return list
end })]]

local function clock()
  return signalbox.time(signalbox.now())
end

--- A desk with notifiers, whose text may have %s for the server's address.
local function desk_of(rules, notifiers, hooks)
  return alerts.desk(rules, { config = "alerts = { notify = { " ..
    notifiers:gsub("%%s", hooks and hooks.url or "") .. " } }" })
end

--- What servers answer next, a line each.
local function answer(hooks, ...)
  temp.write(hooks.folder .. "/answers", table.concat({ ... }, "\n"))
end

local function rows(desk, sql)
  local store <close> = desk:store()
  local list = {}
  for row in assert(store:rows(sql)) do list[#list + 1] = row end
  return list
end

describe("notices of an alert each", function()
  it("are sent again alone where one of them failed", function()
    local hooks <close> = server.start "hooks"
    answer(hooks, "200", "500")
    local desk = desk_of({ a = EACH },
      [[{ "webhook", url = "%s/x", each = true, body = "{summary}" }]], hooks)
    desk:check()
    desk:hurry()
    desk:check()
    local seen = {}
    for i, request in ipairs(requests(hooks)) do
      seen[i] = request.body .. " " .. request.status
    end
    assert.same({ "number 1 200", "number 2 500", "number 2 200", "number 3 200" }, seen)
  end)

  it("say only what is new: one more of a group, and one less", function()
    local hooks <close> = server.start "hooks"
    local desk = desk_of({ a = [[
      alert("Kind", { summary = "{kind}", when = function()
        return each("kind", stats.signals_by_type, function(n) return n end) end })]] },
      [[{ "webhook", url = "%s/x", each = true, body = "{status} {summary}" }]], hooks)
    local store <close> = desk:store()
    for _, kind in ipairs { "a", "b" } do
      assert(store:save_signals(data.signals(1, { signal_type = kind })))
      desk:check()
    end
    assert(store:exec "DELETE FROM signals WHERE signal_type = 'a'")
    desk:check()
    local said = {}
    for i, request in ipairs(requests(hooks)) do said[i] = request.body end
    assert.same({ "firing a", "firing b", "resolved a" }, said)
  end)

  it("are repeated each", function()
    local hooks <close> = server.start "hooks"
    local desk = desk_of({ a = EACH },
      [[{ "webhook", url = "%s/x", each = true, repeat_interval = 0.5 }]], hooks)
    desk:check()
    sleep(0.6)
    desk:check()
    assert.equal(6, #requests(hooks))
  end)
end)

describe("a delivery", function()
  it("that may take long is not begun by another check meanwhile", function()
    local hooks <close> = server.start "hooks"
    answer(hooks, "200 wait=1")
    local desk = desk_of({ a = SWITCH }, [[{ "webhook", url = "%s/x", timeout = "10m" }]], hooks)
    desk:switch_on()
    local check = desk:start "check"
    await(function() return #requests(hooks) > 0 end)
    local waiting = rows(desk, "SELECT next_at FROM alert_notices")[1]
    assert.is_true(signalbox.time(waiting.next_at) > clock() + 600)
    check.wait()
    desk:check()
    assert.equal(1, #requests(hooks))
  end)

  it("to a server that does not answer costs a check its time-out once", function()
    local hooks <close> = server.start "hooks"
    answer(hooks, "200 wait=5")
    local desk = desk_of({ a = FOUR }, [[{ "webhook", url = "%s/x", timeout = 0.3 }]], hooks)
    assert.equal(4, desk:check().notices.waiting)
    assert.equal(1, #requests(hooks))
    desk:check()
    assert.is_true(#requests(hooks) <= 5)
  end)

  it("to a server that is away is tried once a check", function()
    local desk = desk_of({ a = FOUR }, [[{ "webhook", url = "http://127.0.0.1:1/x" }]])
    local found, result = desk:check()
    assert.equal(4, found.notices.waiting)
    assert.equal(1, select(2, result.err:gsub("could not be delivered", "")))
  end)

  it("by mail keeps no other receiver waiting", function()
    local silent <close> = server.start "hooks"
    local hooks <close> = server.start "hooks"
    local desk = desk_of({ a = SWITCH }, string.format([[
      { "smtp", url = "smtp://127.0.0.1:%s", from = "a@b.c", to = "d@e.f", timeout = "10m" },
      { "slack", url = "%s/x" }]], silent.port, hooks.url))
    desk:switch_on()
    local check = desk:start "check"
    await(function() return #texts(hooks) > 0 end)
    assert.equal(1, #texts(hooks))
    check.kill()
    check.wait()
  end)

  it("that is refused for good is not tried again, and lets the group's next through", function()
    for _, status in ipairs { 400, 404, 410 } do
      local hooks <close> = server.start "hooks"
      answer(hooks, tostring(status))
      local desk = desk_of({ a = SWITCH }, [[{ "webhook", url = "%s/x" }]], hooks)
      desk:switch_on()
      local found, result = desk:check()
      assert.same({ sent = 0, waiting = 0, refused = 1 }, found.notices)
      assert.truthy(result.err:find("a notice was given up", 1, true), result.err)
      desk:switch_off()
      assert.equal(1, desk:check().notices.sent)
      assert.equal(2, #requests(hooks))
    end
  end)

  it("that a person can put right is tried again: a wrong password, a limit", function()
    for _, status in ipairs { 401, 403, 408, 429, 500, 503 } do
      local hooks <close> = server.start "hooks"
      answer(hooks, tostring(status))
      local desk = desk_of({ a = SWITCH }, [[{ "webhook", url = "%s/x" }]], hooks)
      desk:switch_on()
      assert.equal(1, desk:check().notices.waiting, status)
    end
  end)

  it("waits for as long as the server asks for, and so do the receiver's others", function()
    local hooks <close> = server.start "hooks"
    answer(hooks, "429 Retry-After=40")
    local desk = desk_of({ a = FOUR }, [[{ "webhook", url = "%s/x" }]], hooks)
    assert.equal(4, desk:check().notices.waiting)
    assert.equal(1, #requests(hooks))
    local first = rows(desk, "SELECT next_at FROM alert_notices ORDER BY id")[1]
    local wait = signalbox.time(first.next_at) - clock()
    assert.is_true(wait > 20 and wait <= 40, wait)
  end)

  it("is ended by Ctrl-C without a word but that", function()
    local hooks <close> = server.start "hooks"
    answer(hooks, "200 wait=8", "200 wait=8")
    local desk = desk_of({ a = SWITCH },
      [[{ "webhook", url = "%s/a" }, { "webhook", name = "b", url = "%s/b" }]], hooks)
    desk:switch_on()
    local check = desk:start "check"
    await(function() return #requests(hooks) == 2 end)
    check.kill "INT"
    local result = check.wait(5)
    assert.equal(130, result.status, result.err)
    assert.falsy(result.err:find("nobody waited", 1, true), result.err)
    assert.falsy(result.err:find("traceback", 1, true), result.err)
  end)

  it("that can't be begun keeps no other receiver from its own", function()
    local hooks <close> = server.start "hooks"
    answer(hooks, "200 wait=0.3")
    local desk = desk_of({ a = SWITCH },
      [[{ "webhook", url = "%s/a" }, { "webhook", name = "b", url = "%s/b" }]], hooks)
    local store <close> = desk:store()
    assert(store:exec([[
      INSERT INTO alert_notices(receiver, group_key, notice, status, created_at, next_at)
      VALUES ('webhook', 'g', 'no JSON', 'waiting', ?1, ?1)]], signalbox.iso(clock())))
    desk:switch_on()
    local result = desk:run("check")
    assert.equal(1, result.status)
    assert.falsy(result.err:find("nobody waited", 1, true), result.err)
    assert.equal("/b", requests(hooks)[1].path)
    local sent = "SELECT receiver FROM alert_notices WHERE status = 'sent'"
    assert.same({ { receiver = "b" } }, rows(desk, sent))
  end)

  it("to a receiver that is configured no more is given up in the end", function()
    local desk = alerts.desk {}
    local store <close> = desk:store()
    for i, days in ipairs { 0.5, 1.5, 10 } do
      assert(store:exec([[
        INSERT INTO alert_notices(receiver, group_key, notice, status, created_at, next_at)
        VALUES ('pager', ?1, '{"alerts":[]}', 'waiting', ?2, ?2)]], "g" .. i,
        signalbox.iso(clock() - days * 86400)))
    end
    desk:check()
    local left = rows(desk, "SELECT group_key, status FROM alert_notices ORDER BY group_key")
    assert.same({ { group_key = "g1", status = "waiting" },
      { group_key = "g2", status = "failed" } }, left)
  end)
end)

describe("a notice", function()
  it("counts by state what it is about", function()
    local hooks <close> = server.start "hooks"
    local desk = desk_of({ a = [[
      alert("Kind", { when = function()
        return each("kind", stats.signals_by_type, function(n) return n end) end })]] },
      [[{ "slack", url = "%s/x" }]], hooks)
    local store <close> = desk:store()
    for kind, count in pairs { a = 1, b = 1, c = 1 } do
      assert(store:save_signals(data.signals(count, { signal_type = kind })))
    end
    desk:check()
    assert(store:exec "DELETE FROM signals WHERE signal_type = 'a'")
    desk:check()
    assert.truthy(texts(hooks)[1]:find("*FIRING: 3 alerts*", 1, true), texts(hooks)[1])
    assert.truthy(texts(hooks)[2]:find("*FIRING: 2 alerts, 1 resolved*", 1, true), texts(hooks)[2])
  end)

  it("is not sent of what resolves to a receiver that does not want it", function()
    local hooks <close> = server.start "hooks"
    local desk = desk_of({ a = EACH .. SWITCH }, [[
      { "slack", url = "%s/x", resolved = false, group_by = {} }]], hooks)
    desk:switch_on()
    desk:check()
    desk:switch_off()
    desk:check()
    assert.equal(1, #texts(hooks))
    desk:switch_on()
    desk:check()
    assert.equal(2, #texts(hooks))
  end)

  it("puts what a rule says into headers as one line", function()
    local hooks <close> = server.start "hooks"
    local desk = desk_of({ a = [[
      alert("Up", { summary = "one\r\nX-Evil: two", labels = { x = "a\nb" },
        when = function() return true end })]] },
      [[{ "webhook", url = "%s/x", headers = { Title = "{summary} {labels.x}" } }]], hooks)
    assert.equal(0, desk:check().notices.waiting)
    local headers = requests(hooks)[1].headers
    assert.equal("one X-Evil: two a b", headers.title)
    assert.is_nil(headers["x-evil"])
  end)
end)

describe("notifier slack", function()
  it("sends a message a second", function()
    local hooks <close> = server.start "hooks"
    local desk = desk_of({ a = SWITCH .. [[
      alert("Up", { when = function() return true end })]] }, [[{ "slack", url = "%s/x" }]], hooks)
    desk:switch_on()
    local began = clock()
    desk:check()
    assert.equal(2, #texts(hooks))
    assert.is_true(clock() - began >= 1)
  end)
end)

describe("notifier ping", function()
  it("tells of a check's begin, its end, and that it could not be made", function()
    local hooks <close> = server.start "hooks"
    local desk = desk_of({}, [[{ "ping", url = "%s/uuid", start = true, fail = true }]], hooks)
    desk:check()
    local store <close> = desk:store()
    assert(store:exec "ALTER TABLE stat_samples RENAME TO gone")
    assert.equal(1, desk:run("check").status)
    local paths = {}
    for i, request in ipairs(requests(hooks)) do paths[i] = request.path end
    assert.same({ "/uuid/start", "/uuid", "/uuid/start", "/uuid/fail" }, paths)
    assert.truthy(requests(hooks)[4].body:find("stat_samples", 1, true))
  end)
end)

describe("notifier smtp", function()
  local folder

  setup(function()
    folder = temp.folder()
    assert(os.execute(string.format(
      "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 " ..
      "-subj /CN=other.test 2>/dev/null", folder)))
  end)

  local function mail(words, options)
    local post = server.start("mail", words)
    local desk = desk_of({ a = SWITCH }, string.format([[{ "smtp", from = "signalbox@example.com",
      url = "smtp://127.0.0.1:%s", to = { "gone@example.com", "ops@example.com" }, %s }]],
      post.port, options or ""))
    desk:switch_on()
    local found, result = desk:check()
    post:stop()
    return alerts.lines(post.folder .. "/mails"), found.notices, result
  end

  it("delivers to the others where one address is refused, and names it", function()
    local mails, notices, result = mail { "refuse", "gone@example.com" }
    assert.same({ "ops@example.com" }, mails[1].to)
    assert.equal(1, notices.sent)
    assert.truthy(result.err:find('address=gone@example.com error="550 nobody of that name"', 1,
      true), result.err)
  end)

  it("gives a mail up that is refused for good", function()
    local _, notices = mail { "answer", "554 no thanks" }
    assert.same({ sent = 0, waiting = 0, refused = 1 }, notices)
  end)

  it("takes any certificate of a server on this machine that is told no password", function()
    local mails, notices = mail { "tls", folder .. "/cert.pem", folder .. "/key.pem" }
    assert.equal(1, notices.sent)
    assert.is_true(mails[1].tls)
  end)
end)

describe("a setting of alerts", function()
  local wrong <const> = {
    { "repeat_intervall = '4h'", "there is no setting 'repeat_intervall'", "repeat_interval" },
    { "repeat_interval = 'soon'", "repeat_interval must be a time span", "'soon'" },
    { "group_by = 'alertname'", "group_by must be a list of texts" },
    { "resolved = 'no'", "resolved must be true or false" },
    { "seconds = 'x'", "seconds must be a time span" },
    { "memory_mib = '64'", "memory_mib must be a whole number" },
    { "notify = 'slack'", "notify must be a table" },
    { "notify = { { 'log', colour = true } }", "notifier 'log'", "no setting 'colour'" },
    { "notify = { { 'webhook', url = 5 } }", "url must be a text, and is '5'" },
    { "notify = { { 'log', match = 'x' } }", "match must be a table" },
    { "notify = { { 'log', timeout = -1 } }", "timeout must be a time span" },
    { "inhibit = { { from = {}, target = {} } }", "alerts.inhibit: item 1", "'from'" },
    { "inhibit = { 'x' }", "alerts.inhibit: item 1" },
  }
  for _, case in ipairs(wrong) do
    it("that is wrong is named: " .. case[1], function()
      local result = alerts.desk({}, { config = "alerts = { " .. case[1] .. " }" }):run("check")
      assert.equal(1, result.status)
      for i = 2, #case do assert.truthy(result.err:find(case[i], 1, true), result.err) end
      assert.falsy(result.err:find("traceback", 1, true), result.err)
    end)
  end

  it("may be a notifier's of one's own, which says nothing of its settings", function()
    local desk = alerts.desk({ a = SWITCH }, { config =
      [[alerts = { notify = { { "mine", colour = "red" } } }]] })
    assert(os.execute("mkdir " .. run.quote(desk.folder .. "/scripts/notifiers")))
    temp.write(desk.folder .. "/scripts/notifiers/mine.lua", [[
      return { send = function(options)
        return nil, "no " .. options.colour .. " here", { final = true }
      end }]])
    desk:switch_on()
    local found, result = desk:check()
    assert.equal(1, found.notices.refused)
    assert.truthy(result.err:find("no red here", 1, true), result.err)
    temp.write(desk.folder .. "/config/signalbox/config.lua",
      [[alerts = { notify = { { "mine", colour = 1, timeout = "soon" } } }]])
    assert.truthy(desk:run("check").err:find("timeout must be a time span", 1, true))
  end)
end)

describe("an address that is a secret", function()
  it("goes to no host that only looks like this machine", function()
    for _, host in ipairs { "127.evil.example", "127.0.0.1.evil.example", "localhost.evil.example",
      "127.0.0.1@evil.example" } do
      local desk = alerts.desk({}, { env = { SLACK_WEBHOOK_URL = "http://" .. host .. "/x" } })
      local result = desk:run("check")
      assert.equal(1, result.status, host)
      assert.truthy(result.err:find("it goes over https", 1, true), result.err)
    end
    for _, host in ipairs { "127.0.0.1:9", "localhost:9", "[::1]:9" } do
      local desk = alerts.desk({}, { env = { SLACK_WEBHOOK_URL = "http://" .. host .. "/x" } })
      assert.equal(0, desk:run("check").status, host)
    end
  end)
end)

describe("alerts metrics", function()
  it("writes a file that node_exporter, another user, can read", function()
    local desk = alerts.desk {}
    local path = desk.folder .. "/signalbox.prom"
    temp.write(path, "old")
    assert(os.execute("chmod 600 " .. run.quote(path)))
    local result = desk:run("metrics", "--out", path)
    assert.equal(0, result.status, result.err)
    local pipe <close> = assert(io.popen("stat -c %a " .. run.quote(path)))
    assert.equal("644", pipe:read "l")
    assert.truthy(temp.read(path):find("signalbox_due 0", 1, true))
  end)

  it("tells when the last check was, and when commands were last done and failed", function()
    local desk = alerts.desk { a = SWITCH }
    local store <close> = desk:store()
    assert(store:exec([[
      INSERT INTO runs(command, name, started_at, finished_at, status) VALUES
        ('backup', '', '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:10.000000+00:00',
          'done'),
        ('collect', 'github', '2026-01-01T00:00:00.000000+00:00',
          '2026-01-01T00:00:20.000000+00:00', 'failed')]]))
    desk:check()
    local text = desk:run("metrics").out
    local at = tonumber(text:match "\nsignalbox_last_check_timestamp_seconds ([%d.]+)\n")
    assert.is_true(math.abs(at - clock()) < 60)
    local done = text:match 'last_done_timestamp_seconds{command="backup",name=""} (%d+)'
    assert.equal(signalbox.time "2026-01-01T00:00:10Z", tonumber(done))
    local failed = text:match 'last_failed_timestamp_seconds{command="collect",name="github"} (%d+)'
    assert.equal(signalbox.time "2026-01-01T00:00:20Z", tonumber(failed))
  end)
end)
