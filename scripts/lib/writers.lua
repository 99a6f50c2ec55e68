--- Values and rows for other programs: JSON, CSV and Lua. A writer has
--
--     value(value)                  a value alone
--     open, between, close          around rows and between two of them
--     head(names), row(row, names)  what stands above the rows, and one of them
local inspect <const> = require "signalbox.inspect"
local layout <const> = require "signalbox.layout"
local plain <const> = require "signalbox.plain"
local rows <const> = require "signalbox.rows"
local signalbox <const> = require "signalbox"

local WHOLE <const> = { whole = true }

--- `value` as JSON; raises where it has none.
local function encode(value)
  local text, problem = signalbox.json.encode(plain(value))
  return text or error(problem, 0)
end

--- A row with the columns that it has no value for, as nulls.
local function complete(row, columns)
  local full = {}
  for name, value in pairs(row) do full[name] = value end
  for _, name in ipairs(columns) do
    if full[name] == nil then full[name] = signalbox.null end
  end
  return full
end

local function csv_cell(value)
  if value == nil or value == signalbox.null then return "" end
  local text = type(value) == "table" and encode(value) or
    math.type(value) and layout.number(value) or tostring(value)
  return text:find '[,"\r\n]' and '"' .. text:gsub('"', '""') .. '"' or text
end

local function csv_line(cells, count)
  for i = 1, count do cells[i] = csv_cell(cells[i]) end
  return table.concat(cells, ",") .. "\n"
end

local function nothing() return "" end

return {
  json = {
    open = "[", between = ",\n", close = "]\n", head = nothing,
    value = function(value) return value == nil and "null\n" or encode(value) .. "\n" end,
    row = function(row, names)
      return encode(rows.is_signal(row) and row or complete(row, names))
    end,
  },
  lua = {
    open = "{\n", between = ",\n", close = "\n}\n", head = nothing,
    value = function(value) return inspect(value, WHOLE) .. "\n" end,
    row = function(row) return inspect(row, WHOLE) end,
  },
  csv = {
    open = "", between = "", close = "",
    value = function(value) return csv_cell(value) .. "\n" end,
    head = function(names) return csv_line({ table.unpack(names) }, #names) end,
    row = function(row, names)
      local cells = {}
      for i, name in ipairs(names) do cells[i] = row[name] end
      return csv_line(cells, #names)
    end,
  },
}
