--- Verifying backups: that what is damaged is found, and nothing else called so.
local backups = require "spec.support.backups"
local folders = require "signalbox.backup_folder"
local mounts = require "spec.support.mounts"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"
local verifying = require "signalbox.backup_verify"

local backed_up, database = backups.backed_up, backups.database
local names, shell = backups.names, backups.shell

describe("signalbox verify", function()
  it("finds a byte that was flipped, wherever it is", function()
    local _, folder = backed_up(1, "--with-export")
    local snapshot = assert(folders.backups(folder))[1]
    assert.equal(3, #snapshot.files)
    for _, name in ipairs(snapshot.files) do
      local path = folder .. "/" .. name
      for at = 1, assert(io.open(path)):seek "end" do
        backups.flip(path, at)
        local found = folders.backups(folder)[1]
        local ok, problem = verifying.verify(folder, found)
        assert.is_false(ok, string.format("%s at %d: %s", name, at, problem))
        backups.flip(path, at)
      end
    end
    assert.is_true(verifying.verify(folder, folders.backups(folder)[1]))
  end)

  it("exits 3 where one is damaged or incomplete, 1 where there is none", function()
    local path, folder, told = backed_up(2)
    assert.equal(0, run { "verify", told.path }.status)
    assert.equal(0, run { "verify", folder }.status)
    assert.equal(0, run { "backup", path, folder }.status)
    os.execute(string.format("truncate -s -1 '%s'", told.path))
    local result = run { "verify", folder, "--json" }
    assert.equal(3, result.status)
    local list = signalbox.json.decode(result.out).backups
    assert.same({ false, true }, { list[1].ok, list[2].ok })
    assert.equal(3, run { "verify", told.path }.status)
    os.remove(told.path)
    assert.equal(3, run { "verify", folder }.status)
    assert.equal(1, run { "verify", told.path }.status)
    assert.equal(1, run { "verify", temp.folder() }.status)
  end)

  it("finds one that never was whole: its checksums fit, its rows do not", function()
    local _, folder, told = backed_up(2)
    backups.forge(told, function(manifest) manifest.counts.signals = 3 end)
    local result = run { "verify", folder }
    assert.equal(3, result.status)
    assert.truthy(result.out:find("2 of signals instead of 3", 1, true), result.out)
  end)

  it("finds a manifest that lacks something, whatever its checksum says", function()
    for _, field in ipairs { "key", "database", "made_at", "counts", "size", "sha256", "data",
      "schema_version" } do
      local _, folder, told = backed_up(1)
      backups.forge(told, function(manifest) manifest[field] = nil end)
      local result = run { "verify", folder }
      assert.equal(3, result.status, result.err)
      assert.truthy(result.out:find(field, 1, true), result.out)
      assert.equal(1, run { "restore", folder, folder .. "/../new.db" }.status)
      assert.equal(1, run { "backup", "status", folder }.status)
    end
  end)

  it("does not call damaged what a newer signalbox made", function()
    local path, folder, told = backed_up(1)
    local manifest = told.path:gsub("%.db%.zst$", ".manifest.json")
    local body = temp.read(manifest):match '^(.*),"manifest_sha256"'
    body = body:gsub('"version":1', '"version":9')
    temp.write(manifest, string.format('%s,"manifest_sha256":"%s"}\n', body,
      require "signalbox.vault".sha256_text(body)))
    local result = run { "verify", folder }
    assert.equal(1, result.status)
    assert.truthy(result.err:find("newer signalbox", 1, true), result.err)
    result = run { "restore", folder, path .. ".new" }
    assert.equal(1, result.status)
    backups.make(path, folder, "--keep-last", "1")
    assert.is_true(temp.exists(told.path)) -- it is not ours to judge, nor to remove
  end)

  it("of a folder with --newest takes the newest of each database", function()
    local path, folder = backed_up(1)
    local second, other = backups.make(path, folder), database(1)
    local third = backups.make(other, folder)
    local list = signalbox.json.decode(run { "verify", folder, "--newest", "--json" }.out).backups
    local verified, expected = stores.pluck("path", list), { second.path, third.path }
    table.sort(verified)
    table.sort(expected)
    assert.same(expected, verified)
  end)

  it("takes what is removed meanwhile for no damage", function()
    local path, folder = database(300)
    for _ = 1, 5 do backups.make(path, folder) end
    local removing = run.start { "forget", folder, "--keep-last", "1" }
    repeat
      local running = removing.is_running()
      local result = run { "verify", folder }
      assert.equal(0, result.status, result.out .. result.err)
    until not running
    local snapshot = folders.backups(folder)[1]
    os.execute(string.format("rm '%s'/*", folder))
    local ok, _, depth = verifying.verify(folder, snapshot)
    assert.same({ "nil", "gone" }, { tostring(ok), depth })
  end)

  it("leaves a backup of an older schema as it is, and finds it good", function()
    local path, folder = database(3)
    assert.equal(0, run { "migrate", "down", path, "--to", "1006" }.status)
    os.execute(string.format("cp '%s' '%s.older'", path, path))
    local told = backups.make(path, folder)
    -- As that version would have made it: its database, packed and described.
    os.execute(string.format("zstd -qf '%s.older' -o '%s'", path, told.path))
    backups.forge(told, function(manifest)
      local vault = require "signalbox.vault"
      manifest.schema_version = 1006
      manifest.sha256, manifest.size = vault.sha256(path .. ".older")
      manifest.data.sha256, manifest.data.size = vault.sha256(told.path)
    end)
    local result = run { "verify", folder }
    assert.equal(0, result.status, result.out .. result.err)
  end)

  it("changes nothing, and leaves nothing in the temporary place", function()
    local _, folder = backed_up(2)
    local place = temp.folder()
    local before = shell("sha256sum '%s'/*; stat -c %%Y '%s'", folder, folder)
    assert.equal(0, run { "verify", folder, "--temporary", place }.status)
    assert.equal(before, shell("sha256sum '%s'/*; stat -c %%Y '%s'", folder, folder))
    assert.equal("", names(place))
  end)

  it("fails, and calls nothing damaged, where there is no room to restore to", function()
    local _, folder = backed_up(2000)
    local place = temp.folder()
    local result = run { "verify", folder, "--temporary", folder .. "/missing" }
    assert.equal(1, result.status)
    assert.is_nil(result.out:find "DAMAGED")
    assert.truthy(result.err:find("--temporary", 1, true))
    -- Room for the database, and for nothing that SQLite would put beside it.
    for _, size in ipairs { 300, 1400, 1480 } do
      result = mounts.small(place, size, string.format("%s verify %s --temporary %s",
        paths.program, folder, place))
      assert.is_nil(result.out:find "DAMAGED", size .. result.out)
      assert.is_true(result.status <= 1, result.err)
    end
  end)

  it("notes its outcome in a database, with --record", function()
    local path, folder, told = backed_up(2)
    assert.equal(0, run { "verify", folder, "--record", path }.status)
    os.execute(string.format("truncate -s -1 '%s'", told.path))
    assert.equal(3, run { "verify", folder, "--record", path }.status)
    local store <close> = assert(signalbox.open(path))
    assert.same({ "done", "failed" }, stores.pluck("status",
      store:rows "SELECT status FROM runs WHERE command = 'verify' ORDER BY id"))
  end)

  it("exits with what it found, whether that could be recorded or not", function()
    local path, folder, told = backed_up(2)
    assert.equal(1, run { "verify", folder, "--record", path .. ".missing" }.status)
    os.execute(string.format("truncate -s -1 '%s'", told.path))
    local result = run { "verify", folder, "--record", path .. ".missing" }
    assert.equal(3, result.status)
    assert.truthy(result.err:find(path .. ".missing", 1, true), result.err)
    assert.is_false(temp.exists(path .. ".missing"))
  end)
end)
