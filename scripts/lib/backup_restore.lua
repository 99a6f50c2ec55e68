--- Restoring a backup as a database, in place of one that nobody uses.
--
-- It is unpacked beside its place, compared with its checksums and on the disk before it gets its
-- name. What had the name before is aside, with its log, until that is done.
local cipher <const> = require "signalbox.backup_cipher"
local files <const> = require "signalbox.files"
local folders <const> = require "signalbox.backup_folder"
local new_problem <const> = require "signalbox.problem"
local signalbox <const> = require "signalbox"
local stepping <const> = require "signalbox.backup_step"

local ASIDE <const> = ".before-restore"
local LOGS <const> = { "-wal", "-journal" } -- what SQLite would read with a database of this name

--- Removes a database and what SQLite puts beside it.
local function remove_database(path)
  for _, suffix in ipairs { "", "-wal", "-journal", "-shm", "-workers" } do
    os.remove(path .. suffix)
  end
end

local function busy(path)
  return new_problem("busy", string.format("can't replace '%s': it is in use", path))
end

local function split(path)
  local folder, name = path:match "^(.*)/([^/]*)$"
  return folder, name, files.list(folder == "" and "/" or folder) or {}
end

-- Names on the way -------------------------------------------------------------------------------

--- What is being unpacked, and what stands before the number of the file that was: by that it is
--- told from what it was exchanged for.
local function names_of(path)
  local folder, name = path:match "^(.*)/([^/]*)$"
  local half = string.format("%s/.%s.restore", folder, name)
  return half .. ".part", half .. "-"
end

--- A name for the old database that neither it nor its logs have.
local function free_aside(path)
  local number, aside = 1, path .. ASIDE
  local function is_taken(suffix) return files.stat(aside .. suffix) ~= nil end
  while is_taken "" or is_taken "-wal" or is_taken "-journal" do
    number = number + 1
    aside = path .. ASIDE .. "-" .. number
  end
  return aside
end

--- Removes what a killed run had unpacked. What it had replaced gets the name it was to get.
local function take_up(path)
  local part, whole = names_of(path)
  local folder, base, listed = split(path)
  local now, prefix = files.stat(path), whole:match "[^/]*$"
  remove_database(part)
  for _, name in ipairs(listed) do
    local left = folder .. "/" .. name
    local inode = name:sub(1, #prefix) == prefix and math.tointeger(name:sub(#prefix + 1))
    local status = inode and files.stat(left)
    if status and status.inode == inode then
      os.remove(left)
    elseif status then
      local renamed, problem = files.rename(left, free_aside(path))
      if not renamed then return nil, problem end
    elseif now and name:sub(1, #base + #ASIDE) == base .. ASIDE then -- a second name of the old one
      status = files.stat(left)
      if status and status.inode == now.inode then os.remove(left) end
    end
  end
  return true
end

-- The database that is replaced ------------------------------------------------------------------

--- Empties the log of the old database into it. What is damaged keeps its log.
local function settle(path)
  local old = signalbox.open(path, { mode = "rw", migrate = false, busy_timeout = 0 })
  if not old then return true end
  old:close()
  local log = files.stat(path .. "-wal")
  if log and log.size > 0 then return nil, busy(path) end
  return true
end

--- Moves logs aside: a new database by their name would be overwritten with what they hold.
local function move_logs(from, to)
  for _, suffix in ipairs(LOGS) do
    if files.stat(from .. suffix) then
      local moved, problem = files.rename(from .. suffix, to .. suffix)
      if not moved then return nil, problem end
    end
  end
  os.remove(from .. "-shm")
  return true
end

--- Gives the new one its name, and the old one that of `aside`, leaving no moment without one.
local function exchange(new, path, aside)
  local exchanged, problem = files.exchange(new, path)
  if exchanged then return files.rename(new, aside) end
  if exchanged == nil then return nil, problem end
  local kept, keeping = files.link(path, aside)
  if not kept then kept, keeping = files.rename(path, aside) end -- not even a second name
  if not kept then return nil, keeping end
  local renamed, why = os.rename(new, path)
  if renamed then return true end
  os.rename(aside, path)
  if files.stat(path) then os.remove(aside) end
  return nil, new_problem("io", why)
end

--- Puts the new database in place of the old, which nobody can open meanwhile.
local function replace(new, path, aside)
  local settled, problem = settle(path)
  if not settled then return nil, problem end
  local claim <close>, claiming = files.claim(path)
  if not claim then return nil, claiming end
  local adopted, adopting = files.adopt(new, path)
  if not adopted then return nil, adopting end
  local moved, moving = move_logs(path, aside)
  if not moved then return nil, moving end
  local done, exchanging = exchange(new, path, aside)
  if not done then move_logs(aside, path) end
  return done, exchanging
end

--- Puts it where no database is, though the log of one may be.
local function put(new, path, aside)
  local moved, problem = move_logs(path, aside)
  if not moved then return nil, problem end
  return files.rename(new, path)
end

-- Restoring --------------------------------------------------------------------------------------

--- Whether it can be begun: what would be refused at the end is refused before the work.
local function check_target(path, options)
  if not files.stat(path) then return true end
  if not options.force then
    return nil, new_problem("conflict", string.format("'%s' is there already", path))
  end
  local claim <close>, problem = files.claim(path)
  return claim ~= nil, problem
end

--- Unpacks a backup into `part`, and compares. What has the checksum of what was checked when the
--- backup was made needs no second look.
local function unpack(folder, manifest, part, options)
  local step <close> = stepping.begin(options, "restore", manifest.size)
  local sums, problem = cipher.unpack(folder, manifest, part,
    { identity = options.identity, watch = stepping.telling(step), unsummed = true })
  if not sums then return nil, problem end
  if sums.packed_sha256 ~= manifest.data.sha256 or sums.size ~= manifest.size then
    return nil, new_problem("corrupt", "its data has another checksum")
  end
  return true
end

--- Gives what was unpacked the name under which it is exchanged.
local function make_whole(path, part)
  local _, whole = names_of(path)
  local new = whole .. files.stat(part).inode
  local renamed, problem = files.rename(part, new)
  return renamed and new, problem
end

--- The problem with the backup's name before it.
local function of_backup(folder, snapshot, problem)
  return new_problem(problem.code, string.format("the backup '%s' can't be restored: %s",
    folders.path_of(folder, snapshot), problem))
end

--- Restores a backup as `path`: resolved, absolute, in a folder that is there.
---@param folder string
---@param snapshot signalbox.Snapshot
---@param path string
---@param options? { force: boolean?, identity: string?, watch: function?, keep: boolean?,
--- note: function? }
---@return true? done
---@return signalbox.Problem? problem `conflict` where a database is there and force was not given
return function(folder, snapshot, path, options)
  options = options or {}
  if snapshot.problem then return nil, of_backup(folder, snapshot, snapshot.problem) end
  if not cipher.has_key(snapshot.manifest, options.identity) then
    return nil, of_backup(folder, snapshot, new_problem("unavailable",
      "it is encrypted: --identity names the key"))
  end
  local parent = path:match "^(.*)/[^/]*$"
  if parent == "" then parent = "/" end
  local lock <close>, locking = folders.lock(parent, options.note)
  if not lock then return nil, locking end
  local ok, problem = take_up(path)
  if ok then ok, problem = check_target(path, options) end
  if not ok then return nil, problem end
  local part = names_of(path)
  local tidy <close> = setmetatable({}, { -- luacheck: ignore 211
    __close = function() take_up(path) end,
  })
  ok, problem = unpack(folder, snapshot.manifest, part, options)
  if not ok then return nil, of_backup(folder, snapshot, problem) end
  local new, renaming = make_whole(path, part)
  if not new then return nil, renaming end
  local aside = free_aside(path)
  ok, problem = (files.stat(path) and replace or put)(new, path, aside)
  if ok then ok, problem = files.sync(parent) end
  if not ok then return nil, problem end
  if not options.keep then remove_database(aside) end
  return true
end
