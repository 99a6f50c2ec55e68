--- Which alerts are meant: matchers, silences, inhibition. Pure.
--
-- A matcher is {label, operator, value}; beside an alert's own labels there are `alertname` and
-- `severity`. Operators: = and !=, and =~ and !~ for a Lua pattern that fits the whole value.
local M = {}

local TESTS <const> = {
  ["="] = function(value, wanted) return value == wanted end,
  ["!="] = function(value, wanted) return value ~= wanted end,
  ["=~"] = function(value, pattern) return value:find("^" .. pattern .. "$") ~= nil end,
  ["!~"] = function(value, pattern) return value:find("^" .. pattern .. "$") == nil end,
}

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
  if operator:find "~" and not pcall(string.find, "", "^" .. value .. "$") then
    return nil, string.format("'%s' is no Lua pattern", value)
  end
  return { label, operator, value }
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
    matchers[#matchers + 1] = { label, operator, wanted }
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

local function has(names, name)
  for _, one in ipairs(names or {}) do
    if one == name then return true end
  end
  return false
end

local function equal_labels(labels, a, b)
  for _, label in ipairs(labels or {}) do
    if M.label(a, label) ~= M.label(b, label) then return false end
  end
  return true
end

--- The firing alert that makes notices of `alert` pointless, or nil. `rules` (by name) have their
-- `inhibits` and `depends_on`; `inhibitions` are the configuration's {source=, target=, equal=}.
function M.inhibitor_of(alert, firing, rules, inhibitions)
  local own = rules[alert.name] or {}
  for _, other in ipairs(firing) do
    local same = other.name == alert.name and other.key == alert.key
    local theirs = rules[other.name] or {}
    if not same and (has(theirs.inhibits, alert.name) or has(own.depends_on, other.name)) then
      return other
    end
    for _, inhibition in ipairs(same and {} or inhibitions) do
      if M.fits(inhibition.source, other) and M.fits(inhibition.target, alert) and
        equal_labels(inhibition.equal, other, alert) then
        return other
      end
    end
  end
  return nil
end

return M
