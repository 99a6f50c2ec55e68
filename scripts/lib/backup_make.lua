--- Making a backup of an open store in a folder.
--
-- A copy of one moment is taken beside the database while others write, checked, compressed into
-- the folder, read back, and gets its name when all of it is on the disk. So the folder needs no
-- locks and no room for more than what stays there, and never holds a plain copy of what is
-- encrypted.
local changes <const> = require "signalbox.backup_change"
local cipher <const> = require "signalbox.backup_cipher"
local content <const> = require "signalbox.backup_content"
local files <const> = require "signalbox.files"
local folders <const> = require "signalbox.backup_folder"
local names <const> = require "signalbox.backup_name"
local new_problem <const> = require "signalbox.problem"
local places <const> = require "signalbox.backup_place"
local signalbox <const> = require "signalbox"
local stepping <const> = require "signalbox.backup_step"
local vault <const> = require "signalbox.vault"

local function now() return signalbox.time(signalbox.now()) end

--- Copies the database to `path`. Gives what the manifest tells of it.
local function copy(store, path, page, options)
  local manifest = { made_at = signalbox.now(), database = store:get_stats().database_path }
  local step <close> = stepping.begin(options, "copy")
  local done, problem = store:backup(path, { sync = false, progress = function(pages, total)
    step.total = total * page
    step:update(pages * page)
  end })
  if not done then return nil, problem end
  return manifest
end

--- Looks at a copy, and notes in the manifest what it holds.
local function look_at(copied, manifest, options)
  local step <close> = stepping.begin(options, "check")
  step:update(0, "")
  local sound, problem = content.check(copied, "quick_check")
  if not sound then
    return nil, new_problem(problem.code, "the database is damaged: " .. tostring(problem))
  end
  manifest.counts, problem = content.counts(copied)
  if not manifest.counts then return nil, problem end
  manifest.schema_version, problem = content.schema_version(copied)
  return manifest.schema_version, problem
end

--- Writes what the copy holds as JSON into a new file.
local function write_export(copied, path)
  local created, problem = files.create(path)
  if not created then return nil, problem end
  local file <close> = assert(io.open(path, "wb"))
  local rows, exporting = copied:export(file, { format = "json" })
  if not rows then return nil, exporting end
  local closed, closing = file:close()
  if not closed then return nil, new_problem("io", closing) end
  return files.sync(path)
end

--- The JSON document of the copy, as `signalbox export` writes it; encrypted as the data is.
local function add_export(copied, place, folder, name, options)
  local step <close> = stepping.begin(options, "export")
  step:update(0, "")
  local target = folder .. "/" .. names.making(name)
  local plain = options.recipient and place.path .. "/export.json" or target
  local ok, problem = write_export(copied, plain)
  if ok and options.recipient then ok, problem = cipher.pack(plain, target, options.recipient) end
  if not ok then return nil, problem end
  local sha256, size = vault.sha256(target)
  if not sha256 then return nil, size end
  return { file = name, size = size, sha256 = sha256 }
end

--- Compresses the copy into the folder.
local function add_data(path, folder, name, manifest, options)
  local step <close> = stepping.begin(options, "compress", files.stat(path).size)
  local sums, problem = cipher.pack(path, folder .. "/" .. names.making(name), options.recipient,
    stepping.telling(step))
  if not sums then return nil, problem end
  manifest.size, manifest.sha256 = sums.size, sums.sha256
  manifest.data = { file = name, size = sums.packed_size, sha256 = sums.packed_sha256 }
  return true
end

--- Whether the disk has what was written, before anything older goes for it.
local function read_back(folder, manifest, options)
  for _, part in ipairs { manifest.data, manifest.export } do
    local path = folder .. "/" .. names.making(part.file)
    local step <close> = stepping.begin(options, "read back", part.size)
    local sha256, size = vault.sha256(path, stepping.telling(step))
    if not sha256 then return nil, size end
    if sha256 ~= part.sha256 then
      return nil, new_problem("corrupt", string.format(
        "the disk gives back other data than was written to '%s'", path))
    end
  end
  return true
end

--- Makes all files under the names of what isn't ready. Gives the manifest.
local function build(store, folder, key, options)
  local of = names.of(key, cipher.suffix(options.recipient))
  local page = assert(store:row "PRAGMA page_size").page_size
  local size = assert(store:row "PRAGMA page_count").page_count * page
  local beside = store:get_stats().database_path:match "^(.+)/" or "/"
  local place <close>, placing = places.make(options.temporary or beside, size)
  if not place then return nil, placing end
  local path = place.path .. "/copy.db"
  local manifest, problem = copy(store, path, page, options)
  if not manifest then return nil, problem end
  if options.copied then options.copied() end
  do
    local copied <close>, opening = signalbox.open(path, { mode = "ro" })
    if not copied then return nil, opening end
    local ok, looking = look_at(copied, manifest, options)
    if not ok then return nil, looking end
    if options.export then
      manifest.export, problem = add_export(copied, place, folder, of.export, options)
      if not manifest.export then return nil, problem end
    end
  end
  local ok, adding = add_data(path, folder, of.data, manifest, options)
  if not ok then return nil, adding end
  ok, problem = read_back(folder, manifest, options)
  if not ok then return nil, problem end
  manifest.key, manifest.encryption = key, cipher.describe(options.recipient)
  return manifest
end

--- Makes a backup in a folder, which is made where it isn't there.
---@param store signalbox.Store
---@param folder string
---@param options? { recipient: string?, export: boolean?, temporary: string?, copied: function?,
--- watch: function?, note: function? } `copied` is called when the copy is taken
---@return signalbox.Manifest? manifest with `path`
---@return signalbox.Problem? problem
return function(store, folder, options)
  options = options or {}
  local there, problem = files.make_folder(folder)
  if not there then return nil, problem end
  local lock <close>, locking = folders.lock(folder, options.note)
  if not lock then return nil, locking end
  changes.mend(folder)
  local tidy <close> = setmetatable({}, { -- luacheck: ignore 211
    __close = function() changes.mend(folder) end,
  })
  local started = now()
  local key = changes.new_key(folder, names.stem(store:get_stats().database_path),
    math.floor(started))
  local manifest, building = build(store, folder, key, options)
  if not manifest then return nil, building end
  manifest.seconds = now() - started
  local published, publishing = changes.publish(folder, manifest)
  if not published then return nil, publishing end
  manifest.path = folder .. "/" .. manifest.data.file
  return manifest
end
