--- A folder of backups, and of other files with a date in their name.
--
-- A backup is `STEM-20261124T033000Z.db.zst` (`.age` or `.gpg` behind it where it is encrypted)
-- beside its manifest, `STEM-20261124T033000Z.manifest.json`, and perhaps an export. What is being
-- made or removed is under a name that begins with a dot, so that what stands under its own is
-- whole; what a killed run left so is put right by the next one.
local retention <const> = require "signalbox.retention"
local signalbox <const> = require "signalbox"
local vault <const> = require "signalbox.vault"

local M = {}

M.MANIFEST = ".manifest.json"

local FORGOTTEN <const> = ".forgotten"
local PART <const> = ".part"

-- Manifests --------------------------------------------------------------------------------------

--- A manifest as its text: JSON that ends in the checksum of all before it.
---@param manifest table
---@return string
function M.manifest_text(manifest)
  local text = signalbox.json.encode(manifest):gsub("}$", "")
  return string.format('%s,"manifest_sha256":"%s"}\n', text, vault.sha256_text(text))
end

--- The manifest in a file; nil and what is wrong with it.
---@param path string
---@return table? manifest
---@return string? problem
function M.read_manifest(path)
  local file <close>, problem = io.open(path, "rb")
  if not file then return nil, problem end
  local text = file:read "a" or ""
  local body, sum = text:match '^(.*),"manifest_sha256":"(%x+)"}\n$'
  if not body or vault.sha256_text(body) ~= sum then return nil, "its manifest is damaged" end
  local manifest = signalbox.json.decode(body .. "}")
  if type(manifest) ~= "table" or manifest.format ~= "signalbox-backup" then
    return nil, "its manifest is of something else"
  end
  if manifest.version ~= 1 then return nil, "it was made by a newer signalbox" end
  return manifest
end

-- What is there ----------------------------------------------------------------------------------

---@class signalbox.Snapshot
---@field key string its files' names begin with this
---@field group string the part of it before the date
---@field time integer seconds since 1970
---@field files string[] names, sorted
---@field manifest table? of a backup that is in order as far as can be seen without reading it
---@field problem string? why it isn't

--- Finds out whether the files of a snapshot are a backup, and all there.
local function look_into(folder, snapshot)
  local is_there, has_data = {}, false
  for _, name in ipairs(snapshot.files) do
    is_there[name] = true
    has_data = has_data or name:find("%.db%.zst", #snapshot.key) ~= nil
  end
  local manifest_name = snapshot.key .. M.MANIFEST
  if not is_there[manifest_name] then
    if has_data then snapshot.problem = "it has no manifest" end
    return
  end
  snapshot.is_backup = true
  local manifest, problem = M.read_manifest(folder .. "/" .. manifest_name)
  if not manifest then
    snapshot.problem = problem
    return
  end
  snapshot.listed = manifest
  snapshot.time = math.floor(signalbox.time(manifest.made_at))
  for _, part in ipairs { manifest.data, manifest.export } do
    local status = vault.stat(folder .. "/" .. part.file)
    if not status then
      snapshot.problem = "'" .. part.file .. "' is missing"
      return
    elseif status.size ~= part.size then
      snapshot.problem = string.format("'%s' has %d bytes instead of %d", part.file, status.size,
        part.size)
      return
    end
  end
  snapshot.manifest = manifest
end

--- The keys of what is being made or removed, or was by a run that was killed.
local function unfinished_keys(names)
  local keys = {}
  for _, name in ipairs(names) do
    local key = name:match "^%.(.+)%.forgotten$" or name:match "^%.(.+)%.manifest%.json%.part$"
    if key then keys[key] = true end
  end
  return keys
end

--- The snapshots of a folder, oldest first; nil and what is wrong.
---@param folder string
---@return signalbox.Snapshot[]?
---@return string? problem
function M.scan(folder)
  local names, problem = vault.list(folder)
  if not names then return nil, problem end
  table.sort(names)
  local snapshots, by_key, unfinished = {}, {}, unfinished_keys(names)
  for _, name in ipairs(names) do
    local time, first, last = retention.date_in(name)
    local status = time and name:sub(1, 1) ~= "." and vault.stat(folder .. "/" .. name)
    local key = time and name:sub(1, last)
    if status and status.kind == "file" and not unfinished[key] then
      local snapshot = by_key[key]
      if not snapshot then
        snapshot = { key = key, group = name:sub(1, first - 1), time = time, files = {} }
        by_key[key] = snapshot
        snapshots[#snapshots + 1] = snapshot
      end
      snapshot.files[#snapshot.files + 1] = name
      if status.size == 0 then snapshot.problem = "'" .. name .. "' is empty" end
    end
  end
  for _, snapshot in ipairs(snapshots) do look_into(folder, snapshot) end
  table.sort(snapshots, function(a, b)
    if a.time ~= b.time then return a.time < b.time end
    return a.key < b.key
  end)
  return snapshots
end

--- Whether it is a backup, be it a damaged one.
function M.is_backup(snapshot)
  return snapshot.is_backup or snapshot.problem == "it has no manifest"
end

--- The path of what people call the backup: its data, else its manifest.
function M.path_of(folder, snapshot)
  if snapshot.listed then return folder .. "/" .. snapshot.listed.data.file end
  return folder .. "/" .. snapshot.files[1]
end

--- The folder and the snapshot that a path means: a backup's data, its manifest, or its key.
---@return string? folder
---@return signalbox.Snapshot|string snapshot_or_problem
function M.find(path)
  local folder, name = path:match "^(.*)/([^/]*)$"
  if not folder then folder, name = ".", path end
  if folder == "" then folder = "/" end
  local snapshots, problem = M.scan(folder)
  if not snapshots then return nil, problem end
  for _, snapshot in ipairs(snapshots) do
    local named = name == snapshot.key
    for _, file in ipairs(snapshot.files) do named = named or file == name end
    if named and M.is_backup(snapshot) then return folder, snapshot end
  end
  return nil, string.format("there is no backup '%s'", path)
end

--- Waits to be alone among those that make or remove backups in a folder; close what it gives.
---@param folder string
---@param note? fun(text: string) is told when it has to wait
function M.lock(folder, note)
  local told = not note
  while true do
    local lock, problem = vault.lock(folder)
    if lock or problem then return lock, problem end
    if not told then note("waiting for another one in " .. folder) end
    told = true
    signalbox.sleep(0.05)
  end
end

-- Making and removing ----------------------------------------------------------------------------

--- The name under which a file is made, before it gets its own.
function M.part_name(name) return "." .. name .. PART end

--- A key that no file has yet, for a backup made at `time`.
---@param names string[] of the folder
function M.new_key(names, stem, time)
  while true do
    local key = stem .. "-" .. os.date("!%Y%m%dT%H%M%SZ", time)
    local taken = false
    for _, name in ipairs(names) do taken = taken or name:find(key, 1, true) ~= nil end
    if not taken then return key end
    time = time + 1
  end
end

--- Removes the files of a snapshot. Its manifest goes first, under a name by which the next run
--- finds the rest, should this one not get that far.
---@return true? done
---@return string? problem
function M.remove(folder, snapshot)
  local marker = string.format("%s/.%s%s", folder, snapshot.key, FORGOTTEN)
  vault.create(marker, table.concat(snapshot.files, "\n")) -- a full disk is no reason to keep it
  for i = #snapshot.files, 1, -1 do -- the manifest is behind the data
    local removed, problem = os.remove(folder .. "/" .. snapshot.files[i])
    if not removed and vault.stat(folder .. "/" .. snapshot.files[i]) then return nil, problem end
  end
  os.remove(marker)
  return vault.sync(folder)
end

--- Goes on with what a killed run was removing.
local function finish_removing(folder, marker)
  local file <close> = io.open(folder .. "/" .. marker, "rb")
  local key = marker:sub(2, -#FORGOTTEN - 1)
  for name in (file and file:read "a" or ""):gmatch "[^\n]+" do
    if name:sub(1, #key) == key and not name:find("/", 1, true) then
      os.remove(folder .. "/" .. name)
    end
  end
  os.remove(folder .. "/" .. marker)
end

--- Gives a manifest its name where its data has its own already: there the run was killed between
--- the two. False where it is no such manifest, and is to go.
local function finish_making(folder, part)
  local name = part:sub(2, -#PART - 1)
  local manifest = M.read_manifest(folder .. "/" .. part)
  if not manifest then return false end
  for _, file in ipairs { manifest.data, manifest.export } do
    local status = vault.stat(folder .. "/" .. file.file)
    if not status or status.size ~= file.size then return false end
  end
  vault.rename(folder .. "/" .. part, folder .. "/" .. name)
  return true
end

--- Puts right what killed runs left. The caller has locked the folder.
---@param folder string
function M.mend(folder)
  for _, name in ipairs(vault.list(folder) or {}) do
    if retention.date_in(name) and name:sub(1, 1) == "." then
      if name:sub(-#FORGOTTEN) == FORGOTTEN then
        finish_removing(folder, name)
      elseif name:find("%.part$") or name:find("%.part%-%l+$") then
        if not (name:find(M.MANIFEST .. PART, 1, true) and finish_making(folder, name)) then
          os.remove(folder .. "/" .. name)
        end
      end
    end
  end
end

return M
