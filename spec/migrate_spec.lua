-- The schema, forward and back.
local data = require "spec.support.data"
local expect = require "spec.support.expect"
local predecessor = require "spec.support.predecessor"
local run = require "spec.support.run"
local signalbox = require "signalbox"
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
        local store = assert(require "signalbox".open %q)
        assert(store:save_signal { signal_type = "a", source_api = "b", canonical_key = "k%d",
          confidence = 1, raw_data = {} })]], path, i) }
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

  it("of something else is left alone", function()
    local path = temp.folder() .. "/other.db"
    predecessor.python([[
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("CREATE TABLE customers(id)")]], path)
    local before = temp.read(path)
    local err = expect.failure("schema", signalbox.open(path))
    assert.matches("a database of something else", err.message, 1, true)
    assert.equal(1, run { "migrate", "up", path }.status)
    assert.equal(before, temp.read(path))
  end)
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
    assert.matches("CREATE TABLE signals(", all, 1, true)
    assert.is_false(temp.exists(fresh))
  end)

  it("refuses versions that there are not, and those that lie the other way", function()
    local _, path = stores.open()
    assert.equal(1, run { "migrate", "up", path, "--to", "4711" }.status)
    assert.equal(1, run { "migrate", "down", path, "--to", "3" }.status)
    assert.equal(2, run { "migrate", "up", path, "--to", "1002" }.status)
    assert.equal(2, run { "migrate", "sideways", path }.status)
    assert.equal(1, run { "migrate", "down", temp.folder() .. "/none.db" }.status)
  end)
end)
