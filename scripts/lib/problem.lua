--- What the program's own libraries and commands give or raise where something went wrong: the same
--- form as the store's errors, so that whoever looks at one need not ask where it came from.
--
--     return nil, problem("unavailable", "Notion answers 503")
--
-- One that has a `status` ends the program with that exit code and its message, and no traceback.
-- The metatable is registered, so that the program knows its own from what a script raises,
-- whatever fields that has (host/program/problem.c).
local NAME <const> = "signalbox.problem"
local metatable <const> = {
  __name = NAME,
  __tostring = function(self) return self.message end,
}
if debug then debug.getregistry()[NAME] = metatable end

---@class signalbox.Problem
---@field code? string one of the store's codes
---@field message string a sentence for people
---@field detail table
---@field hint? string the way out
---@field status? integer the exit code

---@param code? string
---@param message string
---@param fields? table laid over it
---@return signalbox.Problem
return function(code, message, fields)
  local problem = { code = code, message = message, detail = {} }
  for name, value in pairs(fields or {}) do problem[name] = value end
  return setmetatable(problem, metatable)
end
