--- Any value as a text that a person reads, and mostly Lua as well.
--
--     inspect({ b = 2, a = { 1, 2 } })     -- { a = { 1, 2 }, b = 2 }
--
-- Tables are on one line where they fit, else indented; they are cut after `limit` items, and one
-- that is met again inside itself or beside is `<table 1>`. Where the whole is wanted, nothing is
-- cut, and what is met again beside is written again.
local layout <const> = require "signalbox.layout"
local new_problem <const> = require "signalbox.problem"

local LIMIT <const> = 50     -- items of one table
local DEPTH <const> = 8
local TEXT_LIMIT <const> = 2000 -- bytes of one text
local BUDGET <const> = 1000000  -- tables of one value
local KEYWORDS <const> = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while]]):gmatch "%a+" do
  KEYWORDS[word] = true
end

local ESCAPES <const> = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"',
  ["\\"] = "\\\\" }

local function quote(text, limit)
  local more = limit and #text - limit or 0
  if more > 0 then text = text:sub(1, limit) end
  local quoted = '"' .. text:gsub('[%c"\\\127]', function(c)
    return ESCAPES[c] or string.format("\\%03d", c:byte())
  end) .. '"'
  return more > 0 and string.format("%s… %d bytes more", quoted, more) or quoted
end

local function number_text(number)
  if number ~= number then return "0/0" end
  if number == math.huge then return "math.huge" end
  if number == -math.huge then return "-math.huge" end
  local text = layout.number(number)
  return math.type(number) == "float" and text:find "^-?%d+$" and text .. ".0" or text
end

local function key_text(key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" and not KEYWORDS[key] then return key end
  if type(key) == "string" then return "[" .. quote(key) .. "]" end
  return "[" .. (math.type(key) and number_text(key) or tostring(key)) .. "]"
end

--- Numbers, then texts, then the rest: each in its order.
local function before(a, b)
  local ranks <const> = { number = 1, string = 2 }
  local rank_a, rank_b = ranks[type(a)] or 3, ranks[type(b)] or 3
  if rank_a ~= rank_b then return rank_a < rank_b end
  if rank_a == 3 then return tostring(a) < tostring(b) end
  return a < b
end

--- The metatable's name where the value is one of the program's own kinds.
local function kind(value)
  local class = getmetatable(value)
  return type(class) == "table" and rawget(class, "__name") or nil
end

--- Whether what the table holds is shown: not of one that says itself what it is.
local function is_open(value)
  if type(value) ~= "table" then return false end
  local class = getmetatable(value)
  return not (type(class) == "table" and rawget(class, "__tostring")) or
    kind(value) == "signalbox.signal"
end

--- The keys of a table behind its array, sorted; of a signal those of what it stands for rather
--- than of how it keeps it.
local function keys_of(value, array_size)
  local hidden <const> = { raw_json = true, metadata_json = true }
  local is_signal = kind(value) == "signalbox.signal"
  local keys = {}
  local each = is_signal and pairs or function(t) return next, t end
  for key in each(value) do
    local in_array = math.type(key) == "integer" and key >= 1 and key <= array_size
    if not in_array and not (is_signal and hidden[key]) then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  return keys
end

--- Marks in `state.marked` the tables that are met inside themselves; where not the whole value is
--- wanted, also those that are met again beside.
local function mark(value, state, depth)
  if not is_open(value) or depth > state.depth then return end
  local met = state.met[value]
  if met then
    if met == "open" or not state.whole then state.marked[value] = true end
    return
  end
  state.met[value] = "open"
  for i = 1, math.min(rawlen(value), state.limit) do mark(rawget(value, i), state, depth + 1) end
  for _, key in ipairs(keys_of(value, rawlen(value))) do mark(value[key], state, depth + 1) end
  state.met[value] = "done"
end

local render

--- The items of a table as texts, `limit` of them at most.
local function items(value, state, depth)
  local list, size = {}, rawlen(value)
  local keys = keys_of(value, size)
  local count = size + #keys
  for i = 1, math.min(size, state.limit) do
    list[i] = render(rawget(value, i), state, depth + 1)
  end
  for _, key in ipairs(keys) do
    if #list >= state.limit then break end
    local item = value[key]
    list[#list + 1] = key_text(key) .. " = " .. render(item, state, depth + 1)
  end
  if count > #list then list[#list + 1] = string.format("… %d more", count - #list) end
  return list
end

--- The number of a marked table, as "<1>" where it stands and "<table 1>" where it is met again.
local function name_of(value, state)
  if not state.marked[value] then return "" end
  state.names = state.names + 1
  state.named[value] = state.names
  return string.format("<%d>", state.names)
end

local function render_table(value, state, depth)
  if state.named[value] then return string.format("<table %d>", state.named[value]) end
  if depth > state.depth then return "{ … }" end
  state.left = state.left - 1
  if state.left < 0 then
    error(new_problem("invalid", "the value repeats the same tables too often to be written"), 0)
  end
  local name = name_of(value, state)
  local list = items(value, state, depth)
  if #list == 0 then return name .. "{}" end
  local line = name .. "{ " .. table.concat(list, ", ") .. " }"
  if not line:find "\n" and layout.width(line) + 2 * depth <= state.width then return line end
  local indent = string.rep("  ", depth + 1)
  return name .. "{\n" .. indent .. table.concat(list, ",\n" .. indent) .. "\n" ..
    indent:sub(3) .. "}"
end

function render(value, state, depth)
  local kind_of = type(value)
  if kind_of == "string" then return quote(value, state.text_limit) end
  if kind_of == "number" then return number_text(value) end
  if kind_of ~= "table" then
    return kind_of == "userdata" and value == state.null and "null" or tostring(value)
  end
  if not is_open(value) then return tostring(value) end
  return render_table(value, state, depth)
end

--- `value` as text.
---@param value any
---@param options? { width?: integer, limit?: integer, whole?: boolean } `whole`: cut nowhere
---@return string
return function(value, options)
  options = options or {}
  local whole = options.whole
  local state = {
    width = options.width or 80, whole = whole,
    limit = whole and math.huge or options.limit or LIMIT,
    depth = whole and math.huge or DEPTH,
    text_limit = not whole and TEXT_LIMIT or nil,
    null = require("signalbox").null, met = {}, marked = {}, named = {}, names = 0, left = BUDGET,
  }
  mark(value, state, 0)
  return render(value, state, 0)
end
