local data = require "spec.support.data"
local run = require "spec.support.run"
local stores = require "spec.support.store"

describe("an error", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  it("has a code, a message and details, and prints as its message", function()
    local id = store:save_signal(data.signal())
    local value, err = store:save_signal(data.signal())
    assert.is_nil(value)
    assert.equal("duplicate", err.code)
    assert.equal("string", type(err.message))
    assert.equal(err.message, tostring(err))
    assert.same({ id = id }, err.detail)
  end)

  it("always has its details, though there be none", function()
    local _, err = store:mark_queued(1)
    assert.equal("not_found", err.code)
    assert.same({}, err.detail)
  end)

  it("about a value names the field", function()
    local _, err = store:save_signal(data.signal { confidence = 2 })
    assert.same({ field = "confidence" }, err.detail)
  end)

  it("about an item of a list says which, and what was saved before", function()
    local list = data.signals(3)
    list[3].confidence = 2
    local _, err = store:save_signals(list, { batch = 2 })
    assert.same({ field = "confidence", index = 3, saved = 2 }, err.detail)
  end)

  it("is one line that a person can read, whatever was given", function()
    for _, text in ipairs { "two\nlines", "\27[31mred", "\xff\xfe", ("long "):rep(1000),
      "caf\xc3" } do
      local _, err = store:save_signal(data.signal { detected_at = text })
      local message = tostring(err)
      assert.is_nil(message:find "%c", message)
      assert.is_true(#message < 512)
      assert.truthy(utf8.len(message), message)
    end
  end)

  it("goes well with assert: the script ends with its line, its place and exit 1", function()
    local result = run.lua { "-e", [[
      local store = assert(require "signalbox".open "x.db")
      assert(store:save_signal { signal_type = "a", source_api = "b", canonical_key = "c",
        confidence = 1.5, raw_data = {} })]] }
    assert.equal(1, result.status)
    assert.truthy(result.err:find("confidence is 1.5, and must be from 0 to 1", 1, true),
      result.err)
  end)

  it("of a wrong type is the caller's mistake: it names the line", function()
    local result = run.lua { "-e", [[
      local store = assert(require "signalbox".open "x.db")
      store:get_signal "1"]] }
    assert.equal(1, result.status)
    assert.truthy(result.err:find(
      "2: bad argument #1 to 'get_signal' (number expected, got string)", 1, true), result.err)
  end)
end)
