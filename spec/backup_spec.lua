--- Backups: that they are made, are whole, and are for nobody else.
local backups = require "spec.support.backups"
local data = require "spec.support.data"
local expect = require "spec.support.expect"
local mounts = require "spec.support.mounts"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

local backed_up, count, database = backups.backed_up, backups.count, backups.database
local names, shell = backups.names, backups.shell

describe("store:backup", function()
  it("copies what was committed, while a transaction is open, and tells how far it is", function()
    local store <close>, path = stores.open()
    assert(store:save_signals(data.signals(500)))
    local tx <close> = assert(store:begin())
    assert(store:save_signal(data.signal()))
    local last, all = 0, 0
    assert(store:backup(path .. ".copy", { progress = function(done, total)
      assert.is_true(done >= last and done <= total)
      last, all = done, total
    end }))
    assert.equal(all, last)
    assert.equal(500, count(path .. ".copy"))
    tx:rollback()
  end)

  it("leaves nothing where it is stopped, raises, or cannot be made", function()
    local store <close>, path = stores.open()
    local copy = path .. ".copy"
    expect.failure("interrupted", store:backup(copy, { progress = function() return false end }))
    expect.raises("mine", store.backup, store, copy, { progress = function() error "mine" end })
    assert.is_false(temp.exists(copy))
    temp.write(copy, "precious")
    expect.failure("invalid", store:backup(copy))
    expect.failure("invalid", store:backup(path))
    assert.equal("precious", temp.read(copy))
  end)

  it("survives a progress function that closes the store", function()
    local store, path = stores.open()
    assert(store:save_signals(data.signals(500)))
    assert.is_nil((store:backup(path .. ".copy", { progress = function() store:close() end })))
    expect.failure("closed", store:backup(path .. ".copy"))
  end)
end)

describe("signalbox backup", function()
  it("makes one compressed file, which zstd opens too, and a manifest, for their owner", function()
    local _, folder, told = backed_up(20)
    assert.equal(0, told.path:find(folder, 1, true) - 1)
    assert.equal(20, told.counts.signals)
    assert.equal("", shell("find '%s' -perm /077", folder))
    assert.equal(2, select(2, names(folder):gsub("%S+", "")))
    os.execute(string.format("zstd -qdc '%s' > '%s.out'", told.path, folder))
    assert.equal(20, count(folder .. ".out"))
  end)

  it("is recorded in the database, not in the copy", function()
    local path, folder = backed_up(1)
    local store <close> = assert(signalbox.open(path))
    assert.equal("done", store:row "SELECT status FROM runs WHERE command = 'backup'".status)
    assert.equal(0, run { "restore", folder, path .. ".new" }.status)
    local restored <close> = assert(signalbox.open(path .. ".new"))
    assert.is_nil(restored:row "SELECT 1 FROM runs WHERE command = 'backup'")
  end)

  it("takes one moment of a database that others write to", function()
    local path, folder = database(100)
    local saver = run.start { "run", "-e", string.format([[
      local store <close> = assert(require "signalbox".open(%q))
      for i = 1, 100000 do
        assert(store:save_signals {
          { signal_type = "a", source_api = "x", canonical_key = "a" .. i, confidence = 1,
            raw_data = {} },
          { signal_type = "b", source_api = "x", canonical_key = "b" .. i, confidence = 1,
            raw_data = {} } })
      end]], path) }
    local made = run { "backup", path, folder }
    assert.truthy(saver.kill "TERM")
    assert.equal(0, made.status, made.err)
    assert.equal(0, run { "restore", folder, path .. ".new" }.status)
    local store <close> = assert(signalbox.open(path .. ".new"))
    local types = store:get_stats().signals_by_type
    assert.equal(types.a, types.b)
  end)

  it("makes two at once, each whole", function()
    local path, folder = database()
    local other = run.start { "backup", path, folder }
    assert.equal(0, run { "backup", path, folder }.status)
    assert.equal(0, other.wait(30).status)
    local told = signalbox.json.decode(run { "verify", folder, "--json" }.out)
    assert.same({ true, true }, { told.backups[1].ok, told.backups[2].ok })
  end)

  it("with --keep-... forgets others, never the one just made", function()
    local path, folder, told = backed_up()
    backups.date(told, os.time() + 86400) -- by a clock that was ahead
    local made = backups.make(path, folder, "--keep-last", "1")
    assert.truthy(temp.exists(made.path))
    assert.same({ told.path }, stores.pluck("path", { made.forgotten.kept[1] }))
  end)

  it("with --dry-run makes none, and wants to know what would be kept", function()
    local path, folder, told = backed_up()
    backups.date(told, os.time() - 86400)
    local second = backups.make(path, folder)
    local result = run { "backup", path, folder, "--keep-last", "1", "--dry-run", "--json" }
    assert.equal(0, result.status, result.err)
    local forgotten = signalbox.json.decode(result.out).forgotten
    assert.same({ second.path }, stores.pluck("path", forgotten.kept))
    assert.same({ told.path }, stores.pluck("path", forgotten.removed))
    assert.equal("4", shell("ls '%s' | wc -l", folder))
    assert.equal(2, run { "backup", path, folder, "--dry-run" }.status)
  end)

  it("with --with-export adds the document that import takes, under the same checksums", function()
    local path, folder, told = backed_up(20, "--with-export")
    local document = told.path:gsub("%.db%.zst$", ".json")
    assert.equal(0, run { "import", document, path .. ".new" }.status)
    assert.equal(20, count(path .. ".new"))
    assert.equal(0, run { "verify", folder }.status)
    temp.write(document, (temp.read(document):gsub("Company", "Cmopany")))
    assert.equal(3, run { "verify", folder }.status)
  end)

  it("says what is wrong with the folder, and leaves nothing there", function()
    local path, folder = database()
    temp.write(folder, "a file")
    local result = run { "backup", path, folder }
    assert.equal(1, result.status)
    assert.truthy(result.err:find(folder, 1, true), result.err)
    assert.equal(1, run { "backup", path .. ".missing", folder .. ".d" }.status)
  end)

  it("does not follow links that stand where its files go", function()
    local path, folder = backed_up()
    local victim = temp.file("victim", "precious")
    for _, name in ipairs { "db.part", "db.zst.part", "manifest.json.part" } do
      local stamp = os.date("!%Y%m%dT%H%M", os.time())
      for second = 0, 59 do
        os.execute(string.format("ln -s '%s' '%s/.signals-%s%02dZ.%s'", victim, folder, stamp,
          second, name))
      end
    end
    assert.equal(0, run { "backup", path, folder }.status)
    assert.equal("precious", temp.read(victim))
  end)

  it("makes its copy beside the database, or where --temporary says", function()
    local path, folder = database(2000)
    local small = temp.folder()
    local result = mounts.small(small, 300, string.format(
      "%s backup %s %s/backups && %s verify %s/backups", paths.program, path, small,
      paths.program, small))
    assert.equal(0, result.status, result.err) -- the folder has no room for the copy
    result = run { "backup", path, folder, "--temporary", folder .. "/missing" }
    assert.equal(1, result.status)
    assert.truthy(result.err:find(folder .. "/missing", 1, true), result.err)
    assert.equal("signals.db", shell("ls -A '%s' | grep -v backups", path:match "^(.*)/"))
  end)

  it("removes the copy that a killed run left beside the database, and no other's", function()
    local path, folder = database()
    local beside = path:match "^(.*)/"
    local left = beside .. "/.signalbox-AbCd12"
    os.execute(string.format("mkdir '%s'; echo x > '%s/copy.db'", left, left))
    os.execute(string.format("mkdir '%s/precious'; echo x > '%s/precious/file'", beside, beside))
    os.execute(string.format("ln -s precious '%s/.signalbox-Link12'", beside))
    backups.make(path, folder)
    assert.is_false(temp.exists(left .. "/copy.db"))
    assert.is_true(temp.exists(beside .. "/precious/file"))
  end)

  it("is made on another file system, and into a folder that a link leads to", function()
    local path = database()
    local memory = shell "mktemp -d /dev/shm/signalbox-spec-XXXXXX"
    local link = temp.folder() .. "/link"
    os.execute(string.format("ln -s '%s' '%s'", memory, link))
    local made = backups.make(path, link, "--with-export")
    assert.equal(0, run { "verify", link }.status)
    assert.equal(0, run { "restore", made.path, path .. ".new" }.status)
    assert.equal(0, run { "forget", link, "--keep-last", "1" }.status)
    assert.equal("3", shell("ls -A '%s' | wc -l", memory))
    os.execute(string.format("rm -r '%s'", memory))
  end)

  it("says that the folder can't be written, and leaves the database as it was", function()
    local path, folder = backed_up()
    local result = mounts.readonly(folder, string.format("%s backup %s %s --with-export; echo $?",
      paths.program, path, folder))
    assert.equal("1\n", result.out, result.err)
    assert.truthy(result.err:find("Read-only", 1, true), result.err)
    assert.equal(20, count(path))
  end)

  it("is not lost where somebody writes on and on: only its record is", function()
    local path, folder = database()
    local store <close> = assert(signalbox.open(path))
    local tx <close> = assert(store:begin())
    local result = run { "backup", path, folder, "--keep-last", "1", "--json" }
    tx:rollback()
    assert.equal(0, result.status, result.err)
    assert.truthy(result.err:find("could not record the backup", 1, true), result.err)
    assert.equal(0, run { "verify", folder }.status)
  end)

  it("says what went wrong, whatever else did", function()
    local path, folder = database()
    local store <close> = assert(signalbox.open(path))
    local tx <close> = assert(store:begin())
    local result = run { "backup", path, folder, "--encrypt-to", "age1nobody" }
    tx:rollback()
    assert.equal(1, result.status)
    assert.truthy(result.err:find("age could not encrypt the backup\n", 1, true), result.err)
  end)

  it("has a name that it is known by, whatever the database's is", function()
    for _, name in ipairs { "s-2026-10.db", "s-202610.db", "s-20261001.db", ".hidden.db", "db",
      "s-20261001T020000Z.db", "a'b \n.db", "...", ("x"):rep(200), "s.tar.db.zst" } do
      local path, folder = database(1, temp.folder() .. "/" .. name)
      local told = backups.make(path, folder, "--with-export")
      local status = run { "backup", "status", folder, "--json" }
      assert.equal(told.path, signalbox.json.decode(status.out).path, name)
      assert.equal(0, run { "verify", folder }.status, name)
      local result = run { "forget", folder, "--keep-last", "1" }
      assert.truthy(result.out:find("1 kept, 0 removed", 1, true), name .. result.out)
      assert.equal(0, run { "restore", folder, path, "--force" }.status, name)
    end
  end)

  it("shows a bar with rate and time left on a terminal", function()
    local path = database(20000)
    local tools = temp.folder() -- a tool that takes its time to decrypt
    temp.write(tools .. "/age", [[#!/bin/sh
      [ "$1" = --decrypt ] || exec cat
      while [ "$(head -c 100000 | tee /dev/fd/3 | wc -c)" -gt 0 ]; do sleep 0.3; done 3>&1]])
    os.execute("chmod +x " .. tools .. "/age")
    local env = { PATH = tools .. ":" .. os.getenv "PATH" }
    local folder = temp.folder()
    assert.equal(0, run { "backup", path, folder, "--encrypt-to", "age1slow", env = env }.status)
    local screen = require "spec.support.terminal".start { "restore", folder, path .. ".new",
      "--identity", "key", env = env, columns = 120 }
    local shown <close> = screen -- luacheck: ignore 211
    assert.matches("restore  [█░]+  %d+%.%d [KM]iB of %d+%.%d MiB, %d+%.%d %w+/s, [%d.]+ %w+ left",
      screen:await " left")
    assert.is_nil(screen:await "(exit 0)":find " left")
  end)

  it("tells each step in a line of the log", function()
    local path, folder = database()
    local lines = {}
    for line in run { "--log-format", "json", "backup", path, folder, "--with-export" }.err
      :gmatch "[^\n]+" do
      lines[#lines + 1] = signalbox.json.decode(line).message
    end
    assert.same({ "copy", "check", "export", "compress", "read back", "read back" }, lines)
  end)
end)

describe("an encrypted backup", function()
  --- A database and its backup for a key of age.
  local function with_age()
    local path, folder = database()
    local key = temp.folder() .. "/key"
    os.execute("age-keygen -o " .. key .. " 2>/dev/null")
    local made = backups.make(path, folder, "--with-export", "--encrypt-to",
      shell("age-keygen -y %s", key))
    return path, folder, made, key
  end

  --- A home of gpg with a key.
  local function gpg_home()
    local home = temp.folder()
    os.execute(string.format("GNUPGHOME=%s gpg --batch --quiet --passphrase '' "
      .. "--quick-generate-key tester@example.com rsa2048 encr never 2>/dev/null", home))
    finally(function() os.execute("GNUPGHOME=" .. home .. " gpgconf --kill all") end)
    return home
  end

  it("of age is read by nobody but who has the key", function()
    local path, folder, made, key = with_age()
    assert.truthy(made.path:find "%.age$")
    assert.equal("", shell("grep -l domain:company '%s'/*", folder))
    assert.equal("3", shell("ls -A '%s' | wc -l", folder))
    assert.truthy(run { "verify", folder }.out:find "ok %(encrypted: checksums only%)")
    assert.truthy(run { "verify", folder, "--identity", key }.out:find "ok\n$")
    assert.equal(1, run { "restore", folder, path .. ".new" }.status)
    assert.equal(0, run { "restore", folder, path .. ".new", "--identity", key }.status)
    assert.equal(20, count(path .. ".new"))
  end)

  it("of age is not called damaged where the key is not its own", function()
    local _, folder, made = with_age()
    local other = temp.folder() .. "/other"
    os.execute("age-keygen -o " .. other .. " 2>/dev/null")
    local result = run { "verify", folder, "--identity", other }
    assert.equal(1, result.status)
    assert.is_nil(result.out:find "DAMAGED", result.out)
    assert.truthy(result.err:find("age could not decrypt it", 1, true), result.err)
    backups.flip(made.path, 300)
    assert.equal(3, run { "verify", folder, "--identity", other }.status)
  end)

  it("of gpg is restored by its keys, and compared without them", function()
    local path, folder = database()
    local env = { GNUPGHOME = gpg_home() }
    local result = run { "backup", path, folder, "--with-export", "--encrypt-to",
      "tester@example.com", "--json", env = env }
    assert.equal(0, result.status, result.err)
    assert.equal("", shell("grep -l domain:company '%s'/*", folder))
    assert.truthy(run { "verify", folder, env = env }.out:find "ok\n$")
    local stranger = { GNUPGHOME = temp.folder() }
    local without = run { "verify", folder, env = stranger }
    assert.equal(0, without.status, without.err)
    assert.truthy(without.out:find("checksums only", 1, true), without.out)
    assert.equal(1, run { "restore", folder, path .. ".new", env = stranger }.status)
    assert.equal(0, run { "restore", folder, path .. ".new", env = env }.status)
    assert.equal(20, count(path .. ".new"))
  end)

  it("fails where encryption does, and leaves no plain copy behind", function()
    local path, folder = database()
    local result = run { "backup", path, folder, "--encrypt-to", "age1nobody" }
    assert.equal(1, result.status)
    assert.equal("", names(folder))
  end)
end)

describe("signalbox backup status", function()
  it("tells the newest good one; exit 3 where it is too old, 1 where there is none", function()
    local _, folder, told = backed_up(3)
    local result = run { "backup", "status", folder, "--json" }
    assert.equal(0, result.status, result.err)
    local status = signalbox.json.decode(result.out)
    assert.equal(told.path, status.path)
    assert.equal(3, status.counts.signals)
    backups.date(told, os.time() - 2 * 86400)
    assert.equal(3, run { "backup", "status", folder }.status)
    assert.equal(0, run { "backup", "status", folder, "--max-age", "3d" }.status)
    os.execute(string.format("echo >> '%s'", told.path))
    assert.equal(1, run { "backup", "status", folder }.status)
    assert.equal(1, run { "backup", "status", folder .. "/missing" }.status)
  end)

  it("tells a row for each database, and looks at the oldest", function()
    local path, folder, told = backed_up(1)
    local other = database(2)
    local second = backups.make(other, folder)
    backups.date(told, os.time() - 2 * 86400)
    local result = run { "backup", "status", folder, "--json" }
    assert.equal(3, result.status)
    local status = signalbox.json.decode(result.out)
    assert.same({ path, other }, stores.pluck("database", status.backups))
    assert.same({ told.path, second.path }, stores.pluck("path", status.backups))
    assert.same({ told.path, false }, { status.path, status.ok })
    assert.truthy(run { "backup", "status", folder }.out:find(other, 1, true))
  end)

  it("does not believe a clock that was ahead", function()
    local path, folder, ahead = backed_up(1)
    backups.date(ahead, os.time() + 10 * 365 * 86400)
    local result = run { "backup", "status", folder, "--json" }
    assert.equal(3, result.status)
    assert.truthy(result.err:find(ahead.path, 1, true), result.err)
    local made = backups.make(path, folder)
    result = run { "backup", "status", folder, "--json" }
    assert.equal(3, result.status)
    assert.equal(made.path, signalbox.json.decode(result.out).path)
  end)
end)

-- In earnest in spec/fault/backup_spec.lua.
describe("a kill at a random moment", function()
  local kills = require "spec.support.backup_kills"

  it("of a backup leaves whole ones or none, and the next run cleans up", function()
    kills.of_backup(6, "--with-export")
  end)

  it("of a restore leaves the old database or the new one", function()
    kills.of_restore(6)
  end)
end)

describe("a run that was killed", function()
  --- A backup as if its run had been killed before some of its files had their names.
  local function unfinish(told, unnamed)
    for _, name in ipairs(unnamed) do
      local folder, own = told.path:match "^(.*)/([^/]+)%.db%.zst$"
      own = own .. name
      assert(os.rename(folder .. "/" .. own, folder .. "/." .. own .. ".part"))
    end
  end

  local function lists(folder) return #signalbox.json.decode(
    run { "verify", folder, "--json" }.out).backups end

  it("while its files got their names is gone on with", function()
    for _, unnamed in ipairs { { ".manifest.json" }, { ".json", ".manifest.json" },
      { ".db.zst", ".json", ".manifest.json" } } do
      local path, folder, told = backed_up(20, "--with-export")
      unfinish(told, unnamed)
      assert.equal(1, run { "verify", folder }.status) -- it is none yet, and no damage either
      backups.make(path, folder)
      assert.equal(2, lists(folder))
      assert.is_nil(names(folder):find "%.part")
      assert.equal(0, run { "restore", told.path, path .. ".new" }.status)
    end
  end)

  it("before all its files were there leaves nothing", function()
    local path, folder, told = backed_up(20, "--with-export")
    unfinish(told, { ".db.zst", ".json", ".manifest.json" })
    os.remove((told.path:gsub("([^/]+)%.db%.zst$", ".%1.json.part")))
    backups.make(path, folder)
    assert.equal(1, lists(folder))
    assert.equal("2", shell("ls -A '%s' | wc -l", folder))
  end)

  it("while it removed one goes on with that", function()
    local path, folder, told = backed_up(20, "--with-export")
    local manifest = told.path:match "[^/]+$":gsub("%.db%.zst$", ".manifest.json")
    assert(os.rename(folder .. "/" .. manifest, folder .. "/." .. manifest .. ".forgotten"))
    assert.equal(1, run { "verify", folder }.status)
    backups.make(path, folder)
    assert.equal("2", shell("ls -A '%s' | wc -l", folder))
  end)
end)

describe("a full disk", function()
  it("fails a backup and a restore with a sentence, and loses nothing", function()
    local path, folder, told = backed_up(2000)
    local place = temp.folder()
    local result = mounts.small(place, 60, string.format([[cd %s
      %s backup %s %s/full; echo $?; ls -A full
      %s restore %s %s/new.db; echo $?; ls -A | grep -v full]],
      place, paths.program, path, place, paths.program, told.path, place))
    assert.equal("1\n1\n", result.out, result.err)
    assert.truthy(result.err:find "[Nn]o space", result.err)
    assert.equal(2000, count(path))
    assert.equal(0, run { "verify", folder }.status)
  end)

  it("forgets nothing for a backup that it has no room for", function()
    local path = database(2000)
    local place = temp.folder()
    local result = mounts.small(place, 200, string.format([[cd %s
      %s backup %s . --keep-last 1 --with-export >/dev/null 2>&1 && exit 9
      %s backup %s . --keep-last 1 >/dev/null && %s backup %s . --keep-last 1; echo $?
      %s verify . && ls -A | wc -l]], place, paths.program, path, paths.program, path,
      paths.program, path, paths.program))
    assert.truthy(result.out:find "^1\n.*ok\n2\n$", result.out .. result.err)
  end)
end)
