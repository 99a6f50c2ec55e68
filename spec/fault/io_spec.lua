--- Every call of the system that can fail does, once and for good: nothing that was acknowledged is
--- lost, nothing broken stands under a final name, nothing crashes.
local backups = require "spec.support.backups"
local data = require "spec.support.data"
local folders = require "signalbox.backup_folder"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"
local verifying = require "signalbox.backup_verify"

local KINDS <const> = { "write", "sync", "truncate", "open", "rename" }
local EIO <const>, ENOSPC <const> = "5", "28"
local MOST <const> = 400 -- calls of one kind; a run with more of them is tried in strides

local library

setup(function()
  library = temp.folder() .. "/failing_io.so"
  assert(os.execute(string.format("gcc -shared -fPIC -o %s %s/spec/fault/failing_io.c -ldl",
    library, paths.root)))
end)

--- Runs a command with each of its calls failing in turn. `prepare` gives the command line and what
--- `check(result, state)` needs.
local function fail_each(prepare, check)
  local tried = 0
  for _, kind in ipairs(KINDS) do
    for _, stay in ipairs { false, "1" } do
      local at, stride = 1, 1
      while true do
        local mark = temp.folder() .. "/mark"
        local arguments, state = prepare()
        arguments.env = { LD_PRELOAD = library, FAIL_KIND = kind, FAIL_AT = tostring(at),
          FAIL_ERRNO = at % 2 == 0 and EIO or ENOSPC, FAIL_STAY = stay, FAIL_MARK = mark }
        local result = run(arguments)
        if not os.execute("test -d " .. mark) then break end
        tried = tried + 1
        local case = string.format("%s %d%s: exit %d, %s", kind, at, stay and " and on" or "",
          result.status, result.err)
        assert.is_true(result.status <= 3, case)
        check(result, state, case)
        if at >= 20 then stride = math.max(1, MOST // 20) end
        at = at + stride
      end
    end
  end
  return tried
end

local function database(signals)
  local path = temp.folder() .. "/signals.db"
  local store <close> = assert(signalbox.open(path))
  assert(store:save_signals(data.signals(signals)))
  return path
end

local function count(path, case)
  local store <close> = assert(signalbox.open(path))
  assert.equal("ok", store:row "PRAGMA integrity_check".integrity_check, case)
  local total = store:get_stats().total_signals
  assert.equal(store:row "SELECT count(*) AS n FROM signals".n, total, case)
  return total
end

describe("where input and output fail", function()
  it("every acknowledged save is there, once, and the database is intact", function()
    local script = temp.file("save.lua", [[
      local store <close> = assert(require "signalbox".open(...))
      for i = 1, 6 do
        local id = store:save_signal { signal_type = "t", source_api = "s", confidence = 1,
          canonical_key = "key" .. i, raw_data = { text = ("x"):rep(3000) } }
        if id then print("key" .. i) end
      end
      store:checkpoint()]])
    local tried = fail_each(function()
      local path = database(1)
      return { "run", script, path }, path
    end, function(result, path, case)
      count(path, case)
      local store <close> = assert(signalbox.open(path))
      for key in result.out:gmatch "[^\n]+" do
        assert.equal(1, #store:get_signals_for_company(key), key .. " of " .. case)
      end
    end)
    assert.is_true(tried > 20, tried .. " were tried")
  end)

  --- Backs up a database again, with each call failing in turn.
  local function fail_backups(...)
    local options = { ... }
    local tried = fail_each(function()
      local path = database(30)
      local folder = path .. ".backups"
      backups.date(backups.make(path, folder), os.time() - 86400)
      return { "backup", path, folder, "--keep-last", "1", table.unpack(options) }, path
    end, function(result, path, case)
      local folder = path .. ".backups"
      assert.equal(30, count(path, case))
      local found = assert(folders.backups(folder))
      assert.is_true(#found >= 1, case)
      for _, snapshot in ipairs(found) do
        local ok, problem = verifying.verify(folder, snapshot)
        assert.is_true(ok, tostring(problem) .. " after " .. case)
      end
      if result.status == 0 then assert.is_true(found[#found].time > os.time() - 3600, case) end
      local again = run { "backup", path, folder, "--keep-last", "1" }
      assert.equal(0, again.status, again.err)
      assert.equal("", backups.shell("ls -A '%s' '%s' | grep '^[.]'", folder, path:match "^(.*)/"),
        case)
    end)
    assert.is_true(tried > 20, tried .. " were tried")
  end

  it("a backup is whole or not there, and the database is as it was", function()
    fail_backups()
  end)

  it("so it is with its export", function()
    fail_backups "--with-export"
  end)

  it("so it is where it is encrypted", function()
    local key = temp.folder() .. "/key"
    os.execute("age-keygen -o " .. key .. " 2>/dev/null")
    fail_backups("--with-export", "--encrypt-to", backups.shell("age-keygen -y %s", key))
  end)

  it("a restore leaves the old database or the new one", function()
    local tried = fail_each(function()
      local path = database(30)
      assert.equal(0, run { "backup", path, path .. ".backups" }.status)
      local store <close> = assert(signalbox.open(path))
      assert(store:save_signal(data.signal()))
      return { "restore", path .. ".backups", path, "--force" }, path
    end, function(result, path, case)
      local total = count(path, case)
      assert.is_true(total == 30 or total == 31, total .. " after " .. case)
      if result.status == 0 then assert.equal(30, total, case) end
    end)
    assert.is_true(tried > 10, tried .. " were tried")
  end)

  it("a file system that can't exchange names, nor give a second one, is as good", function()
    local EINVAL <const>, EPERM <const> = "22", "1"
    for _, link_too in ipairs { false, true } do
      local path = database(30)
      local folder = path .. ".backups"
      local env = { LD_PRELOAD = library, FAIL_KIND = "flags", FAIL_AT = "1", FAIL_STAY = "1",
        FAIL_ERRNO = EINVAL, FAIL_MARK = path .. ".mark" }
      for _ = 1, 2 do
        assert.equal(0, run { "backup", path, folder, "--keep-last", "1", env = env }.status)
      end
      backups.add_signal(path)
      if link_too then env.FAIL_KIND, env.FAIL_ERRNO = "flags link", EPERM end
      local result = run { "restore", folder, path, "--force", "--keep-old", env = env }
      assert.equal(0, result.status, result.err)
      assert.equal(30, count(path))
      assert.equal(31, count(path .. ".before-restore"))
    end
  end)
end)
