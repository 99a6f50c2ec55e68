-- A store as a document, and what the document promises.
local data = require "spec.support.data"
local expect = require "spec.support.expect"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

--- A store with something in every table that an export has.
local function filled()
  local store, path = stores.open()
  assert(store:save_signals(data.signals(40)))
  assert(store:save_signal(data.signal {
    canonical_key = "domain:odd.io",
    company_name = 'a,"b"\n☃',
    raw_data = '{"id": 9007199254740993, "x": 1e-7,  "n": [1.0, -0]}',
  }))
  assert(store:mark_pushed(3, "page-3", { status = "Source" }))
  assert(store:mark_rejected(4, "no"))
  assert(store:update_suppression_cache { data.suppression(), data.suppression {
    canonical_key = "domain:other.ai", metadata = { a = 1 } } })
  assert(store:claim { limit = 1 }[1]:hold { for_ = 3600, reason = "one source" })
  for _, sql in ipairs {
    [[INSERT INTO decisions(canonical_key, decided_at, as_of, decision, score, signal_ids)
      VALUES ('domain:odd.io', '2026-01-01T00:00:00.000000+00:00',
        '2026-01-01T00:00:00.000000+00:00', 'hold', 0.1, '[41]')]],
    [[INSERT INTO outbox(sink, canonical_key, version, payload, signal_ids, state, not_before,
        created_at, updated_at)
      VALUES ('file', 'domain:odd.io', 1, '{}', '[41]', 'ready', '2026-01-01T00:00:00.000000+00:00',
        '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00')]],
    [[INSERT INTO collector_state VALUES ('file', '', '{"at":1}', 7,
        '2026-01-01T00:00:00.000000+00:00')]],
    [[INSERT INTO stat_samples VALUES ('2026-01-01T00:00:00.000000+00:00', '{}')]],
    [[INSERT INTO alert_instances(name, labels, state, value, memory)
      VALUES ('a', '{}', 'firing', 2.5, '{}')]],
    [[INSERT INTO alert_events(at, name, labels, event)
      VALUES ('2026-01-01T00:00:00.000000+00:00', 'a', '{}', 'fired')]],
    [[INSERT INTO alert_silences(matchers, starts_at, ends_at)
      VALUES ('[]', '2026-01-01T00:00:00.000000+00:00', '2026-01-02T00:00:00.000000+00:00')]],
    [[INSERT INTO alert_groups VALUES ('slack', '', '{}')]],
    [[INSERT INTO alert_notices(receiver, group_key, notice, status, created_at, next_at)
      VALUES ('slack', '', '{}', 'sent', '2026-01-01T00:00:00.000000+00:00',
        '2026-01-01T00:00:00.000000+00:00')]],
  } do
    assert(store:exec(sql))
  end
  assert(store:exec([[
    INSERT INTO quarantine(collector, item, reason, first_seen_at, last_seen_at)
    VALUES ('file', ?, 'no JSON', '2026-01-01T00:00:00.000000+00:00',
      '2026-01-01T00:00:00.000000+00:00')]], "\xff\0odd"))
  return store, path
end

local function document(store, options)
  local path = temp.folder() .. "/document"
  local file <close> = assert(io.open(path, "wb"))
  assert(store:export(file, options))
  file:close()
  return temp.read(path), path
end

local function but_for_time(text)
  return (text:gsub('"exported_at":"[^"]*"', ""))
end

describe("an export", function()
  it("has the seed's keys, raw_data as a string of JSON, counts and a checksum", function()
    local store <close> = filled()
    local export = assert(signalbox.json.decode((document(store))))
    assert.equal(41, #export.signals)
    assert.equal('{"id": 9007199254740993, "x": 1e-7,  "n": [1.0, -0]}',
      export.signals[41].raw_data)
    assert.equal("Acme", export.suppression_cache[1].company_name)
    assert.equal("pushed", export.processing[3].status)
    assert.equal(store:schema().newest, export.schema_version)
    assert.equal(41, export.counts.signals)
    assert.equal(32, #export.checksum)
    assert.truthy(signalbox.time(export.exported_at))
  end)

  it("has every table of the schema but those that are of no use elsewhere", function()
    local left_out = {
      schema_migrations = true, schema_checksums = true, -- the program's own
      counters = true,                                   -- counted anew
      company_claims = true,                             -- of processes that run here
      runs = true,                                       -- records of runs and backups
    }
    local store <close> = filled()
    local counts = signalbox.json.decode((document(store))).counts
    for row in assert(store:rows [[
      SELECT name FROM sqlite_schema
      WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\']])
    do
      local key = row.name == "signal_processing" and "processing" or row.name
      assert.equal(not left_out[row.name], counts[key] ~= nil,
        row.name .. " must be in exchange.c, or among those left out")
      if counts[key] then assert.truthy(counts[key] > 0, row.name .. " is empty in this spec") end
    end
  end)

  for _, format in ipairs { "json", "ndjson" } do
    it("as " .. format .. " imports into a new store that exports the same bytes", function()
      local store <close> = filled()
      local text, path = document(store, { format = format })
      local copy <close> = stores.open()
      local report = assert(copy:import(path))
      assert.is_true(report.checked)
      assert.equal(0, report.skipped)
      assert.equal(but_for_time(text), but_for_time(document(copy, { format = format })))
      assert.same(store:get_processing_stats(), copy:get_processing_stats())
      assert.equal(0, assert(copy:import(path)).added)
      assert.equal(but_for_time(text), but_for_time(document(copy, { format = format })))
    end)
  end

  it("as csv is one table, with quotes where they are needed", function()
    local store <close> = filled()
    local text = document(store, { format = "csv", table = "signals" })
    assert.matches("^id,signal_type,source_api,canonical_key,", text)
    assert.matches('domain:odd.io,"a,""b""\n☃",0.8,', text, 1, true)
    expect.invalid("table", store:export(io.stdout, { format = "csv" }))
    expect.invalid("table", store:export(io.stdout, { format = "csv", table = "runs" }))
  end)

  it("notices any change of a byte in its records", function()
    local store <close> = stores.open()
    assert(store:save_signals(data.signals(2)))
    local text = document(store)
    local first, last = text:find('"signals":%[.-\n  %]')
    local changed = 0
    for at = first + 11, last - 1, 7 do
      local byte = text:sub(at, at)
      local other = byte:match "%d" and tostring((tonumber(byte) + 1) % 10) or
        byte:match "[b-y]" and string.char(byte:byte() + 1)
      if other then
        local path = temp.file("x.json", text:sub(1, at - 1) .. other .. text:sub(at + 1))
        local copy <close> = stores.open()
        expect.failure("invalid", copy:import(path))
        assert.equal(0, copy:get_stats().total_signals)
        changed = changed + 1
      end
    end
    assert.truthy(changed > 20)
  end)

  it("is of one moment, while others write", function()
    local store <close>, path = stores.open()
    assert(store:save_signals(data.signals(3000)))
    local writer <close> = assert(signalbox.open(path))
    local saved = 0
    local text = document(store, { progress = function()
      saved = saved + 1
      assert(writer:save_signal(data.signal { canonical_key = "domain:late-" .. saved .. ".com" }))
    end })
    assert.truthy(saved > 0)
    local export = assert(signalbox.json.decode(text))
    assert.equal(3000, #export.signals)
    assert.equal(3000, #export.processing)
    assert.equal(3000 + saved, store:get_stats().total_signals)
  end)

  it("keeps the store out of the hands of its progress function, and passes on what that raises",
    function()
      local store <close> = stores.open()
      assert(store:save_signals(data.signals(1000)))
      local code
      document(store, { progress = function()
        store:close()
        code = select(2, store:get_stats()).code
      end })
      assert.equal("closed", code)
      assert.equal(1000, store:get_stats().total_signals)
      expect.raises("enough", document, store, { progress = function() error "enough" end })
      assert.equal(1000, store:get_stats().total_signals)
    end)
end)

describe("signalbox export", function()
  it("writes a file for its owner alone, which replaces an older one, and leaves nothing else",
    function()
      local store <close>, path = filled()
      local folder = temp.folder()
      temp.write(folder .. "/out.json", "old")
      local result = run { "export", path, folder .. "/out.json", "--json" }
      assert.equal(0, result.status, result.err)
      assert.matches('"rows":', result.out, 1, true)
      assert.equal(but_for_time(document(store)), but_for_time(temp.read(folder .. "/out.json")))
      local listing = run.program("/bin/sh", { "-c", "ls -l " .. folder })
      assert.matches("-rw------- .* out.json\n$", listing.out)
      assert.equal(2, select(2, listing.out:gsub("\n", "")))
    end)

  it("writes to stdout, and says what it can't write to", function()
    local store <close>, path = filled() -- luacheck: ignore store
    assert.matches("^{\n", run { "export", path, "-" }.out)
    local folder = temp.folder()
    assert(os.execute("ln -s nowhere " .. folder .. "/link"))
    for _, case in ipairs {
      { folder, "a folder" }, { folder .. "/link", "a symbolic link" },
      { folder .. "/none/x.json", "No such file" }, { path, "open here" },
    } do
      local result = run { "export", path, case[1] }
      assert.equal(1, result.status)
      assert.matches(case[2], result.err, 1, true)
    end
    local full = run { "export", path, "-", stdout = "/dev/full" }
    assert.equal(1, full.status)
    assert.matches("No space left", full.err, 1, true)
    assert.equal(2, run { "export", path, "x.csv", "--format", "csv" }.status)
  end)

  it("leaves no half file where the disk is full", function()
    local _, path = filled()
    local folder = temp.folder()
    local result = run.program("/bin/sh", { "-c", "ulimit -f 4; trap '' XFSZ; exec " ..
      run.quote(require "spec.support.paths".program) .. " export " .. path .. " " .. folder ..
      "/out.json" })
    assert.equal(1, result.status)
    assert.equal("", run.program("/bin/ls", { folder }).out)
  end)
end)
