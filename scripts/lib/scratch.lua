--- A store for a moment, in a file that goes with it.
local signalbox <const> = require "signalbox"

local M = {}

local function remove(path)
  for _, suffix in ipairs { "", "-wal", "-shm", "-workers" } do os.remove(path .. suffix) end
end

--- A new empty store of the newest schema, and a value that closes and removes it:
---
---     local store, scratch <close> = scratch.open()
---@return signalbox.Store store, table closing
function M.open()
  local path = os.tmpname()
  local store, problem = signalbox.open(path, { mode = "rw", durability = "normal" })
  if not store then
    remove(path)
    error(problem, 0)
  end
  return store, setmetatable({}, {
    __close = function()
      store:close()
      remove(path)
    end,
  })
end

return M
