--- CSV as RFC 4180 has it: fields in quotes may hold commas, quotes (doubled) and line ends.
--
--     for row in csv.rows(input.lines(path, true)) do print(row.repo_name, row.stars) end
local problem = require "signalbox.problem"

local find, sub, match, gsub = string.find, string.sub, string.match, string.gsub

local M = {}

--- The fields of a record without any quote.
local function plain_fields(line)
  local fields, n, from = {}, 0, 1
  while true do
    local comma = find(line, ",", from, true)
    n = n + 1
    fields[n] = sub(line, from, (comma or 0) - 1)
    if not comma then return fields end
    from = comma + 1
  end
end

--- The end of the quoted field that begins at `from`; nil where it goes on in the next line.
local function closing_quote(line, from)
  while true do
    local quote = find(line, '"', from, true)
    if not quote then return nil end
    if sub(line, quote + 1, quote + 1) ~= '"' then return quote end
    from = quote + 2
  end
end

--- The fields of a record; nil where a quoted one is not closed yet.
local function fields_of(line)
  if not find(line, '"', 1, true) then return plain_fields(line) end
  local fields, n, from = {}, 0, 1
  while true do
    local field
    n = n + 1
    if sub(line, from, from) == '"' then
      local quote = closing_quote(line, from + 1)
      if not quote then return nil end
      field = gsub(sub(line, from + 1, quote - 1), '""', '"')
      from = quote + 1
      local behind = match(line, "^[^,]*", from)
      field, from = field .. behind, from + #behind
    else
      local comma = find(line, ",", from, true)
      field = sub(line, from, (comma or 0) - 1)
      from = comma or #line + 1
    end
    fields[n] = field
    if sub(line, from, from) ~= "," then return fields end
    from = from + 1
  end
end

local MAX_RECORD <const> = 1 << 20 -- a quote that is never closed must not swallow the file

--- Records as arrays of fields, from an iterator of lines with their ends.
---@param lines fun(): string|nil
---@return fun(): string[]|nil
function M.records(lines)
  return function()
    local line = lines()
    if not line then return nil end
    while true do
      local fields = fields_of((gsub(line, "\r?\n$", "")))
      if fields then return fields end
      local more = #line <= MAX_RECORD and lines()
      if not more then
        error(problem("invalid", "a quote in the CSV is never closed"), 0)
      end
      line = line .. more
    end
  end
end

--- Records as tables by the names in the first one.
---@param lines fun(): string|nil
---@return fun(): table<string, string>|nil rows
---@return string[] names none where there is not even a first one
function M.rows(lines)
  local records = M.records(lines)
  local names = records() or {}
  return function()
    local fields
    repeat
      fields = records()
      if not fields then return nil end
    until #fields > 1 or fields[1] ~= "" or #names == 1
    local row = {}
    for i = 1, #names do row[names[i]] = fields[i] end
    return row
  end, names
end

return M
