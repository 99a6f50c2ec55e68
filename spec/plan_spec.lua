local data = require "spec.support.data"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"

describe("signalbox.explain", function()
  local path

  before_each(function()
    local store
    store, path = stores.open()
    assert(store:save_signals(data.signals(3)))
    store:close()
  end)

  it("shows how a statement finds its rows", function()
    assert.equal("SELECT * FROM signals WHERE canonical_key = ?\n" ..
      "  SEARCH signals USING INDEX sqlite_autoindex_signals_1 (canonical_key=?)",
      signalbox.explain("SELECT * FROM signals WHERE canonical_key = ?", path))
    assert.matches("\n  SCAN signals$",
      signalbox.explain("SELECT * FROM signals WHERE confidence > :least", path))
    assert.matches("SEARCH signals",
      signalbox.explain("SELECT * FROM signals WHERE id = ?1 OR id = ?2 OR id = ?1", path))
  end)

  it("shows the statements behind a call, and how each finds its rows", function()
    local plan = signalbox.explain(function(store)
      return store:get_signals_for_company "domain:acme.ai"
    end, path)
    assert.matches("^SELECT .*\n  SEARCH s USING INDEX", plan)
    plan = signalbox.explain(function(store)
      return store:signals { since = "2026-01-01" }
    end, path)
    assert.matches("signals_by_time", plan)
  end)

  it("shows how a statement that writes finds its rows, and changes nothing", function()
    assert.matches("SEARCH signals USING INTEGER PRIMARY KEY",
      signalbox.explain("UPDATE signals SET company_name = 'B' WHERE id = 1", path))
    local saved <close> = assert(signalbox.open(path))
    assert.equal("Company 1", saved:get_signal(1).company_name)
  end)

  it("shows what a call that writes does, and undoes it", function()
    local before = signalbox.open(path, { mode = "ro" })
    local known = before:get_stats()
    before:close()
    for verb, call in pairs {
      ["UPDATE OR FAIL signal_processing"] = function(store)
        return store:mark_pushed(1, "page")
      end,
      ["INSERT INTO company_claims"] = function(store) return store:claim {} end,
      ["INSERT INTO signals"] = function(store) return store:save_signal(data.signal {}) end,
    } do
      local plan = assert(signalbox.explain(call, path))
      assert.truthy(plan:find(verb, 1, true), plan)
    end
    local after <close> = assert(signalbox.open(path, { mode = "ro" }))
    assert.same(known, after:get_stats())
  end)

  it("gives what is wrong with a statement", function()
    local plan, err = signalbox.explain("SELECT nonsense FROM signals", path)
    assert.is_nil(plan)
    assert.equal("sql", err.code)
  end)

  it("is there for a database of an older schema, too", function()
    assert.equal(0, run({ "migrate", "down", path, "--to", "1004" }).status)
    assert.matches("SEARCH signals", signalbox.explain("SELECT 1 FROM signals WHERE id = 1", path))
  end)

  it("says what has no plan", function()
    assert.equal("signalbox: line 1: .explain: PRAGMA has no plan\n",
      run({ "repl", path, stdin = ".explain PRAGMA user_version\n" }).err)
  end)

  it("is .explain at the prompt, for statements and for calls", function()
    local result = run { "repl", path, stdin = ".explain SELECT 1 FROM signals WHERE id = 1\n" ..
      ".explain store:get_stats()\n" }
    assert.equal(0, result.status, result.err)
    assert.matches("SEARCH signals USING INTEGER PRIMARY KEY", result.out)
    assert.matches("FROM counters", result.out)
  end)
end)
