local data = require "spec.support.data"
local expect = require "spec.support.expect"
local signalbox = require "signalbox"
local stores = require "spec.support.store"

describe("the suppression cache", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  local function active() return store:get_stats().active_suppression_entries end

  it("keeps what the CRM holds, for seven days", function()
    assert.equal(1,
      store:update_suppression_cache { data.suppression { metadata = { tags = { "ai" } } } })
    local entry = store:check_suppression "domain:acme.ai"
    assert.equal("domain:acme.ai", entry.canonical_key)
    assert.equal("page-1", entry.notion_page_id)
    assert.equal("Passed", entry.status)
    assert.equal("Acme", entry.company_name)
    assert.same({ tags = { "ai" } }, entry.metadata)
    local cached, expires = signalbox.time(entry.cached_at), signalbox.time(entry.expires_at)
    assert.near(signalbox.time(signalbox.now()), cached, 60)
    assert.near(7 * 86400, expires - cached, 1)
  end)

  it("leaves out what an entry has not", function()
    local entry = data.suppression()
    entry.company_name = nil
    assert(store:update_suppression_cache { entry })
    entry = store:check_suppression "domain:acme.ai"
    assert.is_nil(entry.company_name)
    assert.is_nil(entry.metadata)
  end)

  it("keeps the last of one key, and names an entry by its place in the call", function()
    local function entry(key, page)
      return data.suppression { canonical_key = key, notion_page_id = page }
    end
    assert.equal(4, store:update_suppression_cache { entry("z", "1"), entry("b", "2"),
      entry("z", "3"), entry("a", "4") })
    assert.equal("3", store:check_suppression "z".notion_page_id)
    assert(store:exec [[
      CREATE TRIGGER refusing BEFORE INSERT ON suppression_cache WHEN NEW.notion_page_id = 'bad'
      BEGIN SELECT RAISE(ABORT, 'not this one'); END]])
    local err = expect.failure("invalid", store:update_suppression_cache { entry("z", "5"),
      entry("m", "bad"), entry("a", "6") })
    assert.equal(2, err.detail.index)
    assert.equal("3", store:check_suppression "z".notion_page_id)
  end)

  it("gives nil alone for a key that it has not", function()
    assert.equal(1, select("#", store:check_suppression "domain:acme.ai"))
    assert.is_nil(store:check_suppression "domain:acme.ai")
    assert.is_nil(store:check_suppression "")
  end)

  it("takes times of the entry's own", function()
    assert(store:update_suppression_cache { data.suppression {
      cached_at = "2026-01-01T00:00:00Z", expires_at = 4102444800 } })
    local entry = store:check_suppression "domain:acme.ai"
    assert.equal("2026-01-01T00:00:00.000000+00:00", entry.cached_at)
    assert.equal("2100-01-01T00:00:00.000000+00:00", entry.expires_at)
  end)

  it("replaces an entry, and of one key twice the last wins", function()
    assert(store:update_suppression_cache { data.suppression { metadata = { old = true } } })
    assert.equal(2, store:update_suppression_cache {
      data.suppression { status = "Lost" },
        data.suppression { status = "Won", company_name = "New" } })
    local entry = store:check_suppression "domain:acme.ai"
    assert.equal("Won", entry.status)
    assert.equal("New", entry.company_name)
    assert.is_nil(entry.metadata)
    assert.equal(1, active())
  end)

  it("takes an iterator", function()
    local i = 0
    assert.equal(1500, store:update_suppression_cache(function()
      i = i + 1
      if i <= 1500 then return data.suppression { canonical_key = "key " .. i } end
    end))
    assert.equal("key 1500", store:check_suppression("key 1500").canonical_key)
    assert.equal(1500, active())
  end)

  it("takes nothing at all", function()
    assert.equal(0, store:update_suppression_cache {})
    assert.equal(0, store:update_suppression_cache(function() end))
  end)

  it("does not give an entry that has expired, and cleans them up when told", function()
    assert(store:update_suppression_cache {
      data.suppression { canonical_key = "over", expires_at = "2020-01-01" },
      data.suppression { canonical_key = "just over", expires_at = signalbox.now() },
      data.suppression { canonical_key = "holds" },
    })
    assert.is_nil(store:check_suppression "over")
    assert.is_nil(store:check_suppression "just over")
    assert.is_table(store:check_suppression "holds")
    assert.equal(1, active())
    assert.equal(2, store:clean_expired_cache())
    assert.equal(0, store:clean_expired_cache())
    assert.is_table(store:check_suppression "holds")
    assert.equal(1, active())
  end)

  it("is written all or nothing, and says which entry it was", function()
    local entries = {}
    for i = 1, 2000 do entries[i] = data.suppression { canonical_key = "key " .. i } end
    entries[1999].status = "\xff"
    local err = expect.invalid("status", store:update_suppression_cache(entries))
    assert.equal(1999, err.detail.index)
    assert.equal(0, err.detail.saved)
    assert.equal(0, active())
  end)

  it("inside a transaction is part of it", function()
    store:transaction(function()
      assert(store:update_suppression_cache { data.suppression() })
      assert.is_table(store:check_suppression "domain:acme.ai")
      return nil, "no"
    end)
    assert.is_nil(store:check_suppression "domain:acme.ai")
  end)

  describe("with something wrong", function()
    local function refused(field, values)
      for _, value in ipairs(values) do
        local err = expect.invalid(field,
          store:update_suppression_cache { data.suppression { [field] = value } })
        assert.equal(1, err.detail.index)
      end
      assert.equal(0, active())
    end

    it("refuses values out of bounds, naming the field", function()
      for _, field in ipairs { "canonical_key", "notion_page_id" } do
        refused(field, { "", "a\0b", "\xff" })
      end
      for _, field in ipairs { "status", "company_name" } do refused(field, { "a\0b", "\xff" }) end
      for _, field in ipairs { "cached_at", "expires_at" } do
        refused(field, { "", "soon", 0 / 0, math.huge, "2026-02-30" })
      end
      refused("metadata", { "", "{", "NaN", { print }, { 0 / 0 }, { "\xff" } })
      for _, key in ipairs { "a\0b", "\xff" } do
        expect.invalid("canonical_key", store:check_suppression(key))
      end
    end)

    it("raises for a field of the wrong type, naming it", function()
      for field, allowed in pairs { canonical_key = "string", notion_page_id = "string",
        status = "string", company_name = "string", metadata = "table string",
        cached_at = "string number", expires_at = "string number" } do
        expect.each_type_but(allowed, function(value)
          expect.raises({ "bad argument #1 to 'update_suppression_cache'",
            "item 1: field '" .. field .. "': " },
            function() store:update_suppression_cache { data.suppression { [field] = value } } end)
        end)
      end
      for _, field in ipairs { "canonical_key", "notion_page_id", "status" } do
        local entry = data.suppression()
        entry[field] = nil
        expect.raises("item 1: field '" .. field .. "': string expected, got nil",
          function() store:update_suppression_cache { entry } end)
      end
    end)

    it("raises for arguments of the wrong type", function()
      expect.each_type_but("table function", function(value)
        expect.raises("bad argument #1 to 'update_suppression_cache' (list or iterator expected",
          function() store:update_suppression_cache(value) end)
      end)
      expect.raises("list expected, got a table of fields",
        function() store:update_suppression_cache(data.suppression()) end)
      expect.raises("item 1: suppression entry expected, got number",
        function() store:update_suppression_cache { 5 } end)
      expect.each_type_but("string", function(value)
        expect.raises("bad argument #1 to 'check_suppression' (string expected",
          function() store:check_suppression(value) end)
      end)
    end)
  end)
end)
