--- Making and removing the backups of a folder, which the caller has locked (folders.lock).
--
-- The manifest makes a backup one: it gets its name last, and loses it first. In between it stands
-- under another name, by which the next run takes up what a killed one left.
local files <const> = require "signalbox.files"
local folders <const> = require "signalbox.backup_folder"
local manifests <const> = require "signalbox.backup_manifest"
local names <const> = require "signalbox.backup_name"

local M = {}

--- A key that no file has yet, for a backup made at `time`.
function M.new_key(folder, stem, time)
  local taken = {}
  for _, name in ipairs(files.list(folder) or {}) do
    taken[names.parse(name) or names.parse_unfinished(name) or ""] = true
  end
  while taken[names.key(stem, time)] do time = time + 1 end
  return names.key(stem, time)
end

--- Gives a backup that stands under its unfinished names its own, the manifest last.
local function give_names(folder, manifest)
  for _, part in ipairs { manifest.data, manifest.export } do
    local making, own = folder .. "/" .. names.making(part.file), folder .. "/" .. part.file
    if files.stat(making) then
      local renamed, problem = files.rename(making, own)
      if not renamed then return nil, problem end
    end
  end
  local name = names.manifest(manifest.key)
  local renamed, problem = files.rename(folder .. "/" .. names.making(name), folder .. "/" .. name)
  if not renamed then return nil, problem end
  return files.sync(folder)
end

--- Makes a backup of the files that were made for it, all of them on the disk.
---@param folder string
---@param manifest signalbox.Manifest
---@return true? done
---@return signalbox.Problem? problem
function M.publish(folder, manifest)
  local path = folder .. "/" .. names.making(names.manifest(manifest.key))
  local created, problem = files.create(path, manifests.text(manifest))
  if not created then return nil, problem end
  return give_names(folder, manifest)
end

--- Removes the data and the export of a backup that has no manifest any more, under all names.
local function remove_parts(folder, key)
  for _, name in ipairs(files.list(folder) or {}) do
    local of, part = names.parse(name)
    if not of then of, part = names.parse_unfinished(name) end
    if of == key and part ~= "manifest" then
      local removed, problem = files.remove(folder .. "/" .. name)
      if not removed and problem.code ~= "not_found" then return nil, problem end
    end
  end
  return true
end

local function remove_rest(folder, key)
  local removed, problem = remove_parts(folder, key)
  if removed then os.remove(folder .. "/" .. names.removing(key)) end
  return removed, problem
end

local function remove_one(folder, snapshot)
  if snapshot.kind == "backup" then
    local renamed, problem = files.rename(folder .. "/" .. names.manifest(snapshot.key),
      folder .. "/" .. names.removing(snapshot.key))
    if not renamed then return nil, problem end
    return remove_rest(folder, snapshot.key)
  end
  for _, name in ipairs(snapshot.files) do
    local removed, problem = files.remove(folder .. "/" .. name)
    if not removed then return nil, problem end
  end
  return true
end

--- Removes snapshots.
---@param folder string
---@param snapshots signalbox.Snapshot[]
---@return true? done
---@return signalbox.Problem? problem
function M.remove(folder, snapshots)
  for _, snapshot in ipairs(snapshots) do
    local removed, problem = remove_one(folder, snapshot)
    if not removed then return nil, problem end
  end
  return files.sync(folder)
end

--- Goes on with the making of a backup that has all its files; what has not, goes.
local function finish_making(folder, key)
  local path = folder .. "/" .. names.making(names.manifest(key))
  local manifest = manifests.read(path)
  local whole = manifest ~= nil and manifest.key == key
  for _, part in ipairs(whole and { manifest.data, manifest.export } or {}) do
    local status = files.stat(folder .. "/" .. part.file)
      or files.stat(folder .. "/" .. names.making(part.file))
    whole = whole and status ~= nil and status.size == part.size
  end
  if whole then return give_names(folder, manifest) end
  if remove_parts(folder, key) then os.remove(path) end
end

--- Takes up what killed runs left: first what their manifests tell, then the rest goes.
---@param folder string
function M.mend(folder)
  local rest = {}
  for _, name in ipairs(files.list(folder) or {}) do
    local key, part, state = names.parse_unfinished(name)
    if key and part ~= "manifest" then
      rest[#rest + 1] = { key = key, path = folder .. "/" .. name }
    elseif state == "part" then
      finish_making(folder, key)
    elseif state == "forgotten" then
      remove_rest(folder, key)
    end
  end
  for _, one in ipairs(rest) do
    if not folders.is_unfinished(folder, one.key) then os.remove(one.path) end
  end
end

return M
