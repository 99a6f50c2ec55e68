--- Stores for a spec to work with, each a file in a folder of its own.
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local M = {}

--- A new one, and its path.
function M.open(options)
  local path = temp.folder() .. "/signals.db"
  return assert(signalbox.open(path, options)), path
end

--- The fields of each row that `iterator` gives, or of each item of a list, as an array.
function M.pluck(field, source, ...)
  local values = {}
  if type(source) == "table" then
    for i, item in ipairs(source) do values[i] = item[field] end
  else
    for item in source, ... do values[#values + 1] = item[field] end
  end
  return values
end

return M
