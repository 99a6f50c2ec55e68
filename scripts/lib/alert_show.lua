--- How alerts are shown to whoever asks: as JSON, as a table, as a line for Nagios.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"
local alert_book <const> = require "signalbox.alert_book"
local alert_text <const> = require "signalbox.alert_text"

local M = {}

local function iso(at)
  return at and signalbox.iso(at) or nil
end

local function as_json(instance)
  return {
    name = instance.name, state = instance.state, severity = instance.severity or "warning",
    labels = instance.labels, summary = instance.summary or instance.name,
    value = instance.value or signalbox.null,
    active_at = iso(instance.active_at), fired_at = iso(instance.fired_at),
    resolved_at = iso(instance.resolved_at), silenced = instance.silenced ~= nil,
    inhibited = instance.held_by ~= nil, held_by = instance.held_by,
    acknowledged = instance.acked ~= nil, flapping = instance.flapping == true,
  }
end

function M.json_list(instances)
  local list = {}
  for i, instance in ipairs(instances) do list[i] = as_json(instance) end
  return signalbox.array(list)
end

local function remarks(instance)
  local words = {}
  if instance.silenced then words[#words + 1] = "silenced" end
  if instance.held_by then words[#words + 1] = "held back by " .. instance.held_by end
  if instance.acked then words[#words + 1] = "acknowledged" end
  if instance.flapping then words[#words + 1] = "flapping" end
  return #words > 0 and " (" .. table.concat(words, ", ") .. ")" or ""
end

--- A table of instances.
function M.alerts(instances, now)
  local rows = {}
  for i, instance in ipairs(instances) do
    local since = instance.state == "pending" and instance.active_at or
      instance.state == "firing" and instance.fired_at or instance.resolved_at
    rows[i] = { state = instance.state, severity = instance.severity,
      alert = instance.name .. alert_text.labels(instance.labels),
      since = cli.span(math.max(0, now - since)),
      summary = (instance.summary or "") .. remarks(instance) }
  end
  cli.table(rows, { "state", "severity", "alert", { "since", align = "right" }, "summary" })
end

--- Nagios' convention: a line with figures behind a bar, and 0 to 3, which is returned.
function M.nagios(result)
  local worst, names = 0, {}
  for _, instance in ipairs(result.alerts) do
    if instance.state == "firing" then
      local rank = instance.severity == "critical" and 2 or 1
      if instance.name == alert_book.FAILED then rank = 0.5 end
      worst = math.max(worst, rank)
      names[#names + 1] = instance.name .. alert_text.labels(instance.labels)
    end
  end
  local word = worst == 2 and "CRITICAL" or worst == 1 and "WARNING" or
    worst > 0 and "UNKNOWN" or "OK"
  local about = #names > 0 and table.concat(names, ", ") or
    cli.plural(result.rules, "rule") .. ", nothing fires"
  about = about:gsub("|", "/")
  print(string.format("SIGNALBOX %s - %s | firing=%d;0 pending=%d", word, about, result.firing,
    result.pending))
  return ({ OK = 0, WARNING = 1, CRITICAL = 2, UNKNOWN = 3 })[word]
end

--- What a check did, in one line.
function M.summary(result)
  local words = { string.format("%s: %d firing, %d pending", cli.plural(result.rules, "rule"),
    result.firing, result.pending) }
  for _, outcome in ipairs { "sent", "waiting", "refused" } do
    local count = result[outcome]
    if count > 0 then words[#words + 1] = cli.plural(count, "notice") .. " " .. outcome end
  end
  return table.concat(words, ", ")
end

return M
