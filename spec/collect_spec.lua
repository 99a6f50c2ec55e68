local run = require "spec.support.run"
local server = require "spec.support.server"
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

  before_each(function() path = temp.folder() .. "/signals.db" end)

  local function collect(words, options)
    local command = { "--db", path, "collect", table.unpack(words) }
    for name, value in pairs(options or {}) do command[name] = value end
    return run(command)
  end

  --- The counts of a run that ended well.
  local function counts(words, options)
    words[#words + 1] = "--json"
    local result = collect(words, options)
    assert.equal(0, result.status, result.err)
    return json.decode(result.out)
  end

  local function store() return assert(signalbox.open(path)) end

  --- Signals in the store as texts that can be compared, in an order of their own.
  local function contents()
    local db <close> = store()
    local list = {}
    for row in assert(db:rows [[
        SELECT canonical_key, signal_type, source_api, detected_at, confidence, raw_data,
          company_name FROM signals ORDER BY 1, 2, 3, 4]]) do
      list[#list + 1] = json.encode(row)
    end
    return list
  end

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

  describe("github_ranking", function()
    local DAYS <const> = { "2026-08-19", "2026-08-20", "2026-08-21", "2026-08-22" }

    local function sample(day)
      return "spec/samples/github-ranking/github-ranking-" .. day .. ".csv.gz"
    end

    --- A snapshot of ours: { "owner/name", stars, last commit }.
    local function snapshot(folder, day, repositories)
      local lines = { "rank,item,repo_name,stars,forks,language,repo_url,username,issues," ..
        "last_commit,description" }
      for i, repository in ipairs(repositories) do
        local owner, name = repository[1]:match "^(.-)/(.*)$"
        lines[#lines + 1] = string.format('%d,top,%s,%d,1,Lua,https://github.com/%s/%s,%s,0,%s,%s',
          i, name, repository[2], owner, name, owner, repository[3] or day .. "T01:00:00Z",
          '"says ""hi"",\nand more"')
      end
      local file = string.format("%s/github-ranking-%s.csv", folder, day)
      temp.write(file, table.concat(lines, "\n") .. "\n")
      return file
    end

    local function signal(kind, key)
      local db <close> = store()
      for _, found in ipairs(db:get_signals_for_company(key)) do
        if found.signal_type == kind then return found end
      end
    end

    it("finds spikes between one day and the next", function()
      local folder = temp.folder()
      local files = {
        snapshot(folder, "2026-08-01", { { "a/x", 1000 }, { "b/y", 1000 }, { "c/z", 1000 } }),
        snapshot(folder, "2026-08-02", { { "a/x", 1100 }, { "b/y", 3000 }, { "c/z", 1099 },
          { "d/new", 5000 } }),
      }
      assert.equal(4, counts({ "github_ranking", files[1], files[2] }).saved)
      local least = signal("github_spike", "github_org:a")
      local most = signal("github_spike", "github_org:b")
      assert.equal(0.6, least.confidence)
      assert.equal(0.95, most.confidence)
      assert.equal("2026-08-02T00:00:00.000000+00:00", most.detected_at)
      assert.equal(2000, most.raw_data.gained)
      assert.equal('says "hi",\nand more', most.raw_data.description)
      assert.is_nil(signal("github_spike", "github_org:c"))
      assert.is_nil(signal("github_spike", "github_org:d"))
    end)

    it("calls one that was worked on within a day an activity as well", function()
      local folder = temp.folder()
      local files = {
        snapshot(folder, "2026-08-01", { { "a/x", 100 }, { "b/y", 100 } }),
        snapshot(folder, "2026-08-02", { { "a/x", 400, "2026-08-01T00:00:00Z" },
          { "b/y", 400, "2026-07-31T23:59:59Z" } }),
      }
      counts { "github_ranking", files[1], files[2] }
      assert.equal(0.95, signal("github_activity", "github_org:a").confidence)
      assert.is_nil(signal("github_activity", "github_org:b"))
    end)

    it("gives one of a kind an owner and day, of the repository that gained most", function()
      local folder = temp.folder()
      local files = {
        snapshot(folder, "2026-08-01", { { "a/x", 100 }, { "a/y", 100 } }),
        snapshot(folder, "2026-08-02", { { "a/x", 300 }, { "a/y", 900, "2026-01-01T00:00:00Z" } }),
      }
      assert.equal(2, counts({ "github_ranking", files[1], files[2] }).saved)
      assert.equal("a/y", signal("github_spike", "github_org:a").raw_data.repo)
      assert.equal("a/x", signal("github_activity", "github_org:a").raw_data.repo)
    end)

    it("finds the same in a file a run as in all at once, in whatever order", function()
      local words = { "github_ranking" }
      for i = #DAYS, 1, -1 do words[#words + 1] = sample(DAYS[i]) end
      counts(words, { cwd = "." })
      local at_once = contents()
      path = temp.folder() .. "/signals.db"
      for _, day in ipairs(DAYS) do counts({ "github_ranking", sample(day) }, { cwd = "." }) end
      assert.same(at_once, contents())
      assert.equal(466, #at_once)

      local again = counts(words, { cwd = "." })
      assert.same({ 0, 466 }, { again.saved, again.duplicates })
    end)

    it("refuses a file that has no day in its name", function()
      local result = collect { "github_ranking", temp.file("ranking.csv", "") }
      assert.equal(1, result.status)
      assert.truthy(result.err:find("its name has no day in it", 1, true), result.err)
    end)
  end)

  describe("with a collector of one's own", function()
    --- Runs collectors/mine.lua of a folder of ours.
    local function mine(source, words, env)
      local folder = temp.folder()
      os.execute("mkdir -p " .. folder .. "/collectors")
      temp.write(folder .. "/collectors/mine.lua", source)
      local all = { SIGNALBOX_PATH = folder }
      for name, value in pairs(env or {}) do all[name] = value end
      return collect({ "mine", "--json", table.unpack(words or {}) }, { env = all })
    end

    local COUNTING <const> = [[
      return { about = "counts", collect = function(context)
        for i = (context.cursor or 0) + 1, 30 do
          if i == 21 and os.getenv "BREAK" then error "broken" end
          context:signal { signal_type = "t", canonical_key = "domain:c" .. i .. ".com",
            confidence = 1, raw_data = { n = i } }
          if i % 10 == 0 then context.cursor = i end
        end
      end }]]

    it("saves the cursor with the signals before it, and goes on there", function()
      local result = mine(COUNTING, {}, { BREAK = "1" })
      assert.equal(1, result.status)
      assert.truthy(result.err:find("mine.lua:3: broken", 1, true), result.err)
      assert.equal(20, json.decode(result.out).saved)
      assert.equal(10, json.decode(mine(COUNTING).out).seen)
      local again = json.decode(mine(COUNTING, { "--reset" }).out)
      assert.same({ 30, 30 }, { again.seen, again.duplicates })
      assert.equal(30, #contents())
    end)

    it("doubles nothing that has no time where a limit or an error stops it within a page", function()
      assert.equal(15, json.decode(mine(COUNTING, { "--limit", "15" }).out).saved)
      assert.equal(15, json.decode(mine(COUNTING).out).saved)
      assert.equal(30, #contents())
    end)

    it("tells two finds without a time apart by what they say", function()
      local result = mine [[
        return { about = "twice", collect = function(context)
          for _, n in ipairs { 1, 2, 1 } do
            context:signal { signal_type = "t", canonical_key = "domain:a.com", confidence = 1,
              raw_data = { n = n } }
          end
        end }]]
      local found = json.decode(result.out)
      assert.same({ 2, 1 }, { found.saved, found.duplicates })
    end)

    it("does not move its cursor past what --since leaves out", function()
      local source = [[
        return { about = "days", collect = function(context)
          for day = (context.cursor or 0) + 1, 20 do
            context:signal { signal_type = "t", canonical_key = "domain:a.com", confidence = 1,
              raw_data = {}, detected_at = string.format("2026-08-%02d", day) }
            context.cursor = day
          end
        end }]]
      assert.equal(5, json.decode(mine(source, { "--since", "2026-08-16" }).out).saved)
      assert.equal(15, json.decode(mine(source).out).saved)
    end)

    it("with --reset forgets what it remembered before, and not what it remembers now", function()
      local source = [[
        return { about = "remembers", collect = function(context)
          print(context:recall "a", context.cursor)
          context:remember("a", 1)
          context.cursor = 2
          context:commit()
          print(context:recall "a", context.cursor)
        end }]]
      for _, words in ipairs { {}, { "--reset" }, { "--reset", "--dry-run" } } do
        local out = mine(source, words).out
        assert.equal("nil\tnil\n1\t2\n", out:match "^[^{]*", table.concat(words, " "))
      end
      assert.equal("1\t2\n1\t2\n", mine(source, { "--dry-run" }).out:match "^[^{]*")
    end)

    it("counts right after a save that failed", function()
      local result = mine [[
        return { about = "fails", collect = function(context)
          local function find(n, confidence)
            context:signal { signal_type = "t", canonical_key = "domain:c" .. n .. ".com",
              confidence = confidence or 1, raw_data = {}, detected_at = n }
          end
          for n = 1, 3 do find(n) end
          find(4, 2)
          context:set_aside("odd", "it is odd")
          context:remember("x", print)
          assert(not pcall(context.commit, context))
          context:remember("x", nil)
          for n = 5, 6 do find(n) end
        end }]]
      assert.same({ seen = 7, saved = 5, duplicates = 0, suppressed = 0, quarantined = 2 },
        json.decode(result.out), result.err)
      assert.equal(5, #contents())
    end)

    it("names the signals' source after it, and the setting that it lacks", function()
      mine(COUNTING)
      local db <close> = store()
      assert.equal("mine", db:get_signals_for_company("domain:c1.com")[1].source_api)

      local result = mine [[return { about = "needs", needs = { "github.token" },
        collect = function() end }]]
      assert.equal(1, result.status)
      assert.truthy(result.err:find("GITHUB_TOKEN is not set", 1, true), result.err)
    end)

    it("remembers what it is told to, in the same transaction", function()
      local source = [[
        return { about = "remembers", collect = function(context)
          local turn = (context:recall "turn" or 0) + 1
          context:remember("turn", turn)
          context:signal { signal_type = "t" .. turn, canonical_key = "domain:a.com",
            confidence = 1, raw_data = {}, detected_at = 0 }
        end }]]
      mine(source, { "--dry-run" })
      mine(source)
      mine(source)
      local db <close> = store()
      assert.equal(2, #db:get_signals_for_company "domain:a.com")
    end)

    it("reads an API page by page", function()
      local web <close> = server.start "web"
      local result = mine([[return { about = "pages", collect = function(context)
        for page in context:pages(os.getenv "URL" .. "/pages/3", { after = "2026-01-01" }) do
          context:signal { signal_type = "page", canonical_key = "domain:a.com", confidence = 1,
            raw_data = page, detected_at = page.page }
        end
      end }]], {}, { URL = web.url })
      assert.equal(3, json.decode(result.out).saved, result.err)
      local db <close> = store()
      local first = db:get_signals_for_company("domain:a.com")[3].raw_data
      assert.same({ page = 1, query = { after = "2026-01-01" } }, first)
    end)

    it("exits with 130 when Ctrl-C breaks it off, and says so in its record", function()
      local folder = temp.folder()
      os.execute("mkdir -p " .. folder .. "/collectors")
      temp.write(folder .. "/collectors/mine.lua", [[
        return { about = "waits", collect = function()
          print "ready" io.stdout:flush()
          require("signalbox").sleep(60)
        end }]])
      local process = run.start { "--db", path, "collect", "mine",
        env = { SIGNALBOX_PATH = folder } }
      repeat signalbox.sleep(0.005) until process.out() ~= ""
      process.kill "INT"
      assert.equal(130, process.wait(10).status)
      local db <close> = store()
      local row = db:row "SELECT status, error FROM runs"
      assert.equal("failed", row.status)
      assert.truthy(row.error:find("interrupted", 1, true), row.error)
    end)

    it("in the seed's stricter way leaves companies alone that are known under any key", function()
      local source = [[
        return { about = "strict", skip_known = true, collect = function(context)
          for _, site in ipairs { "a.com", "b.com", "a.com" } do
            context:signal { signal_type = os.getenv "TYPE", confidence = 1, raw_data = {},
              refs = { domain_or_website = site, github_org = "owner-of-" .. site } }
          end
        end }]]
      do
        local db <close> = store()
        assert(db:save_signal { signal_type = "t", source_api = "s", confidence = 1, raw_data = "{}",
          canonical_key = "github_org:owner-of-b-com" })
      end
      for _, words in ipairs { { "--dry-run" }, {} } do
        local found = json.decode(mine(source, words, { TYPE = "a" }).out)
        assert.same({ 1, 2 }, { found.saved, found.duplicates })
      end
      assert.equal(3, json.decode(mine(source, {}, { TYPE = "b" }).out).duplicates)
    end)

    it("with --dry-run says what a run would come to", function()
      local source = [[
        return { about = "odd", collect = function(context)
          local function find(fields)
            local item = { signal_type = "t", canonical_key = "domain:a.com", confidence = 1,
              raw_data = {}, detected_at = 1 }
            for name, value in pairs(fields) do item[name] = value end
            context:signal(item)
          end
          find {}
          find {}
          find { source_api = "" }
          find { canonical_key = "" }
          find { canonical_key = "domain:a\0.com" }
          find { company_name = "\xFF" }
          find { raw_data = "{" }
          find { raw_data = { x = 0/0 } }
          find { raw_data = { x = 0/0 }, detected_at = false }
          find { detected_at = "never" }
          find { detected_at = 1e300 }
          find { confidence = 0/0 }
          context:remember("x", (context:recall "x" or 0) + 1)
          context.cursor = 1
        end }]]
      local dry = mine(source, { "--dry-run" })
      assert.is_false(temp.exists(path))
      dry = json.decode(dry.out)
      dry.dry_run = nil
      assert.same({ seen = 12, saved = 1, duplicates = 1, suppressed = 0, quarantined = 10 }, dry)
      assert.same(dry, json.decode(mine(source).out))
    end)

    it("keeps what was set aside where trying it again fails, or finds it no better", function()
      local source = [[
        return { about = "fails", collect = function(context)
          for _, text in ipairs { "5", "{}", "[1]", '"x"', "{oops", "null" } do
            context:set_aside(text, "it is odd")
          end
        end, retry = os.getenv "FAIL" and function(context, text)
          if text == "[1]" then error(os.getenv "FAIL") end
          context:set_aside(text, "it is odd still")
        end or nil }]]
      local function kept()
        local reasons = {}
        for _, item in ipairs(json.decode(run { "--db", path, "quarantine", "--json" }.out)) do
          reasons[item.item] = item.reason
        end
        return reasons
      end
      mine(source)
      local before = kept()
      for _, words in ipairs { { "--retry", "--since", "2099-01-01" }, { "--retry" },
        { "--retry", "--dry-run" } } do
        local result = mine(source, words)
        assert.equal(0, result.status, result.err)
        assert.equal(6, json.decode(result.out).quarantined)
      end
      assert.truthy(kept()["5"]:find("no JSON object", 1, true))
      assert.equal(1, mine(source, { "--retry" }, { FAIL = "no luck" }).status)
      local after, n = kept(), 0
      for text in pairs(before) do
        assert.truthy(after[text], text)
        n = n + 1
      end
      assert.equal(6, n)
    end)

    it("sets aside a record that it cannot make sense of, and tries it again when told to", function()
      local source = [[
        return { about = "records", take = function(context, record)
          context:signal { signal_type = "t", canonical_key = "domain:" .. record.site:lower(),
            confidence = 1, raw_data = record, detected_at = 1 }
        end, collect = function(context)
          for i = 1, 3 do context:take { site = i ~= 2 and "c" .. i .. ".com" or 5 } end
        end }]]
      local found = json.decode(mine(source).out)
      assert.same({ 3, 2, 1 }, { found.seen, found.saved, found.quarantined })
      local listed = json.decode(run { "--db", path, "quarantine", "--json" }.out)
      assert.equal('{"site":5}', listed[1].item)
      assert.truthy(listed[1].reason:find("attempt to index a number value", 1, true))
      local mended = source:gsub("record.site:lower%(%)", "tostring(record.site)")
      assert.equal(1, json.decode(mine(mended, { "--retry" }).out).saved)
      assert.equal("[]\n", run { "--db", path, "quarantine", "--json" }.out)
    end)

    it("all leaves no run at work when Ctrl-C ends it", function()
      local folder = temp.folder()
      os.execute("mkdir -p " .. folder .. "/collectors")
      for _, name in ipairs { "one", "two" } do
        temp.write(folder .. "/collectors/" .. name .. ".lua", [[
          return { about = "waits", collect = function()
            print "ready" io.stdout:flush()
            require("signalbox").sleep(60)
          end }]])
      end
      local process = run.start { "--db", path, "collect", "all", env = { SIGNALBOX_PATH = folder } }
      repeat signalbox.sleep(0.005) until process.out() == "ready\nready\n"
      process.kill "INT"
      assert.equal(130, process.wait(10).status)
      local db <close> = store()
      assert.same({ failed = 2 }, { failed = db:row([[SELECT count(*) AS n FROM runs
        WHERE status = 'failed' AND finished_at IS NOT NULL]]).n })
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
      ["oops"] = "it must be FIELD=COLUMN",
    } do
      local result = collect { "file", rows, "--map", "canonical_key=a", "--map", map }
      assert.equal(1, result.status)
      assert.truthy(result.err:find(message, 1, true), result.err)
      assert.falsy(result.err:find("traceback", 1, true), result.err)
    end
    assert.equal(2, collect({}).status)
    assert.equal(2, collect({ "no_such_collector" }).status)
    assert.equal(2, collect({ "file", "-", "--limit", "none" }).status)
  end)
end)
