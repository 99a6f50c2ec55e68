-- Notices: each notifier seen to deliver for real, to servers on loopback; when one goes out, and
-- when it is held back.
local signalbox = require "signalbox"
local alerts = require "spec.support.alerts"
local run = require "spec.support.run"
local server = require "spec.support.server"
local temp = require "spec.support.temp"

local sleep = require("system").sleep

local SWITCH <const> = alerts.SWITCH
local requests <const>, texts <const> = alerts.requests, alerts.texts
local slack_desk <const> = alerts.slack_desk

local function clock()
  return signalbox.time(signalbox.now())
end

describe("a notice", function()
  it("goes out in the check that sees the change, and once", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks)
    desk:check()
    assert.same({}, texts(hooks))
    desk:switch_on()
    desk:check()
    desk:check()
    assert.same({ 'FIRING: Switch{team="deals"} (critical): 1 signals &amp; more' }, texts(hooks))
    desk:switch_off()
    desk:check()
    desk:check()
    assert.equal(2, #texts(hooks))
    assert.truthy(texts(hooks)[2]:find "^RESOLVED: Switch")
  end)

  it("is not sent for what is only pending", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = [[
      alert("Later", { when = function() return true end, for_ = "1h" })]] }, hooks)
    desk:check()
    assert.same({}, texts(hooks))
  end)

  it("that failed is tried again by a later check, backing off from a second", function()
    local hooks <close> = server.start "hooks"
    temp.write(hooks.folder .. "/answers", "500\n429\n")
    local desk = slack_desk({ a = SWITCH }, hooks)
    desk:switch_on()
    local began = clock()
    local answer, result = desk:check()
    assert.equal(3, result.status)
    assert.equal(1, answer.notices.waiting)
    assert.truthy(result.err:find("500", 1, true), result.err)
    assert.falsy(result.err:find("secret", 1, true), "the address is a secret")
    desk:check()
    assert.is_true(#requests(hooks) == 1 or clock() - began > 1, "not before a second has passed")
    sleep(1.1)
    desk:check()
    sleep(2.1)
    desk:check()
    assert.equal(3, #texts(hooks))
    assert.equal(0, desk:check().notices.waiting)
    assert.equal(3, #texts(hooks))
  end)

  it("survives a server that is away, and keeps its place before the next", function()
    local hooks = server.start "hooks"
    local url = hooks.url
    hooks:stop()
    local desk = alerts.desk({ a = SWITCH }, { env = { SLACK_WEBHOOK_URL = url .. "/x" } })
    desk:switch_on()
    assert.equal(1, desk:check().notices.waiting)
    desk:switch_off()
    assert.equal(2, desk:check().notices.waiting)
    local back <close> = server.start "hooks"
    desk.env.SLACK_WEBHOOK_URL = back.url .. "/x"
    desk:hurry()
    assert.equal(2, desk:check().notices.sent)
    assert.truthy(texts(back)[1]:find "^FIRING")
    assert.truthy(texts(back)[2]:find "^RESOLVED")
  end)

  it("comes again after its repeat interval while something fires", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks, 'alerts = { repeat_interval = "1s" }')
    desk:switch_on()
    desk:check()
    sleep(1.1)
    desk:check()
    assert.truthy(texts(hooks)[2]:find "^STILL FIRING")
  end)

  it("is not repeated while the one before it waits", function()
    local hooks = server.start "hooks"
    local url = hooks.url
    hooks:stop()
    local desk = alerts.desk({ a = SWITCH }, { env = { SLACK_WEBHOOK_URL = url .. "/x" },
      config = "alerts = { repeat_interval = 0.01 }" })
    desk:switch_on()
    for _ = 1, 4 do assert.equal(1, desk:check().notices.waiting) end
  end)

  it("holds all alerts of its group", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = [[
      alert("Many", { summary = "number {n}", when = function()
        return { { labels = { n = "1" } }, { labels = { n = "2" } } } end })
      alert("Other", { when = function() return true end })]] }, hooks)
    desk:check()
    local sent = texts(hooks)
    assert.equal(2, #sent)
    assert.truthy(sent[1]:find("FIRING: 2 alerts", 1, true))
    assert.truthy(sent[1]:find("number 1", 1, true) and sent[1]:find("number 2", 1, true))
  end)

  it("can be grouped otherwise, and wait for its group", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = [[
      alert("A", { when = function() return true end })
      alert("B", { when = function() return true end })]] }, hooks,
      'alerts = { group_by = {}, group_wait = "1s" }')
    desk:check()
    assert.same({}, texts(hooks))
    sleep(1.1)
    desk:check()
    assert.equal(1, #texts(hooks))
  end)

  it("is not sent again and again of one that comes and goes", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks)
    for _ = 1, 6 do
      desk:switch_on()
      desk:check()
      desk:switch_off()
      desk:check()
    end
    assert.is_true(#texts(hooks) <= 6, #texts(hooks) .. " notices of twelve changes")
  end)

  it("is sent once by checks at the same time", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks)
    desk:switch_on()
    local processes = {}
    for i = 1, 4 do processes[i] = desk:start "check" end
    for _, process in ipairs(processes) do process.wait() end
    assert.equal(1, #texts(hooks))
  end)

  it("is neither lost nor repeated by checks that are killed at any moment", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks)
    desk:switch_on()
    for i = 1, 12 do
      local process = desk:start "check"
      sleep(0.004 * i)
      process.kill()
      process.wait()
    end
    -- One that died with the request on its way holds the notice for a minute: it is lost then.
    desk:hurry()
    desk:check()
    local sent = #texts(hooks)
    assert.is_true(sent == 1 or sent == 2, "sent " .. sent .. " times")
    local store <close> = desk:store()
    assert.equal(1, store:row("SELECT count(*) AS n FROM alert_notices").n)
  end)
end)

describe("a silence", function()
  it("holds notices back, of alerts never seen too, and keeps state and exit code", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks)
    assert.equal(0, desk:run("silence", "Switch", "--for", "1h", "--comment", "tests").status)
    desk:switch_on()
    local answer, result = desk:check()
    assert.equal(3, result.status)
    assert.equal("firing", answer.alerts[1].state)
    assert.is_true(answer.alerts[1].silenced)
    assert.same({}, texts(hooks))
  end)

  it("ends with its time, and the notice then goes out", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks)
    desk:run("silence", "Switch", "--for", "1s")
    desk:switch_on()
    desk:check()
    sleep(1.1)
    desk:check()
    assert.equal(1, #texts(hooks))
  end)

  it("can be ended by its number", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks)
    local id = signalbox.json.decode(desk:run("silence", "Switch", "--for", "2h", "--json").out).id
    desk:switch_on()
    desk:check()
    assert.equal(0, desk:run("unsilence", tostring(id)).status)
    assert.equal(1, desk:run("unsilence", tostring(id)).status)
    local by_name = desk:run("unsilence", "Backlog")
    assert.equal(2, by_name.status)
    assert.truthy(by_name.err:find("signalbox alerts silences has them", 1, true), by_name.err)
    desk:check()
    assert.equal(1, #texts(hooks))
  end)

  it("fits by labels, severity and patterns", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = [[
      alert("One", { when = function() return true end, labels = { team = "a" } })
      alert("Two", { when = function() return true end, labels = { team = "b" } })
      alert("Three", { when = function() return true end, severity = "info" })]] }, hooks)
    desk:run("silence", "team=a", "--for", "1h")
    desk:run("silence", "alertname=~Th.*", "severity!=critical", "--for", "1h")
    desk:check()
    assert.equal(1, #texts(hooks))
    assert.truthy(texts(hooks)[1]:find("Two", 1, true))
  end)

  it("takes seconds and spans, and needs one", function()
    local desk = alerts.desk {}
    for _, span in ipairs { "90", "45s", "10m", "1h", "7d" } do
      assert.equal(0, desk:run("silence", "X", "--for", span).status, span)
    end
    assert.equal(2, desk:run("silence", "X").status)
    assert.equal(2, desk:run("silence", "X", "--for", "soon").status)
    assert.equal(5, #signalbox.json.decode(desk:run("silences", "--json").out).silences)
  end)

  it("does not keep from whoever was told that it has resolved", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks)
    desk:switch_on()
    desk:check()
    desk:run("silence", "Switch", "--for", "1h")
    desk:switch_off()
    desk:check()
    assert.truthy(texts(hooks)[2]:find "^RESOLVED")
  end)
end)

describe("an acknowledgement", function()
  it("stops repeats, and ends when the alert resolves", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = SWITCH }, hooks, 'alerts = { repeat_interval = "1s" }')
    desk:switch_on()
    desk:check()
    assert.equal(0, desk:run("ack", "Switch", "--comment", "on it").status)
    sleep(1.1)
    assert.is_true(desk:alert("Switch").acknowledged)
    assert.equal(1, #texts(hooks))
    desk:switch_off()
    desk:check()
    desk:switch_on()
    assert.is_false(desk:alert("Switch").acknowledged)
    assert.equal(3, #texts(hooks))
  end)

  it("of nothing is an error", function()
    assert.equal(1, alerts.desk({}):run("ack", "Nobody").status)
  end)
end)

describe("inhibition", function()
  it("holds back what another alert explains", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = [[
      alert("Cause", { when = function() return true end, inhibits = { "Effect" } })
      alert("Effect", { when = function() return true end })
      alert("Dependent", { when = function() return true end, depends_on = "Cause" })]] }, hooks)
    local answer = desk:check()
    assert.equal(1, #texts(hooks))
    assert.truthy(texts(hooks)[1]:find("Cause", 1, true))
    assert.equal(3, #answer.alerts)
  end)

  it("can be configured by matchers, with labels that must be equal", function()
    local hooks <close> = server.start "hooks"
    local desk = slack_desk({ a = [[
      local function yes() return true end
      alert("Bad", { when = yes, severity = "critical", labels = { team = "a" } })
      alert("MildA", { when = yes, labels = { team = "a" } })
      alert("MildB", { when = yes, labels = { team = "b" } })]] }, hooks, [[
      alerts = { inhibit = { { source = { severity = "critical" },
        target = { severity = "warning" }, equal = { "team" } } } }]])
    desk:check()
    local sent = table.concat(texts(hooks), "\n")
    assert.truthy(sent:find("MildB", 1, true) and not sent:find("MildA", 1, true), sent)
  end)
end)

describe("notifier", function()
  --- Fires and resolves under a configuration of notifiers; gives the desk.
  local function deliver(config, options)
    options = options or {}
    options.config = "alerts = { notify = { " .. config .. " } }"
    local desk = alerts.desk({ a = SWITCH }, options)
    desk:switch_on()
    local answer, result = desk:check()
    assert.equal(options.waiting or 0, answer.notices.waiting, result.err)
    return desk, result
  end

  it("log writes lines on stderr, and is what there is without another", function()
    local desk = alerts.desk { a = SWITCH }
    desk:switch_on()
    local _, result = desk:check()
    assert.equal('signalbox: warning: firing: Switch{team="deals"} (critical): 1 signals & more\n',
      result.err)
  end)

  it("webhook posts the notice as JSON, with an id that stays", function()
    local hooks <close> = server.start "hooks"
    deliver(string.format('{ "webhook", url = "%s/hook" }', hooks.url))
    local request = requests(hooks)[1]
    local body = signalbox.json.decode(request.body)
    assert.same({ "POST", "/hook", "application/json" },
      { request.method, request.path, request.headers["content-type"] })
    assert.same({ "firing", "Switch", "critical" },
      { body.status, body.alerts[1].name, body.alerts[1].severity })
    assert.equal(body.id, request.headers["idempotency-key"])
  end)

  it("webhook fills in a template, as text or as JSON, an alert at a time", function()
    local hooks <close> = server.start "hooks"
    deliver(string.format([[
      { "webhook", name = "ntfy", url = "%s/ntfy", body = "{title}!",
        headers = { Title = "{name}" } },
      { "webhook", name = "pager", url = "%s/pager", each = true, body = {
          event_action = "{action}", dedup_key = "{id}", payload = { severity = "{severity}",
          summary = "{summary} of {labels.team}" } } } ]], hooks.url, hooks.url))
    local by_path = {}
    for _, request in ipairs(requests(hooks)) do by_path[request.path] = request end
    assert.equal('FIRING: Switch{team="deals"} (critical): 1 signals & more!',
      by_path["/ntfy"].body)
    assert.equal("Switch", by_path["/ntfy"].headers.title)
    assert.same({ event_action = "trigger", dedup_key = 'Switch{team="deals"}',
      payload = { severity = "critical", summary = "1 signals & more of deals" } },
      signalbox.json.decode(by_path["/pager"].body))
  end)

  it("command hands the notice to a program", function()
    local desk = deliver [[{ "command", run = { "/bin/sh", "-c",
      'cat > notice.json; echo "$ALERT_STATUS $ALERT_TITLE" > title' } }]]
    local notice = signalbox.json.decode(temp.read(desk.folder .. "/notice.json"))
    assert.equal("Switch", notice.alerts[1].name)
    assert.truthy(temp.read(desk.folder .. "/title"):find "^firing FIRING: Switch")
  end)

  it("command that fails is tried again", function()
    local _, result = deliver([[{ "command", run = { "/bin/sh", "-c", "echo no >&2; exit 7" } }]],
      { waiting = 1 })
    assert.truthy(result.err:find("exited with 7: no", 1, true), result.err)
  end)

  it("what a program said as it failed is kept as text, wherever it was cut", function()
    local desk = deliver([[{ "command", run = { "/bin/sh", "-c",
      "printf '%199s\\303\\251\\377' x >&2; exit 7" } }]], { waiting = 1 })
    local notice = desk:store():row "SELECT error, typeof(error) AS type FROM alert_notices"
    assert.equal("text", notice.type)
    assert.truthy(utf8.len(notice.error))
    assert.equal(0, run { "validate", desk.database }.status)
  end)

  it("ping tells a dead man's switch of each check", function()
    local hooks <close> = server.start "hooks"
    local desk = deliver(string.format('{ "ping", url = "%s/uuid" }', hooks.url))
    desk:check()
    assert.equal(2, #requests(hooks))
    assert.equal("1 firing, 0 pending\n", requests(hooks)[1].body)
  end)

  it("only hears of what fits its own matchers", function()
    local hooks <close> = server.start "hooks"
    deliver(string.format([[{ "slack", url = "%s/a", match = { severity = "info" } },
      { "slack", name = "b", url = "%s/b", match = { team = { "=~", "de.*" } } }]], hooks.url,
      hooks.url))
    assert.equal(1, #requests(hooks))
    assert.equal("/b", requests(hooks)[1].path)
  end)

  it("refuses to send a secret address over plain http to another machine", function()
    local desk = alerts.desk({ a = SWITCH },
      { env = { SLACK_WEBHOOK_URL = "http://hooks.example.com/services/secret" } })
    local result = desk:run("check")
    assert.equal(1, result.status)
    assert.truthy(result.err:find("SLACK_WEBHOOK_URL", 1, true), result.err)
    assert.falsy(result.err:find("services", 1, true))
  end)

  it("that does not exist is named, with those that do", function()
    local desk = alerts.desk({}, { config = 'alerts = { notify = { { "pigeon" } } }' })
    local result = desk:run("check")
    assert.equal(1, result.status)
    assert.truthy(result.err:find("no notifier 'pigeon'", 1, true), result.err)
    assert.truthy(result.err:find("slack", 1, true))
  end)
end)

describe("notifier smtp", function()
  local folder

  --- A certificate for 127.0.0.1.
  setup(function()
    folder = temp.folder()
    assert(os.execute(string.format(
      "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 " ..
      "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null", folder)))
  end)

  --- Fires once, with words for the mail server and further options of the notifier.
  local function mail(words, options, waiting)
    local post = server.start("mail", words)
    local desk = alerts.desk({ a = SWITCH:gsub("signals & more", "Signale für Müller & Söhne") }, {
      config = string.format([[alerts = { notify = { { "smtp", url = "smtp://127.0.0.1:%s",
        from = "signalbox@example.com", to = { "ops@example.com", "boss@example.com" }, %s } } }]],
        post.port, options or "") })
    desk:switch_on()
    local answer, result = desk:check()
    assert.equal(waiting or 0, answer.notices.waiting, result.err .. post:complaints())
    post:stop()
    return alerts.lines(post.folder .. "/mails"), result
  end

  it("delivers to all recipients, in UTF-8", function()
    local one = mail()[1]
    assert.equal("signalbox@example.com", one.from)
    assert.same({ "ops@example.com", "boss@example.com" }, one.to)
    local body = one.data:match "\r\n\r\n(.*)$"
    local decoded <close> = assert(io.popen("echo '" .. body:gsub("%s", "") .. "' | base64 -d"))
    assert.truthy(decoded:read("a"):find("1 Signale für Müller & Söhne", 1, true))
    assert.truthy(one.data:find("Message%-ID: <signalbox%-1%-%d+@example.com>"), one.data)
    assert.truthy(one.data:find("Subject: =?UTF-8?B?", 1, true))
  end)

  it("speaks TLS and logs in", function()
    local cert, key = folder .. "/cert.pem", folder .. "/key.pem"
    local one = mail({ "tls", cert, key, "auth", "box", "geheim" },
      string.format('user = "box", password = "geheim", ca_file = "%s"', cert))[1]
    assert.is_true(one.tls)
    assert.equal("box", one.user)
  end)

  it("trusts no certificate that it does not know", function()
    local mails, result = mail({ "tls", folder .. "/cert.pem", folder .. "/key.pem" },
      'user = "box", password = "geheim"', 1)
    assert.same({}, mails)
    assert.truthy(result.err:lower():find "certificate", result.err)
    assert.truthy(result.err:find("ca_file", 1, true), result.err)
  end)

  it("says that a password is wrong without showing it", function()
    local cert, key = folder .. "/cert.pem", folder .. "/key.pem"
    local _, result = mail({ "tls", cert, key, "auth", "box", "geheim" },
      string.format('user = "box", password = "falsch", ca_file = "%s"', cert), 1)
    assert.truthy(result.err:find("refuses user and password", 1, true), result.err)
    assert.falsy(result.err:find("falsch", 1, true))
  end)

  it("keeps a mail that the server puts off", function()
    local _, result = mail({ "answer", "451 later" }, "", 1)
    assert.truthy(result.err:find("451", 1, true), result.err)
  end)

  it("sends nothing unencrypted to another machine, and no command in an address", function()
    local config = [[alerts = { notify = { { "smtp", url = "smtp://127.0.0.1:1", from = "a@b.c",
      to = "a@b.c\r\nRCPT TO:<x@y.z>" } } }]]
    local result = alerts.desk({}, { config = config }):run("check")
    assert.equal(1, result.status)
    assert.truthy(result.err:find("no mail address", 1, true), result.err)
  end)
end)
