--- A folder of our own for a moment, which nobody else can enter, and which goes with all in it.
--
--     local place <close> = assert(places.make("/srv/signalbox", size))
--     copy(place.path .. "/copy.db")
--
-- It is locked while it is used: one that isn't was left by a run that was killed, and goes.
local files <const> = require "signalbox.files"
local new_problem <const> = require "signalbox.problem"

local M = {}

local NAME <const> = "^%.signalbox%-%w%w%w%w%w%w$"

local function remove(path)
  for _, name in ipairs(files.list(path) or {}) do files.remove(path .. "/" .. name) end
  os.remove(path)
end

--- Removes what killed runs left. One of somebody else's is let alone, as is a link to a folder.
local function sweep(parent)
  for _, name in ipairs(files.list(parent) or {}) do
    local path = parent .. "/" .. name
    local status = name:find(NAME) and files.stat(path)
    if status and status.kind == "folder" and status.is_ours then
      local lock <close> = files.lock(path) or nil
      if lock then remove(path) end
    end
  end
end

--- A new folder in `parent`, which has room for `size` bytes.
---@param parent string
---@param size integer
---@return { path: string }? place
---@return signalbox.Problem? problem
function M.make(parent, size)
  sweep(parent)
  local free, problem = files.free_space(parent)
  if not free then return nil, problem end
  if free < size then
    return nil, new_problem("full", string.format("'%s' has no room for the %d MiB of the database",
      parent, size >> 20))
  end
  local path, making = files.temporary_folder(parent)
  if not path then return nil, making end
  local lock, locking = files.lock(path)
  if not lock then
    remove(path)
    return nil, locking or new_problem("busy", string.format("'%s' is in use", path))
  end
  return setmetatable({ path = path }, {
    __close = function()
      remove(path)
      getmetatable(lock).__close(lock)
    end,
  })
end

return M
