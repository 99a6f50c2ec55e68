--- How what a rule file says is checked, and how a complaint reads. Part of the sandbox; see
-- rule_worker.lua.
local M <const> = {}

local error <const>, ipairs <const>, next <const>, pcall <const> = error, ipairs, next, pcall
local tonumber <const>, tostring <const>, type <const> = tonumber, tostring, type
local huge <const>, concat <const>, utf8_len <const> = math.huge, table.concat, utf8.len
local format <const>, find <const>, match <const> = string.format, string.find, string.match
local gsub <const>, sub <const> = string.gsub, string.sub

local MOST_LABELS <const> = 32
local LONGEST_LABEL <const> = 512
local UNITS <const> = { s = 1, m = 60, h = 3600, d = 86400, w = 604800 }

--- Raises; `line_of` adds the place.
local function fail(form, ...)
  error({ words = format(form, ...) }, 0)
end

--- What went wrong, as one line with its place.
local function line_of(problem, place)
  local text
  if type(problem) == "table" and problem.words then
    text = problem.words
    if place ~= "" then text = place .. ": " .. text end
  elseif problem == "not enough memory" then
    text = (place ~= "" and place .. ": " or "") .. "it needs more memory than a rule file may have"
  elseif type(problem) == "string" then
    text = problem
  else
    local ok, shown = pcall(tostring, problem)
    text = (place ~= "" and place .. ": " or "") ..
      (ok and type(shown) == "string" and shown or "an error without words")
  end
  text = sub(gsub(text, "[%c]+", " "), 1, 400)
  return utf8_len(text) and text or "an error whose text is not UTF-8"
end

local function sound_text(value, what, longest)
  if type(value) ~= "string" then fail("%s is a %s, and must be a text", what, type(value)) end
  if #value > longest then fail("%s is longer than %d bytes", what, longest) end
  if not utf8_len(value) or find(value, "\0", 1, true) then fail("%s is not plain UTF-8", what) end
  return value
end

--- Seconds from a number, or from 2s, 10m, 1h30m, 7d.
local function seconds(span, what)
  what = what or "the time span"
  if type(span) == "number" and span >= 0 and span < huge then return span end
  local total, rest = 0, type(span) == "string" and span or "?"
  if match(rest, "^%d+%.?%d*$") then return tonumber(rest) end
  repeat
    local number, unit, behind = match(rest, "^(%d+%.?%d*)([smhdw])(.*)$")
    if not number then
      fail("%s is '%s', and must be seconds or such as 2s, 10m, 1h, 7d", what, tostring(span))
    end
    total, rest = total + tonumber(number) * UNITS[unit], behind
  until rest == ""
  return total
end

local function choice(value, what, choices)
  for _, one in ipairs(choices) do
    if value == one then return value end
  end
  fail("%s is '%s', and must be one of %s", what, tostring(value), concat(choices, ", "))
end

local function sound_labels(labels, what)
  if labels == nil then return {} end
  if type(labels) ~= "table" then fail("%s is a %s, and must be a table", what, type(labels)) end
  local sound, count = {}, 0
  for name, value in next, labels do
    if type(name) ~= "string" or not match(name, "^[%a_][%w_]*$") or #name > 100 then
      fail("%s has the name '%s'; a name is letters, digits and _", what, tostring(name))
    end
    if type(value) == "number" or type(value) == "boolean" then value = tostring(value) end
    sound[name] = sound_text(value, what .. "." .. name, LONGEST_LABEL)
    count = count + 1
    if count > MOST_LABELS then fail("%s has more than %d names", what, MOST_LABELS) end
  end
  return sound
end

--- A name or a list of names.
local function sound_names(value, what)
  if value == nil then return nil end
  if type(value) == "string" then value = { value } end
  if type(value) ~= "table" then fail("%s must be an alert's name, or a list of them", what) end
  local names = {}
  for i, name in ipairs(value) do names[i] = sound_text(name, what, LONGEST_LABEL) end
  return names
end

M.fail, M.line_of, M.text, M.seconds = fail, line_of, sound_text, seconds
M.choice, M.labels, M.names = choice, sound_labels, sound_names

return M
