--- Backups: that they are made, are whole, restore, and are told from what is not.
local backup = require "signalbox.backup"
local data = require "spec.support.data"
local expect = require "spec.support.expect"
local folders = require "signalbox.backup_folder"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

local function shell(...)
  local pipe <close> = assert(io.popen(string.format(...)))
  return (pipe:read "a":gsub("\n$", ""))
end

local function names(folder) return shell("ls -A '%s'", folder) end

--- A database of `n` signals, closed; and a folder for its backups that is not there yet.
local function database(n)
  local store <close>, path = stores.open()
  assert(store:save_signals(data.signals(n or 20)))
  return path, path:match "^(.*)/" .. "/backups"
end

local function backed_up(n, ...)
  local path, folder = database(n)
  local result = run { "backup", path, folder, "--json", ... }
  assert.equal(0, result.status, result.err)
  return path, folder, signalbox.json.decode(result.out)
end

local function count(path)
  local store <close> = assert(signalbox.open(path, { mode = "rw" }))
  assert.equal("ok", store:row "PRAGMA integrity_check".integrity_check)
  return store:get_stats().total_signals
end

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
    local path, folder = backed_up()
    -- made by a clock that was ahead
    os.execute(string.format("cd '%s' && for f in *; do mv $f $(echo $f | sed s/-20/-29/); done",
      folder))
    local result = run { "backup", path, folder, "--keep-last", "1", "--json" }
    assert.equal(0, result.status, result.err)
    assert.truthy(names(folder):find(
      signalbox.json.decode(result.out).path:match "[^/]+$", 1, true))
  end)

  it("with --with-export adds the document that import takes, under the same checksums", function()
    local path, folder, told = backed_up(20, "--with-export")
    local document = told.path:gsub("%.db%.zst$", ".json")
    assert.equal(0, run { "import", document, path .. ".new" }.status)
    assert.equal(20, count(path .. ".new"))
    assert.equal(0, run { "verify", folder }.status)
    temp.write(document, (temp.read(document):gsub("Acme", "Emca")))
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

  it("encrypts for a recipient of age, whose key alone restores it", function()
    if not os.execute "command -v age-keygen >/dev/null" then return pending "needs age" end
    local path, folder = database()
    local key = temp.folder() .. "/key"
    os.execute("age-keygen -o " .. key .. " 2>/dev/null")
    local recipient = shell("age-keygen -y %s", key)
    local made = run { "backup", path, folder, "--encrypt-to", recipient, "--with-export",
      "--json" }
    assert.equal(0, made.status, made.err)
    assert.truthy(signalbox.json.decode(made.out).path:find "%.age$")
    assert.equal("", shell("grep -l domain:company '%s'/*", folder))
    assert.equal("3", shell("ls -A '%s' | wc -l", folder))
    assert.truthy(run { "verify", folder }.out:find "ok %(encrypted: checksums only%)")
    assert.truthy(run { "verify", folder, "--identity", key }.out:find "ok\n$")
    assert.equal(1, run { "restore", folder, path .. ".new" }.status)
    assert.equal(0, run { "restore", folder, path .. ".new", "--identity", key }.status)
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
    assert.is_true(status.age_seconds < 60)
    assert.equal(3, run { "backup", "status", folder, "--max-age", "0" }.status)
    os.execute(string.format("echo >> '%s'", told.path))
    assert.equal(1, run { "backup", "status", folder }.status)
    assert.equal(1, run { "backup", "status", folder .. "/missing" }.status)
  end)
end)

describe("signalbox verify", function()
  it("finds a byte that was flipped, wherever it is", function()
    local _, folder = backed_up(2)
    local snapshot = assert(folders.scan(folder))[1]
    assert.equal(2, #snapshot.files)
    local step = math.tointeger(tonumber(os.getenv "EVERY" or 23))
    for _, name in ipairs(snapshot.files) do
      local path = folder .. "/" .. name
      local text = temp.read(path)
      for at = 1, #text, name:find "manifest" and 1 or step do
        local file <close> = assert(io.open(path, "r+b"))
        file:seek("set", at - 1)
        file:write(string.char(text:byte(at) ~ (1 << at % 8)))
        file:close()
        local found = assert(folders.scan(folder))[1]
        assert.is_false(backup.verify(folder, found), name .. " at " .. at)
        temp.write(path, text)
      end
    end
    assert.is_true(backup.verify(folder, assert(folders.scan(folder))[1]))
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
    local _, folder = backed_up(2)
    local snapshot = assert(folders.scan(folder))[1]
    snapshot.manifest.counts.signals = 3
    os.remove(folder .. "/" .. snapshot.key .. folders.MANIFEST)
    temp.write(folder .. "/" .. snapshot.key .. folders.MANIFEST,
      folders.manifest_text(snapshot.manifest))
    local result = run { "verify", folder }
    assert.equal(3, result.status)
    assert.truthy(result.out:find("2 of signals instead of 3", 1, true), result.out)
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
    local _, folder = backed_up(2)
    local result = run { "verify", folder, "--temporary", folder .. "/missing" }
    assert.equal(1, result.status)
    assert.is_nil(result.out:find "DAMAGED")
    assert.truthy(result.err:find("--temporary", 1, true))
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
end)

describe("signalbox restore", function()
  it("makes a database from a backup, or from the newest of a folder", function()
    local path, folder, told = backed_up(20)
    assert.equal(0, run { "restore", told.path, path .. ".a" }.status)
    assert.equal(20, count(path .. ".a"))
    local result = run { "restore", folder, folder .. "/../deep/er/b.db" }
    assert.equal(0, result.status, result.err)
    assert.equal("600", shell("stat -c %%a '%s/../deep/er/b.db'", folder))
    assert.equal(20, count(folder .. "/../deep/er/b.db"))
  end)

  it("overwrites nothing without --force, and then puts it in place at once", function()
    local path, folder = backed_up(20)
    do
      local store <close> = assert(signalbox.open(path))
      assert(store:save_signal(data.signal()))
    end
    local result = run { "restore", folder, path }
    assert.equal(1, result.status)
    assert.truthy(result.err:find("--force", 1, true))
    assert.equal(21, count(path))
    assert.equal(0, run { "restore", folder, path, "--force" }.status)
    assert.equal(20, count(path))
    assert.is_false(temp.exists(path .. ".before-restore"))
  end)

  it("keeps the old database with --keep-old", function()
    local path, folder = backed_up(20)
    do
      local store <close> = assert(signalbox.open(path))
      assert(store:save_signal(data.signal()))
    end
    assert.equal(0, run { "restore", folder, path, "--force", "--keep-old" }.status)
    assert.equal(21, count(path .. ".before-restore"))
  end)

  it("refuses a database that is in use", function()
    local path, folder = backed_up(2)
    local store <close> = assert(signalbox.open(path))
    local result = run { "restore", folder, path, "--force" }
    assert.equal(1, result.status)
    assert.truthy(result.err:find "in use", result.err)
    assert(store:save_signal(data.signal()))
  end)

  it("replaces a database that is damaged, with its log", function()
    local path, folder = backed_up(20)
    temp.write(path, "SQLite format 3\0 damaged")
    temp.write(path .. "-wal", string.rep("x", 5000))
    local result = run { "restore", folder, path, "--force" }
    assert.equal(0, result.status, result.err)
    assert.equal(20, count(path))
  end)

  it("does not restore what is damaged", function()
    local path, folder, told = backed_up(20)
    local file <close> = assert(io.open(told.path, "r+b"))
    file:seek("set", 1000)
    file:write "\0\0\0\0"
    file:close()
    assert.equal(1, run { "restore", folder, path, "--force" }.status)
    assert.equal(20, count(path))
    assert.equal(1, run { "restore", told.path, path .. ".new" }.status)
    assert.is_false(temp.exists(path .. ".new"))
  end)

  it("replaces what a link leads to, and refuses a link to nothing", function()
    local path, folder = backed_up(20)
    os.execute(string.format("ln -s '%s' '%s.link'; ln -s '%s.no' '%s.dangling'", path, path, path,
      path))
    assert.equal(0, run { "restore", folder, path .. ".link", "--force" }.status)
    assert.equal("symbolic link", shell("stat -c %%F '%s.link'", path))
    assert.equal(20, count(path))
    assert.equal(1, run { "restore", folder, path .. ".dangling" }.status)
  end)
end)

describe("a kill at any moment", function()
  -- KILLS=50 for as many as one likes.
  local KILLS <const> = math.tointeger(tonumber(os.getenv "KILLS" or 6))

  local function killed(arguments, longest)
    local process = run.start(arguments)
    require "system".sleep(math.random() * longest)
    process.kill "KILL"
    process.wait(10)
  end

  it("of a backup leaves whole ones or none, and the next run cleans up", function()
    local path, folder = database(2000)
    for _ = 1, KILLS do
      killed({ "backup", path, folder, "--keep-last", "2" }, 0.15)
      for _, snapshot in ipairs(folders.scan(folder) or {}) do
        local ok, problem = backup.verify(folder, snapshot)
        assert.is_true(ok, problem)
      end
    end
    assert.equal(0, run { "backup", path, folder, "--keep-last", "2" }.status)
    assert.equal("", shell("ls -A '%s' | grep '^\\.'", folder))
    assert.equal(2000, count(path))
  end)

  it("of a restore leaves the old database or the new one", function()
    local path, folder = backed_up(2000)
    do
      local store <close> = assert(signalbox.open(path))
      assert(store:save_signal(data.signal()))
    end
    for _ = 1, KILLS do
      killed({ "restore", folder, path, "--force" }, 0.12)
      local signals = count(path)
      assert.is_true(signals == 2000 or signals == 2001, signals .. " signals")
      os.remove(path .. ".before-restore")
    end
    assert.equal(0, run { "restore", folder, path, "--force" }.status)
    assert.equal(2000, count(path))
  end)
end)

describe("a full disk", function()
  it("fails a backup and a restore with a sentence, and loses nothing", function()
    if not os.execute "unshare -rm true 2>/dev/null" then
      return pending "needs user namespaces, to mount a small file system"
    end
    local path, folder, told = backed_up(2000)
    local place = temp.folder()
    local script = string.format([[
      mount -t tmpfs -o size=300k none %s && cd %s
      %s backup %s %s/full; echo $?; ls -A full
      %s restore %s %s/new.db; echo $?; ls -A | grep -v full]],
      place, place, require "spec.support.paths".program, path, place,
      require "spec.support.paths".program, told.path, place)
    local result = run.program("/usr/bin/unshare", { "-rm", "sh", "-c", script })
    assert.equal("1\n1\n", result.out, result.err)
    assert.truthy(result.err:find "[Nn]o space", result.err)
    assert.equal(2000, count(path))
    assert.equal(0, run { "verify", folder }.status)
  end)
end)
