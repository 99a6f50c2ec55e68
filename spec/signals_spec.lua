local data = require "spec.support.data"
local expect = require "spec.support.expect"
local signalbox = require "signalbox"
local stores = require "spec.support.store"

describe("store:save_signal", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  it("gives the signal's id, which counts up", function()
    assert.equal(1, store:save_signal(data.signal()))
    assert.equal(2, store:save_signal(data.signal { canonical_key = "domain:b.ai" }))
    assert.equal("integer",
      math.type(store:save_signal(data.signal { canonical_key = "domain:c.ai" })))
  end)

  it("keeps every field, and makes the signal pending", function()
    local id = assert(store:save_signal {
      signal_type = "incorporation",
      source_api = "companies_house",
      canonical_key = "companies_house:12345678",
      company_name = "Bücher & Söhne 漢字 😀 Ltd",
      confidence = 0.95,
      raw_data = { number = "12345678" },
      detected_at = "2026-08-22T10:20:30.123456+00:00",
    })
    local signal = store:get_signal(id)
    assert.equal(id, signal.id)
    assert.equal("incorporation", signal.signal_type)
    assert.equal("companies_house", signal.source_api)
    assert.equal("companies_house:12345678", signal.canonical_key)
    assert.equal("Bücher & Söhne 漢字 😀 Ltd", signal.company_name)
    assert.equal(0.95, signal.confidence)
    assert.same({ number = "12345678" }, signal.raw_data)
    assert.equal("2026-08-22T10:20:30.123456+00:00", signal.detected_at)
    assert.equal("pending", signal.status)
    assert.near(signalbox.time(signalbox.now()), signalbox.time(signal.created_at), 60)
    for _, absent in ipairs { "notion_page_id", "processed_at", "error_message", "metadata" } do
      assert.is_nil(signal[absent])
    end
  end)

  it("leaves out the company's name where there is none", function()
    local signal = data.signal()
    signal.company_name = nil
    assert.is_nil(store:get_signal(store:save_signal(signal)).company_name)
  end)

  it("takes confidence from 0 to 1, whole numbers too", function()
    for i, confidence in ipairs { 0, 1, 0.0, 1.0, 0.5, 5e-324 } do
      local id = assert(
        store:save_signal(data.signal { canonical_key = "k" .. i, confidence = confidence }))
      assert.equal(confidence, store:get_signal(id).confidence)
    end
  end)

  describe("detected_at", function()
    it("is stored in one form, whatever form it comes in", function()
      for given, stored in pairs {
        ["2026-08-22"] = "2026-08-22T00:00:00.000000+00:00",
        ["2026-08-22T10:20:30Z"] = "2026-08-22T10:20:30.000000+00:00",
        ["2026-08-22 10:20:30"] = "2026-08-22T10:20:30.000000+00:00",
        ["2026-08-22T12:20:30.5+02:00"] = "2026-08-22T10:20:30.500000+00:00",
        [1787307630] = "2026-08-21T10:20:30.000000+00:00",
        [1787307630.25] = "2026-08-21T10:20:30.250000+00:00",
      } do
        local id = assert(
          store:save_signal(data.signal { canonical_key = tostring(given), detected_at = given }))
        assert.equal(stored, store:get_signal(id).detected_at)
      end
    end)

    it("is now where it is left out", function()
      local signal = data.signal()
      signal.detected_at = nil
      local id = assert(store:save_signal(signal))
      assert.near(signalbox.time(signalbox.now()), signalbox.time(store:get_signal(id).detected_at),
        60)
    end)
  end)

  describe("raw_data", function()
    local function stored(raw_data)
      local id = assert(
        store:save_signal(
          data.signal { raw_data = raw_data, detected_at = os.time() + math.random() }))
      return store:get_signal(id).raw_json
    end

    it("given as a table is written compactly, its keys sorted", function()
      assert.equal('{"a":[1,2.5,"x",true],"b":{"c":null}}',
        stored { b = { c = signalbox.null }, a = { 1, 2.5, "x", true } })
    end)

    it("given as text is kept byte for byte", function()
      for _, text in ipairs { ' {"b" : 1.50,\n"a":[ ]} ', "[]", "null", '"x"', '{"a":1,"a":2}',
        '"\\u00e9\\ud83d\\ude00"',
        "12345678901234567890123", "1e400" } do
        assert.equal(text, stored(text))
      end
    end)

    it("keeps whole numbers and fractions exactly", function()
      local text = stored { big = math.maxinteger, small = math.mininteger, odd = 9007199254740993,
        sum = 0.1 + 0.2 }
      assert.equal(
        '{"big":9223372036854775807,"odd":9007199254740993,"small":-9223372036854775808,' ..
        '"sum":0.30000000000000004}', text)
    end)

    it("tells an empty array from an empty object", function()
      assert.equal('{"array":[],"object":{}}', stored { array = signalbox.array {}, object = {} })
    end)

    it("may be nested 1,000 deep", function()
      local deep = {}
      for _ = 2, 1000 do deep = { deep } end
      assert.equal(("["):rep(999) .. "{}" .. ("]"):rep(999), stored(deep))
    end)

    it("may be large", function()
      local text = '"' .. ("x"):rep(3000000) .. '"'
      assert.equal(text, stored(text))
      assert.equal(text, stored(text))
    end)

    it("of a signal that was read goes into another store byte for byte", function()
      local other <close> = stores.open()
      assert(store:save_signal(data.signal { raw_data = '{"b":1, "a":2}' }))
      for signal in store:signals() do assert(other:save_signal(signal)) end
      assert.equal('{"b":1, "a":2}', other:get_signal(1).raw_json)
    end)

    it("of a signal that was read and changed goes in as it was changed", function()
      local other <close> = stores.open()
      local signal = store:get_signal(
        store:save_signal(data.signal { raw_data = '{"b":1, "a":2}' }))
      signal.raw_data.a = 3
      assert.equal('{"a":3,"b":1}', other:get_signal(other:save_signal(signal)).raw_json)
    end)
  end)

  describe("of a signal that is there already", function()
    it("gives duplicate, with the id of that one", function()
      local id = assert(store:save_signal(data.signal()))
      local err = expect.failure("duplicate",
        store:save_signal(data.signal { confidence = 0.1, raw_data = {} }))
      assert.equal(id, err.detail.id)
      assert.equal(0.8, store:get_signal(id).confidence)
      assert.equal(1, store:get_stats().total_signals)
    end)

    it("knows the same moment in another form", function()
      assert(store:save_signal(data.signal { detected_at = "2026-08-22T00:00:00Z" }))
      expect.failure("duplicate",
        store:save_signal(data.signal { detected_at = "2026-08-22T02:00:00+02:00" }))
    end)

    it("is no duplicate with another key, type, source or time", function()
      assert(store:save_signal(data.signal()))
      assert(store:save_signal(data.signal { canonical_key = "domain:b.ai" }))
      assert(store:save_signal(data.signal { signal_type = "github_activity" }))
      assert(store:save_signal(data.signal { source_api = "github_ranking" }))
      assert(store:save_signal(data.signal { detected_at = "2026-08-23" }))
    end)
  end)

  describe("with a value out of bounds", function()
    local function refused(field, values)
      for _, value in ipairs(values) do
        expect.invalid(field, store:save_signal(data.signal { [field] = value }))
      end
      assert.equal(0, store:get_stats().total_signals)
    end

    local not_texts <const> = { "a\0b", "\0", "\xff", "caf\xe9", "\xed\xa0\x80", "\xc0\x80" }

    it("refuses texts that are empty, not UTF-8, or have a NUL", function()
      for _, field in ipairs { "signal_type", "source_api", "canonical_key" } do
        refused(field, { "", table.unpack(not_texts) })
      end
      refused("company_name", not_texts)
    end)

    it("refuses a confidence that is not from 0 to 1", function()
      refused("confidence", { -0.1, 1.1, 2, -1, math.huge, -math.huge, 0 / 0 })
    end)

    it("refuses what is no time", function()
      refused("detected_at",
        { "", "yesterday", "2026-13-01", "2026-02-30", "2026-08-22T25:00:00", " 2026-08-22",
        "0000-01-01", "10000-01-01", 0 / 0, math.huge, 1e18 })
    end)

    it("refuses text that is no JSON", function()
      refused("raw_data",
        { "", "{", "{}x", "{a:1}", "[1,]", "01", "NaN", "Infinity", "'x'", '"\1"', '"\xff"',
        "\xef\xbb\xbf{}", ("["):rep(1001) .. ("]"):rep(1001) })
    end)

    it("refuses tables that JSON cannot hold", function()
      local cycle = {}
      cycle.self = cycle
      local deep = {}
      for _ = 1, 1000 do deep = { deep } end
      refused("raw_data",
        { { print }, { x = coroutine.create(print) }, { x = io.stdout }, { x = 0 / 0 },
          { math.huge },
        { "a\0b" }, { ["\xff"] = 1 }, { "\xff" }, { 1, nil, 3 }, { 1, x = 2 }, { [1.5] = 1 },
          { [true] = 1 }, cycle, deep })
    end)

    it("says where in the table it is", function()
      local err = expect.invalid("raw_data",
        store:save_signal(data.signal { raw_data = { owner = { ids = { 1, print } } } }))
      assert.truthy(err.message:find("raw_data.owner.ids[2]", 1, true), err.message)
    end)

    it("says what was given and what is allowed", function()
      local _, err = store:save_signal(data.signal { confidence = 1.5 })
      assert.equal("confidence is 1.5, and must be from 0 to 1", tostring(err))
      for _, nan in ipairs { 0 / 0, -(0 / 0) } do
        _, err = store:save_signal(data.signal { confidence = nan })
        assert.equal("confidence is not a number, and must be from 0 to 1", tostring(err))
      end
    end)
  end)

  describe("with a value of the wrong type", function()
    it("raises, naming the field", function()
      for field,
        allowed in pairs { signal_type = "string", source_api = "string", canonical_key = "string",
        company_name = "string", confidence = "number", raw_data = "table string",
          detected_at = "string number" } do
        expect.each_type_but(allowed, function(value, kind)
          expect.raises(
            { "bad argument #1 to 'save_signal'", "field '" .. field .. "': ",
              "expected, got " .. kind:sub(1, 4) },
            function() store:save_signal(data.signal { [field] = value }) end)
        end)
      end
    end)

    it("raises for a field that is missing", function()
      for _, field in ipairs { "signal_type", "source_api", "canonical_key", "confidence",
        "raw_data" } do
        local signal = data.signal()
        signal[field] = nil
        expect.raises("field '" .. field .. "': ", function() store:save_signal(signal) end)
      end
    end)

    it("raises where the signal is no table", function()
      expect.each_type_but("table", function(value)
        expect.raises("bad argument #1 to 'save_signal' (table expected",
          function() store:save_signal(value) end)
      end)
      expect.raises("table expected", function() store:save_signal() end)
    end)

    it("raises where the store is none", function()
      expect.raises("signalbox.store expected", store.save_signal, {}, data.signal())
      expect.raises("signalbox.store expected", store.save_signal, io.stdout, data.signal())
    end)
  end)
end)

describe("a signal", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  it("is a table: pairs gives all its fields, the decoded ones too", function()
    local id = assert(store:save_signal(data.signal { raw_data = { stars = 5 } }))
    assert(store:mark_pushed(id, "page-1", { run = 7 }))
    local fields = {}
    for name, value in pairs(store:get_signal(id)) do fields[name] = value end
    assert.same({ stars = 5 }, fields.raw_data)
    assert.same({ run = 7 }, fields.metadata)
    assert.equal('{"stars":5}', fields.raw_json)
    assert.equal("page-1", fields.notion_page_id)
    assert.equal("pushed", fields.status)
    assert.equal(0.8, fields.confidence)
  end)

  it("decodes raw_data once: what is changed in it stays changed", function()
    local signal = store:get_signal(store:save_signal(data.signal()))
    signal.raw_data.stars = 0
    assert.equal(0, signal.raw_data.stars)
    assert.equal(rawget(signal, "raw_data"), signal.raw_data)
  end)

  it("decodes integers, floats, null, and arrays as what they are", function()
    local id = assert(
      store:save_signal(
        data.signal { raw_data = '{"i":9007199254740993,"f":1.0,"n":null,"a":[]}' }))
    local raw = store:get_signal(id).raw_data
    assert.equal(9007199254740993, raw.i)
    assert.equal("integer", math.type(raw.i))
    assert.equal("float", math.type(raw.f))
    assert.equal(signalbox.null, raw.n)
    assert.equal("[]",
      store:get_signal(
        store:save_signal(data.signal { canonical_key = "k", raw_data = raw.a })).raw_json)
  end)

  it("prints as a line that says what it is", function()
    local signal = store:get_signal(store:save_signal(data.signal()))
    local line = tostring(signal)
    for _, part in ipairs { "1", "github_spike", "domain:acme.ai", "github", "0.8", "2026-08-22",
      "pending" } do
      assert.truthy(line:find(part, 1, true), line)
    end
  end)

  it("reads a predecessor's NaN and Infinity", function()
    local id = assert(store:save_signal(data.signal()))
    assert(store:exec("UPDATE signals SET raw_data = ?", '{"a":NaN,"b":-Infinity}'))
    local raw = store:get_signal(id).raw_data
    assert.is_true(raw.a ~= raw.a)
    assert.equal(-math.huge, raw.b)
  end)

  it("raises where a foreign program left no JSON, at the reading of it only", function()
    local id = assert(store:save_signal(data.signal()))
    assert(store:exec("UPDATE signals SET raw_data = ?", "{broken"))
    local signal = store:get_signal(id)
    assert.equal("{broken", signal.raw_json)
    expect.raises("raw_data is not JSON", function() return signal.raw_data end)
  end)
end)

describe("store:get_signal", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  it("gives nil alone where there is none", function()
    for _, id in ipairs { 1, 0, -1, math.maxinteger, math.mininteger } do
      assert.equal(1, select("#", store:get_signal(id)))
      assert.is_nil(store:get_signal(id))
    end
  end)

  it("takes a float that is whole, and raises for anything else", function()
    assert.is_nil(store:get_signal(1.0))
    expect.each_type_but("number", function(value)
      expect.raises("bad argument #1 to 'get_signal' (number expected",
        function() store:get_signal(value) end)
    end)
    expect.raises("bad argument #1 to 'get_signal'", function() store:get_signal(1.5) end)
    expect.raises("bad argument #1 to 'get_signal'", function() store:get_signal() end)
  end)
end)

describe("store:is_duplicate", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  it("says whether the company has a signal", function()
    assert.is_false(store:is_duplicate "domain:acme.ai")
    assert(store:save_signal(data.signal()))
    assert.is_true(store:is_duplicate "domain:acme.ai")
    assert.is_false(store:is_duplicate "domain:acme.a")
    assert.is_false(store:is_duplicate "Domain:acme.ai")
  end)

  it("knows nothing of a company that was rolled back", function()
    store:transaction(function()
      assert(store:save_signal(data.signal()))
      assert.is_true(store:is_duplicate "domain:acme.ai")
      return nil, "no"
    end)
    assert.is_false(store:is_duplicate "domain:acme.ai")
  end)

  it("refuses a key that no signal could have", function()
    for _, key in ipairs { "a\0b", "\xff" } do
      expect.invalid("canonical_key", store:is_duplicate(key))
    end
    expect.each_type_but("string", function(value)
      expect.raises("bad argument #1 to 'is_duplicate' (string expected",
        function() store:is_duplicate(value) end)
    end)
  end)
end)

describe("store:get_pending_signals", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  it("gives an array, newest first, then the highest id", function()
    assert(store:save_signal(data.signal { canonical_key = "old", detected_at = "2026-01-01" }))
    assert(store:save_signal(data.signal { canonical_key = "new", detected_at = "2026-01-03" }))
    assert(store:save_signal(data.signal { canonical_key = "mid 1", detected_at = "2026-01-02" }))
    assert(store:save_signal(data.signal { canonical_key = "mid 2", detected_at = "2026-01-02" }))
    assert.same({ "new", "mid 2", "mid 1", "old" },
      stores.pluck("canonical_key", store:get_pending_signals()))
  end)

  it("leaves out what is settled", function()
    for i = 1, 5 do assert(store:save_signal(data.signal { canonical_key = "k" .. i })) end
    assert(store:mark_pushed(1, "page"))
    assert(store:mark_rejected(2, "reason"))
    assert(store:mark_queued(3))
    assert(store:mark_failed(4, "reason"))
    assert.same({ 5 }, stores.pluck("id", store:get_pending_signals()))
  end)

  it("takes a limit and a type", function()
    assert(store:save_signals(data.signals(5)))
    assert(store:save_signals(data.signals(5, { signal_type = "incorporation" })))
    assert.equal(3, #store:get_pending_signals { limit = 3 })
    assert.equal(0, #store:get_pending_signals { limit = 0 })
    assert.equal(10, #store:get_pending_signals { limit = 100 })
    assert.equal(5, #store:get_pending_signals { signal_type = "incorporation" })
    assert.same({ "incorporation", "incorporation" },
      stores.pluck("signal_type",
        store:get_pending_signals { signal_type = "incorporation", limit = 2 }))
    assert.same({}, store:get_pending_signals { signal_type = "unheard_of" })
  end)

  it("refuses what is out of bounds", function()
    expect.invalid("limit", store:get_pending_signals { limit = -1 })
    expect.invalid("limit", store:get_pending_signals { limit = math.mininteger })
    for _, text in ipairs { "a\0b", "\xff" } do
      expect.invalid("signal_type", store:get_pending_signals { signal_type = text })
    end
  end)

  it("raises for the wrong type and for a field that does not exist", function()
    expect.each_type_but("number", function(value)
      expect.raises("field 'limit': number expected",
        function() store:get_pending_signals { limit = value } end)
    end)
    expect.raises("no integer representation",
      function() store:get_pending_signals { limit = 1.5 } end)
    expect.each_type_but("string", function(value)
      expect.raises("field 'signal_type': string expected",
        function() store:get_pending_signals { signal_type = value } end)
    end)
    expect.raises("no such field: 'type'", function() store:get_pending_signals { type = "x" } end)
    expect.each_type_but("table", function(value)
      expect.raises("bad argument #1 to 'get_pending_signals' (table expected",
        function() store:get_pending_signals(value) end)
    end)
  end)
end)

describe("store:get_signals_for_company", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  it("gives all signals of the company, newest first", function()
    assert(store:save_signal(data.signal { detected_at = "2026-01-01" }))
    assert(store:save_signal(data.signal { detected_at = "2026-01-03" }))
    assert(store:save_signal(data.signal { detected_at = "2026-01-02" }))
    assert(store:save_signal(data.signal { canonical_key = "domain:b.ai" }))
    assert(store:mark_rejected(1, "old"))
    assert.same({ 2, 3, 1 }, stores.pluck("id", store:get_signals_for_company "domain:acme.ai"))
    assert.same({}, store:get_signals_for_company "domain:nobody.ai")
  end)

  it("refuses a key that no signal could have", function()
    for _, key in ipairs { "a\0b", "\xff" } do
      expect.invalid("canonical_key", store:get_signals_for_company(key))
    end
    expect.each_type_but("string", function(value)
      expect.raises("bad argument #1 to 'get_signals_for_company' (string expected",
        function() store:get_signals_for_company(value) end)
    end)
  end)
end)
