--- Which alerts are meant: matchers, silences, inhibition. Pure, but for a line in the log.
--
-- A matcher is {label, operator, value}; beside an alert's own labels there are `alertname` and
-- `severity`. Operators: = and !=, and =~ and !~ for a Lua pattern that fits the whole value.
local log <const> = require "signalbox.log"
local lua_pattern <const> = require "signalbox.lua_pattern"

local M = {}

local complained <const> = {} -- patterns that the log was told of

--- Whether a pattern fits; nil where it can't be said: sound ones can be too complex for Lua, and a
-- silence may have been stored by a program that looked less closely.
local function pattern_fits(value, pattern)
  local ok, found = pcall(string.find, value, "^" .. pattern .. "$")
  if ok then return found ~= nil end
  if not complained[pattern] then
    complained[pattern] = true
    log.warning("a matcher fits nothing, for its pattern can't be used",
      { pattern = pattern, error = found })
  end
  return nil
end

local TESTS <const> = {
  ["="] = function(value, wanted) return value == wanted end,
  ["!="] = function(value, wanted) return value ~= wanted end,
  ["=~"] = function(value, pattern) return pattern_fits(value, pattern) == true end,
  ["!~"] = function(value, pattern) return pattern_fits(value, pattern) == false end,
}

--- A matcher, or nil and what is wrong with it.
local function checked(label, operator, value)
  local problem = operator:find "~" and lua_pattern.problem(value)
  if problem then
    return nil, string.format("'%s' is no Lua pattern: %s", value, problem)
  end
  return { label, operator, value }
end

--- A matcher from "label=value" and the like; a word alone is an alert's name.
---@param word string
---@return table|nil
---@return string? problem
function M.parse(word)
  local label, operator, value = word:match "^([%a_][%w_]*)([=!][=~]?)(.*)$"
  if not label then return { "alertname", "=", word } end
  if not TESTS[operator] then
    return nil, string.format("'%s': between label and value stands =, !=, =~ or !~", word)
  end
  return checked(label, operator, value)
end

--- How `parse` would read it.
function M.show(matcher)
  if matcher[1] == "alertname" and matcher[2] == "=" then return matcher[3] end
  return matcher[1] .. matcher[2] .. matcher[3]
end

--- The value of a label, of alertname and severity too; "" where there is none.
function M.label(alert, name)
  if name == "alertname" then return alert.name end
  if name == "severity" then return alert.severity or "" end
  return alert.labels[name] or ""
end

--- Whether all matchers fit.
function M.fits(matchers, alert)
  for _, matcher in ipairs(matchers) do
    if not TESTS[matcher[2]](M.label(alert, matcher[1]), matcher[3]) then return false end
  end
  return true
end

--- Matchers from a configuration's table: { severity = "critical", team = { "=~", "a.*" } }.
function M.from_table(given)
  local matchers = {}
  for label, value in pairs(given or {}) do
    local operator, wanted = "=", value
    if type(value) == "table" then operator, wanted = value[1], value[2] end
    if not TESTS[operator] or type(wanted) ~= "string" then
      error(string.format("a matcher of '%s' is a text, or {operator, text}", label), 0)
    end
    local matcher, problem = checked(tostring(label), operator, wanted)
    if not matcher then error(string.format("a matcher of '%s': %s", label, problem), 0) end
    matchers[#matchers + 1] = matcher
  end
  table.sort(matchers, function(a, b) return a[1] < b[1] end)
  return matchers
end

--- The silence that holds an alert's notices back at `now`, or nil.
function M.silence_of(silences, alert, now)
  for _, silence in ipairs(silences) do
    if silence.starts_at <= now and now < silence.ends_at and M.fits(silence.matchers, alert) then
      return silence
    end
  end
  return nil
end

-- Inhibition -----------------------------------------------------------------------------------

local function equal_labels(labels, a, b)
  for _, label in ipairs(labels or {}) do
    if M.label(a, label) ~= M.label(b, label) then return false end
  end
  return true
end

--- Whether an inhibition, whose target `alert` fits and whose source `other`, holds it back. What
-- fits both sides isn't held back by another that does, or all of them would be silent (as in the
-- Alertmanager).
local function applies(inhibition, alert, other)
  return equal_labels(inhibition.equal, other, alert) and
    not (M.fits(inhibition.source, alert) and M.fits(inhibition.target, other))
end

--- By name of an alert, the firing ones whose rules inhibit it or that its own rule depends on.
local function explanations(firing, rules)
  local by_name, of = {}, {}
  local function add(map, name, alert)
    map[name] = map[name] or {}
    table.insert(map[name], alert)
  end
  for _, alert in ipairs(firing) do
    add(by_name, alert.name, alert)
    for _, name in ipairs((rules[alert.name] or {}).inhibits or {}) do add(of, name, alert) end
  end
  for name, rule in pairs(rules) do
    for _, cause in ipairs(rule.depends_on or {}) do
      for _, alert in ipairs(by_name[cause] or {}) do add(of, name, alert) end
    end
  end
  return of
end

--- For each inhibition the firing alerts that fit its source.
local function sources_of(firing, inhibitions)
  local sources = {}
  for i, inhibition in ipairs(inhibitions) do
    sources[i] = {}
    for _, alert in ipairs(firing) do
      if M.fits(inhibition.source, alert) then table.insert(sources[i], alert) end
    end
  end
  return sources
end

--- Which of `list` are held back, each with the firing alert that is told of in its place; that one
-- is never held back itself, so that of alerts that explain each other one is heard. `rules` (by
-- name) have their `inhibits` and `depends_on`; `inhibitions` are the configuration's {source=,
-- target=, equal=}.
---@return table<table, table>
function M.held_back(list, rules, inhibitions)
  local held, firing = {}, {}
  for _, alert in ipairs(list) do
    if alert.state == "firing" then firing[#firing + 1] = alert end
  end
  local explained, sources = explanations(firing, rules), sources_of(firing, inhibitions)
  local function inhibitor_of(alert)
    for _, other in ipairs(explained[alert.name] or {}) do
      if other ~= alert and not held[other] then return other end
    end
    for i, inhibition in ipairs(inhibitions) do
      for _, other in ipairs(M.fits(inhibition.target, alert) and sources[i] or {}) do
        if other ~= alert and not held[other] and applies(inhibition, alert, other) then
          return other
        end
      end
    end
  end
  for _, alert in ipairs(list) do held[alert] = inhibitor_of(alert) end
  repeat -- whose inhibitor turned out to be held back looks for another, or is heard for good
    local changed = false
    for _, alert in ipairs(list) do
      if held[held[alert]] then held[alert], changed = inhibitor_of(alert), true end
    end
  until not changed
  return held
end

return M
