--- Tables of text that line up, and fit the terminal where they go to one.
--
--     print(table.concat(layout.table(rows, { "id", { "confidence", title = "conf." } }), "\n"))
local M = {}

local has_host, host = pcall(require, "signalbox.host")
local MIN_WIDTH <const> = 8 -- of a text column that is cut
local GAP <const> = "  "

--- The columns that `text` takes on a terminal.
function M.width(text)
  if has_host then return host.width(text) end
  return utf8.len(text) or #text
end

--- `text` in at most `room` columns, ending in `…` where it was longer.
function M.cut(text, room)
  if M.width(text) <= room then return text end
  if has_host then return host.cut(text, room - 1) .. "…" end
  return text:sub(1, (utf8.offset(text, room) or room) - 1) .. "…"
end

--- A float as short as reads back to the same, an integer as it is.
function M.number(number)
  if math.type(number) == "integer" then return tostring(number) end
  for digits = 14, 17 do
    local text = string.format("%." .. digits .. "g", number)
    if tonumber(text) == number then return text end
  end
  return tostring(number)
end

--- One line of plain text for a value in a cell.
local function cell_text(value)
  if value == nil then return "" end
  if math.type(value) then return M.number(value) end
  return (tostring(value):gsub("[%z\1-\31\127]", function(c)
    local short <const> = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }
    return short[c] or string.format("\\x%02x", c:byte())
  end))
end

---@class signalbox.Column
---@field [1] string the field of a row
---@field title? string
---@field format? fun(value: any, row: table): string
---@field align? "left"|"right" numbers are right by default
---@field fixed? boolean never cut

--- Columns in one form: names, or tables with a name first.
local function sound_columns(columns)
  local list = {}
  for i, column in ipairs(columns) do
    if type(column) == "string" then column = { column } end
    list[i] = { name = column[1], title = column.title or column[1], format = column.format,
      align = column.align, fixed = column.fixed, width = 0, numeric = column.align ~= "left" }
  end
  return list
end

--- Renders all cells; sets each column's width and whether it holds numbers alone.
local function render(rows, columns)
  local cells = {}
  for _, column in ipairs(columns) do column.width = M.width(column.title) end
  for r, row in ipairs(rows) do
    local line = {}
    for c, column in ipairs(columns) do
      local value = row[column.name]
      local text = cell_text(column.format and value ~= nil and column.format(value, row) or value)
      line[c] = text
      column.width = math.max(column.width, M.width(text))
      if value ~= nil and not math.type(value) then column.numeric = false end
      column.seen = column.seen or value ~= nil
    end
    cells[r] = line
  end
  for _, column in ipairs(columns) do
    column.right = column.align == "right" or not column.align and column.numeric and column.seen
  end
  return cells
end

--- Narrows the widest texts until the table takes `room` columns; false where that can't be.
local function fit(columns, room)
  local total = -#GAP
  for _, column in ipairs(columns) do total = total + column.width + #GAP end
  while total > room do
    local widest
    for _, column in ipairs(columns) do
      local can_shrink = not column.right and not column.fixed and column.width > MIN_WIDTH
      if can_shrink and (not widest or column.width > widest.width) then widest = column end
    end
    if not widest then return false end
    widest.width = widest.width - 1
    total = total - 1
  end
  return true
end

local function lay_line(texts, columns)
  local parts = {}
  for c, column in ipairs(columns) do
    local text = M.cut(texts[c], column.width)
    local space = string.rep(" ", column.width - M.width(text))
    parts[c] = column.right and space .. text or text .. space
  end
  return (table.concat(parts, GAP):gsub("%s+$", ""))
end

--- The lines of a table: a heading, then `rows`.
---@param rows table[] tables by column name
---@param columns (string|signalbox.Column)[]
---@param options? table `width`: cut to so many columns; `indent`; `heading` = false: none
---@return string[] lines
---@return boolean fits
function M.table(rows, columns, options)
  options = options or {}
  columns = sound_columns(columns)
  local cells = render(rows, columns)
  local indent = options.indent or ""
  local fits = not options.width or fit(columns, options.width - #indent)
  local lines = {}
  if options.heading ~= false then
    local titles = {}
    for c, column in ipairs(columns) do titles[c] = column.title end
    lines[1] = indent .. lay_line(titles, columns)
  end
  for _, texts in ipairs(cells) do lines[#lines + 1] = indent .. lay_line(texts, columns) end
  return lines, fits
end

return M
