--- Where what was typed is complete, as Lua's own parser judges, and the functions for it.
--
--     local chunk, problem = statements.compile "1 + 1"       -- problem "more": it isn't complete
--     local chunks, problem = statements.pieces(paste)
--     for text, chunk, line in statements.each(io.stdin:lines()) do ... end
local M = {}

--- A function for `text`: an expression, else statements. nil and "more" where it isn't complete,
--- nil and the message where it is wrong.
---@param text string
---@return function? chunk
---@return string? problem
function M.compile(text)
  local chunk = load("return " .. text:match "^%s*=?(.*)$", "=prompt", "t")
  if chunk then return chunk end
  local problem
  chunk, problem = load(text, "=prompt", "t")
  if chunk then return chunk end
  local is_open = problem:find "<eof>'?$" and not problem:find "unfinished string near"
  return nil, is_open and "more" or problem
end

-- How deep a line leaves it --------------------------------------------------------------------

local DEEPER <const> = { ["{"] = 1, ["("] = 1, ["["] = 1, ["}"] = -1, [")"] = -1, ["]"] = -1,
  ["function"] = 1, ["do"] = 1, ["then"] = 1, ["repeat"] = 1,
  ["end"] = -1, ["until"] = -1, ["elseif"] = -1 }

--- Leaves the long bracket or the quoted text that is open at `at`, if it ends in `line`; where
--- that goes on.
local function leave_text(state, line, at)
  local from, to
  if state.long then
    from, to = line:find("]" .. state.long .. "]", at, true)
  else
    from, to = at, nil
    repeat
      from, to = line:find("[\\" .. state.quote .. "].?", to and to + 1 or from)
    until not from or line:sub(from, from) == state.quote
    to = from
  end
  if from then state.long, state.quote = nil, nil end
  return (to or #line) + 1
end

--- Takes the token at `at` into account; where the next may be.
local function take_token(state, line, at)
  local level, behind = line:match("^%-?%-?%[(=*)%[()", at)
  local is_comment = line:find("^%-%-", at) ~= nil
  if level and (is_comment or line:sub(at, at) == "[") then
    state.long = level
    return behind
  elseif is_comment then
    return #line + 1
  end
  local word, after = line:match("^([%a_][%w_]*)()", at)
  local token = word or line:sub(at, at)
  if token == "'" or token == '"' then state.quote = token end
  state.depth = state.depth + (DEEPER[token] or 0)
  return after or at + 1
end

--- Whether what has been read up to the end of `line` can be complete. It is only a guess, which
--- spares compiling a long statement after each of its lines; a wrong text is taken for complete,
--- for the parser to say so.
local function may_end(state, line)
  local at = 1
  while at <= #line do
    if state.long or state.quote then
      at = leave_text(state, line, at)
    else
      at = line:find("[%a_{}()%[%]'\"%-]", at)
      if not at then break end
      at = take_token(state, line, at)
    end
  end
  if state.quote and not line:find "\\$" and not line:find "\\z%s*$" then state.quote = nil end
  return not state.long and not state.quote and state.depth <= 0
end

-- One after the other --------------------------------------------------------------------------

--- What stands for itself: a command that begins with a dot.
function M.is_dot(text)
  return text:find "^%s*%.%a" ~= nil
end

--- Goes through the statements of `lines`, a function that gives one after the other: each text,
--- with its function (none where it is a dot-command), or nil and what is wrong with it, and the
--- number of its first line. The last can be incomplete: its problem is "more".
---@param lines fun(): string?
---@return fun(): string?, function?, integer, string?
function M.each(lines)
  local number = 0
  return function()
    local pending, first, state = {}, number + 1, { depth = 0 }
    for line in lines do
      number = number + 1
      if #pending == 0 and M.is_dot(line) then return line, nil, number end
      pending[#pending + 1] = line
      if may_end(state, line) then
        local text = table.concat(pending, "\n")
        local chunk, problem = M.compile(text)
        if problem ~= "more" then return text, chunk, first, problem end
      end
    end
    local text = table.concat(pending, "\n")
    if not text:find "%S" then return nil end
    local chunk, problem = M.compile(text)
    return text, chunk, first, problem
  end
end

--- The functions for the pieces of a text of several lines, as of a paste that ends in an
--- expression; nil and "more" or the message where one is incomplete or wrong.
---@param text string
---@return function[]? chunks
---@return string? problem
function M.pieces(text)
  local chunk, whole = M.compile(text)
  if chunk then return { chunk } end
  local chunks = {}
  for _, piece, _, problem in M.each((text .. "\n"):gmatch "(.-)\n") do
    if not piece then return nil, problem == "more" and whole or problem end
    chunks[#chunks + 1] = piece
  end
  return chunks
end

return M
