-- What becomes of the databases and exports that the Python predecessor left.
local expect = require "spec.support.expect"
local predecessor = require "spec.support.predecessor"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local slow = require "spec.support.slow"
local temp = require "spec.support.temp"

local TABLES <const> = "signals signal_processing suppression_cache"

--- The states of its signals, by number.
local function states(store)
  local found = {}
  for signal in assert(store:signals { order = "id" }) do
    found[signal.id] = signal.status or "none"
  end
  return found
end

local STATES <const> = {
  "pending", "pushed", "rejected", "queued", "none", [9] = "pushed",
}

for version = 1, 4 do
  describe("a predecessor's database of version " .. version, function()
    local others = "filter_presets founders" .. (version >= 2 and " pipeline_runs" or "") ..
      (version >= 3 and " notion_outbox" or "")

    it("opens in place with all its signals, states and suppressions", function()
      local path = predecessor.database(version)
      local store <close> = assert(signalbox.open(path))
      assert.same(STATES, states(store))
      local signal = store:get_signal(2)
      assert.equal("companies_house:12345678", signal.canonical_key)
      assert.equal('{"ratio": NaN, "high": Infinity, "low": -Infinity}', signal.raw_json)
      assert.equal(math.huge, signal.raw_data.high)
      assert.equal(2 ^ 53 // 1 | 1, store:get_signal(3).raw_data.id)
      assert.equal("Acmé ☃", store:get_signal(1).raw_data.name)
      assert.equal("page-9", store:get_signal(9).notion_page_id)
      assert.equal("low score", store:get_signal(3).error_message)
      assert.equal("page-k", store:check_suppression("domain:known.com").notion_page_id)
      assert.is_nil(store:check_suppression "domain:old.com")
      assert.same({ version = store:schema().newest, newest = store:schema().newest,
        predecessor = version }, store:schema())
    end)

    it("keeps its times' meaning, and the order they give", function()
      local store <close> = assert(signalbox.open(predecessor.database(version)))
      assert.equal("2026-01-07T10:00:00.000000+00:00", store:get_signal(3).detected_at)
      assert.equal("2026-01-07T10:00:00.250000+00:00", store:get_signal(4).detected_at)
      assert.equal("2026-01-06T09:24:26.485578+00:00", store:get_signal(1).detected_at)
      local err = expect.failure("duplicate", store:save_signal {
        signal_type = "github_spike", source_api = "github", canonical_key = "domain:naive.io",
        confidence = 1, raw_data = {}, detected_at = "2026-01-07T10:00:00Z",
      })
      assert.equal(3, err.detail.id)
    end)

    it("is counted: totals, states and suppressions", function()
      local store <close> = assert(signalbox.open(predecessor.database(version)))
      local stats = store:get_stats()
      assert.equal(6, stats.total_signals)
      assert.same({ github_spike = 4, incorporation = 1, hiring_signal = 1 }, stats.signals_by_type)
      assert.equal(1, stats.active_suppression_entries)
    end)

    it("keeps the tables of other modules, as they were", function()
      local path = predecessor.database(version)
      local before = predecessor.dump(path, others)
      assert(signalbox.open(path)):close()
      assert.equal(before, predecessor.dump(path, others))
      assert.equal("1\n", predecessor.python([[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
found = db.execute("SELECT count(*) FROM signals_fts WHERE signals_fts MATCH 'acme'")
print(found.fetchone()[0])]],
        path))
    end)

    it("can still be read by the predecessor, which finds its own version", function()
      local path = predecessor.database(version)
      assert(signalbox.open(path)):close()
      assert.equal("6 6 2 wal\n", predecessor.python([[
import json, sqlite3, sys
from datetime import datetime
db = sqlite3.connect(sys.argv[1])
db.row_factory = sqlite3.Row
signals = db.execute("SELECT * FROM signals ORDER BY detected_at DESC").fetchall()
for row in signals:
    json.loads(row["raw_data"])
    datetime.fromisoformat(row["detected_at"])
processing = db.execute("SELECT * FROM signal_processing").fetchall()
cache = db.execute("SELECT * FROM suppression_cache").fetchall()
versions = {row[0] for row in db.execute("SELECT version FROM schema_migrations")}
assert {v for v in versions if v < 1001} <= {1, 2, 3, 4}
print(len(signals), len(processing), len(cache), db.execute("PRAGMA journal_mode").fetchone()[0])]],
        path))
    end)

    it("goes back to what it was, table by table", function()
      local path = predecessor.database(version)
      local before = predecessor.dump(path, TABLES:gsub("^signals ", "") .. " schema_migrations " ..
        others)
      assert.equal(0, run { "migrate", "up", path }.status)
      local result = run { "migrate", "down", path, "--to", tostring(version) }
      assert.equal(0, result.status, result.err)
      assert.equal(before, predecessor.dump(path, TABLES:gsub("^signals ", "") ..
        " schema_migrations " .. others))
      assert.equal("6", predecessor.python([[
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM signals").fetchone()[0], end="")]],
        path))
      local store <close> = assert(signalbox.open(path)) -- and forward again
      assert.same(STATES, states(store))
    end)

    it("is looked at without being changed", function()
      local path = predecessor.database(version)
      local before = temp.read(path)
      for _, command in ipairs { "list", "info", "validate" } do
        for _, words in ipairs { { command, path }, { command, path, "--json" } } do
          local result = run(words)
          assert.equal(0, result.status, command .. ": " .. result.err .. result.out)
        end
      end
      assert.equal(0, run { "migrate", "status", path }.status)
      assert.equal(0, run { "migrate", "up", path, "--dry-run" }.status)
      assert.equal(before, temp.read(path))
      local err = expect.failure("schema", signalbox.open(path, { mode = "ro" }))
      assert.matches("signalbox migrate up", err.message, 1, true)
    end)

    it("has an export that imports into a new store", function()
      local document = predecessor.export(predecessor.database(version))
      local store <close> = assert(signalbox.open(temp.folder() .. "/new.db"))
      local report = assert(store:import(document))
      assert.equal(6, report.tables.signals.added)
      assert.equal(6, report.tables.processing.added)
      assert.equal(2, report.tables.suppression_cache.added)
      assert.same(STATES, states(store))
      assert.equal('{"ratio": NaN, "high": Infinity, "low": -Infinity}',
        store:get_signal(2).raw_json)
      assert.equal("2026-01-07T10:00:00.000000+00:00", store:get_signal(3).detected_at)
      assert.equal(0, assert(store:import(document)).added)
    end)

    it("imported from its export is what it is when it is opened in place", function()
      local path = predecessor.database(version)
      local new <close> = assert(signalbox.open(temp.folder() .. "/new.db"))
      assert(new:import(predecessor.export(path)))
      local old <close> = assert(signalbox.open(path))
      local theirs = assert(old:signals { order = "id" })
      for ours in assert(new:signals { order = "id" }) do
        local its = theirs()
        for name, value in pairs(its) do
          if name:find "_at$" then -- the document's are brought to one form
            assert.equal(signalbox.iso(value), ours[name], name)
          elseif name ~= "raw_data" and name ~= "metadata" then
            assert.equal(value, ours[name], name)
          end
        end
      end
      assert.is_nil(theirs())
      assert.same(old:get_processing_stats(), new:get_processing_stats())
    end)
  end)
end

describe("a predecessor's database", function()
  it("is moved by one of eight programs that open it at once", function()
    local path = predecessor.database(3)
    local racers = {}
    for i = 1, 8 do
      racers[i] = run.start { "run", "-e", string.format([[
        local store = assert(require "signalbox".open(%q, { busy_timeout = %d }))
        assert(store:get_stats().total_signals >= 6)
        assert(store:save_signal { signal_type = "a", source_api = "b", canonical_key = "k%d",
          confidence = 1, raw_data = {} })]], path, 5 * slow, i) }
    end
    for _, racer in ipairs(racers) do
      local result = racer.wait()
      assert.equal(0, result.status, result.err)
    end
    local store <close> = assert(signalbox.open(path))
    assert.equal(14, store:get_stats().total_signals)
    assert.equal(0, run { "validate", path }.status)
    assert.matches("journal +wal", run { "info", path }.out)
  end)
end)

describe("a program that knows only the four tables", function()
  local INSERT <const> = [[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("INSERT INTO signals(signal_type, source_api, canonical_key, confidence, raw_data,"
           " detected_at, created_at)"
           " VALUES ('patent_filing', 'uspto', 'domain:new.com', 0.5, '{}',"
           " '2026-02-01T00:00:00+00:00', '2026-02-01T00:00:01+00:00')")
id = db.execute("SELECT last_insert_rowid()").fetchone()[0]
db.execute("INSERT INTO signal_processing(signal_id, status, created_at, updated_at)"
           " VALUES (?1, 'pending', ?2, ?2)", (id, "2026-02-01T00:00:01+00:00"))
db.execute("UPDATE signal_processing SET status = 'rejected' WHERE signal_id = 1")
db.execute("DELETE FROM suppression_cache WHERE canonical_key = 'domain:known.com'")
db.commit()]]

  it("has its writes counted, due and found", function()
    local path = predecessor.database(4)
    assert(signalbox.open(path)):close()
    predecessor.python(INSERT, path)
    local store <close> = assert(signalbox.open(path))
    local stats = store:get_stats()
    assert.equal(7, stats.total_signals)
    assert.equal(1, stats.signals_by_type.patent_filing)
    assert.equal(0, stats.active_suppression_entries)
    assert.equal("rejected", store:get_signal(1).status)
    assert.equal("domain:new.com", store:get_pending_signals { limit = 1 }[1].canonical_key)
    assert.equal(0, run { "validate", path }.status)
  end)

  it("may replace rows, with or without triggers that fire for them", function()
    local REPLACE <const> = [[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA recursive_triggers = " + sys.argv[2])
db.execute("PRAGMA foreign_keys = " + sys.argv[3])
signal = "INTO signals VALUES (%s, '%s', 'github', 'domain:acme.ai', NULL, 0.5, '{}'," \
         " '2026-01-06T09:24:26.485578+00:00', '2026-02-01T00:00:00+00:00')"
db.execute("INSERT OR REPLACE " + signal % (1, "github_spike"))  # itself
db.execute("INSERT OR REPLACE " + signal % (2, "patent_filing"))  # another's number
db.execute("INSERT OR REPLACE " + signal % (5, "patent_filing"))  # and another's key
db.execute("INSERT OR IGNORE " + signal % (9, "hiring_signal"))  # changes nothing
db.execute("INSERT " + signal % (77, "hiring_signal"))
db.execute("INSERT OR REPLACE INTO signal_processing(id, signal_id, status, created_at, updated_at)"
           " VALUES (1, 1, 'rejected', 't', 't')")
entry = "'domain:known.com', 'page', 'Lost', NULL, '2026-01-01', '2999-01-01', NULL)"
for verb in ("REPLACE", "IGNORE", "REPLACE"):
    db.execute(f"INSERT OR {verb} INTO suppression_cache VALUES (NULL, " + entry)
db.execute("INSERT OR REPLACE INTO suppression_cache VALUES (2, " + entry)
db.execute("UPDATE signal_processing SET created_at = '2026-01-01', updated_at = '2026-01-01'")
db.commit()]]
    for _, switches in ipairs { { "0", "0" }, { "0", "1" }, { "1", "1" }, { "1", "0" } } do
      local path = predecessor.database(4)
      assert(signalbox.open(path)):close()
      predecessor.python(REPLACE, path, switches[1], switches[2])
      local findings = signalbox.json.decode(run { "validate", path, "--json" }.out).findings
      for _, finding in ipairs(findings) do
        assert.is_nil(finding.message:find("counter", 1, true), finding.message)
        assert.is_nil(finding.message:find("copy", 1, true), finding.message)
      end
      local store <close> = assert(signalbox.open(path))
      assert.equal(1, store:get_stats().active_suppression_entries)
      assert.equal(store:row "SELECT count(*) AS n FROM signals".n,
        store:get_stats().total_signals)
    end
  end)
end)
