-- The schema, forward and back.
local data = require "spec.support.data"
local expect = require "spec.support.expect"
local filled = require "spec.support.filled"
local predecessor = require "spec.support.predecessor"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local slow = require "spec.support.slow"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

local STEPS <const> = signalbox.migrations()
local NEWEST <const> = STEPS[#STEPS].version

--- All definitions of a database, as text.
local function schema_of(path)
  local store <close> = assert(signalbox.open(path, { mode = "ro", any_schema = true }))
  local lines = {}
  for row in assert(store:rows [[
    SELECT sql FROM sqlite_schema
    WHERE sql NOT NULL AND name <> 'sqlite_sequence'
    ORDER BY name]])
  do
    lines[#lines + 1] = row.sql
  end
  return table.concat(lines, "\n")
end

--- Names in the folder of a database.
local function beside(path)
  return run.program("/bin/sh", { "-c", "cd " .. path:match "^(.*)/" .. " && ls" }).out
end

describe("the schema", function()
  it("goes back step by step, and forward again to the same definitions", function()
    local path = temp.folder() .. "/signals.db"
    assert.equal(0, run { "migrate", "up", path }.status)
    local definitions = { [NEWEST] = schema_of(path) }
    for i = #STEPS - 1, 1, -1 do
      assert.equal(0, run { "migrate", "down", path }.status)
      definitions[STEPS[i].version] = schema_of(path)
    end
    assert.equal(0, run { "migrate", "down", path }.status)
    assert.equal("", schema_of(path))
    for _, step in ipairs(STEPS) do
      local result = run { "migrate", "up", path, "--to", step.version }
      assert.equal(0, result.status, result.err)
      assert.equal(definitions[step.version], schema_of(path))
    end
    assert.equal(0, run { "validate", path }.status)
  end)

  it("is moved by one of many processes that open a new database at once", function()
    local path = temp.folder() .. "/signals.db"
    local racers = {}
    for i = 1, 8 do
      racers[i] = run.start { "run", "-e", string.format([[
        local store = assert(require "signalbox".open(%q, { busy_timeout = %d }))
        assert(store:save_signal { signal_type = "a", source_api = "b", canonical_key = "k%d",
          confidence = 1, raw_data = {} })]], path, 5 * slow, i) }
    end
    for _, racer in ipairs(racers) do
      local result = racer.wait()
      assert.equal(0, result.status, result.err)
    end
    local store <close> = assert(signalbox.open(path))
    assert.equal(8, store:get_stats().total_signals)
    assert.equal(#STEPS, store:row "SELECT count(*) AS n FROM schema_migrations".n)
  end)

  it("keeps the signals over a way back to where they are", function()
    local store, path = stores.open()
    assert(store:save_signals(data.signals(10)))
    store:close()
    assert.equal(0, run { "migrate", "down", path, "--to", "1002" }.status)
    local again <close> = assert(signalbox.open(path))
    assert.equal(10, again:get_stats().total_signals)
    assert.equal(10, #again:get_pending_signals())
  end)

  it("is not taken away from under signals, unless forced", function()
    local store, path = stores.open()
    assert(store:save_signals(data.signals(10)))
    store:close()
    local result = run { "migrate", "down", path, "--to", "0" }
    assert.equal(1, result.status)
    assert.matches("drops rows: 10 of signals", result.err, 1, true)
    assert.matches("--force", result.err, 1, true)
    assert.equal(0, run { "migrate", "down", path, "--to", "0", "--force" }.status)
    assert.equal("", schema_of(path))
  end)

  it("is not taken away from under any row, unless forced", function()
    local of = { -- what the way back to a version drops
      [1006] = { "collector_state", "quarantine" },
      [1005] = { "decisions", "outbox" },
      [1004] = { "stat_samples", "alert_instances", "alert_events", "alert_silences",
        "alert_groups", "alert_notices" },
      [1003] = { "runs" },
      [1002] = { "company_holds" },
      [1001] = { "signals", "suppression_cache" },
    }
    local store, path = filled()
    assert(store:exec [[INSERT INTO runs(command, name, started_at, status)
      VALUES ('collect', 'file', '2026-01-01T00:00:00.000000+00:00', 'done')]])
    local none = { counters = true, company_claims = true, signal_processing = true }
    for version = 1006, 1001, -1 do
      local dropped = expect.failure("conflict", store:migrate { to = version }).message
      for _, name in ipairs(of[version]) do
        assert.matches(" of " .. name, dropped, 1, true)
        none[name] = true
      end
    end
    for _, step in ipairs(STEPS) do -- each table is among them
      for name in step.up:gsub("IF NOT EXISTS ", ""):gmatch "CREATE TABLE ([%w_]+)" do
        assert.truthy(none[name] or name:find "^schema_", name .. " is missing in migration.sql")
      end
    end
    store:close()
    local result = run { "migrate", "down", path, "--to", "1006" }
    assert.equal(1, result.status)
    assert.matches("1 of quarantine", result.err, 1, true)
    assert.equal(0, run { "migrate", "down", path, "--to", "1006", "--force" }.status)
  end)

  it("on its way back gives queued signals up that nothing delivers any more", function()
    local store, path = stores.open()
    assert(store:save_signals(data.signals(3)))
    for id = 1, 3 do assert(store:mark_queued(id)) end
    assert(store:mark_pushed(3, "page"))
    assert(store:exec [[
      INSERT INTO outbox(sink, canonical_key, version, payload, signal_ids, state, not_before,
        created_at, updated_at)
      VALUES ('file', 'a', 1, '{}', '[1,3]', 'ready', '2026-01-01T00:00:00.000000+00:00',
        '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00')]])
    store:close()
    assert.equal(0, run { "migrate", "down", path, "--to", "1005", "--force" }.status)
    local again <close> = assert(signalbox.open(path))
    assert.same({ pending = 1, queued = 1, pushed = 1, rejected = 0, failed = 0 },
      again:get_processing_stats())
    assert.equal(1, again:get_pending_signals()[1].id)
    assert.equal(0, run { "validate", path }.status)
  end)

  it("of an up-to-date database is read once when it is opened", function()
    local _, path = stores.open()
    for _, mode in ipairs { "rw", "ro" } do
      local store <close> = assert(signalbox.open(path, { mode = mode, trace = true }))
      local statements = store:traced()
      assert.equal(1, #statements, table.concat(statements, ";\n"))
      assert.matches("FROM schema_migrations", statements[1], 1, true)
    end
  end)

  it("newer than the program's is read, never written, never changed", function()
    local store, path = stores.open()
    assert(store:save_signals(data.signals(2)))
    assert(store:exec("INSERT INTO schema_migrations VALUES (?, 'now', 'future')", NEWEST + 1))
    store:close()
    local before = temp.read(path)
    expect.failure("schema", signalbox.open(path))
    for _, words in ipairs { { "migrate", "up", path }, { "migrate", "down", path } } do
      local result = run(words)
      assert.equal(1, result.status)
      assert.matches("newer than this program's", result.err, 1, true)
    end
    local reader <close> = assert(signalbox.open(path, { mode = "ro" }))
    assert.equal(2, reader:get_stats().total_signals)
    assert.equal(0, run { "info", path }.status)
    assert.equal(0, run { "validate", path }.status)
    assert.matches("newer", run { "migrate", "status", path }.out)
    assert.equal(before, temp.read(path))
  end)

  local OTHERS <const> = {
    ["a table of customers"] = "CREATE TABLE customers(id);",
    ["golang-migrate's"] = [[CREATE TABLE schema_migrations(version uint64, dirty bool);
      INSERT INTO schema_migrations VALUES (20240101120000, 0);]],
    ["golang-migrate's, of a low version"] = [[CREATE TABLE schema_migrations(version, dirty);
      INSERT INTO schema_migrations VALUES (3, 0); CREATE TABLE signals(id);]],
    ["Rails'"] = [[CREATE TABLE schema_migrations(version varchar NOT NULL PRIMARY KEY);
      INSERT INTO schema_migrations VALUES ('20240101120000');]],
    ["another Python service's"] = [[CREATE TABLE schema_migrations(version INTEGER PRIMARY KEY,
      applied_at TEXT, description TEXT);
      INSERT INTO schema_migrations VALUES (2, 'now', 'orders'); CREATE TABLE orders(id);]],
  }
  for name, sql in pairs(OTHERS) do
    it("of something else is left alone: " .. name, function()
      local path = temp.folder() .. "/other.db"
      predecessor.python([[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript(sys.argv[2])
db.commit()]], path, sql)
      local before = temp.read(path)
      for _, mode in ipairs { "rwc", "ro" } do
        local err = expect.failure("schema", signalbox.open(path, { mode = mode }))
        assert.matches("a database of something else", err.message, 1, true)
      end
      assert.equal(1, run { "migrate", "up", path }.status)
      assert.equal(1, run { "import", temp.file("x.json", "{}"), path }.status)
      assert.equal(before, temp.read(path))
      assert.equal("other.db\n", beside(path))
    end)
  end
end)

describe("a step that fails", function()
  --- A predecessor's file in which one of our tables' names is taken.
  local function obstructed()
    local path = predecessor.database(3)
    predecessor.python([[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE company_holds(mine)")]], path)
    return path
  end

  it("leaves the database as it was, and is named with its statement and the copy", function()
    local path = obstructed()
    local before = schema_of(path)
    local err = expect.failure("sql", signalbox.open(path))
    assert.matches("1003_store.up.sql", err.message, 1, true)
    assert.matches("company_holds", err.message, 1, true)
    local copy = err.message:match "(%S+) is a copy of it"
    assert.equal(path .. ".before-" .. NEWEST, copy)
    assert.equal(before, schema_of(path))
    assert.equal(before, schema_of(copy))
    local result = run { "migrate", "up", path }
    assert.equal(1, result.status)
    assert.matches(copy, result.err, 1, true)
  end)

  it("leaves the journal as it was, too", function()
    local path = obstructed()
    expect.failure("sql", signalbox.open(path))
    assert.equal("delete\n", predecessor.python([[
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("PRAGMA journal_mode").fetchone()[0])]], path))
  end)

  it("leaves no copy where it doesn't fail", function()
    local path = predecessor.database(3)
    assert.equal(0, run { "migrate", "up", path }.status)
    assert.equal("signals.db\n", beside(path))
  end)
end)

describe("signalbox migrate", function()
  it("says where a database stands", function()
    local path = predecessor.database(2)
    local status = signalbox.json.decode(run { "migrate", "status", path, "--json" }.out)
    assert.equal(2, status.version)
    assert.equal(2, status.predecessor)
    assert.equal(#STEPS, status.pending)
    run { "migrate", "up", path }
    status = signalbox.json.decode(run { "migrate", "status", path, "--json" }.out)
    assert.equal(NEWEST, status.version)
    assert.equal(0, status.pending)
  end)

  it("in a dry run prints the SQL, and changes nothing", function()
    local path = predecessor.database(1)
    local before = temp.read(path)
    local up = run { "migrate", "up", path, "--dry-run" }
    assert.equal(0, up.status, up.err)
    assert.matches("CREATE TABLE counters", up.out, 1, true)
    assert.is_nil(up.out:find("CREATE TABLE signals(", 1, true)) -- which it has
    assert.equal(before, temp.read(path))
    local fresh = temp.folder() .. "/new.db"
    local all = run { "migrate", "up", fresh, "--dry-run" }.out
    local _, done = stores.open()
    assert.equal(done .. " is at version " .. NEWEST .. ": nothing to do\n",
      run({ "migrate", "up", done, "--dry-run" }).out)
    assert.matches("CREATE TABLE signals(", all, 1, true)
    assert.is_false(temp.exists(fresh))
  end)

  it("refuses versions that there are not, and those that lie the other way", function()
    local _, path = stores.open()
    assert.equal(1, run { "migrate", "up", path, "--to", "4711" }.status)
    assert.equal(1, run { "migrate", "down", path, "--to", "3" }.status)
    for _, words in ipairs { { "up", path, "--to", "1003" }, { "down", path, "--to", "4711" } } do
      local real = run { "migrate", table.unpack(words) }
      local dry = run { "migrate", words[1], words[2], words[3], words[4], "--dry-run" }
      assert.equal(real.status, dry.status)
      assert.equal(real.err, dry.err)
      assert.equal("", dry.out)
    end
    assert.equal(2, run { "migrate", "up", path, "--to", "1002" }.status)
    assert.equal(2, run { "migrate", "sideways", path }.status)
    assert.equal(1, run { "migrate", "down", temp.folder() .. "/none.db" }.status)
  end)
end)
