--- Files of signals, from any source that can write one: a JSON object a line, one array of them,
--- or CSV whose columns are named.
local csv = require "signalbox.csv"
local input = require "signalbox.input"
local signalbox = require "signalbox"

local RAW <const> = { raw = "raw_data" } -- its bytes are stored as they are in the line

-- What makes an item ---------------------------------------------------------------------------

--- raw_data as save_signal takes it: a string in the line is JSON text already.
local function raw_data_of(text)
  if text == "null" then return nil end
  if text and text:sub(1, 1) == '"' then return signalbox.json.decode(text) end
  return text
end

--- The line's signal, or nil and what it is instead.
local function parse(line)
  local item, problem = signalbox.json.decode(line, RAW)
  if item == nil and problem then return nil, problem end
  if type(item) ~= "table" or getmetatable(item) then return nil, "the line is no JSON object" end
  item.raw_data = raw_data_of(item.raw_data)
  return item
end

local function take(context, item, text, detected_at)
  if item.source_api == nil then return context:set_aside(text, "source_api is missing") end
  if item.detected_at == nil then item.detected_at = detected_at() end
  context:signal(item, text)
end

local function take_line(context, line, detected_at)
  local item, problem = parse(line)
  if not item then return context:set_aside(line, problem) end
  take(context, item, line, detected_at)
end

--- An item without a time was noticed when its file was written: a second reading of the file then
--- finds the same signals. Asked for at the first such item.
local function time_of(path)
  local time
  return function()
    time = time or input.modified(path) or signalbox.time(signalbox.now())
    return time
  end
end

-- Kinds of file --------------------------------------------------------------------------------

--- An array is read whole.
local function take_array(context, path, detected_at)
  local lines = {}
  for line in input.lines(path, true) do lines[#lines + 1] = line end
  local items, problem = signalbox.json.decode(table.concat(lines))
  if type(items) ~= "table" then
    context:fail("%s: %s", path, problem and tostring(problem) or "it is no array")
  end
  for _, item in ipairs(items) do
    local text = signalbox.json.encode(item)
    if type(item) == "table" and not getmetatable(item) then
      take(context, item, text, detected_at)
    else
      context:set_aside(text, "the item is no JSON object")
    end
  end
end

--- "refs.github_org=owner" and the like, as { {"refs", "github_org"}, "owner" }.
local function read_map(context, words)
  local map = {}
  for i, word in ipairs(words) do
    local field, column = word:match "^([%w_.]+)=(.+)$"
    if not field then context:fail("--map %s: it must be FIELD=COLUMN, or FIELD==TEXT", word) end
    local parts = {}
    for part in field:gmatch "[^.]+" do parts[#parts + 1] = part end
    map[i] = { parts = parts, column = column, constant = column:match "^=(.*)$" }
  end
  return map
end

--- A row's signal: the fields that are mapped; raw_data is the whole row.
local function item_of(row, map)
  local item = { raw_data = row }
  for _, rule in ipairs(map) do
    local value = rule.constant or row[rule.column]
    local target, last = item, rule.parts[#rule.parts]
    for i = 1, #rule.parts - 1 do
      target[rule.parts[i]] = target[rule.parts[i]] or {}
      target = target[rule.parts[i]]
    end
    if value ~= "" then target[last] = last == "confidence" and tonumber(value) or value end
  end
  return item
end

local function take_table(context, path, detected_at)
  local map = read_map(context, context.args.map)
  if #map == 0 then
    context:fail("%s: say what its columns are: --map canonical_key=COLUMN ...", path)
  end
  for row in csv.rows(input.lines(path, true)) do
    local item = item_of(row, map)
    take(context, item, signalbox.json.encode(item) or "a row that is no UTF-8", detected_at)
  end
end

local function take_lines(context, path, detected_at)
  for line in input.lines(path) do
    if line:find "%S" then take_line(context, line, detected_at) end
  end
end

local KINDS <const> = { csv = take_table, json = take_array }

return {
  about = "signals from files: JSON lines, a JSON array, CSV (also .gz; - is standard input)",
  manual = true,

  arguments = function(parser)
    parser:argument("path", "lines of JSON objects; an array in .json; a table in .csv"):args "*"
    parser:option("--map", "of a CSV: FIELD=COLUMN or FIELD==TEXT, as often as needed")
      :argname("<field=column>"):count "*"
  end,

  collect = function(context)
    if #context.args.path == 0 then context:fail("name a file, or - for standard input") end
    for _, path in ipairs(context.args.path) do
      local ok, problem = input.check(path)
      if not ok then context:fail(problem) end
    end
    for _, path in ipairs(context.args.path) do
      local kind = path:gsub("%.gz$", ""):match "%.(%w+)$"
      local read = KINDS[kind] or take_lines
      read(context, path, time_of(path))
    end
  end,

  retry = function(context, line)
    take_line(context, line, time_of "-")
  end,
}
