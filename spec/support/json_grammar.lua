--- RFC 8259's grammar, said a second time and as plainly as possible: what specs hold the product's
-- reader against. `accepts(text)` says whether the text is JSON, nested at most 1,000 deep.
local M = {}

local MAX_DEPTH <const> = 1000

local function blank(text, at)
  return text:match("^[ \t\r\n]*()", at)
end

-- Each of these gives the place behind what it read, or nil.

local function number(text, at)
  local after = text:match("^%-?0()", at) or text:match("^%-?[1-9]%d*()", at)
  if not after then return nil end
  after = text:match("^%.%d+()", after) or after
  return text:match("^[eE][+-]?%d+()", after) or after
end

local function string(text, at)
  if text:sub(at, at) ~= '"' then return nil end
  at = at + 1
  while true do
    local byte = text:sub(at, at)
    if byte == '"' then return at + 1 end
    local after = text:match('^[^"\\\0-\31\128-\255]+()', at)
      or text:match('^\\["\\/bfnrt]()', at)
      or text:match("^\\u%x%x%x%x()", at)
    if not after then
      local character = text:match("^[\xc2-\xf4][\x80-\xbf]+", at)
      if not character then return nil end
      local first = character:byte()
      after = at + (first < 0xe0 and 2 or first < 0xf0 and 3 or 4)
      if not utf8.len(text:sub(at, after - 1)) then return nil end
    end
    at = after
  end
end

local value

-- `one` reads what stands between the commas.
local function list(text, at, close, one)
  at = blank(text, at + 1)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = one(text, at)
    if not at then return nil end
    at = blank(text, at)
    local byte = text:sub(at, at)
    if byte == close then return at + 1 end
    if byte ~= "," then return nil end
    at = blank(text, at + 1)
  end
end

function value(text, at, depth)
  local byte = text:sub(at, at)
  if byte == "{" or byte == "[" then
    if depth == MAX_DEPTH then return nil end
    return list(text, at, byte == "{" and "}" or "]", function(_, start)
      if byte == "{" then
        start = string(text, start)
        start = start and text:match("^[ \t\r\n]*:[ \t\r\n]*()", start)
      end
      return start and value(text, start, depth + 1)
    end)
  end
  return string(text, at) or number(text, at) or text:match("^true()", at)
    or text:match("^false()", at) or text:match("^null()", at)
end

function M.accepts(text)
  local after = value(text, blank(text, 1), 0)
  return after ~= nil and blank(text, after) == #text + 1
end

return M
