-- What `validate` finds in a database, what it only notes, and what it mends.
local data = require "spec.support.data"
local predecessor = require "spec.support.predecessor"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

--- A database with signals in it, changed by a program that isn't ours.
local function changed(sql)
  local store, path = stores.open()
  assert(store:save_signals(data.signals(20)))
  assert(store:update_suppression_cache { data.suppression() })
  store:close()
  if sql then
    predecessor.python([[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript(sys.argv[2])
db.commit()]], path, sql)
  end
  return path
end

local function validate(path, ...)
  local result = run { "validate", path, "--json", ... }
  local report = signalbox.json.decode(result.out)
  assert.is_table(report, result.err)
  report.status = result.status
  return report
end

describe("a sound database", function()
  it("has no findings, and exit code 0", function()
    local path = changed()
    local before = temp.read(path)
    local report = validate(path)
    assert.same({ 0, true, 0 }, { report.status, report.valid, #report.findings })
    assert.equal(0, run { "validate", path }.status)
    assert.equal(before, temp.read(path))
  end)

  it("may have tables of other programs beside ours: they are noted", function()
    local report = validate(changed "CREATE TABLE mine(a); CREATE INDEX mine_by_a ON mine(a)")
    assert.equal(0, report.status)
    assert.matches("mine is not signalbox's", table.concat(report.notes), 1, true)
  end)

  for version = 1, 4 do
    it("may be the predecessor's, of version " .. version .. ", before and after it is moved up",
      function()
        local path = predecessor.database(version)
        assert.equal(0, validate(path).status)
        run { "migrate", "up", path }
        local report = validate(path)
        assert.equal(0, report.status, signalbox.json.encode(report.findings))
        local notes = table.concat(report.notes, "\n")
        for _, note in ipairs { "NaN", "founders", "idx_signals_created_at" } do
          assert.matches(note, notes, 1, true)
        end
      end)
  end
end)

describe("a note", function()
  it("tells of signals that nothing goes on with", function()
    local store, path = stores.open()
    assert(store:save_signals(data.signals(4)))
    assert(store:mark_queued(2))
    assert(store:exec "DELETE FROM signal_processing WHERE signal_id = 4")
    store:close()
    local report = validate(path)
    assert.equal(0, report.status)
    local notes = table.concat(report.notes, "\n")
    assert.matches("queued signals that no row of the outbox delivers: 1 (id 2)", notes, 1, true)
    assert.matches("signals without a processing row, which no claim gives: 1 (id 4)", notes, 1,
      true)
  end)

  it("counts rows", function()
    local report = validate(predecessor.database(3))
    local notes = table.concat(report.notes, "\n")
    assert.matches("signals.detected_at is a time that names no offset (UTC): 2 (id 3, 4)", notes,
      1, true)
    assert.matches("suppression_cache.expires_at is a time that names no offset (UTC): 1 (id 1)",
      notes, 1, true)
  end)
end)

describe("a finding", function()
  local CASES <const> = {
    { "an index that is missing", "DROP INDEX signals_by_time", "signals_by_time is missing",
      true },
    { "an index that is another", [[DROP INDEX signals_by_time;
      CREATE INDEX signals_by_time ON signals(created_at)]], "+ created_at", true },
    { "an index too many", "CREATE INDEX extra ON signals(company_name)", "extra on signals" },
    { "a trigger that is missing", "DROP TRIGGER signals_inserted", "signals_inserted is missing",
      true },
    { "a trigger too many", [[CREATE TRIGGER extra AFTER INSERT ON signals BEGIN
      DELETE FROM runs; END]], "extra on signals" },
    { "a table that is missing", "DROP TABLE company_holds", "company_holds is missing" },
    { "a column too many", "ALTER TABLE signals ADD COLUMN mood TEXT", "+ mood TEXT" },
    { "a column that is missing", "ALTER TABLE suppression_cache DROP COLUMN company_name",
      "- company_name TEXT" },
    { "a migration that was another",
      "UPDATE schema_checksums SET checksum = 'x' WHERE version = 1003",
      "migration 1003 was another" },
    { "a counter that is wrong", "UPDATE counters SET n = n + 5 WHERE name = 'signals_by_type'",
      "says 25, and there are 20", true },
    { "a counter of nothing", "INSERT INTO counters VALUES ('processing_status', 'lost', 2)",
      "lost says 2, and there are 0", true },
    { "a copy that is wrong", "UPDATE signal_processing SET detected_at = 'x' WHERE id = 3",
      "copy of detected_at or available_at", true },
    { "a state that there is not", [[PRAGMA ignore_check_constraints = 1;
      UPDATE signal_processing SET status = 'lost' WHERE id = 3]],
      "processing.status is in a state that there is not" },
    { "a confidence out of bounds", [[PRAGMA ignore_check_constraints = 1;
      UPDATE signals SET confidence = 7 WHERE id = 4]],
      "signals.confidence is not from 0 to 1: 1 (id 4)" },
    { "JSON that is none", "UPDATE signals SET raw_data = '{' WHERE id IN (4, 5)",
      "raw_data is no JSON: 2 (id 4, 5)" },
    { "bytes that are no text",
      "UPDATE signals SET company_name = CAST(x'ff' AS TEXT) WHERE id = 4",
      "bytes that are no text" },
    { "a time that is none", "UPDATE signals SET detected_at = 'soon' WHERE id = 4",
      "signals.detected_at is no time: 1 (id 4)" },
    { "a time whose text does not sort as times do",
      "UPDATE signals SET detected_at = '2026-08-22T02:00:00+02:00' WHERE id = 4",
      "signals.detected_at is a time whose text does not sort as times do" },
    { "a number that no other can follow",
      "UPDATE signals SET id = 9223372036854775807 WHERE id = 4",
      "signals.id is not from 1 to 2^53" },
    { "an empty key", "UPDATE signals SET canonical_key = '' WHERE id = 4",
      "signals.canonical_key is empty: 1 (id 4)" },
    { "a row without its signal", [[PRAGMA foreign_keys = 0; DROP TRIGGER signals_deleted;
      DELETE FROM signals WHERE id = 4]], "refer to no row of signals" },
  }

  for _, case in ipairs(CASES) do
    it("is " .. case[1] .. ": exit code 3" .. (case[4] and "; --repair mends it" or ""), function()
      local path = changed(case[2])
      local report = validate(path)
      assert.equal(3, report.status)
      local text = run { "validate", path }.out
      assert.matches(case[3], text, 1, true)
      if not case[4] then return end
      local mended = validate(path, "--repair")
      assert.equal(0, mended.status, signalbox.json.encode(mended.findings))
      assert.truthy(#mended.repaired > 0)
      assert.equal(0, validate(path).status)
    end)
  end

  it("is bytes that are no text, or a value of no sense, in whatever table", function()
    local store, path = require "spec.support.filled"()
    store:close()
    predecessor.python([[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA ignore_check_constraints = 1")
db.execute("PRAGMA recursive_triggers = 1")
for table, columns in {
    "suppression_cache": ("company_name", "expires_at", "metadata"),
    "company_holds": ("reason", "until"),
    "decisions": ("reason", "as_of", "breakdown", "signal_ids"),
    "outbox": ("last_error", "not_before", "payload", "signal_ids", "state"),
    "collector_state": ("value", "updated_at"),
    "quarantine": ("reason", "last_seen_at"),
    "stat_samples": ("figures",),
    "alert_instances": ("summary", "active_at", "memory", "state"),
    "alert_events": ("detail", "at"),
    "alert_silences": ("comment", "starts_at", "matchers"),
    "alert_groups": ("told",),
    "alert_notices": ("error", "next_at", "notice", "status"),
    "signal_processing": ("error_message", "updated_at", "available_at"),
}.items():
    for column in columns:
        db.execute(f"UPDATE {table} SET {column} = CAST(x'6ec3' AS TEXT)")
db.commit()]], path)
    local report = validate(path)
    assert.equal(3, report.status)
    local text = {}
    for i, finding in ipairs(report.findings) do text[i] = finding.message end
    text = table.concat(text, "\n")
    for _, part in ipairs {
      "suppression_cache.company_name holds bytes", "suppression_cache.expires_at is no time",
      "suppression_cache.metadata is no JSON", "company_holds.reason holds",
      "company_holds.until is no time: 1 (canonical_key domain:company-1.com)",
      "decisions.reason holds", "decisions.signal_ids is no list", "outbox.last_error holds",
      "outbox.not_before is no time", "outbox.payload is no JSON", "outbox.signal_ids is no list",
      "outbox.state is in a state", "collector_state.value is no JSON",
      "collector_state.updated_at is no time", "quarantine.reason holds",
      "stat_samples.figures is no JSON", "alert_instances.summary holds",
      "alert_instances.state is in a state", "alert_events.detail holds",
      "alert_silences.matchers is no JSON", "alert_groups.told is no JSON",
      "alert_notices.next_at is no time", "alert_notices.status is in a state",
      "processing.error_message holds", "processing.updated_at is no time",
      "processing.available_at is no time",
    } do
      assert.matches(part, text, 1, true)
    end
  end)

  it("is none that another's writing makes while it looks", function()
    local path = changed()
    local writer = run.start { "run", "-e", string.format([[
      local store = assert(require "signalbox".open(%q, { durability = "normal" }))
      for i = 1, 1000000 do
        assert(store:save_signal { signal_type = "a", source_api = "b", canonical_key = "w" .. i,
          confidence = 1, raw_data = {} })
        if i %% 3 == 0 then assert(store:mark_rejected(store:get_stats().total_signals, "no")) end
      end]], path) }
    for _ = 1, 12 do
      local report = validate(path)
      assert.equal(0, report.status, signalbox.json.encode(report.findings))
    end
    assert.is_true(writer.is_running())
    writer.kill()
  end)

  it("is damage in the file, which is told and survived", function()
    local path = changed()
    local bytes = temp.read(path)
    for _, page in ipairs { 3, 5, 8 } do
      local at = (page - 1) * 4096
      temp.write(path, bytes:sub(1, at) .. ("\xa5"):rep(4096) .. bytes:sub(at + 4097))
      assert.equal(3, run { "validate", path }.status)
    end
    temp.write(path, "this is no database, but long enough to look at: " .. ("x"):rep(5000))
    assert.equal(3, run { "validate", path }.status)
  end)
end)
