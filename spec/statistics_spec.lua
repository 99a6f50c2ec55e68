local data = require "spec.support.data"
local signalbox = require "signalbox"
local stores = require "spec.support.store"

describe("store:get_stats", function()
  local store, path

  before_each(function() store, path = stores.open() end)
  after_each(function() store:close() end)

  it("of an empty store has a zero for every state", function()
    assert.same({
      total_signals = 0,
      signals_by_type = {},
      processing_status = { pending = 0, queued = 0, pushed = 0, rejected = 0, failed = 0 },
      active_suppression_entries = 0,
      held = 0,
      database_path = path,
    }, store:get_stats())
  end)

  it("counts signals by type and by state, entries, and companies that wait", function()
    assert(store:save_signals(data.signals(5)))
    assert(store:save_signals(data.signals(2, { signal_type = "launch" })))
    assert(store:mark_pushed(1, "page"))
    assert(store:mark_rejected(2, "reason"))
    assert(store:update_suppression_cache {
      data.suppression(), data.suppression { canonical_key = "over", expires_at = "2020-01-01" } })
    assert(store:claim { limit = 1 }[1]:hold { reason = "one source" })
    local stats = store:get_stats()
    assert.equal(7, stats.total_signals)
    assert.same({ github_spike = 5, launch = 2 }, stats.signals_by_type)
    assert.same({ pending = 5, queued = 0, pushed = 1, rejected = 1, failed = 0 },
      stats.processing_status)
    assert.equal(1, stats.active_suppression_entries)
    assert.equal(1, stats.held)
  end)

  it("is of one moment, for one statement gives it", function()
    local traced <close> = assert(signalbox.open(path, { mode = "ro", trace = true }))
    traced:traced()
    assert(traced:get_stats())
    assert.equal(1, #traced:traced())
  end)

  it("forgets a type that no signal has any more", function()
    assert(store:save_signals(data.signals(2)))
    assert.equal(2, store:exec "DELETE FROM signals")
    assert.same({}, store:get_stats().signals_by_type)
    assert.equal(0, store:get_stats().total_signals)
    assert.equal(0, store:get_stats().processing_status.pending)
  end)

  it("inside a transaction counts its writes, and forgets them with it", function()
    store:transaction(function()
      assert(store:save_signals(data.signals(3)))
      assert.equal(3, store:get_stats().total_signals)
      return nil, "no"
    end)
    assert.equal(0, store:get_stats().total_signals)
  end)

  it("counts what other programs write", function()
    assert(store:save_signals(data.signals(3)))
    assert(os.execute("sqlite3 " .. path .. " \"DELETE FROM signals WHERE id = 1;" ..
      "UPDATE signal_processing SET status = 'failed' WHERE signal_id = 2;" ..
      "INSERT INTO signals(signal_type, source_api, canonical_key, confidence, raw_data," ..
      " detected_at, created_at) VALUES('other', 's', 'k', .5, '{}', '2026', '2026')\""))
    local stats = store:get_stats()
    assert.equal(3, stats.total_signals)
    assert.same({ github_spike = 2, other = 1 }, stats.signals_by_type)
    assert.equal(1, stats.processing_status.failed)
  end)
end)
