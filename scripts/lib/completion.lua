--- What Tab completes at the prompt: names that are there, without running any code to find out.
--
--     local insert, show = completion.complete("store:get_st", { columns = {...}, dots = {...} })
local layout <const> = require "signalbox.layout"

local M = {}

local KEYWORDS <const> = { "and", "break", "do", "else", "elseif", "end", "false", "for",
  "function", "goto", "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true",
  "until", "while" }

--- Fields that a signal has although they are decoded only when they are read.
local LAZY <const> = { ["signalbox.signal"] = { "raw_data", "metadata" } }

--- Calls `add` with each name that `value` has, its own first, then its class's.
local function each_name(value, add)
  for _ = 1, 8 do
    if type(value) == "table" then
      for name in next, value do
        if type(name) == "string" then add(name, value) end
      end
    end
    local class = type(value) == "string" and { __index = string } or
      debug.getmetatable(value)
    if type(class) ~= "table" then return end
    for _, name in ipairs(LAZY[rawget(class, "__name")] or {}) do add(name) end
    local index = rawget(class, "__index")
    if type(index) ~= "table" then return end
    value = index
  end
end

--- The field of a value, found without calling anything.
local function raw_field(value, name)
  for _ = 1, 8 do
    if type(value) == "table" then
      local field = rawget(value, name)
      if field ~= nil then return field end
    end
    local class = type(value) == "string" and { __index = string } or debug.getmetatable(value)
    local index = type(class) == "table" and rawget(class, "__index")
    if type(index) ~= "table" then return nil end
    value = index
  end
end

--- What `a.b[1].c` is, or nil.
local function resolve(path)
  local value = _G
  for name, key in path:gmatch "([%a_][%w_]*)%[?(%d*)%]?" do
    value = raw_field(value, name)
    if value ~= nil and key ~= "" then value = raw_field(value, math.tointeger(key)) end
    if value == nil then return nil end
  end
  return value
end

--- Names that begin with `word`, sorted, each once.
local function matching(word, collect)
  local names, seen = {}, {}
  collect(function(name)
    if not seen[name] and name:sub(1, #word) == word then
      seen[name] = true
      names[#names + 1] = name
    end
  end)
  table.sort(names)
  return names
end

local function add_all(list)
  return function(add)
    for _, name in ipairs(list) do add(name) end
  end
end

--- The names that can stand at the end of `before`, and the part of them that is typed.
local function candidates(before, context)
  local dot = before:match "^%s*(%.%a*)$"
  if dot then return matching(dot, add_all(context.dots)), dot end
  local sql_word = before:match "^%s*%.sql%s.-([%w_]*)$" or before:match "^%s*%.schema%s+([%w_]*)$"
  if sql_word then return matching(sql_word, add_all(context.columns)), sql_word end

  local path, separator, word = before:match "([%a_][%w_%.%[%]]*)([.:])([%a_]?[%w_]*)$"
  if path then
    local value = resolve(path)
    if value == nil then return {}, word end
    return matching(word, function(add)
      each_name(value, function(name, owner)
        local callable = separator == "." or owner == nil or
          type(rawget(owner, name)) == "function"
        if callable and name:sub(1, 2) ~= "__" then add(name) end
      end)
    end), word
  end

  word = before:match "[%a_][%w_]*$" or ""
  local in_braces = before:find "{[^}]*$" ~= nil
  return matching(word, function(add)
    if in_braces then add_all(context.columns)(add) end
    each_name(_G, add)
    if word ~= "" then add_all(KEYWORDS)(add) end
  end), word
end

local function common_beginning(names)
  local first, last = names[1], names[#names] -- sorted, so that these differ most
  local size = 0
  while size < #first and first:byte(size + 1) == last:byte(size + 1) do size = size + 1 end
  return first:sub(1, size)
end

--- Names in as many columns as fit, at most a page of them.
local function listing(names, width, height)
  local widest = 0
  for _, name in ipairs(names) do widest = math.max(widest, layout.width(name)) end
  local columns = math.max(1, width // (widest + 2))
  local rows = math.ceil(#names / columns)
  local shown = math.max(1, math.min(rows, height - 3))
  local lines = {}
  for row = 1, shown do
    local cells = {}
    for column = 1, columns do
      local down, across = (column - 1) * rows + row, (row - 1) * columns + column
      local name = names[rows <= shown and down or across]
      if name then cells[column] = name .. string.rep(" ", widest - layout.width(name)) end
    end
    lines[row] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  if rows > shown then
    lines[#lines + 1] = string.format("… %d more", #names - shown * columns)
  end
  return table.concat(lines, "\r\n")
end

--- What to insert at the end of `before`, and what to show below: either can be nil.
---@param before string the line up to the cursor
---@param context { columns: string[], dots: string[], width: integer, height: integer }
---@return string? insert
---@return string? show
function M.complete(before, context)
  if before:find "^%s*$" then return "  " end
  local names, word = candidates(before, context)
  if #names == 0 then return nil end
  local common = common_beginning(names)
  if #common > #word then return common:sub(#word + 1) end
  if #names > 1 then return nil, listing(names, context.width, context.height) end
  return nil
end

return M
