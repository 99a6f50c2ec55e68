--- Who is told of alerts, and how: the configuration's `alerts`, and scripts/notifiers.
--
--     alerts = {
--       repeat_interval = "4h",
--       notify = {
--         { "slack" },                                       -- scripts/notifiers/slack.lua
--         { "smtp", url = "smtp://mail.example.com", from = "...", to = "...",
--           match = { severity = "critical" } },
--       },
--     }
--
-- Without `notify` it is Slack where SLACK_WEBHOOK_URL is set, else lines on stderr. A notifier's
-- file returns
--
--     about =, defaults =?           of the settings that every receiver has
--     options =?                     the settings that are its own, each with its kind
--     blocks =?, pause =?            nothing else runs while it sends; seconds between two notices
--     keeps_alive =?                 one that fires is to be repeated, whatever people do about it
--     prepare = function(options)
--     send = function(options, notice)    see alert_delivery
--
-- or in place of `send` has `beat`, which hears of each check.
local cli <const> = require "signalbox.cli"
local alert_settings <const> = require "signalbox.alert_settings"
local config <const> = require "signalbox.config"
local host <const> = require "signalbox.host"
local match <const> = require "signalbox.alert_match"
local span <const> = require "signalbox.span"

local M = {}

-- What holds where neither the receiver, nor its notifier, nor the configuration says other.
-- `timeout` is how long one notice may take.
local DEFAULTS <const> = {
  group_by = { "alertname" }, group_wait = 0, group_interval = 0, repeat_interval = "4h",
  resolved = true, timeout = 30,
}
local SPANS <const> = { "group_wait", "group_interval", "repeat_interval", "timeout" }

--- The first that is not nil.
local function first(...)
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if value ~= nil then return value end
  end
end

local function load_notifier(kind)
  kind = tostring(kind)
  local names = cli.names "notifiers"
  if not (" " .. table.concat(names, " ") .. " "):find(" " .. kind .. " ", 1, true) then
    cli.fail(string.format("there is no notifier '%s'", kind),
      "there are: " .. table.concat(names, ", "))
  end
  return cli.check(host.load("notifiers/" .. kind))()
end

--- One receiver, complete.
local function receiver_of(options, settings)
  local kind = options[1]
  local notifier = load_notifier(kind)
  local defaults = notifier.defaults or {}
  local receiver = { kind = kind, name = options.name or kind, notifier = notifier,
    options = options, each = options.each, keeps_alive = notifier.keeps_alive }
  alert_settings.check_receiver(tostring(receiver.name), options, notifier)
  for field, default in pairs(DEFAULTS) do
    receiver[field] = first(options[field], defaults[field], settings[field], default)
  end
  for _, field in ipairs(SPANS) do receiver[field] = span(receiver[field]) end
  options.timeout = receiver.timeout
  local ok, problem = pcall(function()
    receiver.match = match.from_table(options.match)
    if notifier.prepare then notifier.prepare(options) end
  end)
  if not ok then
    local text = type(problem) == "table" and problem.message or tostring(problem)
    cli.fail(string.format("notifier '%s': %s", receiver.name, text))
  end
  return receiver
end

--- All receivers; two of a kind need names of their own.
---@return table[]
function M.list()
  local settings = alert_settings.get()
  local wanted = settings.notify or
    { { config.get "slack.webhook_url" and "slack" or "log" } }
  local list, seen = {}, {}
  for i, options in ipairs(wanted) do
    if type(options) == "string" then options = { options } end
    if type(options) ~= "table" then
      cli.fail(string.format("alerts.notify: item %d is no { \"NOTIFIER\", ... }", i))
    end
    list[i] = receiver_of(options, settings)
    if seen[list[i].name] then
      cli.fail(string.format("alerts: two receivers are called '%s'", list[i].name),
        "give one of them another `name`")
    end
    seen[list[i].name] = true
  end
  return list
end

--- The configuration's inhibitions, their matchers read.
function M.inhibitions()
  local list = {}
  for i, one in ipairs(alert_settings.get().inhibit or {}) do
    local ok, problem = pcall(function()
      list[i] = { source = match.from_table(one.source), target = match.from_table(one.target),
        equal = one.equal }
    end)
    if not ok then cli.fail(string.format("alerts.inhibit: item %d: %s", i, problem)) end
  end
  return list
end

return M
