local data = require "spec.support.data"
local expect = require "spec.support.expect"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local sleep = require("system").sleep
local stores = require "spec.support.store"

describe("store:claim", function()
  local store, path

  before_each(function() store, path = stores.open() end)
  after_each(function() store:close() end)

  local function keys(claims) return stores.pluck("canonical_key", assert(claims)) end

  --- Saves `n` companies of one signal each, due in the order of their numbers.
  local function companies(n)
    for i = 1, n do assert(store:save_signal(data.signal { canonical_key = "company " .. i })) end
  end

  it("gives companies that are due, each with all of its signals", function()
    assert(store:save_signal(data.signal { detected_at = "2026-01-01" }))
    assert(store:save_signal(data.signal { detected_at = "2026-01-03" }))
    assert(store:save_signal(data.signal { detected_at = "2026-01-02" }))
    assert(store:save_signal(data.signal { canonical_key = "domain:b.ai" }))
    assert(store:mark_pushed(3, "page"))
    local claims = assert(store:claim())
    assert.same({ "domain:acme.ai", "domain:b.ai" }, keys(claims))
    assert.same({ 2, 3, 1 }, stores.pluck("id", claims[1].signals))
    assert.same({ 4 }, stores.pluck("id", claims[2].signals))
    assert.equal("acme/rocket", claims[1].signals[1].raw_data.repository)
  end)

  it("gives an empty array where nothing is due", function()
    assert.same({}, store:claim())
    companies(1)
    assert(store:mark_rejected(1, "reason"))
    assert.same({}, store:claim())
  end)

  it("gives those that have waited longest, 50 where nobody says how many", function()
    companies(60)
    assert.same({ "company 1", "company 2" }, keys(store:claim { limit = 2 }))
    assert.equal(50, #store:claim())
    assert.equal(8, #store:claim())
  end)

  it("gives a company to one only", function()
    companies(3)
    local other <close> = assert(signalbox.open(path))
    assert.same({ "company 1" }, keys(store:claim { limit = 1 }))
    assert.same({ "company 2" }, keys(other:claim { limit = 1 }))
    assert.same({ "company 3" }, keys(store:claim()))
    assert.same({}, store:claim())
    assert.same({}, other:claim())
  end)

  it("can ask for companies with a due signal of one type", function()
    companies(2)
    assert(store:save_signal(data.signal { canonical_key = "company 2", signal_type = "launch" }))
    local claims = assert(store:claim { signal_type = "launch" })
    assert.same({ "company 2" }, keys(claims))
    assert.equal(2, #claims[1].signals)
  end)

  it("lasts for its lease", function()
    companies(1)
    local claim = store:claim { lease = 0.05 }[1]
    assert.near(signalbox.time(signalbox.now()), signalbox.time(claim.lease_until), 5)
    sleep(0.1)
    local next_claim = store:claim { lease = 60 }[1]
    assert.equal("company 1", next_claim.canonical_key)
    assert.is_true(next_claim.fence > claim.fence)
    expect.failure("conflict", claim:settle { state = "rejected", reason = "late" })
    assert(next_claim:settle { state = "pushed", notion_page_id = "page" })
    assert.equal("pushed", store:get_signal(1).status)
  end)

  it("lasts five minutes where nobody says how long", function()
    companies(1)
    local claim = store:claim()[1]
    assert.equal(300, claim.lease)
    assert.near(signalbox.time(signalbox.now()) + 300, signalbox.time(claim.lease_until), 10)
  end)

  it("ends when its store is closed", function()
    companies(1)
    do
      local other <close> = assert(signalbox.open(path))
      assert.equal(1, #other:claim())
      assert.equal(0, #store:claim())
    end
    assert.equal(1, #store:claim())
  end)

  it("ends at once when its process dies", function()
    companies(1)
    local script = [[
      local store = require "signalbox".open(arg[1])
      print(#store:claim())
      io.stdout:flush()
      os.execute "kill -9 $PPID"]]
    local result = run.lua { "-e",
      "arg = { [1] = " .. string.format("%q", path) .. " }\n" .. script,
      killed = true }
    assert.equal("1\n", result.out, result.err)
    assert.equal(1, #store:claim())
  end)

  it("does not end by collection", function()
    companies(1)
    assert.equal(1, #store:claim())
    collectgarbage()
    collectgarbage()
    assert.equal(0, #store:claim())
  end)

  it("names its owner for people", function()
    companies(2)
    assert(store:claim { limit = 1, owner = "worker 7" })
    assert(store:claim { limit = 1 })
    assert.equal("worker 7",
      store:row("SELECT owner FROM company_claims WHERE canonical_key = 'company 1'").owner)
    assert.truthy(
      store:row(
        "SELECT owner FROM company_claims WHERE canonical_key = 'company 2'").owner:find ":%d+$")
  end)

  it("prints as what it is", function()
    companies(1)
    local claim = store:claim()[1]
    assert.equal("claim of company 1 until " .. claim.lease_until, tostring(claim))
  end)

  it("inside a transaction is part of it", function()
    companies(1)
    store:transaction(function()
      assert.equal(1, #store:claim())
      return nil, "no"
    end)
    assert.equal(1, #store:claim())
  end)

  it("is not mistaken for one that took its place after a rollback", function()
    companies(2)
    local other <close> = assert(signalbox.open(path))
    local undone
    store:transaction(function()
      undone = store:claim { limit = 1 }[1]
      return nil, "no"
    end)
    local theirs = other:claim { limit = 1 }[1]
    assert.equal(undone.canonical_key, theirs.canonical_key)
    expect.failure("conflict", undone:check())
    expect.failure("conflict", undone:settle { state = "rejected", reason = "no" })
    expect.failure("conflict", undone:renew())
    expect.failure("conflict", undone:release())
    assert.is_true(theirs:check())
  end)

  it("is not mistaken for the next of its own store after a rollback", function()
    companies(1)
    local undone
    store:transaction(function()
      undone = store:claim()[1]
      return nil, "no"
    end)
    local claim = store:claim()[1]
    assert.is_true(claim.fence > undone.fence)
    expect.failure("conflict", undone:release())
    assert.is_true(claim:check())
  end)

  it("refuses options out of bounds", function()
    for _, limit in ipairs { 0, -1, math.mininteger } do
      expect.invalid("limit", store:claim { limit = limit })
    end
    for _, lease in ipairs { 0, -1, 0 / 0, math.huge } do
      expect.invalid("lease", store:claim { lease = lease })
    end
    for _, text in ipairs { "a\0b", "\xff" } do
      expect.invalid("owner", store:claim { owner = text })
      expect.invalid("signal_type", store:claim { signal_type = text })
    end
  end)

  it("raises for the wrong type and for a field that does not exist", function()
    for field, allowed in pairs { limit = "number", lease = "number", owner = "string",
      signal_type = "string" } do
      expect.each_type_but(allowed, function(value)
        expect.raises({ "bad argument #1 to 'claim'", "field '" .. field .. "': " .. allowed },
          function() store:claim { [field] = value } end)
      end)
    end
    expect.raises("no such field: 'count'", function() store:claim { count = 1 } end)
    expect.each_type_but("table", function(value)
      expect.raises("bad argument #1 to 'claim' (table expected", function() store:claim(value) end)
    end)
  end)

  describe("claim:settle", function()
    it("marks the company's signals and ends the claim", function()
      companies(1)
      assert(store:save_signal(data.signal { canonical_key = "company 1", signal_type = "launch" }))
      local claim = store:claim()[1]
      assert.is_true(
        claim:settle { state = "pushed", notion_page_id = "page-1", metadata = { run = 7 } })
      for _, signal in ipairs(store:get_signals_for_company "company 1") do
        assert.equal("pushed", signal.status)
        assert.equal("page-1", signal.notion_page_id)
        assert.same({ run = 7 }, signal.metadata)
      end
      expect.failure("conflict", claim:settle { state = "pushed", notion_page_id = "page-1" })
    end)

    it("takes every state but pending", function()
      companies(3)
      local claims = store:claim()
      assert(claims[1]:settle { state = "queued" })
      assert(claims[2]:settle { state = "rejected", reason = "too early" })
      assert(claims[3]:settle { state = "failed", reason = "no answer" })
      assert.equal("queued", store:get_signal(1).status)
      assert.equal("too early", store:get_signal(2).error_message)
      assert.equal("failed", store:get_signal(3).status)
    end)

    it("leaves alone what is settled already, and what arrived since", function()
      assert(store:save_signal(data.signal { detected_at = "2026-01-01" }))
      assert(store:save_signal(data.signal { detected_at = "2026-01-02" }))
      assert(store:mark_pushed(1, "page-0"))
      local claim = store:claim()[1]
      assert(store:save_signal(data.signal { detected_at = "2026-01-03" }))
      assert(claim:settle { state = "rejected", reason = "no" })
      assert.equal("page-0", store:get_signal(1).notion_page_id)
      assert.equal("rejected", store:get_signal(2).status)
      assert.equal("pending", store:get_signal(3).status)
      assert.equal(1, #store:claim())
    end)

    it("can settle some of the signals", function()
      assert(store:save_signal(data.signal { detected_at = "2026-01-01" }))
      assert(store:save_signal(data.signal { detected_at = "2026-01-02" }))
      local claim = store:claim()[1]
      assert(claim:settle { state = "rejected", reason = "old", signal_ids = { 1 } })
      assert.equal("rejected", store:get_signal(1).status)
      assert.equal("pending", store:get_signal(2).status)
      assert.equal(1, #store:claim())
    end)

    it("leaves alone a signal that a person has marked meanwhile", function()
      companies(1)
      local claim = store:claim()[1]
      assert(store:mark_pushed(1, "by hand"))
      assert(claim:settle { state = "rejected", reason = "no" })
      assert.equal("by hand", store:get_signal(1).notion_page_id)
    end)

    it("refuses a signal of another company, and changes nothing", function()
      companies(2)
      local claim = store:claim { limit = 1 }[1]
      expect.failure("not_found", claim:settle { state = "queued", signal_ids = { 1, 2 } })
      assert.equal("pending", store:get_signal(1).status)
      assert.is_true(claim:check())
    end)

    it("refuses values out of bounds", function()
      companies(1)
      local claim = store:claim()[1]
      for _, state in ipairs { "", "pending", "done" } do
        expect.invalid("state", claim:settle { state = state })
      end
      for _, text in ipairs { "", "a\0b", "\xff" } do
        expect.invalid("notion_page_id", claim:settle { state = "pushed", notion_page_id = text })
        expect.invalid("reason", claim:settle { state = "rejected", reason = text })
        expect.invalid("reason", claim:settle { state = "failed", reason = text })
      end
      for _, metadata in ipairs { "{", { print } } do
        expect.invalid("metadata", claim:settle { state = "queued", metadata = metadata })
      end
      assert.is_true(claim:check())
    end)

    it("raises for the wrong type, for what is missing, and for a field that does not exist",
      function()
      companies(1)
      local claim = store:claim()[1]
      for field, allowed in pairs { state = "string", notion_page_id = "string",
        metadata = "table string", signal_ids = "table" } do
        expect.each_type_but(allowed, function(value)
          local fields = { state = "pushed", notion_page_id = "page" }
          fields[field] = value
          expect.raises({ "bad argument #1 to 'settle'", "field '" .. field .. "': " },
            function() claim:settle(fields) end)
        end)
      end
      expect.raises("field 'notion_page_id': string expected, got nil",
        function() claim:settle { state = "pushed" } end)
      expect.raises("field 'reason': string expected, got nil",
        function() claim:settle { state = "rejected" } end)
      expect.raises("field 'state': string expected, got nil", function() claim:settle {} end)
      expect.raises("field 'signal_ids': list of integers expected",
        function() claim:settle { state = "queued", signal_ids = { "1" } } end)
      expect.raises("no such field: 'page'",
        function() claim:settle { state = "queued", page = 1 } end)
      expect.raises("table expected", function() claim:settle() end)
      assert.is_true(claim:check())
    end)
  end)

  describe("claim:hold", function()
    it("sets the company aside until a new signal of it arrives", function()
      companies(1)
      assert.is_true(store:claim()[1]:hold { reason = "one source" })
      assert.equal("pending", store:get_signal(1).status)
      assert.equal(1, store:get_stats().held)
      assert.same({}, store:claim())
      assert(store:save_signal(data.signal { canonical_key = "company 1", signal_type = "launch" }))
      assert.equal(0, store:get_stats().held)
      assert.equal(2, #store:claim()[1].signals)
    end)

    it("or until a time", function()
      companies(3)
      local claims = store:claim()
      assert(claims[1]:hold { for_ = 0.05 })
      assert(claims[2]:hold { until_ = signalbox.time(signalbox.now()) + 0.05 })
      assert(claims[3]:hold { until_ = "2100-01-01" })
      assert.same({}, store:claim())
      sleep(0.1)
      assert.same({ "company 1", "company 2" }, keys(store:claim()))
    end)

    it("takes nothing at all", function()
      companies(1)
      assert(store:claim()[1]:hold())
      assert.same({}, store:claim())
    end)

    it("is over for all of the company's signals when a new one arrives", function()
      companies(1)
      assert(store:claim()[1]:hold { for_ = 3600 })
      local new = assert(store:save_signal(
        data.signal { canonical_key = "company 1", signal_type = "launch" }))
      assert(store:claim()[1]:settle { state = "rejected", reason = "no", signal_ids = { new } })
      assert.equal(0, store:get_stats().held)
      assert.equal("pending", store:get_signal(1).status)
      assert.same({ "company 1" }, keys(store:claim()))
    end)

    it("and when another program stores one", function()
      companies(1)
      assert(store:claim()[1]:hold { for_ = 3600 })
      assert(os.execute(string.format([[sqlite3 '%s' "
        INSERT INTO signals(signal_type, source_api, canonical_key, confidence, raw_data,
          detected_at, created_at)
        VALUES('launch', 'other', 'company 1', 0.5, '{}', '2026-09-01', '2026-09-01');
        INSERT INTO signal_processing(signal_id, status, created_at, updated_at)
        VALUES(last_insert_rowid(), 'pending', '2026-09-01', '2026-09-01')"]], path)))
      assert(store:claim()[1]:settle { state = "rejected", reason = "no", signal_ids = { 2 } })
      assert.equal(0, store:get_stats().held)
      assert.same({ "company 1" }, keys(store:claim()))
    end)

    it("and when one of them is marked and opened again", function()
      companies(1)
      assert(store:save_signal(data.signal { canonical_key = "company 1", signal_type = "launch" }))
      assert(store:claim()[1]:hold { for_ = 3600 })
      assert(store:mark_rejected(1, "by hand"))
      assert.equal(1, store:get_stats().held)
      assert(store:reopen(1))
      assert.equal(0, store:get_stats().held)
      assert(store:claim()[1]:settle { state = "rejected", reason = "no", signal_ids = { 1 } })
      assert.same({ "company 1" }, keys(store:claim()))
    end)

    it("sets none aside where one arrived since the claim", function()
      companies(1)
      local claim = store:claim()[1]
      local new = assert(store:save_signal(
        data.signal { canonical_key = "company 1", signal_type = "launch" }))
      assert(claim:hold { for_ = 3600 })
      assert(store:claim()[1]:settle { state = "rejected", reason = "no", signal_ids = { new } })
      assert.same({ "company 1" }, keys(store:claim()))
    end)

    it("does not hold what arrived since the claim", function()
      companies(1)
      local claim = store:claim()[1]
      assert(store:save_signal(data.signal { canonical_key = "company 1", signal_type = "launch" }))
      assert(claim:hold())
      assert.same({ "company 1" }, keys(store:claim()))
    end)

    it("ends the claim, and is refused where that is lost", function()
      companies(1)
      local claim = store:claim()[1]
      assert(claim:hold())
      expect.failure("conflict", claim:hold())
      expect.failure("conflict", claim:check())
    end)

    it("refuses values out of bounds", function()
      companies(1)
      local claim = store:claim()[1]
      for _, seconds in ipairs { -1, 0 / 0, math.huge } do
        expect.invalid("for_", claim:hold { for_ = seconds })
      end
      for _, time in ipairs { "", "soon", 0 / 0 } do
        expect.invalid("until_", claim:hold { until_ = time })
      end
      for _, text in ipairs { "a\0b", "\xff" } do
        expect.invalid("reason", claim:hold { reason = text })
      end
      expect.invalid("for_", claim:hold { for_ = 5, until_ = "2100-01-01" })
      for field,
        allowed in pairs { for_ = "number", until_ = "string number", reason = "string" } do
        expect.each_type_but(allowed, function(value)
          expect.raises({ "bad argument #1 to 'hold'", "field '" .. field .. "': " },
            function() claim:hold { [field] = value } end)
        end)
      end
      expect.raises("no such field: 'until'", function() claim:hold { ["until"] = 5 } end)
      assert.is_true(claim:check())
    end)
  end)

  describe("claim:renew", function()
    it("starts a new lease from now, as long as the first or as told", function()
      companies(1)
      local claim = store:claim { lease = 100 }[1]
      local first = claim.lease_until
      local now = signalbox.time(signalbox.now())
      sleep(0.01)
      local second = assert(claim:renew())
      assert.equal(second, claim.lease_until)
      assert.is_true(second > first)
      assert.near(now + 100, signalbox.time(second), 10)
      assert.near(now + 1000, signalbox.time(claim:renew(1000)), 10)
    end)

    it("is refused where the claim is lost", function()
      companies(1)
      local claim = store:claim()[1]
      assert(claim:release())
      expect.failure("conflict", claim:renew())
    end)

    it("refuses a lease out of bounds", function()
      companies(1)
      local claim = store:claim()[1]
      for _, lease in ipairs { 0, -1, 0 / 0, math.huge } do
        expect.invalid("lease", claim:renew(lease))
      end
      expect.each_type_but("number", function(value)
        expect.raises("bad argument #1 to 'renew' (number expected",
          function() claim:renew(value) end)
      end)
    end)
  end)

  describe("claim:release", function()
    it("gives the company back: it is due at once", function()
      companies(1)
      local claim = store:claim()[1]
      assert.is_true(claim:release())
      assert.same({ "company 1" }, keys(store:claim()))
      expect.failure("conflict", claim:release())
    end)
  end)

  describe("claim:check", function()
    it("guards a script's own writes, in one transaction with them", function()
      companies(1)
      assert(store:exec "CREATE TABLE verdicts(key)")
      local claim = store:claim()[1]
      local function decide()
        return store:transaction(function()
          local held, err = claim:check()
          if not held then return nil, err end
          return store:exec("INSERT INTO verdicts VALUES(?)", claim.canonical_key)
        end)
      end
      assert.equal(1, decide())
      assert(claim:release())
      expect.failure("conflict", decide())
      assert.equal(1, store:row("SELECT count(*) AS n FROM verdicts").n)
    end)
  end)

  it("is seen as it is committed, not as another coroutine's transaction has it", function()
    companies(1)
    local claim = store:claim()[1]
    local transaction <close> = assert(store:begin())
    assert(claim:release())
    coroutine.wrap(function() assert.is_true(claim:check()) end)()
    assert(transaction:rollback())
    assert.is_true(claim:check())
  end)

  it("of a closed store gives closed", function()
    companies(1)
    local claim = store:claim()[1]
    store:close()
    expect.failure("closed", claim:check())
    expect.failure("closed", claim:settle { state = "queued" })
    expect.failure("closed", claim:hold())
    expect.failure("closed", claim:renew())
    expect.failure("closed", claim:release())
  end)
end)
