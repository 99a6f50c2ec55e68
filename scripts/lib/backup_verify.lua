--- Verifying a backup: its checksums, a real restore to a temporary place, and what was restored.
local cipher <const> = require "signalbox.backup_cipher"
local content <const> = require "signalbox.backup_content"
local folders <const> = require "signalbox.backup_folder"
local new_problem <const> = require "signalbox.problem"
local places <const> = require "signalbox.backup_place"
local signalbox <const> = require "signalbox"
local stepping <const> = require "signalbox.backup_step"
local vault <const> = require "signalbox.vault"

local M = {}

local function corrupt(...) return new_problem("corrupt", string.format(...)) end

--- Compares the files of a backup with its manifest.
---@param folder string
---@param manifest signalbox.Manifest
---@param options { watch: function? }
---@return true? same
---@return signalbox.Problem? problem
function M.compare_files(folder, manifest, options)
  for what, part in pairs { data = manifest.data, export = manifest.export } do
    local step <close> = stepping.begin(options, "read", part.size)
    local sha256, size = vault.sha256(folder .. "/" .. part.file, stepping.telling(step))
    if not sha256 and size.code == "readonly" then return nil, size end -- it isn't ours to read
    if not sha256 then return nil, corrupt("its %s can't be read: %s", what, size) end
    if sha256 ~= part.sha256 or size ~= part.size then
      return nil, corrupt("its %s has another checksum", what)
    end
  end
  return true
end

--- Looks at all of a restored database. Nothing in it is brought up to date.
local function look_at(path, manifest, options)
  local step <close> = stepping.begin(options, "check")
  step:update(0, "")
  local store <close>, problem = signalbox.open(path, { mode = "ro", any_schema = true })
  if not store then return nil, problem end
  local sound, damage = content.check(store, "integrity_check")
  if not sound then return nil, damage end
  return content.compare(store, manifest)
end

--- Restores it to a temporary place, and looks at it there.
local function try_restore(folder, manifest, options)
  local place <close>, placing = places.make(options.temporary or os.getenv "TMPDIR" or "/tmp",
    manifest.size)
  if not place then return nil, placing end
  local path = place.path .. "/restored.db"
  local sums, unpacking
  do
    local step <close> = stepping.begin(options, "restore", manifest.size)
    sums, unpacking = cipher.unpack(folder, manifest, path,
      { identity = options.identity, watch = stepping.telling(step) })
  end
  if not sums then return nil, unpacking end
  if sums.size ~= manifest.size or sums.sha256 ~= manifest.sha256 then
    return nil, corrupt "what it holds has another checksum"
  end
  return look_at(path, manifest, options)
end

--- What a failure says of the backup: nothing, where it was of the key, or of our own place.
local function judge(folder, snapshot, problem, depth)
  if folders.is_gone(folder, snapshot) then
    return nil, new_problem("not_found", "it was removed meanwhile"), "gone"
  end
  if problem.code == "corrupt" then return false, problem, depth end
  return nil, problem, depth
end

--- Verifies one backup. One that is encrypted is restored where it can be decrypted
--- (`options.identity` for age, gpg knows its own keys); else its checksums are compared.
---@param folder string
---@param snapshot signalbox.Snapshot
---@param options? { identity: string?, temporary: string?, watch: function? }
---@return boolean? ok nil where it can't be found out
---@return signalbox.Problem? problem
---@return "restore"|"checksum"|"gone" depth how far it went
function M.verify(folder, snapshot, options)
  options = options or {}
  local manifest = snapshot.manifest
  if snapshot.problem then return judge(folder, snapshot, snapshot.problem, "checksum") end
  local ok, problem = M.compare_files(folder, manifest, options)
  if ok and not cipher.has_key(manifest, options.identity) then return true, nil, "checksum" end
  if ok then ok, problem = try_restore(folder, manifest, options) end
  if ok then return true, nil, "restore" end
  if problem.code == "unavailable" and not options.identity then return true, nil, "checksum" end
  return judge(folder, snapshot, problem, "restore")
end

return M
