--- What is in a folder of backups, and of other files with a date in their name.
--
-- A backup is its data beside its manifest, and perhaps an export (signalbox.backup_name has their
-- names). Nothing here changes the folder; signalbox.backup_change does.
local files <const> = require "signalbox.files"
local manifests <const> = require "signalbox.backup_manifest"
local names <const> = require "signalbox.backup_name"
local new_problem <const> = require "signalbox.problem"
local retention <const> = require "signalbox.retention"
local signalbox <const> = require "signalbox"

local M = {}

local AHEAD <const> = 300 -- seconds: clocks that differ by more are wrong

---@class signalbox.Snapshot
---@field kind "backup"|"file" the latter is any file with a date in its name
---@field key string its files' names begin with this
---@field stem string? of a backup: the key without the time
---@field group string what it is one of: of a backup its database
---@field time integer seconds since 1970
---@field files string[] names
---@field manifest signalbox.Manifest? of a backup, where it can be read
---@field problem signalbox.Problem? why it is none to rely on, as far as can be seen at a glance

local function corrupt(...) return new_problem("corrupt", string.format(...)) end

--- Whether the files that a manifest tells of are there, in their size.
local function find_missing(folder, manifest)
  for _, part in ipairs { manifest.data, manifest.export } do
    local status = files.stat(folder .. "/" .. part.file)
    if not status then return corrupt("'%s' is missing", part.file) end
    if status.size ~= part.size then
      return corrupt("'%s' has %d bytes instead of %d", part.file, status.size, part.size)
    end
  end
end

--- Whether another is making or removing it, or was when it was killed.
function M.is_unfinished(folder, key)
  return files.stat(folder .. "/" .. names.making(names.manifest(key))) ~= nil
    or files.stat(folder .. "/" .. names.removing(key)) ~= nil
end

--- Whether a backup that is not in order was removed since it was found.
function M.is_gone(folder, snapshot)
  return snapshot.manifest ~= nil
    and not files.stat(folder .. "/" .. names.manifest(snapshot.key))
end

--- The backup that some files are; nil where it is being made or removed.
local function backup_of(folder, key, parts, stem)
  if M.is_unfinished(folder, key) then return nil end
  local snapshot = { kind = "backup", key = key, stem = stem, files = {},
    time = retention.date_in(key:sub(#stem + 2)) or 0 }
  for _, name in pairs(parts) do snapshot.files[#snapshot.files + 1] = name end
  table.sort(snapshot.files)
  local first = snapshot.files[1] -- the data, where it is there
  local manifest, problem = manifests.read(folder .. "/" .. names.manifest(key))
  if manifest then
    snapshot.manifest, snapshot.time = manifest, math.floor(signalbox.time(manifest.made_at))
    snapshot.problem = manifest.key ~= key and corrupt "its manifest is of another"
      or find_missing(folder, manifest)
    if snapshot.problem and M.is_gone(folder, snapshot) then return nil end
  elseif problem.code == "not_found" then
    if M.is_unfinished(folder, key) or not files.stat(folder .. "/" .. first) then return nil end
    snapshot.problem = corrupt "it has no manifest"
  else
    snapshot.problem = problem
  end
  return snapshot
end

--- A file that is no backup's, but has a date in its name; added to those that share it.
local function add_dated(by_key, folder, name)
  local time, first, last = retention.date_in(name)
  if not time or name:find "^%." then return end
  local status = files.stat(folder .. "/" .. name)
  if not status or status.kind ~= "file" then return end
  local key = name:sub(1, last)
  local snapshot = by_key[key] or { kind = "file", key = key, group = name:sub(1, first - 1),
    time = time, files = {} }
  by_key[key] = snapshot
  table.insert(snapshot.files, name)
  if status.size == 0 then snapshot.problem = corrupt("'%s' is empty", name) end
end

--- The parts of backups by key, and the names that are none: an export alone is none.
local function sort_names(folder, listed)
  local backups, others = {}, {}
  for _, name in ipairs(listed) do
    local key, part, stem = names.parse(name)
    local status = key and files.stat(folder .. "/" .. name)
    if not key then
      others[#others + 1] = name
    elseif status and status.kind == "file" then
      backups[key] = backups[key] or { stem = stem, parts = {} }
      backups[key].parts[part] = name
    end
  end
  for key, backup in pairs(backups) do
    if not (backup.parts.data or backup.parts.manifest) then
      others[#others + 1] = backup.parts.export
      backups[key] = nil
    end
  end
  return backups, others
end

--- Backups whose manifest can't be read are taken for those of the database that others of their
--- name are of.
local function set_groups(snapshots)
  local by_stem = {}
  for _, snapshot in ipairs(snapshots) do
    if snapshot.manifest then by_stem[snapshot.stem] = snapshot.manifest.database end
  end
  for _, snapshot in ipairs(snapshots) do
    snapshot.group = snapshot.group or snapshot.manifest and snapshot.manifest.database
      or by_stem[snapshot.stem] or snapshot.stem
  end
end

--- The snapshots of a folder, oldest first; nil and what is wrong.
---@param folder string
---@return signalbox.Snapshot[]?
---@return signalbox.Problem? problem
function M.scan(folder)
  local listed, problem = files.list(folder)
  if not listed then return nil, problem end
  table.sort(listed)
  local snapshots, by_key = {}, {}
  local backups, others = sort_names(folder, listed)
  for key, backup in pairs(backups) do
    snapshots[#snapshots + 1] = backup_of(folder, key, backup.parts, backup.stem)
  end
  for _, name in ipairs(others) do add_dated(by_key, folder, name) end
  for _, snapshot in pairs(by_key) do snapshots[#snapshots + 1] = snapshot end
  table.sort(snapshots, function(a, b)
    if a.time ~= b.time then return a.time < b.time end
    return a.key < b.key
  end)
  set_groups(snapshots)
  return snapshots
end

--- The backups among them.
---@param folder string
---@return signalbox.Snapshot[]?
---@return signalbox.Problem? problem
function M.backups(folder)
  local snapshots, problem = M.scan(folder)
  if not snapshots then return nil, problem end
  local found = {}
  for _, snapshot in ipairs(snapshots) do
    if snapshot.kind == "backup" then found[#found + 1] = snapshot end
  end
  return found
end

--- Whether it was made by a clock that was ahead of ours.
function M.is_ahead(snapshot)
  return snapshot.time > signalbox.time(signalbox.now()) + AHEAD
end

--- The newest backup of each database, in the order of their paths. `fits` says which may be one.
---@param backups signalbox.Snapshot[] oldest first
---@param fits fun(snapshot: signalbox.Snapshot): boolean
---@return signalbox.Snapshot[]
function M.newest(backups, fits)
  local by_group, found = {}, {}
  for _, snapshot in ipairs(backups) do
    if fits(snapshot) then by_group[snapshot.group] = snapshot end
  end
  for _, snapshot in pairs(by_group) do found[#found + 1] = snapshot end
  table.sort(found, function(a, b) return a.group < b.group end)
  return found
end

--- The path of what people call the snapshot: a backup's data, else its first file.
function M.path_of(folder, snapshot)
  local manifest = snapshot.manifest
  return folder .. "/" .. (manifest and manifest.data.file or snapshot.files[1])
end

--- The folder and the backup that a path means: its data, its manifest, or its key.
---@return string? folder
---@return signalbox.Snapshot|signalbox.Problem snapshot_or_problem
function M.find(path)
  local folder, name = path:match "^(.*)/([^/]*)$"
  if not folder then folder, name = ".", path end
  if folder == "" then folder = "/" end
  local backups, problem = M.backups(folder)
  if not backups then return nil, problem end
  for _, snapshot in ipairs(backups) do
    local named = name == snapshot.key
    for _, file in ipairs(snapshot.files) do named = named or file == name end
    if named then return folder, snapshot end
  end
  return nil, new_problem("not_found", string.format("there is no backup '%s'", path))
end

--- Waits to be alone among those that make or remove backups in a folder; close what it gives.
---@param folder string
---@param note? fun(text: string) is told when it has to wait
function M.lock(folder, note)
  local told = not note
  while true do
    local lock, problem = files.lock(folder)
    if lock or problem then return lock, problem end
    if not told then note("waiting for another one in " .. folder) end
    told = true
    signalbox.sleep(0.05)
  end
end

return M
