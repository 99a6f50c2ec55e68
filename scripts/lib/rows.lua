--- Rows, wherever they come from: a list of tables, or what `for` takes.
--
--     local found = rows.of(table.pack(store:signals {}))
--     for row in found:each() do ... end
--     found:names(sample)          -- the columns, in their order
local M = {}

--- Columns of signals in the order of the page.
local SIGNAL_COLUMNS <const> = { "id", "canonical_key", "signal_type", "source_api", "confidence",
  "detected_at", "status", "company_name", "notion_page_id", "error_message" }

--- All that a signal has, for the page of one.
local SIGNAL_FIELDS <const> = { "id", "signal_type", "source_api", "canonical_key", "company_name",
  "confidence", "detected_at", "created_at", "status", "notion_page_id", "processed_at",
  "error_message", "metadata", "raw_data" }

function M.is_signal(value)
  local class = getmetatable(value)
  return type(class) == "table" and rawget(class, "__name") == "signalbox.signal"
end

--- A table with names for its fields, as a row of a database has them.
function M.is_row(value)
  if type(value) ~= "table" or next(value) == nil or rawlen(value) > 0 then return false end
  if M.is_signal(value) then return true end
  if getmetatable(value) then return false end
  for name, field in next, value do
    if type(name) ~= "string" or type(field) == "function" then return false end
  end
  return true
end

local function is_list_of_rows(value)
  if type(value) ~= "table" or rawlen(value) == 0 or getmetatable(value) then return false end
  for i = 1, rawlen(value) do
    if not M.is_row(rawget(value, i)) then return false end
  end
  return true
end

--- Whether that is what `for` takes: a function, and something to close.
---@param values table as table.pack gives it
function M.is_iterator(values)
  if values.n ~= 4 or type(values[1]) ~= "function" then return false end
  local class = getmetatable(values[4])
  return type(class) == "table" and rawget(class, "__close") ~= nil
end

---@class signalbox.Rows
---@field list? table[] those that are there already
---@field columns? string[] as the statement names them
---@field closing? any what the iterator has to close
local Rows = {}
Rows.__index = Rows

--- Rows that are listed, of these columns where they are given.
---@return signalbox.Rows
function M.list(list, columns)
  return setmetatable({ list = list, columns = columns }, Rows)
end

--- The rows of what an expression gave; nil where that is anything else.
---@param values table as table.pack gives it
---@return signalbox.Rows?
function M.of(values)
  if values.n == 1 and is_list_of_rows(values[1]) then return M.list(values[1]) end
  if not M.is_iterator(values) then return nil end
  local closing = values[4]
  local is_ours = rawget(getmetatable(closing), "__name") == "signalbox.iterator"
  return setmetatable({
    values = values, closing = closing, columns = is_ours and closing.columns or nil,
  }, Rows)
end

--- A function that gives one row after the other, then nil. What is no row is one of a `value`.
function Rows:each()
  local i, list = 0, self.list
  if list then
    return function()
      i = i + 1
      return list[i]
    end
  end
  local step, state, control = table.unpack(self.values, 1, 3)
  return function()
    control = step(state, control)
    if control == nil or M.is_row(control) or self.columns then return control end
    return { value = control }
  end
end

local function is_constant(sample, name)
  for i = 2, #sample do
    if sample[i][name] ~= sample[1][name] then return false end
  end
  return #sample > 1
end

--- Those that some signal of `sample` has; all of them where more are to come. A key that is the
--- same in all says nothing.
local function signal_names(sample, is_all)
  if not is_all then return table.move(SIGNAL_COLUMNS, 1, #SIGNAL_COLUMNS, 1, {}) end
  local names = {}
  for _, name in ipairs(SIGNAL_COLUMNS) do
    local used = false
    for _, row in ipairs(sample) do used = used or row[name] ~= nil end
    if used and not (name == "canonical_key" and is_constant(sample, name)) then
      names[#names + 1] = name
    end
  end
  return names
end

--- Names of any fields that a row of `sample` has: id, then the others by the alphabet.
local function field_names(sample)
  local names, seen = {}, {}
  for _, row in ipairs(sample) do
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
  return names
end

--- The columns: the statement's where there is one, else those of the rows in `sample`.
---@param sample table[]
---@param is_all boolean whether those are all that will be shown
---@return string[]
function Rows:names(sample, is_all)
  if self.columns then return self.columns end
  if M.is_signal(sample[1]) then return signal_names(sample, is_all) end
  return field_names(sample)
end

--- All that one row has, for a page of its own.
---@return string[]
function Rows:fields(row)
  if not M.is_signal(row) then return self:names({ row }, true) end
  local names = {}
  for _, name in ipairs(SIGNAL_FIELDS) do
    if row[name] ~= nil then names[#names + 1] = name end
  end
  return names
end

return M
