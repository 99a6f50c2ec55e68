local data = require "spec.support.data"
local expect = require "spec.support.expect"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

--- An iterator over what `list` has.
local function each(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

describe("store:save_signals", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  local function total() return store:get_stats().total_signals end

  it("saves a list, and says how many were new", function()
    local result = assert(store:save_signals(data.signals(5)))
    assert.same({ saved = 5, duplicates = 0 }, result)
    assert.equal("Company 3", store:get_signals_for_company("domain:company-3.com")[1].company_name)
  end)

  it("saves what an iterator gives", function()
    assert.same({ saved = 5, duplicates = 0 }, store:save_signals(each(data.signals(5))))
    assert.same({ saved = 3, duplicates = 0 }, store:save_signals(coroutine.wrap(function()
      for _, signal in ipairs(data.signals(3, { signal_type = "other" })) do coroutine.yield(
        signal) end
    end)))
  end)

  it("saves the signals of another store, byte for byte", function()
    local other <close> = stores.open()
    assert(other:save_signals(data.signals(3, { raw_data = '{ "b":1,"a" : 2 }' })))
    assert.same({ saved = 3, duplicates = 0 }, store:save_signals(assert(other:signals())))
    for signal in store:signals() do assert.equal('{ "b":1,"a" : 2 }', signal.raw_json) end
  end)

  it("takes nothing at all", function()
    assert.same({ saved = 0, duplicates = 0 }, store:save_signals {})
    assert.same({ saved = 0, duplicates = 0 }, store:save_signals(signalbox.array {}))
    assert.same({ saved = 0, duplicates = 0 }, store:save_signals(function() end))
  end)

  it("skips what is there already, and counts it", function()
    assert(store:save_signals(data.signals(3)))
    assert.same({ saved = 2, duplicates = 3 }, store:save_signals(data.signals(5)))
    assert.same({ saved = 1, duplicates = 1 },
      store:save_signals { data.signal(), data.signal() })
    assert.equal(6, total())
  end)

  it("keeps the texts apart that a reused table held", function()
    local signal, i = data.signal(), 0
    assert(store:save_signals(function()
      i = i + 1
      if i > 3 then return nil end
      signal.canonical_key, signal.raw_data = "key " .. i, { i = i }
      return signal
    end))
    for key = 1,
      3 do assert.equal(key, store:get_signals_for_company("key " .. key)[1].raw_data.i) end
  end)

  describe("in batches", function()
    it("commits each before it draws the next", function()
      local seen = {}
      local list = data.signals(7)
      local i = 0
      assert(store:save_signals(function()
        seen[#seen + 1] = total()
        i = i + 1
        return list[i]
      end, { batch = 3 }))
      assert.same({ 0, 0, 0, 3, 3, 3, 6, 6 }, seen)
    end)

    it("draws 1,000 where nobody says how many", function()
      local seen = {}
      local list = data.signals(1001)
      local i = 0
      assert(store:save_signals(function()
        seen[total()] = true
        i = i + 1
        return list[i]
      end))
      assert.same({ [0] = true, [1000] = true }, seen)
    end)

    it("can be drawn from an iterator that waits, reads and writes", function()
      local list = data.signals(4)
      local i = 0
      local function slowly()
        i = i + 1
        coroutine.yield "waiting"
        if i == 2 then assert(store:save_signal(data.signal { canonical_key = "in between" })) end
        return list[i]
      end
      local saving = coroutine.create(function() return store:save_signals(slowly,
        { batch = 2 }) end)
      local waits = 0
      while true do
        local _, result = assert(coroutine.resume(saving))
        if result ~= "waiting" then
          assert.same({ saved = 4, duplicates = 0 }, result)
          break
        end
        waits = waits + 1
      end
      assert.equal(5, waits)
      assert.equal(5, total())
    end)

    it("an iterator's error goes through, and its batch is not saved", function()
      local list = data.signals(5)
      local i = 0
      local problem = {}
      local fine, raised = pcall(store.save_signals, store, function()
        i = i + 1
        if i == 5 then error(problem) end
        return list[i]
      end, { batch = 3 })
      assert.is_false(fine)
      assert.equal(problem, raised)
      assert.equal(3, total())
    end)

    it("an item that is invalid rolls back its batch, and says where it is", function()
      local list = data.signals(10)
      list[8].confidence = 2
      local err = expect.invalid("confidence", store:save_signals(list, { batch = 3 }))
      assert.equal(8, err.detail.index)
      assert.equal(6, err.detail.saved)
      assert.equal(6, total())
    end)

    it("so does one that the database will not take, for itself or for its processing", function()
      local list = data.signals(6)
      assert(store:save_signal(list[2])) -- a duplicate, which has no processing to come
      for _, refusing in ipairs {
        "signals WHEN NEW.canonical_key = 'domain:company-5.com'",
        "signal_processing WHEN NEW.detected_at = (SELECT max(detected_at) FROM signals)" } do
        assert(store:exec("CREATE TRIGGER refusing BEFORE INSERT ON " .. refusing ..
          " BEGIN SELECT RAISE(ABORT, 'not this one'); END"))
        local err = expect.failure("invalid", store:save_signals(list))
        assert.equal(refusing:find "^signals" and 5 or 6, err.detail.index)
        assert.equal(1, total())
        assert(store:exec "DROP TRIGGER refusing")
      end
    end)

    it("so does one whose raw_data JSON cannot hold", function()
      local list = data.signals(5)
      list[5].raw_data = { print }
      local err = expect.invalid("raw_data", store:save_signals(list, { batch = 2 }))
      assert.equal(5, err.detail.index)
      assert.equal(4, err.detail.saved)
      list[5].raw_data = "{"
      err = expect.invalid("raw_data", store:save_signals(list))
      assert.equal(5, err.detail.index)
      assert.equal(0, err.detail.saved)
      assert.equal(4, total())
    end)

    it("one that finds another program writing says what was saved before", function()
      local path = temp.folder() .. "/signals.db"
      local other <close> = assert(signalbox.open(path))
      local hasty <close> = assert(signalbox.open(path, { busy_timeout = 0 }))
      local list = data.signals(5)
      local i, transaction = 0, nil
      local err = expect.failure("busy", hasty:save_signals(function()
        i = i + 1
        if i == 4 then transaction = assert(other:begin()) end
        return list[i]
      end, { batch = 3 }))
      assert.equal(3, err.detail.saved)
      assert(transaction:rollback())
      assert.equal(3, hasty:get_stats().total_signals)
    end)

    it("an item of the wrong type raises, naming it and the field", function()
      local list = data.signals(3)
      list[2].canonical_key = 5
      expect.raises(
        { "bad argument #1 to 'save_signals'",
          "item 2: field 'canonical_key': string expected, got number" },
        function() store:save_signals(list) end)
      for _, value in ipairs { 5, "x", true } do
        list[2] = value
        expect.raises(
          { "bad argument #1 to 'save_signals'", "item 2: signal expected, got " .. type(value) },
          function() store:save_signals(list) end)
        expect.raises("item 2: signal expected", function() store:save_signals(each(list)) end)
      end
      assert.equal(0, total())
    end)
  end)

  describe("with on_duplicate = \"error\"", function()
    it("saves all of the call or nothing", function()
      assert.same({ saved = 5, duplicates = 0 },
        store:save_signals(data.signals(5), { on_duplicate = "error" }))
      local again = data.signals(8)
      again[1], again[8] = again[8], again[1]
      local err = expect.failure("duplicate",
        store:save_signals(each(again), { on_duplicate = "error", batch = 1 }))
      assert.equal(2, err.detail.index)
      assert.equal(0, err.detail.saved)
      assert.equal(2, err.detail.id)
      assert.equal(5, total())
    end)

    it("refuses a repeat within the call", function()
      local err = expect.failure("duplicate",
        store:save_signals({ data.signal(), data.signal() }, { on_duplicate = "error" }))
      assert.equal(2, err.detail.index)
      assert.equal(0, total())
    end)
  end)

  it("inside a transaction is part of it", function()
    store:transaction(function()
      assert.same({ saved = 5, duplicates = 0 }, store:save_signals(data.signals(5), { batch = 2 }))
      assert.equal(5, #store:get_pending_signals())
      return nil, "no"
    end)
    assert.equal(0, total())
  end)

  it("inside a transaction takes back its own batch only", function()
    assert(store:transaction(function()
      assert(store:save_signal(data.signal()))
      local list = data.signals(4)
      list[4].confidence = -1
      expect.invalid("confidence", store:save_signals(list, { batch = 2 }))
      return true
    end))
    assert.equal(3, total())
  end)

  it("refuses options out of bounds", function()
    for _, batch in ipairs { 0, -1, math.mininteger } do
      expect.invalid("batch", store:save_signals({}, { batch = batch }))
    end
    for _, answer in ipairs { "", "ignore", "SKIP" } do
      expect.invalid("on_duplicate", store:save_signals({}, { on_duplicate = answer }))
    end
  end)

  it("raises for arguments of the wrong type", function()
    expect.each_type_but("table function", function(value)
      expect.raises("bad argument #1 to 'save_signals' (list or iterator expected",
        function() store:save_signals(value) end)
    end)
    expect.raises("list expected, got a table of fields",
      function() store:save_signals(data.signal()) end)
    expect.each_type_but("table", function(value)
      expect.raises("bad argument #2 to 'save_signals' (table expected",
        function() store:save_signals({}, value) end)
    end)
    expect.each_type_but("number", function(value)
      expect.raises("field 'batch': number expected",
        function() store:save_signals({}, { batch = value }) end)
    end)
    expect.each_type_but("string", function(value)
      expect.raises("field 'on_duplicate': string expected",
        function() store:save_signals({}, { on_duplicate = value }) end)
    end)
    expect.raises("no such field: 'size'", function() store:save_signals({}, { size = 5 }) end)
  end)
end)
