--- What hostile rule files try. Each is {what it is after, the body of a rule's `when`}; a body
-- gives true where it got what it wanted. One that hogs time, memory or output gets nothing, and
-- must end.
local M = {}

--- Names that a rule file must not find.
M.forbidden_globals = {
  "arg", "collectgarbage", "coroutine", "debug", "dofile", "getmetatable", "io", "load", "loadfile",
  "loadstring", "module", "os", "package", "print", "rawset", "require", "setfenv", "getfenv",
  "warn", "xpcall", "_G", "_ENV_", "tools", "signalbox", "jit", "ffi", "bit", "newproxy", "gcinfo",
}

--- Fields of the library that it must not find.
M.forbidden_fields = {
  "string.dump", "string.pack", "string.unpack", "string.packsize", "math.randomseed",
  "table.foreach", "store.exec", "store.begin", "store.transaction", "store.save_signal",
  "store.save_signals", "store.mark_pushed", "store.mark_rejected", "store.mark_failed",
  "store.mark_queued", "store.reopen", "store.claim", "store.update_suppression_cache",
  "store.clean_expired_cache", "store.close", "store.backup", "store.checkpoint", "store.export",
  "store.import", "store.migrate",
}

M.lua = {
  -- Out by way of metatables.
  { "the string metatable's library", [[return ("").dump ~= nil]] },
  { "bytecode through a string's method", [[return (("").dump)(function() end) ~= nil]] },
  { "string.rep by method, unbounded", [[return #("x"):rep(1 << 30) > 0]] },
  { "a finalizer", [[setmetatable({}, { __gc = function() end }) return true]] },
  { "a finalizer by inheritance", [[
      local mt = setmetatable({}, { __index = { __gc = function() end } })
      setmetatable({}, mt) return false]] },
  { "a finalizer added later", [[
      local mt = {} local hit
      setmetatable({}, mt) mt.__gc = function() hit = true end
      for i = 1, 1e5 do local _ = {} end return hit]] },
  { "a weak table", [[setmetatable({}, { __mode = "k" }) return true]] },
  { "a weak table, made so later", [[
      local mt = {} local t = setmetatable({}, mt) mt.__mode = "k"
      t[{}] = 1 for i = 1, 2e5 do local _ = {} end return next(t) == nil]] },
  { "a closing value of one's own", [[
      local x <close> = setmetatable({}, { __close = function() end }) return true]] },
  { "a metatable of a string", [[return setmetatable("x", {}) ~= nil]] },
  { "a metatable of a function", [[return setmetatable(pairs, {}) ~= nil]] },
  { "a metatable of the store", [[return setmetatable(store, {}) ~= nil]] },
  { "writing into the store's methods", [[store.row = 1 return true]] },
  { "writing into the store's metatable", [[return store.__index ~= nil or store.__gc ~= nil]] },
  { "a protected metatable's taking off", [[
      local s = setmetatable({}, { __metatable = 1 }) setmetatable(s, nil) return false]] },
  { "__index of a recursive chain", [[
      local t = {} setmetatable(t, { __index = function(_, k) return t[k .. "x"] end })
        return t.a]] },
  { "__newindex onto itself", [[
      local t = {} setmetatable(t, { __newindex = function(_, k, v) t[k] = v end
        }) t.a = 1 return true]] },
  { "__tostring that gives a table", [[
      return tostring(setmetatable({}, { __tostring = function() return {} end })) ~= nil]] },
  { "__eq without end", [[
      local mt = {} local a, b = setmetatable({}, mt), setmetatable({}, mt)
      mt.__eq = function() return a == b end setmetatable(a, { __eq = function()
        return a == b end })
      return a == b]] },
  { "__concat without end", [[
      local t t = setmetatable({}, { __concat = function() return t .. "x" end })
        return t .. "y"]] },
  { "__len that lies to table.unpack", [[
      return select("#", table.unpack(setmetatable({}, { __len = function() return 1 << 40 end
        }))) > 0]] },
  { "__len that lies to table.concat", [[
      return table.concat(setmetatable({}, { __len = function() return 1 << 40 end,
        __index = function() return "x" end })) ~= nil]] },
  { "__len that lies to table.insert", [[
      table.insert(setmetatable({}, { __len = function() return math.maxinteger end }),
        1) return false]] },
  { "__len that lies to table.remove", [[
      table.remove(setmetatable({}, { __len = function() return 1 << 60 end }), 1) return true]] },
  { "__len that lies to table.sort", [[
      table.sort(setmetatable({}, { __len = function() return 1 << 30 end })) return true]] },
  { "__lt that lies to table.sort", [[
      local t = {} for i = 1, 1000 do t[i] = i end
      table.sort(t, function() return true end) return true]] },
  { "an iterator that never ends", [[
      for _ in function() return 1 end do end return true]] },
  { "__pairs that never ends", [[
      for _ in pairs(setmetatable({}, { __pairs = function() return function() return 1 end end
        })) do end
      return true]] },
  { "the metatable of a signal", [[
      for s in store:signals{} do s.__index = 1 return setmetatable(s, nil) == nil end]] },
  { "a signal's lazy fields, called wrong", [[
      for s in store:signals{} do return s.raw_data.__index ~= nil end]] },
  { "an iterator taken out of its loop", [[
      local f, a, b, c = store:signals{} f() c = nil f() f() f() return false]] },
  { "an iterator used after the state is busy", [[
      local list = {} for i = 1, 300 do list[i] = store:signals{} end
      for i = 1, 300 do list[i]() end return false]] },
  { "store methods on something else", [[return store.row({}, "SELECT 1") ~= nil]] },
  { "store methods without anything", [[return store.row() ~= nil]] },
  { "a store made of a table",
    [[return store.signals(setmetatable({}, { __index = store }), {}) ~= nil]] },

  -- Time.
  { "a loop without end", [[while true do end]] },
  { "a loop that catches its own end",
    [[while true do pcall(function() while true do end end) end]] },
  { "pcall within pcall", [[local function f() return pcall(f) end return f() and false]] },
  { "recursion without end", [[local function f() return 1 + f() end return f()]] },
  { "tail calls without end", [[local function f() return f() end return f()]] },
  { "mutual pcall", [[local function f() pcall(f) pcall(f) end f() return false]] },
  { "goto without end", [[::a:: goto a]] },
  { "numeric for to the end of numbers", [[for i = 1, math.maxinteger do end return true]] },
  { "find, backtracking", [[return ("a"):rep(30000):find(("a-"):rep(40) .. "b") ~= nil]] },
  { "gsub, backtracking", [[return ("a"):rep(30000):gsub((".-"):rep(30) .. "b", "") == nil]] },
  { "gmatch, backtracking", [[
      for _ in ("a"):rep(30000):gmatch((".-"):rep(30) .. "b") do end return false]] },
  { "match with deep captures", [[return ("x"):rep(1000):match(("(" ):rep(40) .. ".") ~= nil]] },
  { "balanced match on a long text", [[return ("("):rep(1 << 20):find("%b()") ~= nil]] },
  { "frontier without end", [[return ("x"):rep(1 << 20):gsub("%f[y]", "") == nil]] },
  { "concat of a large table, again and again", [[
      local t = {} for i = 1, 1e5 do t[i] = "xxxxxxxxxx" end
      while true do table.concat(t) end]] },
  { "sorting again and again", [[
      local t = {} for i = 1, 1e5 do t[i] = i % 97 end
      while true do table.sort(t, function(a, b) return a > b end) end]] },
  { "table.move over everything", [[table.move({}, 1, math.maxinteger, 2) return true]] },
  { "table.unpack of everything", [[return select("#", table.unpack({}, 1, 1e8)) > 0]] },
  { "table.unpack at the edge of integers", [[
      return select("#", table.unpack({}, math.mininteger, math.maxinteger)) > 0]] },
  { "select from the far end", [[return select(-1e9, 1) ~= nil]] },
  { "string.format with a huge width", [[return #string.format("%99999d", 1) > 0]] },
  { "string.format, many times",
    [[return #string.format(("%99.99f"):rep(20000), table.unpack({}, 1, 4000)) > 0]] },
  { "string.format %p for addresses of C functions", [[
      return tonumber(string.format("%p", pairs)) == 0]] },
  { "string.char of too much", [[return #string.char(table.unpack({}, 1, 4096)) > 0]] },
  { "utf8.char of nonsense", [[return utf8.char(1 << 40) ~= nil]] },
  { "utf8.codes over stray bytes", [[
      for _ in utf8.codes(("\xbf"):rep(100)) do end return false]] },
  { "tostring of a huge number of things", [[
      for i = 1, 1e9 do local _ = tostring({}) end return true]] },
  { "tonumber of a huge text", [[return tonumber(("9"):rep(1 << 20)) == 0]] },
  { "an error that is a table with a slow __tostring", [[
      error(setmetatable({}, { __tostring = function() while true do end end }))]] },
  { "an error that is nil", [[error(nil)]] },
  { "an error with a NUL and controls", [[error("a\0b\27[31m")]] },
  { "an error of a megabyte", [[error(("x"):rep(1 << 20))]] },

  -- Memory.
  { "a string that doubles", [[local s = "x" while true do s = s .. s end]] },
  { "a table that grows", [[local t = {} for i = 1, 1e9 do t[i] = i end return true]] },
  { "a table of tables", [[local t = {} while true do t = { t } end]] },
  { "closures without end", [[local f while true do local g = f f = function() return g end end]] },
  { "many large strings",
    [[local t = {} for i = 1, 1e6 do t[i] = ("x"):rep(1 << 19) .. i end return true]] },
  { "memory, caught", [[
      local t = {} while true do pcall(function() for i = 1, 1e9 do
        t[#t + 1] = ("x"):rep(1000) .. i end end) end]] },
  { "gsub that explodes", [[return #("x"):rep(1 << 19):gsub(".", ("y"):rep(1000)) > 0]] },
  { "a table with a huge array part",
    [[local t = table.pack(table.unpack({}, 1, 4096)) t[1 << 26] = 1 return false]] },
  { "deep recursion in C", [[
      local s = ("x"):rep(250) return s:gsub(".", function() return (s:gsub(".", function() return
        (s:gsub(".", function() return s end)) end)) end) == nil]] },
  { "a vararg storm", [[
      local function f(...) return f(1, ...) end return f()]] },
  { "many upvalues", [[
      local t = {} for i = 1, 1e7 do t[i] = function() return t, i end end return true]] },
  { "pack of many", [[while true do local t = { table.unpack({}, 1, 4096) } end]] },

  -- The known errors of Lua 5.4.4.
  { "a loop left by break under a closure", [[
      local jobs = {}
      for s in store:signals{} do jobs[#jobs + 1] = function() return s.id end
        if #jobs == 2 then break end end
      local a, b, c, d = 1, 2, 3, 4 return a + b + c + d ~= 10]] },
  { "a hundred such loops", [[
      for _ = 1, 100 do
        local jobs = {}
        for s in store:signals{} do jobs[#jobs + 1] = function() return s end break end
      end return false]] },
  { "__newindex with a metatable that changes", [[
      local mt = {} local t = setmetatable({}, mt)
      mt.__newindex = function(u, k, v) mt.__newindex = nil local _ = ("x"):rep(100000) end
      for i = 1, 1000 do t[i] = i end return false]] },
  { "an upvalue of a dead frame", [[
      local f do local x <const> = {} f = function() return x end end
      for i = 1, 1e5 do local _ = { f() } end return false]] },
  { "integer division by zero", [[return 1 // 0 == nil]] },
  { "modulo by zero", [[return 1 % 0 == nil]] },
  { "the smallest integer by -1", [[return math.mininteger // -1 == 0]] },
  { "shifts beyond the word", [[return (1 << 64) ~= 0 or (1 >> -64) ~= 0]] },
  { "comparison of mixed numbers", [[return math.maxinteger + 0.0 < math.maxinteger]] },
  { "math.random of an empty span", [[return math.random(1, 0) ~= nil]] },
  { "math.fmod by zero", [[return math.fmod(1, 0) ~= nil]] },
  { "next with a strange key", [[return next({}, "x") ~= nil]] },
  { "changing a table while it is walked", [[
      local t = {} for i = 1, 100 do t[i] = i end
      for k in pairs(t) do t[k] = nil for i = 1, 100 do t["x" .. i] = i end end return false]] },
  { "NaN as a key", [[local t = {} t[0/0] = 1 return true]] },
  { "nil as a key", [[local t = {} t[nil] = 1 return true]] },
  { "string comparison with NULs", [[return ("a\0b") < ("a\0a")]] },
  { "string.find with a negative start", [[return ("x"):find("x", math.mininteger) == nil]] },
  { "string.sub at the ends of integers",
    [[return ("x"):sub(math.mininteger, math.maxinteger) ~= "x"]] },
  { "string.byte of everything", [[return select("#", ("x"):rep(1 << 20):byte(1, -1)) > 0]] },

  -- Out by way of the answer.
  { "an answer that is a cycle", [[local t = {} t[1] = t return t]] },
  { "an answer that is deep", [[local t = {} for _ = 1, 1e5 do t = { t } end return t]] },
  { "an answer with functions", [[return { { labels = { f = print or pairs } } }]] },
  { "an answer with a lying __len", [[
      return setmetatable({}, { __len = function() return 1e9 end, __index = function()
        return {} end })]] },
  { "an answer with an endless __index", [[
      return { setmetatable({}, { __index = function() while true do end end }) }]] },
  { "labels that are megabytes", [[return { { labels = { x = ("y"):rep(1 << 20) } } }]] },
  { "labels that are not UTF-8", [[return { { labels = { x = "\xff\xfe" } } }]] },
  { "labels with a NUL", [[return { { labels = { x = "a\0b" } } }]] },
  { "labels whose names are not names", [[return { { labels = { ["a b"] = "x" } } }]] },
  { "too many labels",
    [[local l = {} for i = 1, 100 do l["l" .. i] = "x" end return { { labels = l } }]] },
  { "too many instances",
    [[local t = {} for i = 1, 1001 do t[i] = { labels = { i = i } } end return t]] },
  { "a billion instances, lazily", [[
      return setmetatable({}, { __index = function(_, i) return { labels = { i = i } } end,
        __len = function() return 1 << 30 end })]] },
  { "the same instance twice", [[return { { labels = { a = "1" } }, { labels = { a = "1" } } }]] },
  { "a value that is NaN", [[return 0/0]] },
  { "a value that is less than any", [[return -1/0]] },
  { "a value that is a text", [[return "yes"]] },
  { "a value that is a function", [[return pairs]] },
  { "a value that is the store", [[return store]] },
  { "a list that is no list", [[return { a = 1 }]] },
  { "a list with holes", [[return { [1] = { labels = {} }, [3] = { labels = {} } }]] },

  -- Out by way of the words.
  { "an alert declared while evaluating",
    [[for i = 1, 1e6 do alert("x" .. i, { when = pairs }) end return false]] },
  { "history of everything", [[return #history("due", "100000w") < 0]] },
  { "history of a path with quotes", [[return #history('due"]\', "1d') < 0]] },
  { "a time span without end", [[return seconds(("9"):rep(400) .. "w") == 1]] },
  { "runs of nothing", [[return #runs(nil, "1d") > 0]] },
  { "tests that are code",
    [[test("x", { at "0h" { { act = "signal", fields = { f = pairs } } } }) return false]] },
  { "the store's rows, never closed", [[
      for i = 1, 5000 do store:rows("SELECT * FROM signals")() end return false]] },
  { "stats replaced", [[stats = nil return false]] },
  { "the library replaced", [[
      string.format, table.concat, pcall, next, type = nil, nil, nil, nil, nil return false]] },
}

M.sql = {
  { "insert", "INSERT INTO signals(signal_type) VALUES ('x')" },
  { "update", "UPDATE signals SET confidence = 0" },
  { "delete", "DELETE FROM signals" },
  { "delete with returning", "DELETE FROM signals RETURNING id" },
  { "replace", "REPLACE INTO suppression_cache(canonical_key) VALUES ('x')" },
  { "a write behind WITH", "WITH x AS (SELECT 1) DELETE FROM signals" },
  { "create table", "CREATE TABLE evil(x)" },
  { "create temp table", "CREATE TEMP TABLE evil(x)" },
  { "create view", "CREATE VIEW evil AS SELECT 1" },
  { "create temp trigger", "CREATE TEMP TRIGGER evil AFTER INSERT ON signals BEGIN SELECT 1; END" },
  { "create virtual table", "CREATE VIRTUAL TABLE evil USING fts5(x)" },
  { "create index", "CREATE INDEX evil ON signals(confidence)" },
  { "drop table", "DROP TABLE signals" },
  { "alter table", "ALTER TABLE signals ADD COLUMN evil" },
  { "attach", "ATTACH 'evil.db' AS evil" },
  { "attach a file that is there", "ATTACH '/etc/passwd' AS evil" },
  { "detach", "DETACH main" },
  { "vacuum into", "VACUUM INTO 'evil.db'" },
  { "vacuum into, behind a comment", "/* x */ -- y\nVACUUM INTO 'evil.db'" },
  { "vacuum", "VACUUM" },
  { "begin", "BEGIN IMMEDIATE" },
  { "commit", "COMMIT" },
  { "rollback", "ROLLBACK" },
  { "savepoint", "SAVEPOINT evil" },
  { "release", "RELEASE evil" },
  { "analyze", "ANALYZE" },
  { "reindex", "REINDEX" },
  { "two statements", "SELECT 1; DELETE FROM signals" },
  { "a statement behind a NUL", "SELECT 1\0; DELETE FROM signals" },
  { "writable_schema", "PRAGMA writable_schema = ON" },
  { "query_only off", "PRAGMA query_only = OFF" },
  { "journal_mode", "PRAGMA journal_mode = DELETE" },
  { "trusted_schema", "PRAGMA trusted_schema = ON" },
  { "temp_store_directory", "PRAGMA temp_store_directory = '/tmp'" },
  { "hard_heap_limit", "PRAGMA hard_heap_limit = 0" },
  { "cache_size", "PRAGMA cache_size = -1000000" },
  { "mmap_size", "PRAGMA mmap_size = 1000000000" },
  { "database_list", "PRAGMA database_list" },
  { "wal_checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)" },
  { "pragma as a function", "SELECT * FROM pragma_database_list" },
  { "the schema", "SELECT * FROM sqlite_master" },
  { "the schema by its other name", "SELECT * FROM sqlite_schema" },
  { "the temp schema", "SELECT * FROM sqlite_temp_master" },
  { "sqlite_sequence", "SELECT * FROM sqlite_sequence" },
  { "dbstat", "SELECT * FROM dbstat" },
  { "sqlite_stmt", "SELECT * FROM sqlite_stmt" },
  { "load_extension", "SELECT load_extension('/tmp/evil.so')" },
  { "fts3_tokenizer", "SELECT fts3_tokenizer('simple')" },
  { "readfile", "SELECT readfile('/etc/passwd')" },
  { "writefile", "SELECT writefile('evil', 'x')" },
  { "edit", "SELECT edit('x', 'sh')" },
  { "randomblob, huge", "SELECT length(randomblob(2000000000))" },
  { "zeroblob, huge", "SELECT length(zeroblob(2000000000))" },
  { "sqlite_compileoption_get", "SELECT sqlite_compileoption_get(1)" },
  { "last_insert_rowid", "SELECT last_insert_rowid()" },
  { "printf, huge", "SELECT length(printf('%1000000000d', 1)) > 100" },
  { "replace that explodes", [[
      SELECT length(replace(replace(hex(printf('%100000s', 'x')), '2', printf('%1000s', 'y')), 'y',
        printf('%1000s', 'z'))) > 100]] },
  { "group_concat that explodes", [[
      SELECT length(group_concat(a.raw_data || b.raw_data)) > 5000000
      FROM signals a, signals b, signals c, signals d]] },
  { "like, backtracking", [[
      SELECT printf('%100000s', 'x') LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%b']] },
  { "glob with a long pattern", "SELECT 'x' GLOB printf('%100000s', '*')" },
  { "a recursion without end",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n" },
  { "a recursion that grows", [[
      WITH RECURSIVE n(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM n)
      SELECT max(length(s)) FROM n]] },
  { "a join without end", [[
      SELECT count(*) FROM signals a, signals b, signals c, signals d, signals e, signals f,
        signals g, signals h, signals i, signals j, signals k, signals l, signals m, signals n]] },
  { "a sort without end", [[
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000)
      SELECT i FROM n ORDER BY -i]] },
  { "an expression too deep", "SELECT " .. ("("):rep(2000) .. "1" .. (")"):rep(2000) },
  { "a statement too long", "SELECT '" .. ("x"):rep(100000) .. "'" },
  { "too many columns", "SELECT " .. ("1,"):rep(3000) .. "1" },
  { "too many parts of a union", ("SELECT 1 UNION ALL "):rep(600) .. "SELECT 1" },
  { "json too deep", "SELECT json('" .. ("["):rep(3000) .. "')" },
  { "json_each over a bomb", [[
      SELECT count(*) FROM json_each('[' || printf('%1000000s', '1') || ']') a,
        json_each('[' || printf('%1000s', '1') || ']') b WHERE a.value = 2]] },
  { "a window without end", [[
      SELECT sum(count(*)) OVER (ORDER BY a.id ROWS UNBOUNDED PRECEDING) FROM signals a, signals b,
        signals c, signals d, signals e, signals f, signals g, signals h GROUP BY a.id, b.id,
        c.id, d.id]] },
  { "an unknown function", "SELECT evil()" },
  { "no SQL at all", "evil" },
  { "nothing at all", "" },
  { "explain", "EXPLAIN DELETE FROM signals" },
}

return M
