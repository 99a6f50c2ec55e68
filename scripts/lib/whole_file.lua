--- A file that is there whole or not at all: written beside its place under another name, synced,
--- and then given its own. A reader, a crash or a full disk never meets a half one.
---
---     local file <close> = whole_file.create "signals.json"    -- nothing is there yet
---     file.stream:write(...)
---     assert(file:keep())                                       -- now it is
---
--- Left without `keep`, what was written goes away.
local files <const> = require "signalbox.files"
local signalbox <const> = require "signalbox"

local IN_USE <const> = 16 -- EBUSY: of a database's own files, which the host keeps scripts from

local M = {}

M.FOR_ALL = tonumber("644", 8) -- a mode: others may read it

---@class signalbox.WholeFile
---@field path string
---@field temporary? string
---@field mode? integer
---@field stream? file*
local WholeFile = {}
WholeFile.__index = WholeFile

--- What stands at `path` may be replaced: nothing, or a plain file. A link would be replaced in
--- place of what it names, and a device isn't a file to be renamed over.
local function check_target(path)
  local status = files.stat(path)
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

local NAMES <const> = 100

--- What went wrong with the name that was taken for `path`, told of `path`: that is what was asked
--- for.
local function told_of(problem, name, path)
  local text = tostring(problem)
  local from, to = text:find(name, 1, true)
  return from and text:sub(1, from - 1) .. path .. text:sub(to + 1) or text
end

--- A name beside `path` that is ours while the lock is. What killed programs have left under such
--- names is used again, or removed.
---@return string? name, any lock_or_problem
local function take_name(path)
  local name, lock
  for i = 1, NAMES do
    local candidate = string.format("%s.part-%d", path, i)
    if name and not files.stat(candidate) then break end
    local taken, problem = files.take(candidate)
    if taken == nil and not name then return nil, told_of(problem, candidate, path) end
    if taken and name then
      os.remove(candidate)
    elseif taken then
      name, lock = candidate, taken
    end
  end
  return name, lock or string.format("'%s.part-1' to '-%d' are taken by others", path, NAMES)
end

--- Begins the file that `path` is going to be, mode 0600, in the folder that it belongs to: empty,
--- with a name of its own, `temporary`, for whoever fills it.
---@param path string
---@return signalbox.WholeFile? file, string? problem
function M.reserve(path)
  local ok, problem = check_target(path)
  if not ok then return nil, problem end
  local name, lock = take_name(path)
  if not name then return nil, lock end
  return setmetatable({ path = path, temporary = name, lock = lock }, WholeFile)
end

--- The same, open as `stream`; with another mode in the end, where one is asked for.
---@param path string
---@param options? { mode: integer }
---@return signalbox.WholeFile? file, string? problem
function M.create(path, options)
  local file, problem = M.reserve(path)
  if not file then return nil, problem end
  file.stream, problem = io.open(file.temporary, "wb")
  file.mode = options and options.mode
  if file.stream then return file end
  file:__close()
  return nil, problem
end

--- Gives it its name, over what had it before, or with `new` only where nothing has. Now it
--- survives a power cut.
---@param new? boolean
---@return true? done, any problem
function WholeFile:keep(new)
  local ok, problem
  if self.stream then
    ok, problem = signalbox.fsync(self.stream)
    if ok then ok, problem = self.stream:close() end
  else
    ok, problem = files.sync(self.temporary)
  end
  if ok and self.mode then ok, problem = files.set_mode(self.temporary, self.mode) end
  if ok then ok, problem = check_target(self.path) end
  if ok then ok, problem = (new and files.rename or os.rename)(self.temporary, self.path) end
  if not ok then return nil, problem end
  self.temporary = nil
  return files.sync(self.path:match "^(.*/)[^/]*$" or ".")
end

function WholeFile:__close()
  if io.type(self.stream) == "file" then self.stream:close() end
  if self.temporary then os.remove(self.temporary) end
  self.temporary = nil
  local lock <close> = self.lock -- luacheck: ignore lock
end

return M
