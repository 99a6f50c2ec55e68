--- What comes out of the sandbox, checked: a stranger's code has run there. Each function gives a
-- sound value of its kind, or what stands for one.
local limits <const> = require "signalbox.rule_limits"

local M = {}

function M.text(value)
  return type(value) == "string" and #value <= limits.LONGEST_TEXT and value or nil
end

function M.number(value)
  return type(value) == "number" and value == value and math.abs(value) < math.huge and value or nil
end

function M.span(value)
  value = M.number(value)
  return value and value >= 0 and value or nil
end

function M.labels(value)
  local sound = {}
  for name, label in pairs(type(value) == "table" and value or {}) do
    local plain = type(name) == "string" and name:find "^[%a_][%w_]*$"
    if plain and M.text(label) then sound[name] = label end
  end
  return sound
end

function M.names(value)
  local sound = {}
  for _, name in ipairs(type(value) == "table" and value or {}) do
    sound[#sound + 1] = M.text(name)
  end
  return sound
end

--- At most `room` instances of a rule.
function M.instances(value, rule, room)
  local sound = {}
  for i, raw in ipairs(type(value) == "table" and value or {}) do
    if i > room or type(raw) ~= "table" then break end
    sound[i] = { labels = M.labels(raw.labels), value = M.number(raw.value),
      summary = M.text(raw.summary) or rule.name,
      description = M.text(raw.description), runbook = M.text(raw.runbook) }
  end
  return sound
end

--- A rule as its file declares it; nil where it has no name.
function M.rule(raw, file)
  if type(raw) ~= "table" or not M.text(raw.name) then return nil end
  local window = type(raw.n_of_m) == "table" and raw.n_of_m or {}
  local n, m = math.tointeger(window[1]), math.tointeger(window[2])
  return {
    name = raw.name, place = M.text(raw.place) or file.label, file = file.label,
    for_ = M.span(raw.for_) or 0, keep_firing_for = M.span(raw.keep_firing_for),
    n_of_m = n and m and m <= 60 and { n, m } or nil,
    no_data = M.text(raw.no_data) or "ok", severity = M.text(raw.severity) or "warning",
    has_resolve_when = raw.has_resolve_when == true, labels = M.labels(raw.labels),
    inhibits = M.names(raw.inhibits), depends_on = M.names(raw.depends_on),
    summary = M.text(raw.summary) or raw.name, results = {},
  }
end

return M
