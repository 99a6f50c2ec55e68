--- Shows values at the prompt: rows as a table, one row down the page, tables as Lua, or all of it
-- as JSON, CSV or Lua.
--
--     local display = require("signalbox.display").new { mode = "table", fit = true }
--     display:show(store:get_signals_for_company "domain:acme.ai")
local inspect <const> = require "signalbox.inspect"
local layout <const> = require "signalbox.layout"
local plain <const> = require "signalbox.plain"
local signalbox <const> = require "signalbox"

local M = {}

local MODES <const> = { table = true, json = true, csv = true, lua = true }
local SHOWN <const> = 40      -- rows on a terminal: the first and the last of them
local BLOCK <const> = 500     -- rows of an iterator that are laid out together elsewhere
local NARROW <const> = 8      -- a column with less room makes the rows stand down the page

local WHOLE <const> = { limit = math.huge, text_limit = math.huge }

--- Columns of signals in the order of the page; those that say nothing new are left out.
local SIGNAL_COLUMNS <const> = { "id", "canonical_key", "signal_type", "source_api", "confidence",
  "detected_at", "status", "company_name", "notion_page_id", "error_message" }
local USUAL <const> = 8 -- of them, that nearly every signal has

---@class signalbox.Display
---@field mode "table"|"json"|"csv"|"lua"
---@field fit boolean to the terminal
---@field local_time boolean
---@field order? fun(names: string[]) sorts the columns of plain rows
local Display = {}
Display.__index = Display

---@param options? table
---@return signalbox.Display
function M.new(options)
  local display = { mode = "table", fit = false, local_time = false }
  for name, value in pairs(options or {}) do display[name] = value end
  return setmetatable(display, Display)
end

function M.is_mode(name) return MODES[name] == true end

--- Columns and rows of the terminal, or nil where nothing has to fit.
function Display:size()
  if self.fit then return require("signalbox.host").size() end
end

-- What a value is ------------------------------------------------------------------------------

local function is_signal(value)
  local class = getmetatable(value)
  return type(class) == "table" and rawget(class, "__name") == "signalbox.signal"
end

--- A table with names for its fields, as a row of a database has them.
local function is_row(value)
  if type(value) ~= "table" or next(value) == nil or rawlen(value) > 0 then return false end
  if is_signal(value) then return true end
  if getmetatable(value) then return false end
  for name, field in next, value do
    if type(name) ~= "string" or type(field) == "function" then return false end
  end
  return true
end

local function is_list_of_rows(value)
  if type(value) ~= "table" or rawlen(value) == 0 then return false end
  for i = 1, math.min(rawlen(value), SHOWN) do
    if not is_row(value[i]) then return false end
  end
  return true
end

--- What `for` takes: a function, and something to close.
local function is_iterator(values)
  if values.n ~= 4 or type(values[1]) ~= "function" then return false end
  local class = getmetatable(values[4])
  return type(class) == "table" and rawget(class, "__close") ~= nil
end

-- Rows -----------------------------------------------------------------------------------------

--- "2026-08-22T00:00:00.000000+00:00" -> "2026-08-22 00:00", in local time where that is asked for.
function Display:time_text(text)
  local day, clock = text:match "^(%d%d%d%d%-%d%d%-%d%d)T(%d%d:%d%d)[%d:.]*%+00:00$"
  if not day then return text end
  if not self.local_time then return day .. " " .. clock end
  return os.date("%Y-%m-%d %H:%M", math.floor(signalbox.time(text)))
end

function Display:cell(value)
  if type(value) == "string" then return #value == 32 and self:time_text(value) or value end
  if math.type(value) == "float" then return tonumber(string.format("%.6g", value)) end
  if type(value) == "table" then return inspect(value, { width = math.huge, limit = 8 }) end
  if value == signalbox.null then return "null" end
  return value
end

--- Whether all rows have the same value there, so that a column would only repeat it.
local function is_constant(rows, name)
  for i = 2, #rows do
    if rows[i][name] ~= rows[1][name] then return false end
  end
  return #rows > 1
end

--- Those that some row has, of all the rows there are; of the first of many (`open`) the usual
--- ones in any case.
local function signal_columns(rows, open)
  local names = {}
  for i, name in ipairs(SIGNAL_COLUMNS) do
    local used = open and i <= USUAL
    for _, row in ipairs(rows) do used = used or row[name] ~= nil end
    if name == "canonical_key" and not open and is_constant(rows, name) then used = false end
    if used then names[#names + 1] = name end
  end
  return names
end

--- The columns of `rows`: id first, then as `order` says, else by name.
function Display:columns(rows, open)
  if is_signal(rows[1]) then return signal_columns(rows, open) end
  local names, seen = {}, {}
  for _, row in ipairs(rows) do
    for name in pairs(row) do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names, function(a, b)
    if (a == "id") ~= (b == "id") then return a == "id" end
    return a < b
  end)
  if self.order then self.order(names) end
  return names
end

--- Columns for the layout, with each cell as it is shown, and times never cut.
function Display:layout_columns(names, least)
  local function format(value) return self:cell(value) end
  local columns = {}
  for i, name in ipairs(names) do
    columns[i] = { name, format = format, fixed = name:find "_at$" ~= nil, least = least }
  end
  return columns
end

--- One row down the page: `name  value`.
function Display:down(row, names)
  local width, lines = 0, {}
  for _, name in ipairs(names) do width = math.max(width, layout.width(name)) end
  local columns = self:size()
  for _, name in ipairs(names) do
    local value = row[name]
    local text
    if type(value) == "table" then
      text = inspect(value, { width = (columns or 80) - width - 5 })
        :gsub("\n", "\n" .. string.rep(" ", width + 3))
    elseif value == nil then
      text = "nil"
    elseif type(value) == "string" then
      text = value:gsub("[%c\127]", function(c) return string.format("\\x%02x", c:byte()) end)
      if columns then text = layout.cut(text, math.max(NARROW, columns - width - 4)) end
    else
      text = inspect(value)
    end
    lines[#lines + 1] = string.format(" %s%s  %s", name,
      string.rep(" ", width - layout.width(name)), text)
  end
  return lines
end

--- All names of a row, for the page of one.
function Display:row_names(row)
  if not is_signal(row) then return self:columns { row } end
  local names = {}
  for _, name in ipairs { "id", "signal_type", "source_api", "canonical_key", "company_name",
    "confidence", "detected_at", "created_at", "status", "notion_page_id", "processed_at",
    "error_message", "metadata", "raw_data" } do
    if row[name] ~= nil then names[#names + 1] = name end
  end
  return names
end

--- Lines of a table of `rows` with `· · ·` after the first `gap` of them.
function Display:table_lines(rows, gap)
  local names = self:columns(rows)
  local width = self:size()
  local lines, fits = layout.table(rows, self:layout_columns(names),
    { width = width, indent = "  " })
  if not fits then
    lines = {}
    for i, row in ipairs(rows) do
      if gap and i == gap + 1 then lines[#lines + 1] = "  ·" end
      if i > 1 then lines[#lines + 1] = "" end
      table.move(self:down(row, names), 1, #names, #lines + 1, lines)
    end
  elseif gap then
    table.insert(lines, gap + 2, "  ·")
  end
  return lines
end

local function footer(count, shown, open)
  local text = string.format("  %d%s row%s", count, open and "+" or "", count == 1 and "" or "s")
  return shown < count and string.format("%s (%d shown; .last shows all)", text, shown) or text
end

local function write_lines(lines)
  io.write(table.concat(lines, "\n"), "\n")
end

--- A list of rows as a table; on a terminal the first and the last of many.
function Display:show_rows(rows, open)
  local shown, gap = rows, nil
  if self.fit and #rows > SHOWN and not open then
    shown, gap = {}, SHOWN // 2
    table.move(rows, 1, gap, 1, shown)
    table.move(rows, #rows - gap + 1, #rows, gap + 1, shown)
  end
  if #rows == 1 and self.fit and not open then
    return write_lines(self:down(rows[1], self:row_names(rows[1])))
  end
  write_lines(self:table_lines(shown, gap))
  io.write(footer(#rows, #shown, open), "\n")
end

--- Draws `limit` rows at most from an iterator; gives them and whether there are more.
local function draw(values, limit)
  local rows = {}
  for row in values[1] do
    if #rows == limit then return rows, true end
    rows[#rows + 1] = row
  end
  return rows, false
end

--- An iterator: on a terminal its first rows, elsewhere all of them, a block at a time.
function Display:show_iterator(values)
  local closing <close> = values[4]
  local _ = closing
  if self.fit then
    local rows, more = draw(values, SHOWN)
    if #rows == 0 then return io.write "  0 rows\n" end
    self:show_rows(rows, more)
    return rows
  end
  local columns
  repeat
    local rows = {}
    for row in values[1] do
      rows[#rows + 1] = row
      if #rows == BLOCK then break end
    end
    if #rows > 0 then
      local heading = columns == nil
      columns = columns or self:layout_columns(self:columns(rows, #rows == BLOCK), 0)
      write_lines((layout.table(rows, columns, { heading = heading })))
    end
  until #rows < BLOCK
end

-- Machine-readable -----------------------------------------------------------------------------

--- `value` as JSON; raises where it has none.
local function encode(value)
  local text, problem = signalbox.json.encode(plain(value))
  return text or error(problem, 0)
end

local function csv_cell(value)
  if value == nil or value == signalbox.null then return "" end
  local text = type(value) == "table" and encode(value) or
    math.type(value) and layout.number(value) or tostring(value)
  return text:find '[,"\r\n]' and '"' .. text:gsub('"', '""') .. '"' or text
end

local function csv_line(row, names)
  local cells = {}
  for i, name in ipairs(names) do cells[i] = csv_cell(row[name]) end
  return table.concat(cells, ",")
end

--- Writers: each has `row(value, number)` for one of many, `value(value)` for one alone.
local writers = {
  json = {
    row = function(_, value) return encode(value) .. "\n" end,
    value = function(_, value) return value == nil and "null\n" or encode(value) .. "\n" end,
  },
  lua = {
    row = function(_, value) return inspect(value, WHOLE) .. ",\n" end,
    value = function(_, value) return inspect(value, WHOLE) .. "\n" end,
  },
  csv = {
    row = function(display, value, number)
      if not is_row(value) then return csv_cell(value) .. "\n" end
      if number == 1 then
        display.csv_names = is_signal(value) and SIGNAL_COLUMNS or display:columns { value }
      end
      local line = csv_line(value, display.csv_names)
      return (number == 1 and table.concat(display.csv_names, ",") .. "\n" or "") .. line .. "\n"
    end,
    value = function(display, value)
      local rows = is_list_of_rows(value) and value or { value }
      local lines = {}
      for i, row in ipairs(rows) do lines[i] = display.writers.csv.row(display, row, i) end
      return table.concat(lines)
    end,
  },
}
Display.writers = writers

function Display:write(values, out)
  local writer = writers[self.mode]
  if is_iterator(values) then
    local closing <close> = values[4]
    local _, number = closing, 0
    for row in values[1] do
      number = number + 1
      out:write(writer.row(self, row, number))
    end
    return
  end
  for i = 1, values.n do out:write(writer.value(self, values[i])) end
end

-- Showing --------------------------------------------------------------------------------------

function Display:show_value(value)
  if type(value) == "table" and not getmetatable(value) and next(value) == nil then
    return io.write "{}\n"
  end
  if is_list_of_rows(value) then return self:show_rows(value) end
  if is_signal(value) then return write_lines(self:down(value, self:row_names(value))) end
  if type(value) == "string" then
    return io.write((value:gsub("[%z\1-\8\11-\31\127]", function(c)
      return string.format("\\x%02x", c:byte())
    end)), "\n")
  end
  io.write(inspect(value, { width = self:size() }), "\n")
end

--- Shows what an expression gave; gives what `_` is to be.
function Display:show(...)
  local values = table.pack(...)
  if values.n == 0 then return nil end
  if self.mode ~= "table" then
    self:write(values, io.stdout)
    return values[1]
  end
  if is_iterator(values) then return self:show_iterator(values) end
  for i = 1, values.n do self:show_value(values[i]) end
  return values[1]
end

return M
