--- A file that is there whole or not at all: written beside its place under another name, synced,
--- and then given its own. A reader, a crash or a full disk never meets a half one.
---
---     local file <close> = whole_file.create "signals.json"    -- nothing is there yet
---     file.stream:write(...)
---     assert(file:keep())                                       -- now it is
---
--- Left without `keep`, what was written goes away.
local signalbox <const> = require "signalbox"
local vault <const> = require "signalbox.vault"

local IN_USE <const> = 16 -- EBUSY: of a database's own files, which the host keeps scripts from

local M = {}

M.FOR_ALL = tonumber("644", 8) -- a mode: others may read it

---@class signalbox.WholeFile
---@field stream file*
local WholeFile = {}
WholeFile.__index = WholeFile

--- What stands at `path` may be replaced: nothing, or a plain file. A link would be replaced in
--- place of what it names, and a device isn't a file to be renamed over.
local function check_target(path)
  local status = vault.stat(path)
  if status and status.kind == "file" then
    local file <close>, problem, code = io.open(path, "rb")
    if not file and code == IN_USE then return nil, problem end
    return true
  end
  if not status then return true end
  local what = status.kind == "folder" and "a folder" or
    status.kind == "link" and "a symbolic link, which is not followed" or "no plain file"
  return nil, string.format("'%s' is %s: name a file", path, what)
end

--- Begins the file that `path` is going to be, in the folder that it belongs to: mode 0600, or the
--- one that is asked for.
---@param path string
---@param options? { mode: integer }
---@return signalbox.WholeFile? file, string? problem
function M.create(path, options)
  local ok, problem = check_target(path)
  if not ok then return nil, problem end
  local made
  for try = 1, 100 do
    local temporary = string.format("%s.part-%d", path, try)
    made, problem = vault.create(temporary, "", options and options.mode)
    if made then
      local stream, opening = io.open(temporary, "wb")
      if not stream then return nil, opening end
      return setmetatable({ path = path, temporary = temporary, stream = stream }, WholeFile)
    end
    if not vault.stat(temporary) then break end -- it isn't the name that is taken
  end
  return nil, problem
end

--- Gives it its name, over what had it before. Now it survives a power cut.
---@return true? done, any problem
function WholeFile:keep()
  local ok, problem = signalbox.fsync(self.stream)
  if not ok then return nil, problem end
  ok, problem = self.stream:close()
  if not ok then return nil, problem end
  ok, problem = check_target(self.path)
  if not ok then return nil, problem end
  ok, problem = os.rename(self.temporary, self.path)
  if not ok then return nil, problem end
  self.temporary = nil
  return vault.sync(self.path:match "^(.*/)[^/]*$" or ".")
end

function WholeFile:__close()
  if io.type(self.stream) == "file" then self.stream:close() end
  if self.temporary then os.remove(self.temporary) end
end

return M
