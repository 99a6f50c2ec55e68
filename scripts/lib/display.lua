--- Shows values at the prompt: rows as a table, one row down the page, tables as Lua, or all of it
-- as JSON, CSV or Lua.
--
--     local display = require("signalbox.display").new { mode = "table", fit = true }
--     display:show(table.pack(store:get_signals_for_company "domain:acme.ai"))
local inspect <const> = require "signalbox.inspect"
local layout <const> = require "signalbox.layout"
local new_problem <const> = require "signalbox.problem"
local rows <const> = require "signalbox.rows"
local signalbox <const> = require "signalbox"

local M = {}

local MODES <const> = { table = true, json = true, csv = true, lua = true }
local SHOWN <const> = 40       -- rows on a terminal: the first and the last of them
local BLOCK <const> = 500      -- rows that are laid out together elsewhere
local NARROW <const> = 8       -- columns for a value down the page, at the least
local TEXT_LIMIT <const> = 2000 -- bytes of a text on a terminal

--- How a table of signals looks, and what gives way where it is too wide: see signalbox.layout.
local SIGNAL_LOOKS <const> = {
  canonical_key = { firm = 16 },
  confidence = {
    short = "conf.",
    format = function(share) return tonumber(string.format("%.4g", share)) end,
  },
  source_api = { soft = true, spare = true },
  company_name = { soft = true, spare = true },
}

---@class signalbox.Display
---@field mode "table"|"json"|"csv"|"lua"
---@field fit boolean to the terminal
---@field local_time boolean
---@field whole? boolean cut nothing at all
---@field out file* where it goes: the standard output
local Display = {}
Display.__index = Display

---@param options? table
---@return signalbox.Display
function M.new(options)
  local display = { mode = "table", fit = false, local_time = false, out = io.stdout }
  for name, value in pairs(options or {}) do display[name] = value end
  return setmetatable(display, Display)
end

function M.is_mode(name) return MODES[name] == true end

--- Columns and rows of the terminal, or nil where nothing has to fit.
function Display:size()
  if self.fit then return require("signalbox.host").size() end
end

--- What was shown is written, or it raises.
function Display:emit(...)
  local ok, problem = self.out:write(...)
  if not ok then error(new_problem("io", "it could not be written: " .. problem), 0) end
end

function Display:emit_lines(lines)
  if #lines > 0 then self:emit(table.concat(lines, "\n"), "\n") end
end

-- One value ------------------------------------------------------------------------------------

--- "2026-08-22T00:00:00.000000+00:00" -> "2026-08-22 00:00", in local time where that is asked for.
function Display:time_text(text)
  if #text ~= 32 then return text end
  local day, clock = text:match "^(%d%d%d%d%-%d%d%-%d%d)T(%d%d:%d%d)[%d:.]*%+00:00$"
  if not day then return text end
  if not self.local_time then return day .. " " .. clock end
  return os.date("%Y-%m-%d %H:%M", math.floor(signalbox.time(text)))
end

local function escape(c)
  return string.format("\\x%02x", c:byte())
end

--- A text alone: as it is but for what would move the cursor, and on a terminal its beginning.
function Display:show_text(text)
  local more = self.fit and #text - TEXT_LIMIT or 0
  if more > 0 then text = text:sub(1, utf8.offset(text, 0, TEXT_LIMIT + 1) - 1) end
  if text:find "[%z\1-\8\11-\31\127]" then text = text:gsub("[%z\1-\8\11-\31\127]", escape) end
  self:emit(text, "\n")
  if more > 0 then
    self:emit(string.format("  … %s bytes more; .last shows all\n", layout.thousands(more)))
  end
end

function Display:show_value(value)
  if self.mode ~= "table" then
    return self:emit(require("signalbox.writers")[self.mode].value(value))
  end
  if type(value) == "string" then return self:show_text(value) end
  if rows.is_signal(value) then
    return self:emit_lines(self:down(value, rows.list { value }:fields(value)))
  end
  self:emit(inspect(value, { width = self:size(), whole = self.whole }), "\n")
end

-- Rows down the page ---------------------------------------------------------------------------

--- A value beside its name, in `room` columns where that is given.
function Display:field_text(value, room, indent)
  if value == nil then return "nil" end
  if type(value) == "string" then
    local text = self:time_text(value):gsub("[%c\127]", escape)
    return room and layout.cut(text, room) or text
  end
  local width = type(value) == "table" and { width = room or 80 } or nil
  return (inspect(value, width):gsub("\n", "\n" .. string.rep(" ", indent)))
end

--- One row down the page: `name  value`.
function Display:down(row, names)
  local width, lines = 0, {}
  for _, name in ipairs(names) do width = math.max(width, layout.width(name)) end
  local columns = self:size()
  local room = columns and math.max(NARROW, columns - width - 4)
  for _, name in ipairs(names) do
    lines[#lines + 1] = string.format(" %s%s  %s", name,
      string.rep(" ", width - layout.width(name)), self:field_text(row[name], room, width + 3))
  end
  return lines
end

-- Rows as a table ------------------------------------------------------------------------------

function Display:cell(value)
  if type(value) == "string" then return self:time_text(value) end
  if type(value) == "table" then return inspect(value, { width = math.huge, limit = 8 }) end
  if value == signalbox.null then return "null" end
  return value
end

local function looks_of(list)
  return rows.is_signal(list[1]) and SIGNAL_LOOKS or nil
end

--- Columns for the layout, with each cell as it is shown, and times never cut.
function Display:layout_columns(names, looks, least)
  local function format(value) return self:cell(value) end
  local columns = {}
  for i, name in ipairs(names) do
    columns[i] = { name, format = format, fixed = name:find "_at$" ~= nil, least = least }
    for look, value in pairs(looks and looks[name] or {}) do columns[i][look] = value end
  end
  return columns
end

--- `count` of them at most: the first and the last of a list.
local function both_ends(list, count)
  if #list <= count then return list, nil end
  local ends, gap = {}, (count + 1) // 2
  table.move(list, 1, gap, 1, ends)
  table.move(list, #list - (count - gap) + 1, #list, gap + 1, ends)
  return ends, gap
end

--- Draws `limit` rows at most; gives them and whether there are more.
local function draw(found, limit)
  if found.list then return found.list, false end
  local list = {}
  for row in found:each() do
    if #list == limit then return list, true end
    list[#list + 1] = row
  end
  return list, false
end

--- Rows that would not fit beside their names, one below the other: a page of them.
function Display:show_down(list, names)
  local _, height = self:size()
  local shown, gap = both_ends(list, math.max(2, (height - 3) // (#names + 1)))
  for i, row in ipairs(shown) do
    if i > 1 then self:emit(i - 1 == gap and "  ·\n" or "\n") end
    self:emit_lines(self:down(row, names))
  end
  return #shown
end

--- The table of a list, with `·` where some are left out; how many it shows.
function Display:show_table(list, names)
  local shown, gap = both_ends(list, SHOWN)
  local lines, fits = layout.table(shown, self:layout_columns(names, looks_of(list)),
    { width = (self:size()), indent = "  " })
  if not fits then return self:show_down(list, names) end
  if gap then table.insert(lines, gap + 2, "  ·") end
  self:emit_lines(lines)
  return #shown
end

--- On a terminal: what fits, and how many there are.
function Display:show_page(found)
  local list, more = draw(found, SHOWN)
  if #list == 1 then
    self:emit_lines(self:down(list[1], found:fields(list[1])))
    return list, 1
  end
  local shown = self:show_table(list, found:names(list, true))
  self:emit(string.format("  %s%s rows", layout.thousands(#list), more and "+" or ""),
    (shown < #list or more) and string.format(" (%d shown; .last shows all)\n", shown) or "\n")
  return list, #list
end

--- Elsewhere: all of them, a block at a time; how many there were.
function Display:show_blocks(found)
  local count, columns = 0, nil
  local each = found:each()
  repeat
    local block = {}
    for row in each do
      block[#block + 1] = row
      if #block == BLOCK then break end
    end
    local is_first = columns == nil
    columns = columns or
      self:layout_columns(found:names(block, #block < BLOCK), looks_of(block), 0)
    if #block > 0 or is_first and #columns > 0 then
      self:emit_lines((layout.table(block, columns, { heading = is_first })))
    end
    count = count + #block
  until #block < BLOCK
  return count
end

--- For another program, row by row; how many there were.
function Display:write_rows(found)
  local writer = require("signalbox.writers")[self.mode]
  local count, names = 0, nil
  self:emit(writer.open)
  for row in found:each() do
    if count == 0 then
      names = found:names(found.list or { row }, false)
      self:emit(writer.head(names))
    else
      self:emit(writer.between)
    end
    count = count + 1
    self:emit(writer.row(row, names))
  end
  if count == 0 and found.columns then self:emit(writer.head(found.columns)) end
  self:emit(writer.close)
  return count
end

--- Shows rows; gives those that `_` is to be, and how many there were.
---@param found signalbox.Rows
function Display:show_rows(found)
  local closing <close> = found.closing
  local _ = closing
  if self.mode ~= "table" then return found.list, self:write_rows(found) end
  if self.fit then return self:show_page(found) end
  return found.list, self:show_blocks(found)
end

--- Shows what an expression gave. Gives what `_` is to be, and how many rows it was, if it was.
---@param values table as table.pack gives it
function Display:show(values)
  if rows.is_iterator(values) then return self:show_rows(rows.of(values)) end
  local count
  for i = 1, values.n do
    local found = rows.of { n = 1, values[i] }
    if found then
      count = (count or 0) + select(2, self:show_rows(found))
    else
      self:show_value(values[i])
    end
  end
  return values[1], count
end

return M
