--- A copy of a value that signalbox.json can write: signals, however deep, by what they stand for.
local HIDDEN <const> = { raw_json = true, metadata_json = true } -- the exact texts of two others

local function plain(value)
  if type(value) ~= "table" then return value end
  local class = getmetatable(value)
  if class and not class.__pairs then return value end
  local copy = {}
  for name, field in pairs(value) do
    if not (class and HIDDEN[name]) then copy[name] = plain(field) end
  end
  return copy
end

return plain
