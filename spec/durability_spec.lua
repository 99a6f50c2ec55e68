--- What was acknowledged is there, whatever happens to the process, the disk or the file.
local await = require "spec.support.await"
local data = require "spec.support.data"
local expect = require "spec.support.expect"
local mounts = require "spec.support.mounts"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local slow = require "spec.support.slow"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

--- Whether this SQLite can corrupt a file when a checkpoint meets a writer.
local function has_reset_bug(store)
  local version = store:row("SELECT sqlite_version() AS v").v
  local major, minor, patch = version:match "(%d+)%.(%d+)%.(%d+)"
  local number = major * 1000000 + minor * 1000 + patch
  return number < 3051003 and number ~= 3050007 and number ~= 3044006
end

local function assert_intact(store)
  assert.equal("ok", store:row("PRAGMA integrity_check").integrity_check)
  local stats = store:get_stats()
  assert.equal(store:row("SELECT count(*) AS n FROM signals").n, stats.total_signals)
  assert.equal(store:row("SELECT count(*) AS n FROM signal_processing").n, stats.total_signals)
  return stats.total_signals
end

describe("a checkpoint", function()
  local program

  setup(function()
    program = temp.folder() .. "/wal_reset"
    assert(os.execute(string.format(
      "gcc -std=c17 -D_GNU_SOURCE %s -I%s/host -o %s %s/spec/fault/wal_reset.c " ..
      "%s/libsignalbox.a -lsqlite3 -lpthread -lm",
      paths.build:find "asan" and "-fsanitize=address,undefined" or "", paths.root, program,
      paths.root, paths.build)))
  end)

  -- spec/fault/wal_reset.c tells the interleaving.
  local function race(whose)
    return run.program(program, { temp.folder() .. "/signals.db", whose }).out
  end

  it("of the store's keeps writers out while it copies: none starts the log anew", function()
    assert.equal("busy\n800 of 800\nok\n", race "store")
  end)

  it("as SQLite makes it by itself lets one in, and its bug then breaks the file", function()
    local store <close> = stores.open()
    local out = race "plain"
    assert.truthy(out:find "^written\n")
    assert.equal(has_reset_bug(store), out ~= "written\n804 of 804\nok\n", out)
  end)
end)

describe("the log", function()
  it("that grew under a long reader is given back bit by bit", function()
    local MIB <const> = 1 << 20
    local store <close>, path = stores.open { durability = "normal" }
    local n = 0
    local function save()
      n = n + 1
      assert(store:save_signal { signal_type = "t", source_api = "s", canonical_key = "k" .. n,
        confidence = 1, raw_data = { text = ("x"):rep(4 * MIB) } })
      local log <close> = assert(io.popen("stat -c %s " .. path .. "-wal"))
      return log:read "n"
    end
    assert(store:save_signals(data.signals(2000)))
    do
      local next, state, first, reader <close> = assert(store:signals {})
      next(state, first)
      for _ = 1, 22 do save() end
      assert.truthy(reader)
    end
    local before, size = save(), nil
    assert.is_true(before > 80 * MIB, before .. " bytes")
    for _ = 1, 30 do
      size = save()
      assert.is_true(before - size <= 8 * MIB, string.format("%d bytes at once", before - size))
      before = size
    end
    assert.is_true(size <= 72 * MIB, size .. " bytes are left")
  end)
end)

describe("the locks of an open store", function()
  -- In a transaction, opens and closes a file of the database, then lets another program save.
  local script = [[
    local signalbox = require "signalbox"
    local path = ...
    local store <close> = assert(signalbox.open(path))
    local tx <close> = assert(store:begin())
    store:save_signal { signal_type = "a", source_api = "a", canonical_key = "ours",
      confidence = 1, raw_data = {} }
    local file, problem = io.open(path .. "-shm")
    if file then file:close() else print(problem) end
    os.execute(string.format("%s '%s'", os.getenv "OTHER", path))
    if file then os.exit(true) end
    print(pcall(function() assert(tx:commit()) end) and "committed" or "lost")
  ]]
  local other = [[
    local store <close> = assert(require "signalbox".open(arg[1], { busy_timeout = 0.1 }))
    local id, err = store:save_signal { signal_type = "a", source_api = "a",
      canonical_key = "theirs", confidence = 1, raw_data = {} }
    print(id and "saved meanwhile" or err.code)
  ]]

  local function try(runner)
    local folder = temp.folder()
    temp.write(folder .. "/script.lua", script)
    temp.write(folder .. "/other.lua", other)
    local path = folder .. "/signals.db"
    assert(signalbox.open(path)):close()
    local options = { folder .. "/script.lua", path, env = {
      OTHER = run.lua_command() .. " " .. folder .. "/other.lua",
      LUA_CPATH_5_4 = paths.build .. "/?.so;" .. paths.build .. "/lib/?.so;;",
    } }
    if runner == run.signalbox then table.insert(options, 1, "run") end
    return runner(options).out, path
  end

  it("are kept in the host, which opens none of the database's files for a script", function()
    local out, path = try(run.signalbox)
    assert.truthy(out:find("belongs to a database that is open here", 1, true), out)
    assert.truthy(out:find "\nbusy\ncommitted\n$", out)
    local store <close> = assert(signalbox.open(path))
    assert.equal(1, assert_intact(store))
  end)

  it("are lost in a stock Lua that closes such a file: another then writes too", function()
    assert.truthy(try(run.lua):find "^saved meanwhile\n")
  end)
end)

describe("kill -9", function()
  local KILLS <const> = math.tointeger(tonumber(os.getenv "KILLS" or 6))
  local BATCH <const> = 40

  -- Saves batches for as long as it lives, and says each when it is acknowledged.
  local script = string.format([[
    local signalbox = require "signalbox"
    local path, run = ...
    local store <close> = assert(signalbox.open(path))
    io.stdout:setvbuf "no"
    for batch = 1, math.huge do
      local list = {}
      for i = 1, %d do
        list[i] = { signal_type = "t" .. i %% 3, source_api = "s", confidence = 0.5,
          canonical_key = string.format("name_loc:%%s|%%d|%%d", run, batch, i),
          raw_data = { text = string.rep("x", 300) } }
      end
      assert(store:save_signals(list))
      io.write(batch, "\n")
    end
  ]], BATCH)

  it("at any moment of a bulk save leaves whole batches, all that were acknowledged", function()
    local folder = temp.folder()
    local path = folder .. "/signals.db"
    temp.write(folder .. "/save.lua", script)
    assert(signalbox.open(path)):close()
    local acknowledged = 0
    for round = 1, KILLS do
      local saver = run.start { "run", folder .. "/save.lua", path, tostring(round) }
      if round == 1 then await(function() return saver.out() ~= "" end, "the first batch") end
      require "system".sleep(slow * (0.05 + 0.25 * math.random()))
      saver.kill "KILL"
      local out = saver.wait(10).out
      local last = 0
      for number in out:gmatch "(%d+)\n" do last = math.tointeger(number) end
      acknowledged = acknowledged + last * BATCH

      local store <close> = assert(signalbox.open(path))
      local total = assert_intact(store)
      assert.equal(0, total % BATCH, "a batch is there in part")
      assert.is_true(total >= acknowledged, total .. " of " .. acknowledged .. " are there")
      acknowledged = total
    end
    assert.is_true(acknowledged > 0)
  end)
end)

describe("a full disk", function()
  local script = [[
    local signalbox = require "signalbox"
    local store <close> = assert(signalbox.open "signals.db")
    local saved, err = 0
    repeat
      local list = {}
      for i = 1, 100 do
        list[i] = { signal_type = "t", source_api = "s", confidence = 0.5, canonical_key = "k" ..
          saved + i, raw_data = { text = string.rep("x", 1000) } }
      end
      local result
      result, err = store:save_signals(list)
      if result then saved = saved + result.saved end
    until not result
    print(err.code)
    print(store:row("PRAGMA integrity_check").integrity_check)
    print(saved == store:get_stats().total_signals)
    os.remove "ballast"
    print(store:save_signal { signal_type = "t", source_api = "s", confidence = 0.5,
      canonical_key = "after", raw_data = {} } ~= nil)
  ]]

  it("gives full, loses nothing, and the store goes on when there is room again", function()
    local path, folder = temp.file("script.lua", script), temp.folder()
    local result = mounts.small(folder, 2048, string.format([[
      cd %s && head -c 200000 /dev/zero > ballast && exec %s run %s]], folder, paths.program, path))
    assert.equal("full\nok\ntrue\ntrue\n", result.out, result.err)
  end)
end)

describe("a damaged page", function()
  it("is corrupt for who has to read it, also where that is only to look for holds", function()
    local store, path = stores.open()
    local place = store:row [[
      SELECT (rootpage - 1) * page_size AS at, page_size AS size
      FROM sqlite_schema, pragma_page_size WHERE name = 'holds_by_until']]
    store:close()
    local file <close> = assert(io.open(path, "r+b"))
    assert(file:seek("set", place.at))
    assert(file:write(("\xa5"):rep(place.size)))
    file:close()
    store = assert(signalbox.open(path))
    expect.failure("corrupt", store:save_signal(data.signal()))
    expect.failure("corrupt", store:save_signals { data.signal() })
    assert.equal(0, store:row("SELECT count(*) AS n FROM signals").n)
    store:close()
  end)
end)

describe("a database file that goes away under an open store", function()
  it("deleted or replaced, is io: nothing is written where nobody would find it", function()
    for _, command in ipairs { "rm '%s'", "mv '%s' '%s'.old",
      "cp '%s' '%s'.copy && mv '%s'.copy '%s'" } do
      local store <close>, path = stores.open()
      assert(store:save_signal(data.signal()))
      assert(os.execute((command:gsub("%%s", path))))
      local err = expect.failure("io", store:save_signal(data.signal { canonical_key = "b" }))
      assert.truthy(err.message:find(path, 1, true))
    end
  end)
end)

describe("two processes with eight coroutines each", function()
  -- One coroutine in eight rolls back what it saves.
  local script = [[
    local signalbox = require "signalbox"
    local path, name = ...
    local store <close> = assert(signalbox.open(path, { busy_timeout = 30 }))
    local function signal(key)
      return { signal_type = "t", source_api = "s", confidence = 0.5, canonical_key = key,
        raw_data = {} }
    end
    local writers = {}
    for w = 1, 8 do
      writers[w] = coroutine.create(function()
        for i = 1, 25 do
          local key = string.format("%s-%d-%d", name, w, i)
          if w == 8 then
            pcall(store.transaction, store, function()
              assert(store:save_signal(signal(key)))
              error "no"
            end)
          else
            assert(store:save_signal(signal(key)))
            print(key)
          end
          coroutine.yield()
        end
      end)
    end
    for _ = 1, 26 do
      for w = 1, 8 do assert(coroutine.resume(writers[w])) end
    end
  ]]

  it("keep every acknowledged save once, and nothing of what was rolled back", function()
    local folder = temp.folder()
    local path = folder .. "/signals.db"
    temp.write(folder .. "/script.lua", script)
    assert(signalbox.open(path)):close()
    local processes = {}
    for i, name in ipairs { "a", "b" } do
      processes[i] = run.start { "run", folder .. "/script.lua", path, name }
    end
    local store <close> = assert(signalbox.open(path))
    local saved = 0
    for _, process in ipairs(processes) do
      local result = process.wait(60)
      assert.equal(0, result.status, result.err)
      for key in result.out:gmatch "[^\n]+" do
        assert.equal(1, #store:get_signals_for_company(key), key)
        saved = saved + 1
      end
    end
    assert.equal(2 * 7 * 25, saved)
    assert.equal(saved, assert_intact(store))
  end)
end)

describe("a database that is only read", function()
  local function files(path)
    local pipe <close> = assert(io.popen(string.format("stat -c '%%n %%s %%Y %%Z' '%s'*", path)))
    return pipe:read "a"
  end

  it("is left as it was, and its folder too", function()
    local store, path = stores.open()
    assert(store:save_signal(data.signal()))
    store:close()
    local before = files(path)
    local reading = assert(signalbox.open(path, { mode = "ro" }))
    for signal in reading:signals {} do assert.equal("Acme", signal.company_name) end
    reading:close()
    assert.equal(0, run { "info", path }.status)
    assert.equal(before, files(path))
  end)

  it("keeps what a writer has in its log", function()
    local writer <close>, path = stores.open()
    assert(writer:save_signal(data.signal()))
    local before = { temp.read(path), temp.read(path .. "-wal") }
    assert.equal(0, run { "info", path }.status)
    assert.same(before, { temp.read(path), temp.read(path .. "-wal") })
    assert(writer:save_signal(data.signal { canonical_key = "domain:two.com" }))
  end)
end)

describe("a predecessor's database", function()
  it("is not changed by being read, and is turned to the log when first written to", function()
    local path = temp.folder() .. "/old.db"
    local store = assert(signalbox.open(path))
    store:close()
    assert(os.execute(string.format("sqlite3 '%s' 'PRAGMA journal_mode=DELETE' >/dev/null", path)))
    local before = temp.read(path)
    assert(signalbox.open(path, { mode = "ro" })):close()
    assert.equal(before, temp.read(path))
    store = assert(signalbox.open(path))
    assert(store:save_signal(data.signal()))
    assert.equal("wal", store:row("PRAGMA journal_mode").journal_mode)
    store:close()
  end)
end)
