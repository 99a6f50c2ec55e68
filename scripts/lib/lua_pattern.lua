--- Whether a text is a sound Lua pattern. Lua itself only finds out when it comes to the place: a
-- pattern that found nothing at its beginning is never read to its end.
local M = {}

local MOST_CAPTURES <const> = 32

--- Where the set that begins at `at` ("[") ends; nil where it doesn't.
local function set_end(pattern, at)
  at = at + (pattern:sub(at + 1, at + 1) == "^" and 2 or 1)
  local first = at
  while at <= #pattern do
    local letter = pattern:sub(at, at)
    if letter == "]" and at > first then return at end
    at = at + (letter == "%" and 2 or 1)
  end
  return nil
end

--- What stands behind a "%" at `at`: the place of its last byte; nil and what is wrong.
local function escape_end(pattern, at, captures)
  local letter = pattern:sub(at + 1, at + 1)
  if letter == "" then return nil, "it ends with %" end
  if letter == "b" then
    if at + 3 > #pattern then return nil, "%b needs two characters" end
    return at + 3
  end
  if letter == "f" then
    if pattern:sub(at + 2, at + 2) ~= "[" then return nil, "%f needs a set" end
    return at + 1
  end
  if letter:find "%d" and captures[tonumber(letter)] ~= "closed" then
    return nil, "there is no capture %" .. letter
  end
  return at + 1
end

--- The last capture that is still open.
local function open_capture(captures)
  for i = #captures, 1, -1 do
    if captures[i] == "open" then return i end
  end
end

--- What is wrong with `pattern`; nil where nothing is.
---@param pattern string
---@return string|nil
function M.problem(pattern)
  local at, captures = 1, {}
  while at <= #pattern do
    local letter = pattern:sub(at, at)
    if letter == "%" then
      local last, problem = escape_end(pattern, at, captures)
      if not last then return problem end
      at = last
    elseif letter == "[" then
      at = set_end(pattern, at)
      if not at then return "a [ is not closed" end
    elseif letter == "(" then
      if #captures == MOST_CAPTURES then return "it has too many captures" end
      captures[#captures + 1] = "open"
    elseif letter == ")" then
      local open = open_capture(captures)
      if not open then return "a ) closes nothing" end
      captures[open] = "closed"
    end
    at = at + 1
  end
  if open_capture(captures) then return "a ( is not closed" end
  return nil
end

return M
