-- Any web service that takes a POST.
--
--     { "webhook", url = "https://example.com/hook" }                        the notice as JSON
--     { "webhook", url = "https://ntfy.sh/deals", body = "{text}",           ntfy
--       headers = { Title = "{title}" } }
--     { "webhook", url = "https://events.pagerduty.com/v2/enqueue", each = true,
--       body = { routing_key = env "PAGERDUTY_KEY", event_action = "{action}", dedup_key = "{id}",
--                payload = { summary = "{title}", source = "deals", severity = "{severity}" } } }
--
-- A body is a text, a table that is sent as JSON, or a function of the notice that gives either.
-- With `each` a notice is of one alert, and has {name}, {severity}, {summary}, {value},
-- {labels.NAME}.
local signalbox <const> = require "signalbox"
local post <const> = require "signalbox.alert_post"
local text <const> = require "signalbox.alert_text"

--- What stands for {word} in a template.
local function words_of(notice)
  local words = {
    title = text.title(notice), text = text.body(notice), status = notice.status,
    action = notice.status == "firing" and "trigger" or "resolve", at = notice.at,
    count = tostring(#notice.alerts), notice = notice.id,
  }
  local alert = #notice.alerts == 1 and notice.alerts[1]
  if alert then
    words.name, words.severity, words.summary = alert.name, alert.severity, alert.summary
    words.value = tostring(alert.value or "∞")
    words.id = alert.name .. text.labels(alert.labels)
    for label, value in pairs(alert.labels) do words["labels." .. label] = value end
  end
  return words
end

--- The same value with the words put into its texts.
local function fill(template, words)
  if type(template) == "string" then return (template:gsub("{([%w_.]+)}", words)) end
  if type(template) ~= "table" then return template end
  local filled = {}
  for key, value in pairs(template) do filled[key] = fill(value, words) end
  return filled
end

local function request_of(options, notice)
  local body = options.body
  if type(body) == "function" then body = body(notice) end
  local words = words_of(notice)
  body = body == nil and notice or fill(body, words)
  local headers = fill(options.headers or {}, words)
  for name, value in pairs(headers) do headers[name] = tostring(value):gsub("%c+", " ") end
  headers["Idempotency-Key"] = headers["Idempotency-Key"] or notice.id
  local json = type(body) == "table"
  headers["Content-Type"] = headers["Content-Type"] or
    (json and "application/json" or "text/plain; charset=utf-8")
  return { url = options.url, method = options.method, timeout = options.timeout,
    headers = headers, body = json and signalbox.json.encode(body) or body }
end

return {
  about = "a POST to any address, as JSON or by a template",
  options = { url = "text", method = "text", headers = "table", body = "any" },
  defaults = { timeout = 20 },

  prepare = function(options) post.check(options.url, "url") end,

  send = function(options, notice) return post.send(request_of(options, notice)) end,
}
