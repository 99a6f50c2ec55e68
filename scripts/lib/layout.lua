--- Tables of text that line up, and fit the terminal where they go to one.
--
--     print(table.concat(layout.table(rows, { "id", { "confidence", title = "conf." } }), "\n"))
local M = {}

local has_host, host = pcall(require, "signalbox.host")
local MIN_WIDTH <const> = 8 -- of a text column that is cut
local GAP <const> = "  "

--- The columns that `text` takes on a terminal.
function M.width(text)
  if not text:find "[\128-\255]" then return #text end
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

--- 1094 -> "1,094".
function M.thousands(number)
  local text = string.format("%d", math.tointeger(number) or math.floor(number + 0.5))
  local sign, digits = text:match "^(%-?)(%d+)$"
  return sign .. digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
end

local SHORT <const> = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }

local function escape(c)
  return SHORT[c] or string.format("\\x%02x", c:byte())
end

--- One line of plain text for a value in a cell.
local function cell_text(value)
  if value == nil then return "" end
  if math.type(value) then return M.number(value) end
  local text = tostring(value)
  if text:find "[%c\127]" then text = text:gsub("[%c\127]", escape) end
  return text
end

---@class signalbox.Column
---@field [1] string the field of a row
---@field title? string
---@field format? fun(value: any, row: table): string
---@field align? "left"|"right" numbers are right by default
---@field fixed? boolean never cut
---@field short? string its title where room is short
---@field soft? boolean cut before the others are
---@field spare? boolean left out before the others are cut, the last first
---@field firm? integer cut when all others have been, and to no less than this
---@field least? integer its least width; becomes what it was, for the rows that follow

--- Columns in one form: names, or tables with a name first.
local function sound_columns(columns)
  local list = {}
  for i, column in ipairs(columns) do
    if type(column) == "string" then column = { column } end
    list[i] = { name = column[1], title = column.title or column[1], format = column.format,
      align = column.align, fixed = column.fixed, short = column.short, soft = column.soft,
      spare = column.spare, firm = column.firm, given = column }
  end
  return list
end

--- Renders all cells of a column into lists of texts and of their widths; sets the column's width
--- and whether it holds numbers alone.
local function render(rows, column)
  local name, format = column.name, column.format
  local texts, widths = {}, {}
  local most, numeric, seen = column.given.least or 0, true, false
  for r, row in ipairs(rows) do
    local value = row[name]
    local text = cell_text(format and value ~= nil and format(value, row) or value)
    local width = M.width(text)
    texts[r], widths[r] = text, width
    if width > most then most = width end
    if value ~= nil then
      seen = true
      if not math.type(value) then numeric = false end
    end
  end
  column.texts, column.widths, column.content = texts, widths, most
  most = math.max(most, M.width(column.title))
  column.width = most
  if column.given.least then column.given.least = most end
  column.right = column.align == "right" or not column.align and numeric and seen
end

--- The columns that all of it takes.
local function total_width(columns)
  local total = -#GAP
  for _, column in ipairs(columns) do total = total + column.width + #GAP end
  return total
end

--- Narrows the widest texts for which `yields` until all take `room`, or as far as they go.
local function narrow(columns, room, yields)
  for _ = room + 1, total_width(columns) do
    local widest
    for _, column in ipairs(columns) do
      local can = not column.right and not column.fixed and yields(column)
        and column.width > (column.firm or MIN_WIDTH)
      if can and (not widest or column.width > widest.width) then widest = column end
    end
    if not widest then return end
    widest.width = widest.width - 1
  end
end

local function shorten_titles(columns)
  for _, column in ipairs(columns) do
    if column.short then
      column.title = column.short
      column.width = math.max(column.content, M.width(column.short))
    end
  end
end

local function leave_out_spare(columns, room)
  for i = #columns, 1, -1 do
    if columns[i].spare and total_width(columns) > room then table.remove(columns, i) end
  end
end

local function is_soft(column) return column.soft end
local function is_not_firm(column) return not column.firm end
local function is_any() return true end

--- Has the columns take `room`, by what costs least first; false where that can't be.
local function fit(columns, room)
  if total_width(columns) > room then shorten_titles(columns) end
  narrow(columns, room, is_soft)
  leave_out_spare(columns, room)
  narrow(columns, room, is_not_firm)
  narrow(columns, room, is_any)
  return total_width(columns) <= room
end

--- `text`, which takes `width`, in exactly the room of its column.
local function lay_cell(text, width, column, is_last)
  if width > column.width then
    text = M.cut(text, column.width)
    width = M.width(text)
  end
  if column.right then return string.rep(" ", column.width - width) .. text end
  return is_last and text or text .. string.rep(" ", column.width - width)
end

--- Line `r` of the table, or its heading.
local function lay_line(columns, r)
  local parts = {}
  for c, column in ipairs(columns) do
    local text, width = column.title, nil
    if r then text, width = column.texts[r], column.widths[r] end
    parts[c] = lay_cell(text, width or M.width(text), column, c == #columns)
  end
  local line = table.concat(parts, GAP)
  return line:sub(-1) == " " and line:gsub("%s+$", "") or line
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
  for _, column in ipairs(columns) do render(rows, column) end
  local indent = options.indent or ""
  local fits = not options.width or fit(columns, options.width - #indent)
  local lines = {}
  if options.heading ~= false then lines[1] = indent .. lay_line(columns) end
  for r = 1, #rows do lines[#lines + 1] = indent .. lay_line(columns, r) end
  return lines, fits
end

return M
