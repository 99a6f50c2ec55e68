--- Making a backup, checking one by restoring it, and restoring it for good.
--
--     local backup <const> = require "signalbox.backup"
--     local manifest = assert(backup.make(store, "/srv/backups"))
--     local fine, problem = backup.verify("/srv/backups", snapshot)
--
-- A copy is taken of one moment while others write, checked, compressed, and gets its name when all
-- of it is on the disk. What fails gives nil and a sentence. `watch(label, total)` in the options
-- gives an object with `update(done)` and `close()`: a step of the work has begun.
local folders <const> = require "signalbox.backup_folder"
local signalbox <const> = require "signalbox"
local vault <const> = require "signalbox.vault"

local M = {}

local LEVEL <const> = 3
local COMPANIONS <const> = { "-wal", "-shm", "-journal", "-workers" }

local silent <const> = setmetatable({ update = function() end }, { __close = function() end })

local function begin(options, label, total)
  return options.watch and options.watch(label, total) or silent
end

--- A function for vault that tells `step`.
local function telling(step)
  return function(done) step:update(done) end
end

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Removes a database and what SQLite puts beside it.
local function remove_database(path)
  os.remove(path)
  for _, suffix in ipairs(COMPANIONS) do os.remove(path .. suffix) end
end

-- Encryption: an existing tool, through a pipe ---------------------------------------------------

local TOOLS <const> = {
  age = {
    suffix = ".age",
    encrypt = "age --encrypt --recipient %s",
    decrypt = "age --decrypt --identity %s",
  },
  gpg = {
    suffix = ".gpg",
    encrypt = "gpg --batch --quiet --trust-model always --encrypt --recipient %s",
    decrypt = "gpg --batch --quiet --decrypt",
  },
}

--- The tool that knows such a recipient.
local function tool_for(recipient)
  return (recipient:find "^age1" or recipient:find "^ssh%-") and "age" or "gpg"
end

--- Compresses `from` into `to`; with a recipient through the tool that encrypts for it.
local function pack(from, to, recipient, step)
  if not recipient then return vault.pack(from, to, LEVEL, telling(step)) end
  local made, problem = vault.create(to)
  if not made then return nil, problem end
  local tool = tool_for(recipient)
  local pipe <close> = assert(io.popen(
    string.format(TOOLS[tool].encrypt, quote(recipient)) .. " >" .. quote(to), "w"))
  local sums, packing = vault.pack(from, pipe, LEVEL, telling(step))
  if not pipe:close() then return nil, tool .. " could not encrypt the backup" end
  if not sums then return nil, packing end
  local synced, syncing = vault.sync(to)
  if not synced then return nil, syncing end
  sums.packed_sha256, sums.packed_size = vault.sha256(to)
  if not sums.packed_sha256 then return nil, sums.packed_size end
  return sums
end

--- Decompresses a backup's data into `to`. Gives what it found, or nil and why not; with `unsummed`
--- the checksum of the data alone, and zstd's own of what comes out, are taken for enough.
local function unpack(folder, manifest, to, options, step, unsummed)
  local path = folder .. "/" .. manifest.data.file
  if not manifest.encryption then return vault.unpack(path, to, telling(step), unsummed) end
  local tool = TOOLS[manifest.encryption.tool]
  if not tool then return nil, "it is encrypted by '" .. manifest.encryption.tool .. "'" end
  local command = string.format(tool.decrypt, quote(options.identity or ""))
  local pipe <close> = assert(io.popen(command .. " <" .. quote(path), "r"))
  local sums, problem = vault.unpack(pipe, to, telling(step), unsummed)
  if not pipe:close() then return nil, manifest.encryption.tool .. " could not decrypt it" end
  if not sums then return nil, problem end
  sums.packed_sha256, sums.packed_size = vault.sha256(path)
  return sums
end

local function can_decrypt(manifest, options)
  return not manifest.encryption or manifest.encryption.tool == "gpg" or options.identity
end

-- What is in a database --------------------------------------------------------------------------

--- The rows that a backup must have: from the counters, which cost nothing, or counted one by one.
local COUNTS <const> = {
  signals = { "signals_by_type", "signals" },
  processing = { "processing_status", "signal_processing" },
  suppression_cache = { "suppression_entries", "suppression_cache" },
}

local function read_counts(store)
  local counts = {}
  for name, source in pairs(COUNTS) do
    local row, problem = store:row("SELECT coalesce(sum(n), 0) AS n FROM counters WHERE name = ?",
      source[1])
    if not row then return nil, tostring(problem) end
    counts[name] = row.n
  end
  return counts
end

local function schema_version(store)
  local row, problem = store:row "SELECT max(version) AS version FROM schema_migrations"
  return row and row.version, row == nil and tostring(problem) or nil
end

--- Checks a copy that nobody else knows of: nil, or what is wrong with it.
---@param pragma string quick_check or integrity_check
local function find_damage(store, pragma)
  local row, problem = store:row("PRAGMA " .. pragma .. "(1)")
  if not row then return problem and tostring(problem) or "it can't be read" end
  if row[pragma] ~= "ok" then return row[pragma] end
  return nil
end

--- Compares a restored database with its manifest: what it has counted, and what there is.
local function compare(store, manifest)
  local counts, problem = read_counts(store)
  if not counts then return nil, problem end
  for name, count in pairs(manifest.counts) do
    if counts[name] ~= count then
      return nil, string.format("it has %s of %s instead of %d", counts[name], name, count)
    end
    local rows = assert(store:row("SELECT count(*) AS n FROM " .. COUNTS[name][2])).n
    if rows ~= count then
      return nil, string.format("it has %d rows of %s instead of %d", rows, name, count)
    end
  end
  local version = schema_version(store)
  if not version or version < manifest.schema_version then
    return nil, string.format("its schema is %s instead of %d", version, manifest.schema_version)
  end
  return true
end

--- Opens a restored copy, which is ours to change: one with an older schema is brought up to date,
--- one with a newer can only be read.
local function open_copy(path)
  local store, problem = signalbox.open(path, { mode = "rw" })
  if not store and problem.code == "schema" then
    store, problem = signalbox.open(path, { mode = "ro" })
  end
  return store, problem
end

-- Making -----------------------------------------------------------------------------------------

--- Copies the database to `part`. Gives what the manifest tells of it.
local function copy(store, part, options)
  local page = assert(store:row "PRAGMA page_size").page_size
  local made_at = signalbox.now()
  do
    local step <close> = begin(options, "copy")
    local done, problem = store:backup(part, { sync = false, progress = function(pages, total)
      step.total = total * page
      step:update(pages * page)
    end })
    if not done then return nil, tostring(problem) end
  end
  local step <close> = begin(options, "check")
  step:update(0, "")
  local copied <close>, problem = signalbox.open(part, { mode = "ro" })
  if not copied then return nil, tostring(problem) end
  local damage = find_damage(copied, "quick_check")
  if damage then return nil, "the database is damaged: " .. damage end
  local counts, counting = read_counts(copied)
  if not counts then return nil, counting end
  return { made_at = made_at, counts = counts, schema_version = schema_version(copied) }
end

--- The names of a backup's files.
local function names_for(key, recipient)
  local suffix = recipient and TOOLS[tool_for(recipient)].suffix or ""
  return {
    copy = key .. ".db",
    data = key .. ".db.zst" .. suffix,
    export = key .. ".json" .. (recipient and ".zst" .. suffix or ""),
    manifest = key .. folders.MANIFEST,
  }
end

--- Writes what the copy holds as JSON.
local function write_export(part, path)
  local store <close>, opening = signalbox.open(part, { mode = "ro" })
  if not store then return nil, opening end
  local created, creating = vault.create(path)
  if not created then return nil, creating end
  local file <close> = assert(io.open(path, "wb"))
  local rows, problem = store:export(file, { format = "json" })
  if not rows then return nil, problem end
  return file:close()
end

--- The JSON document of the copy, as `signalbox export` writes it; encrypted as the copy is.
local function add_export(part, target, recipient, options)
  local step <close> = begin(options, "export")
  step:update(0, "")
  local plain = recipient and part:gsub("%.db%.part$", ".plain.part") or target
  local ok, problem = write_export(part, plain)
  if ok and recipient then ok, problem = pack(plain, target, recipient, silent) end
  if recipient then os.remove(plain) end
  if ok then ok, problem = vault.sync(target) end
  if not ok then return nil, tostring(problem) end
  local sha256, size = vault.sha256(target)
  if not sha256 then return nil, size end
  return { size = size, sha256 = sha256 }
end

--- Makes all files under their part names. Gives the manifest.
local function build(store, folder, key, names, options)
  local recipient = options.recipient
  local function part(name) return folder .. "/" .. folders.part_name(name) end

  local manifest, problem = copy(store, part(names.copy), options)
  if not manifest then return nil, problem end
  if options.copied then options.copied() end
  if options.export then
    local export, exporting = add_export(part(names.copy), part(names.export), recipient, options)
    if not export then return nil, exporting end
    manifest.export = { file = names.export, size = export.size, sha256 = export.sha256 }
  end
  local sums, packing
  do
    local size = vault.stat(part(names.copy)).size
    local step <close> = begin(options, "compress", size)
    sums, packing = pack(part(names.copy), part(names.data), recipient, step)
  end
  if not sums then return nil, packing end
  manifest.format, manifest.version, manifest.program = "signalbox-backup", 1, signalbox.version
  manifest.key = key
  manifest.database = store:get_stats().database_path
  manifest.size, manifest.sha256 = sums.size, sums.sha256
  manifest.data = { file = names.data, size = sums.packed_size, sha256 = sums.packed_sha256 }
  manifest.encryption = recipient and { tool = tool_for(recipient), recipient = recipient } or nil
  return manifest
end

--- Gives the files their names: the data first, and last the manifest, by which it is a backup.
local function publish(folder, names, manifest)
  local text = folders.manifest_text(manifest)
  local function part(name) return folder .. "/" .. folders.part_name(name) end
  local ok, problem = vault.create(part(names.manifest), text)
  for _, name in ipairs { names.data, manifest.export and names.export or false, names.manifest } do
    if ok and name then ok, problem = vault.rename(part(name), folder .. "/" .. name) end
  end
  if ok then ok, problem = vault.sync(folder) end
  return ok, problem
end

--- Makes a backup of an open store in a folder, which is made where it isn't there.
---@param store table
---@param folder string
---@param options? { recipient: string?, export: boolean?, copied: function?, watch: function?,
--- note: function? }
---@return table? manifest with `path`
---@return string? problem
function M.make(store, folder, options)
  options = options or {}
  local there, problem = vault.make_folder(folder)
  if not there then return nil, problem end
  local lock <close>, locking = folders.lock(folder, options.note)
  if not lock then return nil, locking end
  folders.mend(folder)
  local stem = store:get_stats().database_path:match "([^/]+)$":gsub("%.[%w]+$", "")
  if require("signalbox.retention").date_in(stem) then stem = stem:gsub("%d", "x") end
  local key = folders.new_key(vault.list(folder) or {}, stem,
    math.floor(signalbox.time(signalbox.now())))
  local names = names_for(key, options.recipient)
  local started = signalbox.time(signalbox.now())
  local ok, manifest, building = pcall(build, store, folder, key, names, options)
  remove_database(folder .. "/" .. folders.part_name(names.copy))
  if not ok or not manifest then
    folders.mend(folder)
    if not ok then error(manifest, 0) end
    return nil, building
  end
  manifest.seconds = signalbox.time(signalbox.now()) - started
  local published, publishing = publish(folder, names, manifest)
  if not published then
    for _, name in ipairs { names.manifest, names.data, names.export } do
      os.remove(folder .. "/" .. name)
    end
    folders.mend(folder)
    return nil, publishing
  end
  manifest.path = folder .. "/" .. names.data
  return manifest
end

-- Verifying --------------------------------------------------------------------------------------

--- Whether what was unpacked is what was packed.
local function check_sums(manifest, sums)
  if sums.packed_sha256 ~= manifest.data.sha256 then return nil, "its data has another checksum" end
  if sums.size ~= manifest.size or (sums.sha256 or manifest.sha256) ~= manifest.sha256 then
    return nil, "what it holds has another checksum"
  end
  return true
end

local function check_export(folder, manifest)
  if not manifest.export then return true end
  local sha256 = vault.sha256(folder .. "/" .. manifest.export.file)
  if sha256 ~= manifest.export.sha256 then return nil, "its export has another checksum" end
  return true
end

--- A folder of our own for a restored database; nil and why there is none.
local function temporary_place(size, options)
  local parent = options.temporary or os.getenv "TMPDIR" or "/tmp"
  local free, problem = vault.free_space(parent)
  if not free then return nil, problem end
  if free < size + size // 10 then
    return nil, string.format("'%s' has no room for the %d MiB to restore", parent, size >> 20)
  end
  return vault.temporary_folder(parent)
end

--- Restores it to `place` and looks at all of it there.
local function try_restore(folder, manifest, place, options)
  local path = place .. "/restored.db"
  local tidy <close> = setmetatable({}, { __close = function() -- luacheck: ignore 211
    remove_database(path)
    os.remove(place)
  end })
  local sums, unpacking, same, wrong
  do
    local step <close> = begin(options, "restore", manifest.size)
    sums, unpacking = unpack(folder, manifest, path, options, step)
  end
  if not sums then return nil, unpacking end
  same, wrong = check_sums(manifest, sums)
  if not same then return nil, wrong end
  local step <close> = begin(options, "check")
  step:update(0, "")
  local store <close>, opening = open_copy(path)
  if not store then return nil, tostring(opening) end
  local damage = find_damage(store, "integrity_check")
  if damage then return nil, damage end
  if store:row "SELECT 1 FROM pragma_foreign_key_check LIMIT 1" then
    return nil, "a row refers to one that is not there"
  end
  return compare(store, manifest)
end

--- Verifies one backup: its manifest, checksums, a real restore, and what was restored. One that
--- is encrypted is restored where it can be decrypted (`options.identity` for age).
---@return boolean? ok nil where it can't be found out, for want of room
---@return string? problem
---@return "restore"|"checksum" depth how far it went
function M.verify(folder, snapshot, options)
  options = options or {}
  local manifest = snapshot.manifest
  if not manifest then return false, snapshot.problem, "checksum" end
  local ok, problem = check_export(folder, manifest)
  if not ok then return false, problem, "checksum" end
  if not can_decrypt(manifest, options) then
    local step <close> = begin(options, "read", manifest.data.size)
    local sha256, reading = vault.sha256(folder .. "/" .. manifest.data.file, telling(step))
    if not sha256 then return false, reading, "checksum" end
    return sha256 == manifest.data.sha256, "its data has another checksum", "checksum"
  end
  local place, placing = temporary_place(manifest.size, options)
  if not place then return nil, placing, "checksum" end
  ok, problem = try_restore(folder, manifest, place, options)
  return ok == true, problem, "restore"
end

-- Restoring --------------------------------------------------------------------------------------

--- Empties the log of the database that is to be replaced into it, so that it is one file. Gives
--- false where that can't be done, for it is damaged perhaps.
local function settle_old(path)
  local old = signalbox.open(path, { mode = "rw", migrate = false, busy_timeout = 0 })
  if old then old:close() end
  local log = vault.stat(path .. "-wal")
  return not log or log.size == 0
end

--- Swaps the new database for the old one, which nobody can open meanwhile.
local function replace(part, path)
  local settled = settle_old(path)
  local claim <close>, problem = vault.claim(path)
  if not claim then return nil, problem end
  local log = vault.stat(path .. "-wal")
  if settled and log and log.size > 0 then return nil, string.format("'%s' is in use", path) end
  local aside = path .. ".before-restore"
  if vault.stat(aside) then
    return nil, string.format("'%s' is there, from an earlier restore: remove it first", aside)
  end
  if not settled then -- a log that stayed would be taken for the new database's
    local moved, moving = vault.rename(path .. "-wal", aside .. "-wal")
    if not moved then return nil, moving end
  end
  os.remove(path .. "-wal")
  os.remove(path .. "-shm")
  os.remove(path .. "-journal")
  local swapped, swapping = vault.exchange(part, path)
  if swapped then
    vault.rename(part, aside)
    return aside
  end
  local moved, moving = vault.rename(path, aside) -- a file system without an exchange
  if not moved then return nil, swapping .. "; " .. moving end
  moved, moving = vault.rename(part, path)
  if not moved then
    vault.rename(aside, path)
    return nil, moving
  end
  return aside
end

--- The part beside a database, empty of what a killed run left.
local function part_of(path)
  local folder, name = path:match "^(.*)/([^/]*)$"
  return folder .. "/" .. folders.part_name(name .. ".restore")
end

--- Unpacks a backup beside the database. What has the checksum of what was checked when the backup
--- was made needs no second look.
local function prepare(folder, manifest, part, options)
  local sums, problem
  do
    local step <close> = begin(options, "restore", manifest.size)
    sums, problem = unpack(folder, manifest, part, options, step, true)
  end
  if not sums then return nil, problem end
  return check_sums(manifest, sums)
end

--- Restores a backup as `path`: resolved, absolute, in a folder that is there. It is whole and on
--- the disk before it gets that name; the database that was there is kept until then.
---@param options? { force: boolean?, identity: string?, watch: function?, keep: boolean? }
---@return true? done
---@return string? problem
function M.restore(folder, snapshot, path, options)
  options = options or {}
  local manifest = snapshot.manifest
  if not manifest then return nil, snapshot.problem end
  if not can_decrypt(manifest, options) then
    return nil, "it is encrypted: --identity names the key"
  end
  local parent = path:match "^(.*)/[^/]*$"
  local lock <close>, locking = folders.lock(parent == "" and "/" or parent, options.note)
  if not lock then return nil, locking end
  local old = vault.stat(path)
  if old and not options.force then return nil, string.format("'%s' is there already", path) end
  if old then -- early, before the work; it is asked again when it counts
    local claim <close>, claiming = vault.claim(path)
    if not claim then return nil, claiming end
  end
  local part = part_of(path)
  remove_database(part)
  local ok, done, problem = pcall(prepare, folder, manifest, part, options)
  local aside
  if ok and done then
    if old then
      aside, problem = replace(part, path)
      done = aside ~= nil
    else
      done, problem = vault.rename(part, path)
    end
  end
  if not (ok and done) then
    remove_database(part)
    if not ok then error(done, 0) end
    return nil, problem
  end
  vault.sync(parent == "" and "/" or parent)
  if aside and not options.keep then
    os.remove(aside)
    os.remove(aside .. "-wal")
  end
  return true
end

return M
