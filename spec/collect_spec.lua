local collecting = require "spec.support.collecting"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local json <const> = signalbox.json

--- A line as a source of one's own may write it.
local function line(fields)
  local item = {
    signal_type = "hiring_signal", source_api = "careers", canonical_key = "domain:acme.ai",
    confidence = 0.7, raw_data = { jobs = 3 }, detected_at = "2026-08-22T10:00:00Z",
  }
  for name, value in pairs(fields or {}) do item[name] = value or nil end
  return json.encode(item)
end

describe("signalbox collect", function()
  local path
  local collect, counts, store, contents = collecting.on(function() return path end)

  before_each(function() path = temp.folder() .. "/signals.db" end)

  describe("file", function()
    it("saves a signal a line, its raw_data byte for byte", function()
      local file = temp.file("signals.ndjson",
        '{"signal_type":"a","source_api":"b","canonical_key":"domain:x.com","confidence":0.5,' ..
        '"detected_at":"2026-08-22","raw_data": {"n" : 1.50, "m":[]} }\n\n' ..
        line { raw_data = '{ "text": true}' })
      assert.same({ seen = 2, saved = 2, duplicates = 0, suppressed = 0, quarantined = 0 },
        counts { "file", file })
      local db <close> = store()
      assert.equal('{"n" : 1.50, "m":[]}',
        db:get_signals_for_company("domain:x.com")[1].raw_json)
      assert.equal('{ "text": true}', db:get_signals_for_company("domain:acme.ai")[1].raw_json)
    end)

    it("makes the key from refs, and skips a company suppressed under any of them", function()
      do
        local db <close> = store()
        db:update_suppression_cache { { canonical_key = "github_org:beta",
          notion_page_id = "p", status = "Passed" } }
      end
      local file = temp.file("signals.ndjson", table.concat({
        line { canonical_key = false, refs = { domain_or_website = "https://www.Alpha.com/x" } },
        line { canonical_key = false,
          refs = { domain_or_website = "beta.com", github_org = "Beta" } },
      }, "\n"))
      local result = counts { "file", file }
      assert.same({ 1, 1 }, { result.saved, result.suppressed })
      local db <close> = store()
      assert.is_true(db:is_duplicate "domain:alpha.com")
      assert.is_false(db:is_duplicate "domain:beta.com")
    end)

    it("takes the same signal for a duplicate, and another one of the company not", function()
      local file = temp.file("signals.ndjson", line())
      counts { "file", file }
      local other = temp.file("signals.ndjson", line() .. "\n" .. line { signal_type = "other" })
      local result = counts { "file", other }
      assert.same({ 1, 1 }, { result.saved, result.duplicates })
    end)

    it("finds the same signals in a file whose lines have no time", function()
      local file = temp.file("signals.ndjson", line { detected_at = false })
      assert.equal(1, counts({ "file", file }).saved)
      assert.equal(1, counts({ "file", file }).duplicates)
    end)

    it("takes a null for what is not there", function()
      local file = temp.file("signals.ndjson", line { detected_at = signalbox.null,
        company_name = signalbox.null } .. "\n" .. line { source_api = signalbox.null })
      for turn = 1, 2 do
        local result = counts { "file", file }
        assert.same({ 2 - turn, turn - 1, 1 },
          { result.saved, result.duplicates, result.quarantined })
      end
    end)

    it("finds only what is new in a file that grows", function()
      local lines = line { detected_at = false }
      local file = temp.file("signals.ndjson", lines)
      counts { "file", file }
      temp.write(file, lines .. "\n" .. line { detected_at = false, raw_data = { jobs = 4 } })
      os.execute("touch -d 2030-01-01 " .. file)
      local result = counts { "file", file }
      assert.same({ 1, 1 }, { result.saved, result.duplicates })
    end)

    it("sets aside what it cannot store, with a reason, and goes on", function()
      local bad = {
        ["not JSON"] = "{oops",
        ["no JSON object"] = "[1]",
        ["source_api is missing"] = line { source_api = false },
        ["confidence is no number"] = line { confidence = "0.5" },
        ["confidence is 2"] = line { confidence = 2 },
        ["neither canonical_key nor refs"] = line { canonical_key = false, refs = {} },
        ["refs.github_org: string expected"] = line { canonical_key = false,
          refs = { github_org = 5 } },
        ["detected_at is not a time"] = line { detected_at = "yesterday" },
        ["raw_data is missing"] = line { raw_data = false },
        ["signal_type is empty"] = line { signal_type = "" },
      }
      local lines = { line() }
      for _, text in pairs(bad) do lines[#lines + 1] = text end
      local file = temp.file("signals.ndjson", table.concat(lines, "\n"))
      for _ = 1, 2 do assert.equal(10, counts({ "file", file }).quarantined) end

      local listed = json.decode(run { "--db", path, "quarantine", "--json" }.out)
      assert.equal(10, #listed)
      for reason, text in pairs(bad) do
        local found
        for _, item in ipairs(listed) do
          if item.item == text then found = item.reason end
        end
        assert.truthy(found and found:find(reason, 1, true), reason .. " / " .. tostring(found))
      end
    end)

    it("drops what was set aside when it is told which, or all", function()
      counts { "file", temp.file("signals.ndjson", "{oops\n{oops again\n{oops still") }
      local function drop(...)
        local result = run { "--db", path, "quarantine", "drop", ... }
        return result.status, result.out
      end
      assert.equal(2, (drop()))
      assert.same({ 1, "" }, { drop "99" })
      assert.same({ 0, "1 item dropped\n" }, { drop "1" })
      assert.same({ 0, "2 items dropped\n" }, { drop "--all" })
    end)

    it("tries again what was set aside when it is told to", function()
      local file = temp.file("signals.ndjson", line { confidence = 2 } .. "\n" .. "{oops")
      counts { "file", file }
      do
        local db <close> = store()
        db:exec("UPDATE quarantine SET item = ? WHERE reason LIKE 'confidence%'", line())
      end
      local result = counts { "file", "--retry" }
      assert.same({ 1, 1 }, { result.saved, result.quarantined })
      assert.equal(1, #json.decode(run { "--db", path, "quarantine", "--json" }.out))
    end)

    it("reads compressed files and standard input, and says when one is damaged", function()
      local file = temp.file("signals.ndjson", line())
      os.execute("gzip " .. file)
      assert.equal(1, counts({ "file", file .. ".gz" }).saved)
      assert.equal(1, counts({ "file", "-" }, { stdin = line() }).duplicates)
      local text = temp.read(file .. ".gz")
      temp.write(file .. ".gz", text:sub(1, #text - 10))
      local result = collect { "file", file .. ".gz" }
      assert.equal(1, result.status)
      assert.truthy(result.err:find("damaged, or cut short", 1, true), result.err)
    end)

    it("reads one JSON array, and tables whose columns are named", function()
      local array = temp.file("signals.json", "[\n" .. line() .. ",\n5]")
      local result = counts { "file", array }
      assert.same({ 1, 1 }, { result.saved, result.quarantined })
      result = counts { "file", temp.file("one.json", "\n " .. line { signal_type = "one" }) }
      assert.same({ 1, 0 }, { result.saved, result.quarantined })

      local rows = temp.file("companies.csv",
        'name,site,sure\n"Beta, Inc",https://beta.com,0.9\nGamma,,0.5\n')
      result = counts { "file", rows, "--map", "company_name=name", "--map",
        "refs.domain_or_website=site", "--map", "confidence=sure", "--map", "signal_type==listed",
        "--map", "source_api==directory" }
      assert.same({ 1, 1 }, { result.saved, result.quarantined })
      local db <close> = store()
      local found = db:get_signals_for_company("domain:beta.com")[1]
      assert.same({ "listed", "directory", "Beta, Inc", 0.9, "https://beta.com" },
        { found.signal_type, found.source_api, found.company_name, found.confidence,
          found.raw_data.site })
    end)

    it("reads a table whose columns are called as the fields are, such as an export", function()
      counts { "file", temp.file("signals.ndjson", line { company_name = "Acme" }) }
      local before = contents()
      local table_file = temp.folder() .. "/signals.csv"
      assert.equal(0, run({ "export", path, table_file, "--format", "csv", "--table", "signals" })
        .status)
      path = temp.folder() .. "/other.db"
      assert.equal(1, counts({ "file", table_file }).saved)
      assert.same(before, contents())

      local refs = temp.file("refs.csv", "signal_type,source_api,confidence,refs.github_org,jobs\n"
        .. "hiring_signal,careers,0.5,acme,3\n")
      assert.equal(1, counts({ "file", refs }).saved)
      local db <close> = store()
      assert.equal("3", db:get_signals_for_company("github_org:acme")[1].raw_data.jobs)
    end)

    it("finds nothing in a table that is empty", function()
      assert.equal(0, counts({ "file", temp.file("rows.csv", ""), "--map", "company_name=a" }).seen)
    end)

    it("with --since leaves out what is older", function()
      local file = temp.file("signals.ndjson", line { detected_at = "2026-08-01" } .. "\n" ..
        line { detected_at = "2026-08-22" })
      assert.equal(1, counts({ "file", file, "--since", "2026-08-10" }).saved)
    end)

    it("with --dry-run says what it would save, and makes no database", function()
      local file = temp.file("signals.ndjson",
        line() .. "\n" .. line() .. "\n" .. line { confidence = 2 })
      local result = counts { "file", file, "--dry-run" }
      assert.same({ 1, 1, 1 }, { result.saved, result.duplicates, result.quarantined })
      assert.is_false(temp.exists(path))

      counts { "file", file }
      result = counts { "file", file, "--dry-run" }
      assert.same({ 0, 2, 1 }, { result.saved, result.duplicates, result.quarantined })
      assert.equal(1, #contents())
    end)

    it("with --limit stops after so many new ones, and the next run has the rest", function()
      local lines = {}
      for i = 1, 25 do lines[i] = line { canonical_key = "domain:c" .. i .. ".com" } end
      local file = temp.file("signals.ndjson", table.concat(lines, "\n"))
      assert.equal(10, counts({ "file", file, "--limit", "10" }).saved)
      assert.equal(10, counts({ "file", file, "--limit", "10" }).saved)
      assert.equal(5, counts({ "file", file, "--limit", "10" }).saved)
    end)

    it("keeps a record of each run", function()
      local file = temp.file("signals.ndjson", line())
      counts { "file", file }
      collect { "file", file .. ".none" }
      local db <close> = store()
      local rows = {}
      for row in assert(db:rows "SELECT * FROM runs ORDER BY id") do rows[#rows + 1] = row end
      assert.same({ "collect", "file", "done" }, { rows[1].command, rows[1].name, rows[1].status })
      assert.equal(1, json.decode(rows[1].counts).saved)
      assert.equal("failed", rows[2].status)
      assert.truthy(rows[2].error:find("No such file", 1, true), rows[2].error)
    end)
  end)

  it("retries nothing where there is no database", function()
    local result = collect { "file", "--retry", "--dry-run", "--json" }
    assert.equal(0, result.status, result.err)
    assert.is_false(temp.exists(path))
  end)

  it("says what is wrong with its words", function()
    local rows = temp.file("rows.csv", "a,b\n1,2\n")
    for map, message in pairs {
      ["canonical_key.z=a"] = "refs has parts", ["refs=a"] = "refs has parts",
      ["oops"] = "it must be FIELD=COLUMN", ["nmae=a"] = "a signal has no 'nmae', but signal_type",
      ["refs.domain=a"] = "refs has no 'domain', but domain_or_website, ",
      ["company_name=c"] = "rows.csv has no column 'c': it has a, b",
    } do
      local result = collect { "file", rows, "--map", "canonical_key=a", "--map", map }
      assert.equal(1, result.status)
      assert.truthy(result.err:find(message, 1, true), result.err)
      assert.falsy(result.err:find("traceback", 1, true), result.err)
    end
    local result = collect { "file", rows }
    assert.equal(1, result.status)
    assert.truthy(result.err:find("say which of its columns (a, b) is what", 1, true), result.err)
    for words, message in pairs { [""] = "a collector is required",
      fiel = "unknown collector 'fiel'; did you mean 'file'?",
      nope = "unknown collector 'nope'" } do
      result = collect { words ~= "" and words or nil }
      assert.equal(2, result.status)
      local said = "signalbox: collect: " .. message .. "\n  there are: companies_house, file, "
      assert.equal(said, result.err:sub(1, #said))
    end
    assert.equal(2, collect({ "file", "-", "--limit", "none" }).status)
  end)
end)
