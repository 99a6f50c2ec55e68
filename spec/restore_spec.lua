--- Restoring: all of the new database or all of the old one, never in the way of its users.
local backups = require "spec.support.backups"
local data = require "spec.support.data"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local backed_up, count, database = backups.backed_up, backups.count, backups.database
local names, shell = backups.names, backups.shell

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

  it("is not troubled by the log of a database that is gone", function()
    for _, suffix in ipairs { "-wal", "-journal", "-shm" } do
      local path, folder = backed_up(20)
      -- A log with changes to another database by that name.
      local store = assert(signalbox.open(path))
      assert(store:save_signals(data.signals(50)))
      os.execute(string.format("cp '%s-wal' '%s.old'", path, path))
      store:close()
      os.remove(path)
      os.execute(string.format("mv '%s.old' '%s%s'", path, path, suffix))
      local result = run { "restore", folder, path }
      assert.equal(0, result.status, result.err)
      assert.is_false(temp.exists(path .. suffix))
      assert.equal(20, count(path), suffix)
      assert.equal("backups\nsignals.db", names(path:match "^(.*)/"))
    end
  end)

  it("is not troubled by a journal beside the database that it replaces", function()
    local path, folder = backed_up(20)
    temp.write(path, "SQLite format 3\0 damaged")
    temp.write(path .. "-journal", string.rep("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 600))
    assert.equal(0, run { "restore", folder, path, "--force" }.status)
    assert.equal(20, count(path))
    assert.is_false(temp.exists(path .. "-journal"))
  end)

  it("refuses a database that a program has open, though it holds no lock now", function()
    local path, folder = backed_up(2)
    local other, ready = path .. ".other", temp.folder() .. "/ready"
    os.execute(string.format("sqlite3 '%s' 'PRAGMA journal_mode=DELETE' >/dev/null", path))
    temp.write(other, string.format([[
import sqlite3, sys
connection = sqlite3.connect(%q)
open(%q, "w").write("x")
sys.stdin.read()
print(connection.execute("SELECT count(*) FROM signals").fetchone()[0])]], path, ready))
    local program <close> = assert(io.popen("python3 " .. other .. " >" .. ready .. ".out", "w"))
    while not temp.exists(ready) do signalbox.sleep(0.01) end
    local result = run { "restore", folder, path, "--force" }
    assert.equal(1, result.status)
    assert.truthy(result.err:find "in use", result.err)
    program:close()
    assert.equal("2\n", temp.read(ready .. ".out"))
    result = run { "restore", folder, path, "--force" }
    assert.equal(0, result.status, result.err)
  end)

  it("of a folder of several databases takes the one that is asked for, or asks", function()
    local path, folder = backed_up(1)
    local other = database(2)
    backups.make(other, folder)
    assert.equal(0, run { "restore", folder, path, "--force" }.status)
    assert.equal(1, count(path))
    assert.equal(0, run { "restore", folder, other, "--force" }.status)
    assert.equal(2, count(other))
    local result = run { "restore", folder, path .. ".new" }
    assert.equal(1, result.status)
    for _, name in ipairs { path, other, "name the backup" } do
      assert.truthy(result.err:find(name, 1, true), result.err)
    end
  end)

  it("of a folder takes none of a clock that was ahead, unless it is named", function()
    local path, folder, ahead = backed_up(1)
    backups.date(ahead, os.time() + 365 * 86400)
    assert.equal(1, run { "restore", folder, path, "--force" }.status)
    backups.add_signal(path)
    backups.make(path, folder)
    local result = run { "restore", folder, path, "--force" }
    assert.equal(0, result.status)
    assert.truthy(result.err:find(ahead.path, 1, true), result.err)
    assert.equal(2, count(path))
    assert.equal(0, run { "restore", ahead.path, path, "--force" }.status)
    assert.equal(1, count(path))
  end)

  it("gives it the mode of what it replaces; a new one is its owner's alone", function()
    local path, folder = backed_up(1)
    os.execute(string.format("chmod 640 '%s'", path))
    assert.equal(0, run { "restore", folder, path, "--force" }.status)
    assert.equal("640", shell("stat -c %%a '%s'", path))
    assert.equal(0, run { "restore", folder, path .. ".new" }.status)
    assert.equal("600", shell("stat -c %%a '%s.new'", path))
  end)

  it("says which backup could not be restored", function()
    local path, folder, told = backed_up(1)
    backups.flip(told.path, 500)
    for _, argument in ipairs { folder, told.path } do
      local result = run { "restore", argument, path, "--force" }
      assert.equal(1, result.status)
      assert.truthy(result.err:find(told.path, 1, true), result.err)
    end
  end)

  it("keeps what earlier ones have kept", function()
    local path, folder = backed_up(1)
    temp.write(path .. ".before-restore", "precious")
    backups.add_signal(path)
    assert.equal(0, run { "restore", folder, path, "--force" }.status)
    assert.equal("precious", temp.read(path .. ".before-restore"))
    backups.add_signal(path)
    assert.equal(0, run { "restore", folder, path, "--force", "--keep-old" }.status)
    assert.equal("precious", temp.read(path .. ".before-restore"))
    assert.equal(2, count(path .. ".before-restore-2"))
  end)

  it("that was killed between its two steps has lost no database", function()
    local path, folder = backed_up(1)
    local place = path:match "^(.*)/"
    assert.equal(0, run { "restore", folder, path .. ".new" }.status)
    backups.add_signal(path)
    -- The new one has the name, and the old one has that of the new.
    local inode = shell("stat -c %%i '%s.new'", path)
    os.execute(string.format("mv '%s' '%s/.signals.db.restore-%s'; mv '%s.new' '%s'", path, place,
      inode, path, path))
    assert.equal(0, run { "restore", folder, path, "--force" }.status)
    assert.equal(1, count(path))
    assert.equal(2, count(path .. ".before-restore"))
    assert.equal("backups\nsignals.db\nsignals.db.before-restore", names(place))
  end)

  it("removes what a killed one had unpacked, half or whole", function()
    local path, folder = backed_up(1)
    local place = path:match "^(.*)/"
    temp.write(place .. "/.signals.db.restore.part", "half")
    temp.write(place .. "/whole", "whole")
    os.execute(string.format("mv '%s/whole' '%s/.signals.db.restore-%s'", place, place,
      shell("stat -c %%i '%s/whole'", place)))
    assert.equal(0, run { "restore", folder, path, "--force" }.status)
    assert.equal("backups\nsignals.db", names(place))
  end)
end)

describe("the files of an open database", function()
  it("are neither read nor claimed by the modules that scripts have", function()
    local path = database(1)
    local result = run { "run", "-e", string.format([[
      local files, vault = require "signalbox.files", require "signalbox.vault"
      local path = %q
      local store <close> = assert(require "signalbox".open(path))
      for _, call in ipairs {
        function() return vault.sha256(path) end,
        function() return vault.pack(path, path .. ".zst", 3) end,
        function() return vault.unpack(path, path .. ".out") end,
        function() return files.sync(path) end,
        function() return files.claim(path) end,
      } do
        local done, problem = call()
        print(done, problem.code)
      end]], path) }
    assert.equal(("nil\tbusy\n"):rep(5), result.out, result.err)
  end)
end)
