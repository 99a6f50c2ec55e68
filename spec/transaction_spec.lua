local data = require "spec.support.data"
local expect = require "spec.support.expect"
local signalbox = require "signalbox"
local stores = require "spec.support.store"

describe("store:transaction", function()
  local store, path

  before_each(function() store, path = stores.open() end)
  after_each(function() store:close() end)

  local function total() return store:get_stats().total_signals end

  local function save(key) return assert(store:save_signal(data.signal { canonical_key = key })) end

  it("gives what the function returned, after the commit", function()
    local results = table.pack(store:transaction(function(...)
      save "a"
      return "x", nil, 3, ...
    end, "given", nil))
    assert.same({ "x", nil, 3, "given", nil, n = 5 }, results)
    assert.equal(1, total())
  end)

  it("commits where the function returned nothing, true, or nil or false alone", function()
    for i, fn in ipairs {
      function() save "1" end,
      function() save "2" return true end,
      function() save "3" return nil end,
      function() save "4" return false end,
      function() save "5" return nil, nil end,
      function() save "6" return 0, "not an error" end,
    } do
      store:transaction(fn)
      assert.equal(i, total())
    end
    assert.equal(0, select("#", store:transaction(function() end)))
  end)

  it("rolls back and hands on nil or false with an error", function()
    local problem = { code = "mine" }
    assert.same({ nil, problem, "more", n = 3 }, table.pack(store:transaction(function()
      save "a"
      return nil, problem, "more"
    end)))
    assert.same({ false, "no", n = 2 }, table.pack(store:transaction(function()
      save "a"
      return false, "no"
    end)))
    assert.equal(0, total())
  end)

  it("rolls back what an error ended, and raises the same value", function()
    for _, problem in ipairs { "text", { code = "mine" }, 42, true, false } do
      local fine, raised = pcall(store.transaction, store, function()
        save "a"
        error(problem, 0)
      end)
      assert.is_false(fine)
      assert.equal(problem, raised)
    end
    local fine, raised = pcall(store.transaction, store, function() error() end)
    assert.is_false(fine)
    assert.is_nil(raised)
    assert.equal(0, total())
  end)

  it("leaves the place of an error in the traceback", function()
    local function deep_inside() error "here" end
    local _, trace = xpcall(store.transaction, debug.traceback, store, function() deep_inside() end)
    assert.truthy(trace:find("deep_inside", 1, true), trace)
  end)

  it("reads what it has written", function()
    store:transaction(function()
      local id = save "a"
      assert.equal("a", store:get_signal(id).canonical_key)
      assert.is_true(store:is_duplicate "a")
      assert.equal(1, #store:get_pending_signals())
      assert.equal(1, store:row("SELECT count(*) AS n FROM signals").n)
    end)
  end)

  it("is not seen by others before its commit", function()
    local other <close> = assert(signalbox.open(path))
    store:transaction(function()
      save "a"
      assert.is_false(other:is_duplicate "a")
    end)
    assert.is_true(other:is_duplicate "a")
  end)

  it("goes on after a call in it that failed", function()
    assert(store:transaction(function()
      save "a"
      expect.failure("duplicate", store:save_signal(data.signal { canonical_key = "a" }))
      expect.invalid("confidence", store:save_signal(data.signal { confidence = 5 }))
      expect.failure("not_found", store:mark_queued(99))
      expect.failure("sql", store:exec "SELEKT")
      save "b"
      return true
    end))
    assert.equal(2, total())
  end)

  it("can yield, and goes on when it is resumed", function()
    local task = coroutine.wrap(function()
      return store:transaction(function(...)
        save "a"
        local given = coroutine.yield(...)
        save "b"
        return given
      end, "first")
    end)
    assert.equal("first", task())
    assert.equal("second", task "second")
    assert.equal(2, total())
  end)

  it("that yields and raises then rolls back", function()
    local task = coroutine.create(function()
      store:transaction(function()
        save "a"
        coroutine.yield()
        error("late", 0)
      end)
    end)
    assert(coroutine.resume(task))
    local fine, raised = coroutine.resume(task)
    assert.is_false(fine)
    assert.equal("late", raised)
    assert(coroutine.close(task) == false or true)
    assert.equal(0, total())
    save "b"
  end)

  it("raises for what is no function", function()
    expect.each_type_but("function", function(value)
      expect.raises("bad argument #1 to 'transaction' (function expected",
        function() store:transaction(value) end)
    end)
  end)

  describe("in another", function()
    it("is a savepoint: it takes back its own writes only", function()
      assert(store:transaction(function()
        save "outer"
        store:transaction(function()
          save "inner"
          return nil, "no"
        end)
        pcall(store.transaction, store, function()
          save "inner"
          error "no"
        end)
        store:transaction(function() save "kept" end)
        return true
      end))
      assert.is_false(store:is_duplicate "inner")
      assert.is_true(store:is_duplicate "kept")
      assert.equal(2, total())
    end)

    it("goes when the outer one is rolled back", function()
      store:transaction(function()
        assert(store:transaction(function() return save "inner" end))
        return nil, "no"
      end)
      assert.equal(0, total())
    end)

    it("goes 100 deep", function()
      local function nest(depth)
        save("level " .. depth)
        if depth < 100 then store:transaction(nest, depth + 1) end
        if depth % 2 == 0 then return nil, "no" end
      end
      store:transaction(nest, 1)
      assert.equal(1, total())
    end)
  end)

  it("belongs to its coroutine: a write from another is busy at once", function()
    local began = signalbox.time(signalbox.now())
    store:transaction(function()
      save "a"
      coroutine.wrap(function()
        local err = expect.failure("busy", store:save_signal(data.signal { canonical_key = "b" }))
        assert.truthy(err.message:find("transaction_spec.lua:", 1, true), err.message)
        expect.failure("busy", store:save_signals { data.signal { canonical_key = "b" } })
        expect.failure("busy", store:mark_queued(1))
        expect.failure("busy", store:begin())
        expect.failure("busy", store:transaction(function() end))
        expect.failure("busy", store:claim())
        expect.failure("busy", store:update_suppression_cache { data.suppression() })
        expect.failure("busy", store:clean_expired_cache())
        expect.failure("busy", store:exec "DELETE FROM signals")
      end)()
    end)
    assert.equal(1, total())
    assert.is_true(signalbox.time(signalbox.now()) - began < 2)
  end)

  it("does not show in the reads of another coroutine", function()
    store:transaction(function()
      save "a"
      coroutine.wrap(function()
        assert.is_nil(store:get_signal(1))
        assert.is_false(store:is_duplicate "a")
        assert.same({}, store:get_pending_signals())
        assert.equal(0, store:get_stats().total_signals)
        assert.equal(0, store:row("SELECT count(*) AS n FROM signals").n)
      end)()
    end)
    assert.is_true(store:is_duplicate "a")
  end)

  it("of eight coroutines that take turns keeps every acknowledged save, and no other", function()
    local tasks, saved = {}, {}
    for task = 1, 8 do
      tasks[task] = coroutine.create(function()
        for round = 1, 10 do
          local key = task .. "/" .. round
          local function work()
            local id, err = store:save_signal(data.signal { canonical_key = key })
            coroutine.yield()
            if not id then return nil, err end
            if task == 8 then error("rolled back", 0) end
            return id
          end
          local fine, id = pcall(store.transaction, store, work)
          if fine and id then saved[key] = id end
          coroutine.yield()
        end
      end)
    end
    local running = true
    while running do
      running = false
      for _, task in ipairs(tasks) do
        if coroutine.status(task) == "suspended" then
          assert(coroutine.resume(task))
          running = true
        end
      end
    end
    local count = 0
    for key, id in pairs(saved) do
      count = count + 1
      assert.equal(key, store:get_signal(id).canonical_key)
    end
    assert.is_true(count > 0)
    assert.equal(count, total())
  end)

  it("waits for another program's up to busy_timeout", function()
    local other <close> = assert(signalbox.open(path, { busy_timeout = 0 }))
    store:transaction(function()
      expect.failure("busy", other:transaction(function() error "not run" end))
    end)
    assert.equal("run", other:transaction(function() return "run" end))
  end)
end)

describe("store:begin", function()
  local store

  before_each(function() store = stores.open() end)
  after_each(function() store:close() end)

  local function total() return store:get_stats().total_signals end

  local function save(key) return assert(store:save_signal(data.signal { canonical_key = key })) end

  it("gives a transaction to commit or to roll back", function()
    local transaction = assert(store:begin())
    save "a"
    assert.is_true(transaction:commit())
    transaction = assert(store:begin())
    save "b"
    assert.is_true(transaction:rollback())
    assert.equal(1, total())
  end)

  it("rolls back when the scope is left uncommitted, however it is left", function()
    do
      local transaction <close> = assert(store:begin())
      assert.truthy(transaction)
      save "a"
    end
    assert.equal(0, total())
    pcall(function()
      local _ <close> = assert(store:begin())
      save "a"
      error "no"
    end)
    assert.equal(0, total())
    do
      local transaction <close> = assert(store:begin())
      save "a"
      transaction:commit()
    end
    assert.equal(1, total())
  end)

  it("rolls back when it is dropped and collected", function()
    assert(store:begin())
    save "a"
    collectgarbage()
    collectgarbage()
    assert.equal(0, total())
  end)

  it("rolls back when its coroutine is dropped", function()
    local task = coroutine.create(function()
      local transaction <close> = assert(store:begin())
      assert.truthy(transaction)
      save "a"
      coroutine.yield()
    end)
    assert(coroutine.resume(task))
    task = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    save "b"
    assert.equal(1, total())
  end)

  it("nests", function()
    local outer <close> = assert(store:begin())
    save "a"
    do
      local inner <close> = assert(store:begin())
      assert.truthy(inner)
      save "b"
    end
    local inner <close> = assert(store:begin())
    save "c"
    assert(inner:commit())
    assert(outer:commit())
    assert.equal(2, total())
  end)

  it("of an outer one that ends takes the inner ones with it", function()
    local outer = assert(store:begin())
    local inner = assert(store:begin())
    save "a"
    assert(outer:rollback())
    expect.failure("conflict", inner:commit())
    expect.failure("conflict", inner:rollback())
    assert.equal(0, total())
  end)

  it("that is over is over: a later one is not touched by it", function()
    local first = assert(store:begin())
    assert(first:commit())
    local second = assert(store:begin())
    save "a"
    expect.failure("conflict", first:rollback())
    expect.failure("conflict", first:commit())
    first = nil -- luacheck: ignore
    collectgarbage()
    assert(second:commit())
    assert.equal(1, total())
  end)

  it("of a closed store gives closed", function()
    local transaction = assert(store:begin())
    store:close()
    expect.failure("closed", transaction:commit())
    expect.failure("closed", transaction:rollback())
    assert.equal("signalbox.transaction (over)", tostring(transaction))
    store = stores.open()
    expect.failure("closed", store:transaction(function() store:close() end))
  end)

  it("is committed by its own coroutine only", function()
    local transaction = assert(store:begin())
    save "a"
    coroutine.wrap(function() expect.failure("busy", transaction:commit()) end)()
    assert(transaction:commit())
    assert.equal(1, total())
  end)

  it("prints as what it is", function()
    local transaction = assert(store:begin())
    assert.equal("signalbox.transaction (open)", tostring(transaction))
    assert(transaction:commit())
    assert.equal("signalbox.transaction (over)", tostring(transaction))
  end)
end)
