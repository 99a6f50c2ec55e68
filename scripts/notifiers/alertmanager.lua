-- Prometheus' Alertmanager, by its API v2: it groups, silences and sends by its own rules.
--
--     { "alertmanager", url = "http://127.0.0.1:9093", valid_for = "15m" }
--
-- An alert that fires is sent again by every check, for the Alertmanager takes one that it has not
-- heard of for `valid_for` as resolved: let that be longer than the time between checks. It hears
-- of one that it was told of until that resolves, silenced and acknowledged or not.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"
local post <const> = require "signalbox.alert_post"

--- An alert as the API has it. Of two labels with one name the alert's own name and severity count.
local function alert_of(alert, valid_for)
  local labels = {}
  for name, value in pairs(alert.labels) do labels[name] = value end
  labels.alertname, labels.severity = alert.name, alert.severity
  local now = signalbox.now()
  local ends = alert.state == "firing" and signalbox.iso(signalbox.time(now) + valid_for) or
    alert.ends_at or now
  local starts = alert.starts_at or now
  return {
    labels = labels,
    annotations = { summary = alert.summary, description = alert.description,
      runbook = alert.runbook },
    startsAt = starts <= ends and starts or ends,
    endsAt = ends,
  }
end

return {
  about = "Prometheus' Alertmanager",
  options = { url = "text", valid_for = "span", headers = "table" },
  keeps_alive = true,
  defaults = { group_by = {}, group_wait = 0, group_interval = 0, repeat_interval = 1,
    timeout = 20 },

  prepare = function(options)
    if type(options.url) ~= "string" or not options.url:find "^https?://[^/]" then
      error("url is no http or https address", 0)
    end
    options.valid_for = assert(cli.seconds(options.valid_for or "15m"))
  end,

  send = function(options, notice)
    local alerts = {}
    for i, alert in ipairs(notice.alerts) do alerts[i] = alert_of(alert, options.valid_for) end
    return post.json(options, options.url:gsub("/+$", "") .. "/api/v2/alerts",
      signalbox.array(alerts))
  end,
}
