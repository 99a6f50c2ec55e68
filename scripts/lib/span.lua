--- Time spans as people write them: 90, "2s", "10m", "1h30m", "7d", "2w". For the command line, the
-- configuration, and (without `require`) the sandbox that rules run in.
local UNITS <const> = { s = 1, m = 60, h = 3600, d = 86400, w = 604800 }

local huge <const>, match <const> = math.huge, string.match
local tonumber <const>, type <const> = tonumber, type

--- Seconds, or nil where it is no span.
---@param span any
---@return number|nil
return function(span)
  if type(span) == "number" then return span >= 0 and span < huge and span or nil end
  if type(span) ~= "string" then return nil end
  if match(span, "^%d+%.?%d*$") then return tonumber(span) end
  local total, rest = 0, span
  repeat
    local number, unit, behind = match(rest, "^(%d+%.?%d*)([smhdw])(.*)$")
    if not number then return nil end
    total, rest = total + tonumber(number) * UNITS[unit], behind
  until rest == ""
  return total
end
