--- How what a rule file says is checked, and how a complaint reads. Part of the sandbox; see
-- rule_worker.lua.
local words <const> = ...
local M <const> = {}

local error <const>, ipairs <const>, next <const>, pcall <const> = error, ipairs, next, pcall
local tostring <const>, type <const> = tostring, type
local concat <const>, utf8_len <const> = table.concat, utf8.len
local format <const>, find <const>, match <const> = string.format, string.find, string.match
local gsub <const>, sub <const> = string.gsub, string.sub

local limits <const>, place <const> = words.limits, words.tools.place
local parse_span <const> = words.tools.load_embedded "lib/span" ()

-- What an alert has beside its labels, and would have twice in a metric.
local RESERVED <const> = { alertname = true, alertstate = true, severity = true }

--- Raises, with the place in the rule file that is being run, if one is.
local function fail(form, ...)
  error({ words = format(form, ...), place = place() }, 0)
end

--- What went wrong, as one line with its place.
local function line_of(problem, elsewhere)
  local text
  local at = elsewhere ~= "" and elsewhere .. ": " or ""
  if type(problem) == "table" and type(problem.words) == "string" then
    local own = type(problem.place) == "string" and problem.place or ""
    text = (own ~= "" and own .. ": " or at) .. problem.words
  elseif problem == "not enough memory" then
    text = at .. "it needs more memory than a rule file may have"
  elseif type(problem) == "string" then
    text = find(problem, "^[^:]+:%d+: ") and problem or at .. problem
  else
    local ok, shown = pcall(tostring, problem)
    text = at .. (ok and type(shown) == "string" and shown or "an error without words")
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

--- Cuts a text that is too long, between two letters.
local function cut(text)
  local last = limits.LONGEST_TEXT
  if #text <= last then return text end
  while find(sub(text, last + 1, last + 1), "[\128-\191]") do last = last - 1 end
  return sub(text, 1, last)
end

--- Seconds from a number, or from 2s, 10m, 1h30m, 7d.
local function seconds(span, what)
  local number = parse_span(span)
  if number then return number end
  fail("%s is '%s', and must be seconds or such as 2s, 10m, 1h, 7d", what or "the time span",
    tostring(span))
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
    if type(name) ~= "string" or not match(name, "^[%a_][%w_]*$") or
      #name > limits.LONGEST_NAME then
      fail("%s has the name '%s'; a name is letters, digits and _", what, tostring(name))
    end
    if RESERVED[name] then fail("%s has the name '%s', which every alert has", what, name) end
    if type(value) == "number" or type(value) == "boolean" then value = tostring(value) end
    sound[name] = sound_text(value, what .. "." .. name, limits.LONGEST_LABEL)
    count = count + 1
    if count > limits.MOST_LABELS then
      fail("%s has more than %d names", what, limits.MOST_LABELS)
    end
  end
  return sound
end

--- A name or a list of names.
local function sound_names(value, what)
  if value == nil then return nil end
  if type(value) == "string" then value = { value } end
  if type(value) ~= "table" then fail("%s must be an alert's name, or a list of them", what) end
  local names = {}
  for i, name in ipairs(value) do names[i] = sound_text(name, what, limits.LONGEST_LABEL) end
  return names
end

M.fail, M.line_of, M.text, M.cut, M.seconds = fail, line_of, sound_text, cut, seconds
M.choice, M.labels, M.names = choice, sound_labels, sound_names

return M
