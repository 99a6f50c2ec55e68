-- A store as a document, and what the document promises.
local await = require "spec.support.await"
local data = require "spec.support.data"
local expect = require "spec.support.expect"
local filled = require "spec.support.filled"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

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

  it("is the same document with its keys in another order", function()
    local store <close> = filled()
    local decoded = signalbox.json.decode((document(store)))
    local copy <close> = stores.open()
    local report = assert(copy:import(temp.file("sorted.json", signalbox.json.encode(decoded))))
    assert.is_true(report.checked)
    assert.equal(but_for_time(document(store)), but_for_time(document(copy)))
  end)

  it("says of which version it is by its checksum, too", function()
    local store <close> = filled()
    local text = document(store):gsub('"schema_version":%d+', '"schema_version":1006', 1)
    local copy <close> = stores.open()
    expect.invalid("checksum", copy:import(temp.file("older.json", text)))
  end)

  it("remembers the highest number ever given, so that no signal gets it again", function()
    local store <close> = stores.open()
    assert(store:save_signals(data.signals(5)))
    assert(store:exec "DELETE FROM signals WHERE id > 3")
    local text, path = document(store)
    local copy <close> = stores.open()
    assert(copy:import(path))
    assert.equal(but_for_time(text), but_for_time(document(copy)))
    assert.equal(6, copy:save_signal(data.signal()))
  end)

  it("tells bytes that are no text, wherever a text may stand, and an import takes them", function()
    local store <close> = filled()
    for _, sql in ipairs {
      "UPDATE signals SET company_name = ?1, source_api = ?1 WHERE id = 7",
      "UPDATE signal_processing SET error_message = ?1 WHERE id = 7",
      "UPDATE suppression_cache SET status = ?1, canonical_key = ?1 WHERE id = 1",
      "UPDATE decisions SET reason = ?1",
      "UPDATE outbox SET last_error = ?1",
      "UPDATE quarantine SET reason = ?1",
      "UPDATE alert_events SET detail = ?1",
      "UPDATE alert_silences SET comment = ?1, author = CAST(?1 AS TEXT)",
      "UPDATE alert_notices SET error = ?1",
    } do
      assert(store:exec(sql, "it answered \xc3"))
    end
    local text, path = document(store)
    assert.matches('"detail":{"hex":"697420616e73776572656420c3"}', text, 1, true)
    local copy <close> = stores.open()
    assert.is_true(assert(copy:import(path)).checked)
    assert.equal("it answered \xc3", copy:row "SELECT detail FROM alert_events".detail)
    assert.equal(but_for_time(text), but_for_time(document(copy)))
    assert.equal(0, assert(copy:import(path)).added)
  end)

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
      { "/proc/x.json", "can't make" },
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

  it("names the file that was asked for where it can't be made", function()
    local _, path = filled()
    local target = temp.folder() .. "/none/out.json"
    local result = run { "export", path, target }
    assert.equal(1, result.status)
    assert.equal("signalbox: can't make '" .. target .. "': No such file or directory\n",
      result.err)
  end)

  it("killed leaves no file under the name, and what it leaves the next one uses", function()
    local store <close>, path = stores.open { durability = "normal" }
    assert(store:save_signals(data.signals(20000)))
    local folder = temp.folder()
    for _ = 1, 3 do
      local process = run.start { "export", path, folder .. "/out.json" }
      await(function()
        return temp.exists(folder .. "/out.json.part-1") or not process.is_running()
      end)
      process.kill()
      process.wait(30)
      if temp.exists(folder .. "/out.json") then os.remove(folder .. "/out.json") end
    end
    temp.write(folder .. "/out.json.part-2", "left by another, who was killed")
    assert(os.execute("chmod 600 " .. folder .. "/out.json.part-2"))
    local result = run { "export", path, folder .. "/out.json" }
    assert.equal(0, result.status, result.err)
    assert.equal("out.json\n", run.program("/bin/ls", { folder }).out)
    assert.is_true(assert(stores.open():import(folder .. "/out.json")).checked)
  end)

  it("refuses a newer schema, of which it would lose what is new", function()
    local store, path = filled()
    assert(store:exec("INSERT INTO schema_migrations VALUES (?, 'now', 'future')",
      store:schema().newest + 1))
    store:close()
    local result = run { "export", path, "-" }
    assert.equal(1, result.status)
    assert.equal("", result.out)
    assert.matches("newer than this program's", result.err, 1, true)
  end)

  it("names the tables of other programs, which stay behind", function()
    local path = require "spec.support.predecessor".database(3)
    local result = run { "export", path, "-" }
    assert.matches("left behind, for they are another program's: filter_presets, founders, " ..
      "notion_outbox, pipeline_runs, signals_fts", result.err, 1, true)
    local out = temp.folder() .. "/out.json"
    local json = signalbox.json.decode(run { "export", path, out, "--json" }.out)
    assert.equal("founders", json.left_behind[2])
  end)
end)
