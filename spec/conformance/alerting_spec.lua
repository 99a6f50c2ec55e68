-- Alerts beside the real things: Prometheus' Alertmanager takes ours, and promtool our metrics.
local signalbox = require "signalbox"
local alerts = require "spec.support.alerts"
local data = require "spec.support.data"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

local sleep = require("system").sleep

local SWITCH <const> = [[
alert("Switch", {
  when = function() return stats.total_signals > 0 and stats.total_signals end,
  severity = "critical", summary = "{value} signals", labels = { team = "deals" },
  description = "Größe & \"quotes\"",
})
alert("Each", { when = function()
  return each("kind", stats.signals_by_type, function(n) return n end) end })]]

--- A port that nobody listens on.
local function free_port()
  local pipe <close> = assert(io.popen(
    "/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); " ..
    "print(s.getsockname()[1])'"))
  return pipe:read "l"
end

local function get(url)
  local response = signalbox.http { url = url, timeout = 5 }
  return response and response.status == 200 and response.body
end

describe("the Alertmanager", function()
  local manager, url

  setup(function()
    local port = free_port()
    url = "http://127.0.0.1:" .. port
    local folder = temp.folder()
    temp.write(folder .. "/config.yml",
      "route: { receiver: none }\nreceivers: [ { name: none } ]\n")
    manager = run.start { program = "/usr/bin/prometheus-alertmanager", cwd = folder,
      "--config.file=config.yml", "--storage.path=" .. folder, "--cluster.listen-address=",
      "--web.listen-address=127.0.0.1:" .. port }
    for _ = 1, 200 do
      if get(url .. "/-/ready") then return end
      sleep(0.05)
    end
    error("it did not start: " .. manager.err())
  end)

  teardown(function() manager.kill() end)

  --- What it knows, by name.
  local function known()
    local by_name = {}
    for _, alert in ipairs(signalbox.json.decode(get(url .. "/api/v2/alerts"))) do
      by_name[alert.labels.alertname] = alert
    end
    return by_name
  end

  it("takes firing alerts, hears again of silenced ones, and of their end", function()
    local desk = alerts.desk({ a = SWITCH }, { config = string.format(
      [[alerts = { notify = { { "alertmanager", url = "%s", valid_for = "1h" } } }]], url) })
    local store <close> = desk:store()
    assert(store:save_signals(data.signals(3)))
    local answer, result = desk:check()
    assert.equal(0, answer.notices.waiting, result.err)

    local switch = known().Switch
    assert.same({ alertname = "Switch", severity = "critical", team = "deals" }, switch.labels)
    assert.same({ summary = "3 signals", description = 'Größe & "quotes"' }, switch.annotations)
    assert.equal("github_spike", known().Each.labels.kind)
    assert.is_true(signalbox.time(switch.endsAt) > signalbox.time(signalbox.now()) + 3000)

    desk:run("ack", "Switch")
    desk:run("silence", "Switch", "--for", "1h")
    sleep(1.1)
    desk:check()
    assert.is_true(signalbox.time(known().Switch.endsAt) > signalbox.time(switch.endsAt))

    assert(store:exec "DELETE FROM signals")
    answer, result = desk:check()
    assert.equal(0, answer.notices.waiting, result.err)
    sleep(0.2)
    assert.is_nil(known().Switch, "it is still active")
  end)
end)

describe("promtool", function()
  --- The metrics of a store with alerts and awkward labels.
  local function metrics()
    local desk = alerts.desk { a = SWITCH }
    local store <close> = desk:store()
    assert(store:save_signals(data.signals(3)))
    assert(store:save_signal(data.signal { signal_type = 'odd "type"\\ with\nlines' }))
    desk:check()
    local path = desk.folder .. "/signalbox.prom"
    local result = desk:run("metrics", "--out", path)
    assert.equal(0, result.status, result.err)
    return temp.read(path), desk
  end

  it("finds nothing wrong with the metrics", function()
    local text = metrics()
    local checked = run.program("/usr/bin/promtool", { "check", "metrics", stdin = text })
    assert.equal(0, checked.status, checked.out .. checked.err .. text)
    assert.equal("", checked.err)
  end)

  it("would not see these: a sample twice, a family in two pieces, a time stamp", function()
    local text = metrics()
    local seen, family, families = {}, nil, {}
    for line in text:gmatch "[^\n]+" do
      local name = line:match "^# HELP (%S+)"
      if name then
        assert.is_nil(families[name], name)
        families[name], family = true, name
      elseif line:sub(1, 1) ~= "#" then
        local series, value = line:match "^(.*[^ ]) (%S+)$"
        assert.is_nil(seen[series], line)
        seen[series] = true
        assert.equal(family, series:match "^[%w_]+")
        assert.truthy(tonumber(value), line)
        assert.falsy(series:match "[%w_}] %d+$", line)
      end
    end
    assert.is_true(families.signalbox_alerts)
  end)
end)
