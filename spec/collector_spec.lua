local collecting = require "spec.support.collecting"
local run = require "spec.support.run"
local server = require "spec.support.server"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local json <const> = signalbox.json

describe("a collector of one's own", function()
  local path
  local collect, _, store, contents = collecting.on(function() return path end)

  before_each(function() path = temp.folder() .. "/signals.db" end)

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

  it("that cannot be loaded is named with the reason", function()
    local result = mine("return {\n  collect = function(context) context:signal{\n")
    assert.equal(1, result.status)
    assert.truthy(result.err:find("the collector mine cannot be loaded: ", 1, true), result.err)
    assert.truthy(result.err:find("mine.lua:3: unexpected symbol", 1, true), result.err)
    result = mine "return { collect = 3 }"
    assert.truthy(result.err:find("it returns no table with a function `collect`", 1, true),
      result.err)
  end)

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

  it("doubles nothing that has no time where a limit stops it within a page", function()
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

  it("counts right where one of very many cannot be stored", function()
    local result = mine [[
      return { about = "many", collect = function(context)
        context.cursor = 0
        for n = 1, 2500 do
          context:signal { signal_type = "t", canonical_key = "domain:c" .. n .. ".com",
            confidence = n == 2400 and 2 or 1, raw_data = {}, detected_at = n }
        end
        context.cursor = 1
      end }]]
    assert.same({ seen = 2500, saved = 2499, duplicates = 0, suppressed = 0, quarantined = 1 },
      json.decode(result.out), result.err)
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

  it("goes on at the page where a server failed it, and says in a line how", function()
    local web <close> = server.start "web"
    local source = [[return { about = "pages", collect = function(context)
      local client = require "signalbox.fetch".client { name = "It", rate = 0, secret = "MY_TOKEN",
        timeout = (os.getenv "BAD" or ""):find "drip" and 0.5 or 30 }
      for page = (context.cursor or 0) + 1, 3 do
        local good = os.getenv "URL" .. "/pages/3?page=" .. page
        local answer, problem = client:json { attempts = 2,
          url = page == 2 and os.getenv "BAD" or good }
        if answer == nil then error(problem, 0) end
        context:signal { signal_type = "page", canonical_key = "domain:a.com", confidence = 1,
          raw_data = answer }
        context.cursor = page
      end
    end }]]
    local bad = {
      ["/drip"] = "no whole answer in time",
      ["/truncated"] = "ended before the whole body had come",
      ["/hangup"] = "closed without an answer",
      ["/garbage"] = "does not speak HTTP",
      ["/ok"] = "It answers with text/plain in place of JSON",
      ["/redirect/loop"] = "redirects too often",
      ["/redirect?to=file:///etc/passwd"] = "no http or https address",
      ["/status/500"] = "It answers 500",
      ["/status/403"] = "It answers 403 (is MY_TOKEN right, and may it do this?)",
      ["/status/429"] = "It still limits requests after 2 attempts",
      ["/status/429?retry_after=3600"] = "It allows no more requests until",
      ["http://no-such-host.invalid/"] = "the host's name is not known",
    }
    for address, message in pairs(bad) do
      path = temp.folder() .. "/signals.db"
      local env = { URL = web.url, SIGNALBOX_HTTP_BACKOFF = "0.01",
        BAD = address:find "^http" and address or web.url .. address }
      local result = mine(source, {}, env)
      assert.same({ 1, 1 }, { result.status, json.decode(result.out).saved }, address)
      assert.truthy(result.err:find(message, 1, true), address .. ": " .. result.err)
      assert.falsy(result.err:find("traceback", 1, true), result.err)
      env.BAD = nil
      assert.equal(2, json.decode(mine(source, {}, env).out).saved, address)
    end
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
      assert(db:save_signal { signal_type = "t", source_api = "s", confidence = 1,
        raw_data = "{}", canonical_key = "github_org:owner-of-b-com" })
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

  it("sets aside a record that makes no sense, and tries it again when told to", function()
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
    local process = run.start { "--db", path, "collect", "all",
      env = { SIGNALBOX_PATH = folder } }
    repeat signalbox.sleep(0.005) until process.out() == "ready\nready\n"
    process.kill "INT"
    assert.equal(130, process.wait(10).status)
    local db <close> = store()
    assert.same({ failed = 2 }, { failed = db:row([[SELECT count(*) AS n FROM runs
      WHERE status = 'failed' AND finished_at IS NOT NULL]]).n })
  end)
end)
