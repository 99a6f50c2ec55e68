--- `alert`: how a rule is declared. Part of the sandbox; see rule_worker.lua.
local env <const>, words <const> = ...

local next <const>, pcall <const> = next, pcall
local select <const>, tonumber <const>, tostring <const>, type <const> =
  select, tonumber, tostring, type
local math_type <const>, concat <const>, sort <const> = math.type, table.concat, table.sort
local find <const>, match <const> = string.find, string.match
local check <const>, tools <const>, limits <const> = words.check, words.tools, words.limits
local fail <const> = check.fail

local function text_or_function(value, what)
  if value == nil or type(value) == "function" then return value end
  return check.text(value, what, limits.LONGEST_TEXT)
end

--- N of M: {3, 5} or "3/5".
local function sound_window(value)
  if value == nil then return nil end
  local n, m
  if type(value) == "table" then
    n, m = value[1], value[2]
  elseif type(value) == "string" then
    n, m = match(value, "^(%d+)/(%d+)$")
    n, m = tonumber(n), tonumber(m)
  end
  if math_type(n) ~= "integer" or math_type(m) ~= "integer" or n < 1 or m < n or m > 60 then
    fail("n_of_m is {N, M} or 'N/M', with N from 1 to M and M at most 60")
  end
  return { n, m }
end

-- Each field of an alert: its value checked, in the form that the life cycle takes.
local FIELDS <const> = {
  when = function(value)
    if type(value) ~= "function" then
      fail("when is a %s, and must be a function", value == nil and "missing field" or type(value))
    end
    return value
  end,
  for_ = function(value) return value and check.seconds(value, "for_") end,
  keep_firing_for = function(value) return value and check.seconds(value, "keep_firing_for") end,
  resolve_when = function(value)
    if value ~= nil and type(value) ~= "function" then fail("resolve_when must be a function") end
    return value
  end,
  n_of_m = sound_window,
  no_data = function(value)
    return check.choice(value or "ok", "no_data", { "ok", "keep", "alert" })
  end,
  severity = function(value)
    return check.text(value == nil and "warning" or value, "severity", 50)
  end,
  summary = function(value) return text_or_function(value, "summary") end,
  description = function(value) return text_or_function(value, "description") end,
  runbook = function(value) return text_or_function(value, "runbook") end,
  labels = function(value) return check.labels(value, "labels") end,
  inhibits = function(value) return check.names(value, "inhibits") end,
  depends_on = function(value) return check.names(value, "depends_on") end,
}

local function read_alert(name, spec)
  if type(spec) ~= "table" then fail("alert '%s' has no table of fields", name) end
  for field in next, spec do
    if not FIELDS[field] then
      local known = {}
      for one in next, FIELDS do known[#known + 1] = one end
      sort(known)
      fail("there is no field '%s' in an alert; there are %s", tostring(field), concat(known, ", "))
    end
  end
  local rule = { name = name }
  for field, read in next, FIELDS do rule[field] = read(spec[field]) end
  rule.for_ = rule.for_ or 0
  return rule
end

--- alert(name, fields), or alert(name) { fields }.
function env.alert(...)
  local place = tools.place()
  local name, spec = ...
  if select("#", ...) == 1 then
    return function(fields) return env.alert(name, fields) end
  end
  local ok, rule = pcall(function()
    check.text(name, "the name of an alert", limits.LONGEST_NAME)
    if name == "" or find(name, "%c") then fail "the name of an alert is a line of text" end
    if name == "RuleFailed" then fail "the name RuleFailed is taken" end
    local other = words.places[name]
    if other then fail("there are two alerts '%s' (the other at %s)", name, other) end
    if #words.declared >= limits.MOST_RULES then
      fail("there are more than %d alerts", limits.MOST_RULES)
    end
    return read_alert(name, spec)
  end)
  if ok then
    rule.place, words.places[name] = place, place
    words.declared[#words.declared + 1] = rule
  else
    words.problems[#words.problems + 1] = {
      rule = pcall(check.text, name, "", limits.LONGEST_NAME) and name or nil,
      problem = check.line_of(rule, place),
    }
  end
end
