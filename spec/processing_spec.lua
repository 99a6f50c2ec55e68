local data = require "spec.support.data"
local expect = require "spec.support.expect"
local signalbox = require "signalbox"
local stores = require "spec.support.store"

describe("what becomes of a signal", function()
  local store, id

  before_each(function()
    store = stores.open()
    id = assert(store:save_signal(data.signal()))
  end)
  after_each(function() store:close() end)

  local function recent(text)
    assert.near(signalbox.time(signalbox.now()), signalbox.time(text), 60)
  end

  it("mark_pushed keeps the page and the time", function()
    assert.is_true(store:mark_pushed(id, "page-1"))
    local signal = store:get_signal(id)
    assert.equal("pushed", signal.status)
    assert.equal("page-1", signal.notion_page_id)
    recent(signal.processed_at)
    assert.is_nil(signal.metadata)
  end)

  it("mark_rejected keeps the reason and the time", function()
    assert.is_true(store:mark_rejected(id, "too early"))
    local signal = store:get_signal(id)
    assert.equal("rejected", signal.status)
    assert.equal("too early", signal.error_message)
    recent(signal.processed_at)
  end)

  it("mark_failed keeps the reason, for a person to look at", function()
    assert.is_true(store:mark_failed(id, "10 attempts"))
    local signal = store:get_signal(id)
    assert.equal("failed", signal.status)
    assert.equal("10 attempts", signal.error_message)
  end)

  it("mark_queued says that a push is on its way", function()
    assert.is_true(store:mark_queued(id, { attempt = 1 }))
    local signal = store:get_signal(id)
    assert.equal("queued", signal.status)
    assert.same({ attempt = 1 }, signal.metadata)
  end)

  it("reopen makes it pending again, and forgets page, reason and time", function()
    for _, mark in ipairs {
      function() return store:mark_pushed(id, "page-1") end,
      function() return store:mark_rejected(id, "reason") end,
      function() return store:mark_failed(id, "reason") end,
      function() return store:mark_queued(id) end,
    } do
      assert(mark())
      assert.is_true(store:reopen(id))
      local signal = store:get_signal(id)
      assert.equal("pending", signal.status)
      assert.is_nil(signal.notion_page_id)
      assert.is_nil(signal.error_message)
      assert.is_nil(signal.processed_at)
      assert.same({ id }, stores.pluck("id", store:get_pending_signals()))
    end
  end)

  it("can be marked again: the last word counts", function()
    assert(store:mark_rejected(id, "reason"))
    assert(store:mark_pushed(id, "page-1"))
    local signal = store:get_signal(id)
    assert.equal("pushed", signal.status)
    assert.equal("page-1", signal.notion_page_id)
    assert(store:mark_pushed(id, "page-2"))
    assert.equal("page-2", store:get_signal(id).notion_page_id)
  end)

  it("takes metadata as a table, or as JSON text that is kept byte for byte", function()
    assert(store:mark_pushed(id, "page-1", { run = 7, keys = signalbox.array {} }))
    assert.equal('{"keys":[],"run":7}', store:get_signal(id).metadata_json)
    assert(store:mark_pushed(id, "page-1", '{"run" : 8}'))
    assert.equal('{"run" : 8}', store:get_signal(id).metadata_json)
    assert.same({ run = 8 }, store:get_signal(id).metadata)
  end)

  it("keeps the metadata that is there where none is given", function()
    assert(store:mark_queued(id, { attempt = 1 }))
    assert(store:mark_pushed(id, "page-1"))
    assert.same({ attempt = 1 }, store:get_signal(id).metadata)
  end)

  it("is counted by get_processing_stats", function()
    assert.same({ pending = 1, queued = 0, pushed = 0, rejected = 0, failed = 0 },
      store:get_processing_stats())
    assert(store:save_signals(data.signals(5)))
    assert(store:mark_pushed(1, "page"))
    assert(store:mark_rejected(2, "reason"))
    assert(store:mark_queued(3))
    assert(store:mark_failed(4, "reason"))
    assert.same({ pending = 2, queued = 1, pushed = 1, rejected = 1, failed = 1 },
      store:get_processing_stats())
    assert(store:reopen(1))
    assert.same({ pending = 3, queued = 1, pushed = 0, rejected = 1, failed = 1 },
      store:get_processing_stats())
  end)

  describe("in a predecessor's file", function()
    local function predecessors_row(status, reason)
      assert(store:exec(
        [[INSERT INTO signal_processing(signal_id, status, error_message, created_at,
        updated_at) VALUES(?, ?, ?, '2026-01-01', '2026-01-01')]], id, status, reason))
    end

    it("can stand in several rows: the last one counts", function()
      local other = assert(store:save_signal(data.signal { canonical_key = "domain:b.ai" }))
      predecessors_row("pushed")
      predecessors_row("rejected", "the last word")
      for _, order in ipairs { "newest", "oldest", "id" } do
        local found = {}
        for signal in store:signals { order = order } do found[signal.id] = signal end
        assert.equal("the last word", found[id].error_message)
        assert.equal("pending", found[other].status)
        assert.equal(2, #stores.pluck("id", assert(store:signals { order = order, limit = 2 })))
      end
      assert.equal("rejected", store:get_signal(id).status)
      assert.equal(1, #store:get_signals_for_company "domain:acme.ai")
      assert.same({ id }, stores.pluck("id", assert(store:signals { status = "rejected" })))
      assert.same({}, stores.pluck("id", assert(store:signals { status = "pushed" })))
      assert.same({ other }, stores.pluck("id", store:get_pending_signals()))
    end)

    it("can stand in none: it has no state, and is marked like any other", function()
      assert(store:exec "DELETE FROM signal_processing")
      assert.is_nil(store:get_signal(id).status)
      for signal in store:signals() do assert.is_nil(signal.status) end
      assert(store:mark_rejected(id, "reason"))
      assert.equal("rejected", store:get_signal(id).status)
    end)
  end)

  describe("with something wrong", function()
    local calls = {
      mark_pushed = function(...) return store:mark_pushed(...) end,
      mark_rejected = function(...) return store:mark_rejected(...) end,
      mark_failed = function(...) return store:mark_failed(...) end,
      mark_queued = function(...) return store:mark_queued(...) end,
      reopen = function(...) return store:reopen(...) end,
    }

    it("says that there is no such signal", function()
      for _, missing in ipairs { id + 1, 0, -1, math.maxinteger } do
        for name, call in pairs(calls) do
          local text = name ~= "mark_queued" and "text" or nil
          local err = expect.failure("not_found", call(missing, text))
          assert.truthy(err.message:find(tostring(missing), 1, true), err.message)
        end
      end
    end)

    it("refuses texts that are empty, not UTF-8, or have a NUL", function()
      for _, text in ipairs { "", "a\0b", "\xff" } do
        expect.invalid("notion_page_id", store:mark_pushed(id, text))
        expect.invalid("reason", store:mark_rejected(id, text))
        expect.invalid("reason", store:mark_failed(id, text))
      end
      assert.equal("pending", store:get_signal(id).status)
    end)

    it("refuses metadata that JSON cannot hold", function()
      for _, metadata in ipairs { "", "{", "NaN", { print }, { 0 / 0 }, { "\xff" } } do
        expect.invalid("metadata", store:mark_pushed(id, "page", metadata))
        expect.invalid("metadata", store:mark_rejected(id, "reason", metadata))
        expect.invalid("metadata", store:mark_failed(id, "reason", metadata))
        expect.invalid("metadata", store:mark_queued(id, metadata))
      end
      assert.equal("pending", store:get_signal(id).status)
    end)

    it("raises for arguments of the wrong type", function()
      expect.each_type_but("number", function(value)
        for name, call in pairs(calls) do
          expect.raises("number expected, got ", call, value, name ~= "mark_queued" and "x" or nil)
        end
      end)
      expect.each_type_but("string", function(value)
        for _, name in ipairs { "mark_pushed", "mark_rejected", "mark_failed" } do
          expect.raises("string expected, got ", calls[name], id, value)
        end
      end)
      for _, name in ipairs { "mark_pushed", "mark_rejected", "mark_failed" } do
        expect.raises("string expected, got no value", calls[name], id)
      end
      expect.each_type_but("table string", function(value)
        expect.raises("bad argument #3 to 'mark_pushed' (table or string expected",
          function() store:mark_pushed(id, "page", value) end)
        expect.raises("bad argument #3 to 'mark_rejected' (table or string expected",
          function() store:mark_rejected(id, "reason", value) end)
        expect.raises("bad argument #3 to 'mark_failed' (table or string expected",
          function() store:mark_failed(id, "reason", value) end)
        expect.raises("bad argument #2 to 'mark_queued' (table or string expected",
          function() store:mark_queued(id, value) end)
      end)
      assert.equal("pending", store:get_signal(id).status)
    end)
  end)
end)
