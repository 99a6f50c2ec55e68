--- What a library of ours gives or raises where something went wrong: the same form as the store's
--- errors, so that whoever looks at one need not ask where it came from.
--
--     return nil, problem("unavailable", "Notion answers 503")
local metatable <const> = { __tostring = function(self) return self.message end }

---@class signalbox.Problem
---@field code string one of the store's codes
---@field message string a sentence for people
---@field detail table

---@param code string
---@param message string
---@param fields? table laid over it
---@return signalbox.Problem
return function(code, message, fields)
  local problem = { code = code, message = message, detail = {} }
  for name, value in pairs(fields or {}) do problem[name] = value end
  return setmetatable(problem, metatable)
end
