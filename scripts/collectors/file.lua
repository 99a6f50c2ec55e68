--- Files of signals, from any source that can write one: a JSON object a line, one array of them,
--- or CSV whose columns are named.
local canonical_key = require "signalbox.canonical_key"
local collect_item = require "signalbox.collect_item"
local csv = require "signalbox.csv"
local input = require "signalbox.input"
local is_among = require "signalbox.is_among"
local signalbox = require "signalbox"

local RAW <const> = { raw = "raw_data" } -- its bytes are stored as they are in the line

-- What makes an item ---------------------------------------------------------------------------

--- raw_data as save_signal takes it: a string in the line is JSON text already.
local function raw_data_of(text)
  if text == "null" then return nil end
  if text and text:sub(1, 1) == '"' then return signalbox.json.decode(text) end
  return text
end

--- Nobody else knows who wrote a file.
local function take(context, item, text)
  if collect_item.present(item.source_api) == nil then
    return context:set_aside(text, "source_api is missing")
  end
  context:signal(item, text)
end

local function take_line(context, line)
  local item, reason = collect_item.object(line, RAW)
  if not item then return context:set_aside(line, reason) end
  item.raw_data = raw_data_of(item.raw_data)
  take(context, item, line)
end

-- Kinds of file --------------------------------------------------------------------------------

--- An array, or one object, is read whole.
local function take_document(context, path)
  local lines = {}
  for line in input.lines(path, true) do lines[#lines + 1] = line end
  local items, problem = signalbox.json.decode(table.concat(lines))
  if type(items) ~= "table" then
    context:fail("%s: %s", path, problem and tostring(problem) or "it is no array and no object")
  end
  for _, item in ipairs(collect_item.is_object(items) and { items } or items) do
    local text = collect_item.is_object(item) and collect_item.text(item)
    if text then
      take(context, item, text)
    else
      context:set_aside(signalbox.json.encode(item), "the item is no JSON object")
    end
  end
end

local FIELDS <const> = { "signal_type", "source_api", "canonical_key", "company_name", "confidence",
  "detected_at", "raw_data", "refs" }

--- "refs.github_org=owner" and the like, as { field =, within =, column = }.
local function read_map(context, words)
  local map = {}
  for i, word in ipairs(words) do
    local field, within, column = word:match "^([%w_]+)%.?([%w_]*)=(.+)$"
    if not field then context:fail("--map %s: it must be FIELD=COLUMN, or FIELD==TEXT", word) end
    if not is_among(FIELDS, field) then
      context:fail("--map %s: a signal has no '%s', but %s", word, field,
        table.concat(FIELDS, ", "))
    end
    if (within ~= "") ~= (field == "refs") then
      context:fail("--map %s: refs has parts (refs.github_org=COLUMN), and no other field", word)
    end
    if within ~= "" and not is_among(canonical_key.fields, within) then
      context:fail("--map %s: refs has no '%s', but %s", word, within,
        table.concat(canonical_key.fields, ", "))
    end
    map[i] = { field = field, within = within, column = column, constant = column:match "^=(.*)$" }
  end
  return map
end

--- The map of a table whose columns are called as the fields of a signal, as in an export.
local function own_map(columns)
  local map = {}
  for _, column in ipairs(columns) do
    local field, within = column:match "^([%w_]+)%.?([%w_]*)$"
    if field and is_among(FIELDS, field) and (within ~= "") == (field == "refs") then
      map[#map + 1] = { field = field, within = within, column = column }
    end
  end
  return map
end

--- What the table's columns mean: as the words say, else as the columns themselves do.
local function map_of(context, path, columns)
  local map = read_map(context, context.args.map)
  for _, rule in ipairs(map) do
    if not rule.constant and not is_among(columns, rule.column) then
      context:fail("%s has no column '%s': it has %s", path, rule.column,
        table.concat(columns, ", "))
    end
  end
  if #map == 0 then map = own_map(columns) end
  if #map > 0 then return map end
  context:fail("%s: say which of its columns (%s) is what: --map canonical_key=COLUMN ...", path,
    table.concat(columns, ", "))
end

--- A row's signal: the fields that are mapped; raw_data is the whole row, unless it is mapped too.
local function item_of(row, map)
  local item = { raw_data = row }
  for _, rule in ipairs(map) do
    local value = rule.constant or row[rule.column]
    if value == "" then value = nil end
    if rule.field == "refs" then
      item.refs = item.refs or {}
      item.refs[rule.within] = value
    elseif value then
      item[rule.field] = rule.field == "confidence" and tonumber(value) or value
    end
  end
  return item
end

local function take_table(context, path)
  local rows, columns = csv.rows(input.lines(path, true))
  if #columns == 0 then return end -- a feed that had nothing to say
  local map = map_of(context, path, columns)
  for row in rows do
    local item = item_of(row, map)
    take(context, item, signalbox.json.encode(item) or "a row that is no UTF-8")
  end
end

local function take_lines(context, path)
  for line in input.lines(path) do
    if line:find "%S" then take_line(context, line) end
  end
end

local KINDS <const> = { csv = take_table, json = take_document }

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
      read(context, path)
    end
  end,

  retry = function(context, line)
    take_line(context, line)
  end,
}
