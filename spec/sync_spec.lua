local notions = require "spec.support.notion"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local slow = require "spec.support.slow"
local temp = require "spec.support.temp"

describe("signalbox sync", function()
  local notion, path

  before_each(function() path = temp.folder() .. "/signals.db" end)
  after_each(function()
    notion:stop()
    notion = nil
  end)

  local function sync(env)
    return run { "--db", path, "sync", "--json", env = notion:env(env) }
  end

  local function synced(env)
    local result = sync(env)
    assert.equal(0, result.status, result.err)
    return signalbox.json.decode(result.out)
  end

  --- What the cache has for a key: the status, or nil.
  local function cached(key)
    local store <close> = assert(signalbox.open(path))
    local entry = store:check_suppression(key)
    return entry and entry.status
  end

  local function page(number, fields)
    local made = {
      ["Company Name"] = "Company " .. number, Status = "Passed",
      ["Canonical Key"] = string.format("domain:company-%d.com", number),
      created_time = os.date("!%Y-%m-%dT%H:%M:00Z", 1767225600 + 60 * number),
    }
    for name, value in pairs(fields or {}) do made[name] = value end
    return made
  end

  it("enters each live page under every key that it carries", function()
    notion = notions.start()
    local ids = notion:add { page(1, {
      ["Discovery ID"] = "github_org:company-one", Website = "https://www.one.example/about",
    }) }
    assert.same({ pages = 1, entries = 3, watched = 0, removed = 0, doubled = 0,
      archived = 0 }, synced())
    local store <close> = assert(signalbox.open(path))
    for _, key in ipairs { "domain:company-1.com", "github_org:company-one", "domain:one.example" }
    do
      local entry = store:check_suppression(key)
      assert.same({ ids[1], "Passed", "Company 1" },
        { entry.notion_page_id, entry.status, entry.company_name })
    end
  end)

  it("leaves out what is in the bin, and what is only watched", function()
    notion = notions.start()
    notion:add { page(1), page(2, { Status = "Tracking" }), page(3, { in_trash = true }) }
    assert.same({ pages = 2, entries = 1, watched = 1, removed = 0, doubled = 0,
      archived = 0 }, synced())
    assert.is_nil(cached "domain:company-2.com")
    assert.is_nil(cached "domain:company-3.com")
  end)

  it("takes an empty status for one that suppresses, and says which key it cannot enter", function()
    notion = notions.start()
    notion:add { page(1, { Status = signalbox.null }), page(3) }
    notion:call("/pages", [=[ [{ "Company Name": "B", "Canonical Key": "domain:a\u0000b.com" }] ]=])
    local result = sync()
    assert.equal(0, result.status, result.err)
    assert.equal(2, signalbox.json.decode(result.out).entries, result.err)
    assert.equal("(none)", cached "domain:company-1.com")
    assert.equal("Passed", cached "domain:company-3.com")
    assert.truthy(result.err:find("left out a key of page", 1, true), result.err)
  end)

  it("forgets what is gone also where the clock has been put back", function()
    notion = notions.start()
    notion:add { page(1) }
    do
      local store <close> = assert(signalbox.open(path))
      store:update_suppression_cache { { canonical_key = "domain:gone.com",
        cached_at = "2099-01-01", expires_at = "2099-02-01", notion_page_id = "gone",
        status = "Passed" } }
    end
    assert.equal(1, synced().removed)
    assert.is_nil(cached "domain:gone.com")
  end)

  it("leaves the cache to one that began later", function()
    notion = notions.start { delay = 0.3 * slow }
    notion:add { page(1) }
    local first = run.start { "--db", path, "sync", env = notion:env() }
    repeat signalbox.sleep(0.01) until next(notion:requests())
    synced()
    local result = first.wait()
    assert.equal(1, result.status)
    assert.truthy(result.err:find("another sync has begun since", 1, true), result.err)
    assert.equal("Passed", cached "domain:company-1.com")
  end)

  it("takes a data source's id, and asks for it where there is more than one", function()
    notion = notions.start { sources = 2 }
    notion:add { page(1) }
    local result = sync()
    assert.equal(1, result.status)
    assert.truthy(result.err:find("set NOTION_DATABASE_ID to the id of one: Deals " ..
      "(22222222-2222-4222-8222-222222222222), Archive (", 1, true), result.err)
    assert.equal(1, synced({
      NOTION_DATABASE_ID = "22222222-2222-4222-8222-222222222222" }).entries)
  end)

  it("says what is wrong, on the screen and in its record", function()
    notion = notions.start()
    local result = sync { NOTION_RATE = "many" }
    assert.equal(1, result.status)
    local message = "NOTION_RATE: notion.rate is 'many', and must be a number from 0 up"
    assert.truthy(result.err:find(message, 1, true), result.err)
    local store <close> = assert(signalbox.open(path))
    assert.equal(message, store:row("SELECT error FROM runs").error)
  end)

  it("names pages that carry a key which an older one has, and keeps all of them", function()
    notion = notions.start()
    local ids = notion:add { page(1), page(2),
      page(3, { ["Canonical Key"] = "domain:company-1.com" }),
      page(4, { Website = "company-2.com" }), page(5, { Website = "company-2.com",
        in_trash = true }) }
    local result = sync()
    assert.equal(2, signalbox.json.decode(result.out).doubled)
    assert.matches("domain:company%-1.com has another page in Notion: " .. ids[3]:gsub("%-", "%%-")
      .. ", beside the older " .. ids[1]:gsub("%-", "%%-"), result.err)
    local check = run { "--db", path, "alerts", "check", "--json" }
    assert.equal(3, check.status)
    assert.matches('"name":"PagesDoubled"', check.out)
    assert.equal(4, synced().pages)
  end)

  it("puts them in the bin where that is configured, and then no alert is left", function()
    notion = notions.start()
    notion:add { page(1), page(2, { ["Canonical Key"] = "domain:company-1.com" }) }
    local config = temp.folder()
    os.execute("mkdir -p " .. config .. "/signalbox")
    temp.write(config .. "/signalbox/config.lua", 'notion = { archive_doubled = "yes" }')
    local counts = synced { XDG_CONFIG_HOME = config }
    assert.same({ 0, 1 }, { counts.doubled, counts.archived })
    assert.same({ ["domain:company-1.com"] = 1 }, notion:keys())
    assert.is_nil(run({ "--db", path, "alerts", "check", "--json" }).out:find "PagesDoubled")
  end)

  it("forgets what is gone since, and what is new to it stays out of nothing", function()
    notion = notions.start()
    notion:add { page(1) }
    synced()
    do
      local store <close> = assert(signalbox.open(path))
      store:update_suppression_cache { { canonical_key = "domain:gone.com",
        notion_page_id = "gone", status = "Passed" } }
    end
    assert.equal(1, synced().removed)
    assert.is_nil(cached "domain:gone.com")
    assert.equal("Passed", cached "domain:company-1.com")
  end)

  it("reads past the end of a query that has too many results", function()
    notion = notions.start { window = 100 }
    local pages = {}
    for i = 1, 350 do pages[i] = page(i) end
    notion:add(pages)
    assert.equal(350, synced().pages)
    assert.equal("Passed", cached "domain:company-350.com")
  end)

  it("says so where more pages were made in one minute than a query gives", function()
    notion = notions.start { window = 100 }
    local pages = {}
    for i = 1, 150 do pages[i] = page(i, { created_time = "2026-01-01T00:00:00Z" }) end
    notion:add(pages)
    local result = sync()
    assert.equal(1, result.status)
    assert.truthy(result.err:find("more pages were made within one minute", 1, true), result.err)
  end)

  it("gets through errors, lost connections and limits", function()
    notion = notions.start { fail = 0.3, drop = 0.1, drop_after = 0.1 }
    local pages = {}
    for i = 1, 500 do pages[i] = page(i) end
    notion:add(pages)
    assert.equal(500, synced().entries)
  end)

  it("asks no faster than NOTION_RATE", function()
    notion = notions.start { rate = 20 }
    local pages = {}
    for i = 1, 1000 do pages[i] = page(i) end
    notion:add(pages)
    assert.equal(1000, synced({ NOTION_RATE = "19" }).entries)
    for name, count in pairs(notion:requests()) do
      assert.is_true(count <= 10, name .. ": " .. count)
    end
  end)

  it("that fails half-way leaves the cache as it was, and says how old it is", function()
    notion = notions.start()
    notion:add { page(1) }
    synced()
    notion:set { fail = 1 }
    local result = sync()
    assert.equal(1, result.status)
    assert.truthy(result.err:find("the last whole sync was", 1, true), result.err)
    assert.equal("Passed", cached "domain:company-1.com")
  end)

  it("reads a status property of either kind, and properties by configured names", function()
    notion = notions.start()
    notion:change_schema {
      Status = { type = "status", status = { options = { { id = "1", name = "Lost" } } } },
      ["Key"] = { type = "rich_text", rich_text = {} },
      ["Canonical Key"] = signalbox.null,
    }
    local named = page(1, { Status = "Lost", Key = "domain:named.com" })
    named["Canonical Key"] = nil
    notion:add { named }
    local config = temp.folder()
    os.execute("mkdir -p " .. config .. "/signalbox")
    temp.write(config .. "/signalbox/config.lua",
      'notion = { properties = { canonical_key = "Key", website = false } }')
    assert.equal(1, synced({ XDG_CONFIG_HOME = config }).entries)
    assert.equal("Lost", cached "domain:named.com")
  end)

  it("names what is missing: a setting, the database, a property", function()
    notion = notions.start()
    for message, change in pairs {
      ["NOTION_API_KEY is not set"] = { env = { NOTION_API_KEY = false } },
      ["is NOTION_API_KEY right"] = { env = { NOTION_API_KEY = "wrong-key" } },
      ["(NOTION_DATABASE_ID)"] = {
        env = { NOTION_DATABASE_ID = "33333333-3333-4333-8333-333333333333" } },
      ["there is no property 'Status' in Notion"] = { schema = { Status = signalbox.null } },
    } do
      if change.schema then notion:change_schema(change.schema) end
      local result = sync(change.env)
      assert.equal(1, result.status)
      assert.truthy(result.err:find(message, 1, true), result.err)
      assert.falsy(result.err:find("wrong-key", 1, true), result.err)
    end
  end)
end)
