--- Databases and their backups for a spec to break.
local data = require "spec.support.data"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

local M = {}

--- What a command of the shell prints, without the last newline.
function M.shell(...)
  local pipe <close> = assert(io.popen(string.format(...)))
  return (pipe:read "a":gsub("\n$", ""))
end

--- All names in a folder, those that begin with a dot too, a line each.
function M.names(folder) return M.shell("ls -A '%s'", folder) end

--- A database of `n` signals, closed; and a folder for its backups that is not there yet.
---@param path? string
function M.database(n, path)
  local store <close> = path and assert(signalbox.open(path)) or stores.open()
  path = path or store:get_stats().database_path
  assert(store:save_signals(data.signals(n or 20)))
  return path, path:match "^(.*)/" .. "/backups"
end

--- Runs `signalbox backup` with --json, which has to work; gives what it told.
function M.make(path, folder, ...)
  local result = run { "backup", path, folder, "--json", ... }
  assert(result.status == 0, result.err)
  return signalbox.json.decode(result.out)
end

--- A new database, the folder of its one backup, and what was told of that.
function M.backed_up(n, ...)
  local path, folder = M.database(n)
  return path, folder, M.make(path, folder, ...)
end

--- The number of signals in a database, which is intact.
function M.count(path)
  local store <close> = assert(signalbox.open(path, { mode = "rw" }))
  assert(store:row "PRAGMA integrity_check".integrity_check == "ok", path)
  return store:get_stats().total_signals
end

function M.add_signal(path)
  local store <close> = assert(signalbox.open(path))
  assert(store:save_signal(data.signal()))
end

--- Changes the manifest of a backup, and makes its own checksum right again.
function M.forge(told, change)
  local manifests = require "signalbox.backup_manifest"
  local path = told.path:gsub("%.db%.zst.*$", ".manifest.json")
  local manifest = assert(manifests.read(path))
  change(manifest)
  os.remove(path)
  temp.write(path, manifests.text(manifest))
  return path
end

--- Has a backup been made at another time: its manifest and its files' names say so.
function M.date(told, time)
  local stamp = os.date("!%Y%m%dT%H%M%SZ", math.floor(signalbox.time(time)))
  local function renamed(name) return (name:gsub("%d%d%d%d%d%d%d%dT%d%d%d%d%d%dZ", stamp)) end
  local manifest = M.forge(told, function(manifest)
    manifest.made_at = signalbox.iso(time)
    manifest.key = renamed(manifest.key)
    for _, part in ipairs { manifest.data, manifest.export } do
      local folder = told.path:match "^(.*)/"
      assert(os.rename(folder .. "/" .. part.file, folder .. "/" .. renamed(part.file)))
      part.file = renamed(part.file)
    end
  end)
  assert(os.rename(manifest, renamed(manifest)))
  told.path = renamed(told.path)
  return told
end

function M.flip(path, at)
  local file <close> = assert(io.open(path, "r+b"))
  file:seek("set", at - 1)
  local byte = file:read(1):byte()
  file:seek("set", at - 1)
  file:write(string.char(byte ~ (1 << at % 8)))
end

return M
