local data = require "spec.support.data"
local expect = require "spec.support.expect"
local signalbox = require "signalbox"
local stores = require "spec.support.store"

describe("SQL of one's own", function()
  local store, path

  before_each(function() store, path = stores.open() end)
  after_each(function() store:close() end)

  describe("store:exec", function()
    it("gives the number of rows changed", function()
      assert.equal(0, store:exec "CREATE TABLE notes(id INTEGER PRIMARY KEY, text)")
      assert.equal(2, store:exec "INSERT INTO notes(text) VALUES('a'), ('b')")
      assert.equal(2, store:exec "UPDATE notes SET text = 'c'")
      assert.equal(0, store:exec "UPDATE notes SET text = 'd' WHERE id = 99")
      assert.equal(1, store:exec "DELETE FROM notes WHERE id = 1")
      assert.equal(0, store:exec "SELECT * FROM notes")
    end)

    it("is durable by itself, and part of a transaction in one", function()
      assert(store:exec "CREATE TABLE notes(text)")
      store:transaction(function()
        assert.equal(1, store:exec("INSERT INTO notes VALUES(?)", "a"))
        assert.equal(1, store:row("SELECT count(*) AS n FROM notes").n)
        return nil, "no"
      end)
      assert.equal(0, store:row("SELECT count(*) AS n FROM notes").n)
    end)

    it("keeps the counts true", function()
      assert(store:save_signals(data.signals(3)))
      assert.equal(1, store:exec "DELETE FROM signals WHERE id = 2")
      assert.equal(2, store:get_stats().total_signals)
      assert.equal(2, store:get_stats().processing_status.pending)
    end)
  end)

  describe("store:exec_many", function()
    before_each(function()
      assert(store:exec "CREATE TABLE notes(id INTEGER PRIMARY KEY, text NOT NULL, size)")
    end)

    local INSERT <const> = "INSERT INTO notes VALUES(?, ?, ?) ON CONFLICT (id) DO NOTHING"

    local function texts()
      return store:row("SELECT group_concat(text, ' ') AS all_of_them FROM notes").all_of_them
    end

    it("runs a statement for each list of values: rows changed, in all and by each", function()
      local changed, each = store:exec_many(INSERT,
        { { 1, "a", 0.5 }, { 2, "b", signalbox.null }, { 1, "c", true } })
      assert.equal(2, changed)
      assert.same({ 1, 1, 0 }, each)
      assert.same({ size = 0.5 }, store:row "SELECT size FROM notes WHERE id = 1")
      assert.same({}, store:row "SELECT size FROM notes WHERE id = 2")
      assert.equal(2, (store:exec_many("UPDATE notes SET text = ?", { { "d" } })))
    end)

    it("has nothing to do for an empty list", function()
      local changed, each = store:exec_many(INSERT, {})
      assert.equal(0, changed)
      assert.same({}, each)
    end)

    it("is all or nothing, and says which row it was", function()
      assert.equal(1, (store:exec_many(INSERT, { { 1, "a", 1 } })))
      local rows = { { 2, "b", 2 }, { 3, signalbox.null, 3 }, { 4, "d", 4 } }
      local err = expect.failure("invalid", store:exec_many(INSERT, rows))
      assert.equal(2, err.detail.index)
      assert.equal("a", texts())
      assert(store:transaction(function()
        assert(store:exec_many(INSERT, { { 5, "e", 5 } }))
        expect.failure("invalid", store:exec_many(INSERT, rows))
        return true
      end))
      assert.equal("a e", texts())
    end)

    it("keeps the counts true", function()
      assert(store:save_signals(data.signals(4)))
      local deleted = store:exec_many("DELETE FROM signals WHERE id = ?", { { 1 }, { 3 }, { 9 } })
      assert.equal(2, deleted)
      assert.equal(2, store:get_stats().total_signals)
    end)

    it("is for statements that write, and give no rows", function()
      for _, sql in ipairs { "SELECT ?", "INSERT INTO notes(text) VALUES(?) RETURNING id" } do
        local err = expect.failure("sql", store:exec_many(sql, { { "a" } }))
        assert.truthy(err.message:find("use store:rows", 1, true), err.message)
      end
    end)

    it("wants a value for each parameter in each row", function()
      local err = expect.failure("sql", store:exec_many(INSERT, { { 1, "a", 1 }, { 2, "b" } }))
      assert.equal("row 2 has 2 values, and the statement 3 parameters", err.message)
      assert.equal(2, err.detail.index)
      err = expect.invalid("parameter", store:exec_many(INSERT, { { 1, "a", 0 / 0 } }))
      assert.equal(1, err.detail.index)
      assert.is_nil(texts())
      expect.raises("row 2: list of values expected, got string",
        function() store:exec_many(INSERT, { { 1, "a", 1 }, "b" }) end)
      expect.raises("row 1: string, number, boolean or nil expected, got function",
        function() store:exec_many(INSERT, { { 1, print, 1 } }) end)
      expect.raises("table expected", function() store:exec_many(INSERT) end)
    end)

    it("is refused while another task is in a transaction", function()
      local other = coroutine.wrap(function()
        assert(store:transaction(function() coroutine.yield() return true end))
      end)
      other()
      expect.failure("busy", store:exec_many(INSERT, { { 1, "a", 1 } }))
      other()
      assert(store:exec_many(INSERT, { { 1, "a", 1 } }))
    end)
  end)

  describe("store:row", function()
    it("gives the first row as a table by column name", function()
      assert(store:save_signals(data.signals(3)))
      assert.same({ id = 2, key = "domain:company-2.com" },
        store:row "SELECT id, canonical_key AS key FROM signals WHERE id >= 2 ORDER BY id")
    end)

    it("gives nil alone where there is none", function()
      assert.equal(1, select("#", store:row "SELECT id FROM signals"))
      assert.is_nil(store:row "SELECT id FROM signals")
    end)

    it("gives what a writing statement returns", function()
      assert(store:exec "CREATE TABLE notes(id INTEGER PRIMARY KEY, text)")
      assert.same({ id = 1 }, store:row("INSERT INTO notes(text) VALUES(?) RETURNING id", "a"))
      assert.equal(1, store:row("SELECT count(*) AS n FROM notes").n)
    end)
  end)

  describe("store:rows", function()
    it("gives each row to a for", function()
      assert(store:save_signals(data.signals(5)))
      local seen = {}
      for row in store:rows("SELECT id, confidence FROM signals WHERE id > ? ORDER BY id", 2) do
        seen[#seen + 1] = row
      end
      assert.same({ { id = 3, confidence = 0.8 }, { id = 4, confidence = 0.8 },
        { id = 5, confidence = 0.8 } }, seen)
    end)

    it("names its columns in their order while it is open, also of no rows", function()
      local function columns(sql)
        local _, _, _, closing = store:rows(sql)
        local named <close> = closing
        return closing.columns, named
      end
      assert(store:save_signals(data.signals(2)))
      assert.same({ "z", "a", "z" }, (columns "SELECT 1 AS z, NULL AS a, 2 AS z FROM signals"))
      assert.same({ "id", "text" }, (columns "SELECT id, 'x' AS text FROM signals WHERE id = 0"))
      assert.same({ "id" }, (columns "UPDATE signals SET confidence = 1 RETURNING id"))
      local names, closed = columns "SELECT 1 AS one"
      assert.same({ "one" }, names)
      assert.is_nil(closed.columns)
      assert.is_nil(closed.rows)

      local step, _, _, closing = store:rows "SELECT id FROM signals"
      store:close()
      assert.same({ "id" }, closing.columns)
      expect.raises("closed", step)
    end)

    it("sees one moment", function()
      assert(store:save_signals(data.signals(5)))
      local seen = 0
      for row in store:rows "SELECT id FROM signals" do
        seen = seen + 1
        assert(store:save_signal(data.signal { canonical_key = "new " .. row.id }))
        assert(store:exec("DELETE FROM signals WHERE id = ?", 6 - row.id))
      end
      assert.equal(5, seen)
    end)

    it("keeps its parameters while it runs", function()
      assert(store:save_signals(data.signals(50)))
      local names = { text = "prefix " .. os.time() }
      local seen = 0
      for row in store:rows("SELECT :text AS text, id FROM signals", names) do
        seen = seen + 1
        names.text = "other " .. seen
        collectgarbage()
        assert.truthy(row.text:find "^prefix ")
      end
      assert.equal(50, seen)
    end)

    it("gives the rows of a writing statement, which has run to its end", function()
      assert(store:save_signals(data.signals(3)))
      for row in store:rows "DELETE FROM signals RETURNING id" do
        assert.is_nil(store:get_signal(row.id))
        if row.id then break end
      end
      assert.equal(0, store:get_stats().total_signals)
    end)
  end)

  describe("parameters", function()
    local function echo(...) return store:row("SELECT ? AS value", ...).value end

    it("carry every value exactly", function()
      for _, value in ipairs { 0, 1, -1, math.maxinteger, math.mininteger, 0.5, 1e308, 5e-324,
        math.huge, -math.huge, "", "text", "漢字 😀", ("x"):rep(100000), "a\0b", "\xff\xfe" } do
        assert.equal(value, echo(value))
        assert.equal(math.type(value), math.type(echo(value)))
      end
      assert.is_nil(echo(nil))
      assert.is_nil(echo(signalbox.null))
      assert.equal(1, echo(true))
      assert.equal(0, echo(false))
    end)

    it("are never spliced", function()
      assert(store:save_signal(data.signal()))
      local evil = "'; DELETE FROM signals; --"
      assert.equal(evil, echo(evil))
      assert.is_nil(store:row("SELECT id FROM signals WHERE canonical_key = ?", evil))
      assert.equal(1, store:get_stats().total_signals)
    end)

    it("are texts where they are UTF-8, and blobs where not", function()
      assert.equal("text", store:row("SELECT typeof(?) AS t", "caf\u{e9}").t)
      assert.equal("blob", store:row("SELECT typeof(?) AS t", "caf\xe9").t)
    end)

    it("may be positions, with a nil among them or at the end", function()
      local row = store:row("SELECT ? AS a, ?2 AS b, ? AS c", 1, nil, nil)
      assert.equal(1, row.a)
      assert.is_nil(row.b)
      assert.is_nil(row.c)
    end)

    it("may be names", function()
      assert.same({ a = 1, b = "x", c = 1 },
        store:row("SELECT :a AS a, @b AS b, $a AS c", { a = 1, b = "x" }))
      assert.equal(2, store:row("SELECT count(*) AS n FROM (SELECT :a UNION SELECT :b)",
        { a = 1, b = 2 }).n)
    end)

    it("of a name that the table has not are NULL", function()
      assert.is_nil(store:row("SELECT :a AS a", {}).a)
      assert.is_nil(store:row("SELECT :a AS a", { a = signalbox.null }).a)
    end)

    it("of a name that the statement has not are refused: it is misspelt", function()
      local err = expect.failure("sql", store:row("SELECT :name AS a", { nmae = 1 }))
      assert.truthy(err.message:find("nmae", 1, true), err.message)
    end)

    it("without a name cannot be given in a table of names", function()
      expect.failure("sql", store:row("SELECT ?, :a", { a = 1 }))
    end)

    it("must be as many as the statement has", function()
      for _, call in ipairs { "exec", "row", "rows" } do
        expect.failure("sql", store[call](store, "SELECT ?, ?", 1))
        expect.failure("sql", store[call](store, "SELECT ?, ?"))
        expect.failure("sql", store[call](store, "SELECT ?, ?", 1, 2, 3))
        expect.failure("sql", store[call](store, "SELECT 1", 1))
      end
    end)

    it("that are no number are refused", function()
      expect.invalid("parameter", store:row("SELECT ?", 0 / 0))
      expect.invalid("parameter", store:exec("SELECT ?, ?", 1, 0 / 0))
      expect.invalid("parameter", store:rows("SELECT :a", { a = 0 / 0 }))
    end)

    it("of a type that SQL has not raise", function()
      for _, value in ipairs { print, coroutine.create(print), io.stdout } do
        for _, call in ipairs { "exec", "row", "rows" } do
          expect.raises("(string, number, boolean or nil expected",
            function() store[call](store, "SELECT ?", value) end)
          expect.raises("field 'a': string, number, boolean or nil expected",
            function() store[call](store, "SELECT :a", { a = value }) end)
        end
      end
      expect.raises("bad argument #3 to 'row'", function() store:row("SELECT ?, ?", 1, {}) end)
      expect.raises("a table of named parameters expected",
        function() store:row("SELECT ?", { 1 }) end)
    end)
  end)

  describe("with something wrong", function()
    it("says what is wrong with the statement", function()
      for _, sql in ipairs { "SELEKT", "SELECT * FROM nowhere", "SELECT", "SELECT (", "", "-- only",
        "SELECT 1; SELECT 2" } do
        for _, call in ipairs { "exec", "row", "rows" } do
          local err = expect.failure("sql", store[call](store, sql))
          assert.truthy(#err.message > 0)
        end
      end
    end)

    it("refuses what is the store's to do", function()
      for _, sql in ipairs { "BEGIN", "BEGIN IMMEDIATE", "COMMIT", "END", "ROLLBACK", "SAVEPOINT a",
        "RELEASE a", "ROLLBACK TO a", "ATTACH 'x.db' AS x", "DETACH x", "VACUUM INTO 'copy.db'",
        "PRAGMA journal_mode = DELETE", "PRAGMA synchronous = OFF", "PRAGMA wal_checkpoint",
        "PRAGMA wal_autocheckpoint = 1", "PRAGMA locking_mode = EXCLUSIVE" } do
        expect.failure("sql", store:exec(sql))
        expect.failure("sql", store:row(sql))
        expect.failure("sql", store:rows(sql))
        store:transaction(function() expect.failure("sql", store:exec(sql)) end)
      end
    end)

    it("refuses VACUUM whatever stands before it", function()
      local mark = "\xEF\xBB\xBF" -- of byte order: a space, to the engine
      for _, before in ipairs { "", mark, " ;\n", "-- once\n", "/* once */" .. mark } do
        local err = expect.failure("sql", store:exec(before .. "VACUUM INTO 'copy.db'"))
        assert.truthy(err.message:find("VACUUM is not allowed", 1, true), err.message)
      end
    end)

    it("refuses TEMP, which the connection that reads rows would not see", function()
      assert(store:exec "CREATE TABLE notes(text)")
      for _, sql in ipairs { "CREATE TEMP TABLE t(a)", "CREATE TABLE temp.t(a)",
        "CREATE TEMP VIEW v AS SELECT 1", "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE TEMP TRIGGER g AFTER INSERT ON notes BEGIN SELECT 1; END" } do
        local err = expect.failure("sql", store:exec(sql))
        assert.truthy(err.message:find("TEMP", 1, true), err.message)
      end
    end)

    it("runs a statement as often as one likes, whatever stands behind its semicolon", function()
      for _ = 1, 3 do
        assert.equal(1, store:row("SELECT 1 AS n; -- one").n)
        assert.equal(1, store:row("SELECT 1 AS n;" .. (" "):rep(1000)).n)
        expect.failure("sql", store:row "SELECT 1 AS n; SELECT 2")
      end
    end)

    it("runs what another program's trigger does, from the moment that it is there", function()
      assert(store:exec "CREATE TABLE notes(text)")
      assert(store:save_signal(data.signal())) -- our connection counts, without triggers
      assert(os.execute(string.format([[sqlite3 '%s' "
        CREATE TRIGGER copied AFTER INSERT ON notes WHEN NEW.text = 'a' BEGIN
          INSERT INTO notes VALUES('copy');
        END"]], path)))
      assert(store:exec "INSERT INTO notes VALUES('a')")
      assert.equal(2, store:row("SELECT count(*) AS n FROM notes").n)
    end)

    it("takes back a statement that breaks a constraint", function()
      assert(store:save_signals(data.signals(2)))
      expect.failure("duplicate", store:exec "UPDATE signals SET id = 1")
      expect.failure("invalid", store:exec "UPDATE signals SET confidence = 5")
      assert.equal(0.8, store:get_signal(2).confidence)
    end)

    it("raises for a statement that is no text", function()
      expect.each_type_but("string", function(value)
        for _, call in ipairs { "exec", "row", "rows" } do
          expect.raises("(string expected", function() store[call](store, value) end)
        end
      end)
    end)
  end)
end)
