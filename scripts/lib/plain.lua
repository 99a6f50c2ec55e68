--- A copy of a value that signalbox.json can write: signals, however deep, by what they stand for.
local new_problem <const> = require "signalbox.problem"

local HIDDEN <const> = { raw_json = true, metadata_json = true } -- the exact texts of two others
local DEPTH <const> = 1000 -- as in all JSON here

local function copy_of(value, depth)
  if type(value) ~= "table" then return value end
  local class = getmetatable(value)
  if class and not class.__pairs then return value end
  if depth > DEPTH then
    error(new_problem("invalid", "JSON is nested 1,000 deep at most, and this table is deeper, or "
      .. "contains itself"), 0)
  end
  local copy = {}
  for name, field in pairs(value) do
    if not (class and HIDDEN[name]) then copy[name] = copy_of(field, depth + 1) end
  end
  return copy
end

return function(value) return copy_of(value, 1) end
