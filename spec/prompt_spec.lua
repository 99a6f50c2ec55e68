local await = require "spec.support.await"
local data = require "spec.support.data"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"
local terminal = require "spec.support.terminal"

--- A database with `n` signals, closed.
local function database(n, fields)
  local store, path = stores.open()
  assert(store:save_signals(data.signals(n or 3, fields)))
  store:close()
  return path
end

describe("signalbox repl, from a pipe", function()
  local function repl(text, options)
    options = options or {}
    options.stdin = text
    table.insert(options, 1, "repl")
    options[#options + 1] = options.db or database()
    return run(options)
  end

  it("prints the values of expressions, and nothing of statements", function()
    local result = repl "1 + 1\nx = 5\nx, 'text', nil\nprint 'said'\n2^53\n0.1 + 0.2\n"
    assert.equal(0, result.status, result.err)
    assert.equal("2\n5\ntext\nnil\nsaid\n9007199254740992.0\n0.30000000000000004\n", result.out)
  end)

  it("reads on until a statement is complete", function()
    local result = repl("for i = 1, 2 do\n  print(i)\nend\n" ..
      "t = {\n1,\n2 }\n#t\nlong = [[a\nb]]\nlong\n")
    assert.equal("1\n2\n2\na\nb\n", result.out, result.err)
  end)

  it("stops at the first error, with its line and exit 1", function()
    local result = repl "1\n\nerror 'it broke'\nprint 'never'\n"
    assert.equal(1, result.status)
    assert.equal("1\n", result.out)
    assert.equal("signalbox: line 3: prompt:1: it broke\n", result.err)
    assert.truthy(repl("x = = 1").err:find "^signalbox: line 1: prompt:1: unexpected symbol")
    assert.truthy(repl("for i = 1, 2 do").err:find "ends before the statement does")
    assert.truthy(repl("s = 'open\nmore").err:find "unfinished string")
  end)

  it("has the store open for reading, and with --write for writing", function()
    local save = "store:save_signal { signal_type = 't', source_api = 's', canonical_key = 'k', " ..
      "confidence = 1, raw_data = {} }\n"
    local path = database(1)
    local result = repl("select(2, " .. save:gsub("\n", "") .. ").code\n", { db = path })
    assert.equal("readonly\n", result.out, result.err)
    assert.equal("2\n", repl(save, { "--write", db = path }).out)
    assert.equal("2\n", repl("store:get_stats().total_signals\n", { db = path }).out)
  end)

  it("ends with 130 at Ctrl-C", function()
    local process = run.start { "repl", database(1), stdin = "print 'ready' io.stdout:flush()\n" ..
      "while true do end\nprint 'never'\n" }
    await(function() return process.out():find "ready" end)
    require("system").sleep(0.1)
    process.kill "INT"
    local result = process.wait(10)
    assert.equal(130, result.status)
    assert.is_nil(result.out:find "never")
  end)

  it("changes no file unless it may write", function()
    local path = database(1)
    local before = temp.read(path)
    repl("store:get_stats()\n.tables\nfor s in store:signals{} do print(s.id) end\n", { db = path })
    assert.equal(before, temp.read(path))
  end)

  it("shows tables as Lua, nested ones indented, and names those that hold themselves", function()
    local result = repl [[
{ b = 2, a = { 1, "x" }, ["odd key"] = true, f = 1.5 }
c = { name = "c" } c.me = c
c
{ list = { "a text that is long enough", "to need a line of its own", "so that it is indented" } }
list = {} for i = 1, 60 do list[i] = i end
list
{}
]]
    assert.equal([[
{ a = { 1, "x" }, b = 2, f = 1.5, ["odd key"] = true }
<1>{ me = <table 1>, name = "c" }
{
  list = {
    "a text that is long enough",
    "to need a line of its own",
    "so that it is indented"
  }
}
]], result.out:match "^(.*}\n){\n", result.err)
    assert.truthy(result.out:find "… 10 more\n}\n{}\n$", result.out)
  end)

  it("shows signals as a table, with times short and numbers to the right", function()
    local result = repl "store:signals { order = 'id' }\n"
    local heading, first = result.out:match "^([^\n]*)\n([^\n]*)\n"
    assert.equal("id  canonical_key         signal_type   source_api  confidence  " ..
      "detected_at       status   company_name", heading, result.err)
    assert.equal(" 1  domain:company-1.com  github_spike  github             0.8  " ..
      "2026-08-22 00:00  pending  Company 1", first)
  end)

  it("writes JSON, CSV and Lua on request", function()
    local path = database(2, { company_name = 'with "quotes", and commas' })
    local function lines(mode)
      local result = repl("store:signals { order = 'id' }\n", { "--mode", mode, db = path })
      assert.equal(0, result.status, result.err)
      return result.out
    end
    local json = lines "json"
    assert.truthy(json:find('"raw_data":{"repository":"acme/rocket","stars":1200}', 1, true), json)
    assert.equal(2, select(2, json:gsub("\n", "")))
    local csv = lines "csv"
    assert.truthy(csv:find('^id,canonical_key,[^\n]*\n1,domain:company%-1.com,', 1), csv)
    assert.truthy(csv:find('"with ""quotes"", and commas"', 1, true), csv)
    assert.truthy(lines "lua":find('company_name = "with \\"quotes\\", and commas"', 1, true))
  end)

  it("prints any number of rows in constant memory", function()
    local path = database(5000)
    local result = repl("store:signals{status='pending'}\n" ..
      "print(collectgarbage 'count' < 8000)\n", { db = path })
    assert.equal(0, result.status, result.err)
    assert.equal(5002, select(2, result.out:gsub("\n", "")))
    assert.truthy(result.out:find "true\n$")
  end)

  it("lists tables, their making, and the counts", function()
    local result = repl ".tables\n.schema signals\n.stats\n"
    assert.truthy(result.out:find "signals +3\n", result.out)
    assert.truthy(result.out:find "CREATE TABLE signals", result.out)
    assert.truthy(result.out:find "total_signals = 3", result.out)
    local made = {}
    for what in result.out:gmatch "CREATE (%u+) " do
      if what ~= made[#made] then made[#made + 1] = what end
    end
    assert.same({ "TABLE", "INDEX", "TRIGGER" }, made)
  end)

  it("suggests what a mistyped command may have been", function()
    assert.truthy(repl(".stast\n").err:find "did you mean .stats?")
  end)

  it("says where SQL goes", function()
    for _, statement in ipairs { "SELECT * FROM signals", "select count(*) from signals" } do
      assert.truthy(repl(statement .. "\n").err:find("\n  SQL goes behind .sql", 1, true))
    end
    assert.is_nil(repl("x = = 1\n").err:find "SQL")
  end)

  it("runs init.lua of the configuration folder first", function()
    local home = temp.folder()
    os.execute("mkdir -p " .. home .. "/.config/signalbox")
    temp.write(home .. "/.config/signalbox/init.lua", "function double(x) return 2 * x end")
    assert.equal("42\n", repl("double(21)\n", { env = { HOME = home } }).out)
    temp.write(home .. "/.config/signalbox/init.lua", "x = = 1")
    local result = repl("1\n", { env = { HOME = home } })
    assert.equal(1, result.status)
    assert.truthy(result.err:find "init.lua:1: unexpected symbol", result.err)
  end)

  it("takes long statements in the time that it takes to read them, blank lines and all", function()
    local lines = { "t = {" }
    for i = 1, 20000 do lines[#lines + 1] = string.format("  { %d, 'a' },", i) end
    lines[#lines + 1] = "}\n#t\n#[[a\n\n\nb]]\n-- end\nreturn\n"
    assert.equal("20000\n5\n", repl(table.concat(lines, "\n")).out)
  end)

  it("says in one line what is wrong with a value or with the input", function()
    assert.equal("signalbox: line 2: JSON is nested 1,000 deep at most, and this table is " ..
      "deeper, or contains itself\n", repl("t = {} t.t = t\nt\n", { "--mode", "json" }).err)
    local result = run.program("/bin/sh", { "-c", paths.program .. " repl " .. database(1) ..
      " </tmp" })
    assert.same({ 1, "signalbox: the input cannot be read: Is a directory\n" },
      { result.status, result.err })
  end)

  it("writes tables that hold one table many times in the time of one", function()
    local result = repl "t = {} for i = 1, 40 do t = { t, t } end\nt\n"
    assert.equal(0, result.status, result.err)
    assert.truthy(result.out:find "<1>{ <2>{ <3>{" or result.out:find "<1>{\n", result.out)
    assert.truthy(result.out:find "<table 2>", result.out)
  end)

  it("says which file is not there", function()
    local result = run { "repl", "nowhere.db", stdin = "1\n" }
    assert.equal(1, result.status)
    assert.truthy(result.err:find("nowhere.db", 1, true))
  end)
end)

describe("signalbox repl, at a terminal", function()
  local function start(options)
    options = options or {}
    table.insert(options, 1, "repl")
    options[#options + 1] = options.db or database(options.signals)
    local tty = terminal.start(options)
    tty:await ".help"
    tty:ready(options.prompt)
    return tty
  end

  it("says what is open, and shows values", function()
    local tty <close> = start { columns = 160 }
    assert.truthy(tty:screen():find("3 signals, 3 pending; read-only (--write to change)", 1, true))
    tty:line "1 + 1"
    tty:await "\n2\n"
    tty:line "_ * 21"
    tty:await "\n42\n"
  end)

  it("has help that fits eighty columns", function()
    local shown = run({ "repl", database(1), stdin = ".help\n" }).out
    for line in shown:gmatch "[^\n]+" do assert.is_true(#line <= 80, line) end
  end)

  it("names the command that was meant by its name without a dot", function()
    local tty <close> = start()
    for word, meant in pairs { help = ".help", ["exit()"] = ".quit", tables = ".tables" } do
      tty:line(word)
      tty:await("did you mean " .. meant .. "?\n")
    end
    tty:line "help = 5"
    tty:line "help"
    tty:await "\n5\n"
  end)

  it("shows by its prompt that it may write", function()
    local tty <close> = start { "--write", prompt = "write>", columns = 160 }
    assert.truthy(tty:screen():find("open for writing", 1, true))
  end)

  it("keeps the prompt after Ctrl-C, in a line, in a loop and in a query", function()
    local tty <close> = start()
    tty:type "never run"
    tty:press "C-c"
    tty:ready()
    tty:line "for i = 1, 2 do"
    tty:ready ">>"
    tty:press "C-c"
    tty:ready()
    tty:line "while true do end"
    require("system").sleep(0.3)
    tty:press "C-c"
    tty:await "interrupted"
    tty:line(".sql WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) " ..
      "SELECT max(i) FROM n")
    require("system").sleep(0.3)
    tty:press "C-c"
    tty:ready()
    tty:line "'still ' .. 'here'"
    tty:await "still here"
  end)

  local endless = "signalbox.spawn(function() signalbox.sleep(0.05) while true do end end)"

  it("breaks off a task that never waits", function()
    local tty <close> = start()
    tty:line(endless)
    tty:await "task (ready)"
    require("system").sleep(0.3)
    tty:press "C-c"
    tty:ready()
    tty:line "'still ' .. 'here'"
    tty:await "still here"
    tty:line("signalbox.spawn(function() while true do end end)")
    require("system").sleep(0.3)
    tty:press "C-c"
    tty:ready()
    tty:line "'again ' .. 'here'"
    tty:await "again here"
  end)

  it("ends at SIGTERM, also while a task never waits", function()
    local tty <close> = start()
    tty:line "'process ' .. io.open('/proc/self/stat'):read 'n'"
    local pid = tty:await("\nprocess "):match "\nprocess (%d+)"
    tty:line(endless)
    require("system").sleep(0.3)
    os.execute("kill -TERM " .. pid)
    tty:await "(exit 143)"
  end)

  it("leaves at Ctrl-D with exit 0", function()
    local tty <close> = start()
    tty:press "C-d"
    tty:await "(exit 0)"
  end)

  it("completes names of globals, fields, methods, columns and commands", function()
    local tty <close> = start()
    local function completes(typed, expected)
      tty:type(typed)
      tty:press "Tab"
      tty:await("> " .. expected)
      tty:press "C-c"
      tty:ready()
    end
    completes("strin", "string")
    completes("string.forma", "string.format")
    completes("store:get_signals_f", "store:get_signals_for_company")
    completes("store:signals { canonical_k", "store:signals { canonical_key")
    completes(".tab", ".tables")
    completes(".sql SELECT * FROM signal_proc", ".sql SELECT * FROM signal_processing")
  end)

  it("lists what there is where a name can go on in several ways", function()
    local tty <close> = start()
    tty:type "store:get_signal"
    tty:press "Tab"
    local screen = tty:await "get_signals_for_company"
    assert.truthy(screen:find "get_signal +get_signals_for_company")
  end)

  it("never runs code to complete", function()
    local tty <close> = start()
    tty:line "trap = setmetatable({}, { __index = function() print 'sprung' end })"
    tty:ready()
    tty:type "trap.field.x"
    tty:press "Tab"
    tty:press "C-c"
    assert.is_nil(tty:ready():find("\nsprung", 1, true))
  end)

  it("keeps its history, several lines as one entry, in a file for us alone", function()
    local home, path = temp.folder(), database()
    do
      local tty <close> = start { db = path, home = home }
      tty:line "for i = 1, 1 do"
      tty:line "print('in a loop')"
      tty:line "end"
      tty:await "\nin a loop\n"
      tty:press "C-d"
      tty:await "(exit 0)"
    end
    local file = home .. "/.local/state/signalbox/history"
    assert.truthy(temp.exists(file))
    local mode = io.popen("stat -c %a " .. file)
    assert.equal("600", mode:read "l")
    mode:close()
    local tty <close> = start { db = path, home = home }
    tty:press "Up"
    tty:await "> for i = 1, 1 do\nprint('in a loop')\nend"
    tty:press "Enter"
    tty:await "end\nin a loop"
  end)

  it("keeps each entry as it is made, whatever ends the prompt, and those of another", function()
    local home, path = temp.folder(), database()
    local first <close> = start { db = path, home = home }
    first:line "first = 1"
    first:ready()
    do
      local second <close> = start { db = path, home = home }
      second:line "second = 2"
      second:line "second = 2"
      second:ready()
    end -- the terminal is gone, and the prompt with it
    first:line "os.exit(0)"
    first:await "(exit 0)"
    assert.equal("_HiStOrY_V2_\nfirst\\040=\\0401\nsecond\\040=\\0402\nos.exit(0)\n",
      temp.read(home .. "/.local/state/signalbox/history"))
  end)

  it("cuts a history that has grown long to its newest", function()
    local home = temp.folder()
    os.execute("mkdir -p " .. home .. "/.local/state/signalbox")
    local entries = { "_HiStOrY_V2_" }
    for i = 1, 20000 do entries[#entries + 1] = "x" .. i end
    local file = home .. "/.local/state/signalbox/history"
    temp.write(file, table.concat(entries, "\n") .. "\n")
    local tty <close> = start { home = home }
    tty:press "Up"
    tty:await "> x20000"
    local _, lines = temp.read(file):gsub("\n", "")
    assert.equal(10001, lines)
  end)

  it("searches its history by Ctrl-R", function()
    local tty <close> = start()
    tty:line "first = 1"
    tty:line "other = 2"
    tty:ready()
    tty:press "C-r"
    tty:type "irs"
    tty:await "first = 1"
    tty:press "Enter"
    tty:ready()
  end)

  it("moves by words, and deletes them", function()
    local tty <close> = start()
    tty:type "'one two three'"
    tty:press("C-Left", "C-Left", "C-w")
    tty:press("End", "Enter")
    tty:await "> 'two three'\ntwo three\n"
  end)

  it("comes back with its line after Ctrl-Z and fg", function()
    local folder = temp.folder()
    local tty <close> = terminal.start { program = "/bin/bash", "--norc", "-i", home = folder,
      env = { PS1 = "shell> " } }
    tty:await "shell>"
    tty:line(paths.program .. " repl " .. database())
    tty:await ".help"
    tty:ready()
    tty:type "20 + "
    tty:await "> 20 +"
    tty:press "C-z"
    tty:await "Stopped"
    tty:line "fg"
    tty:await "> 20 +"
    tty:line "22"
    tty:await "\n42\n"
  end)

  it("says so where the store is closed under an iterator", function()
    local tty <close> = start()
    tty:line "for s in store:signals {} do store:close() end"
    tty:await "the store was closed while its rows were read"
    tty:ready()
  end)

  it("shows the first of a million rows at once, in little memory", function()
    local tty <close> = start { columns = 80 }
    tty:line(".sql WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n " ..
      "LIMIT 1000000) SELECT i FROM n")
    tty:await "40+ rows (40 shown; .last shows all)"
    tty:line "collectgarbage 'count' < 8000"
    tty:await "\ntrue\n"
  end)

  it("writes nothing but text to a terminal that knows no more, or to a file", function()
    for _, env in ipairs { { TERM = "dumb" }, { TERM = "" } } do
      local folder = temp.folder()
      local tty <close> = terminal.start { program = "/bin/sh", "-c", "exec " .. paths.program ..
        " repl " .. database() .. " >" .. folder .. "/out", env = env }
      require("system").sleep(0.2)
      tty:line "1 + 1"
      tty:press "C-d"
      tty:await "(exit 0)"
      assert.is_nil(temp.read(folder .. "/out"):find("\27", 1, true))
    end
  end)

  it("reports a mistake in init.lua, and comes all the same", function()
    local home = temp.folder()
    os.execute("mkdir -p " .. home .. "/.config/signalbox")
    temp.write(home .. "/.config/signalbox/init.lua", "error 'not today'")
    local tty <close> = start { home = home }
    assert.truthy(tty:screen():find("init.lua:1: not today", 1, true))
    tty:line "20 + 22"
    tty:await "\n42\n"
  end)

  it("finds in its history what begins as the line does", function()
    local tty <close> = start()
    tty:line "first = 1"
    tty:line "other = 2"
    tty:ready()
    tty:type "fir"
    tty:press "Up"
    tty:await "> first = 1\n> other = 2\n> first = 1"
  end)

  it("takes a paste of several lines as one", function()
    local tty <close> = start()
    tty:paste "t = {\n\ta = 1 }\nt.a + 41"
    tty:press "Enter"
    tty:await "\n42\n"
    tty:paste "text = [[a\n\n\nb]]\n#text + 1000"
    tty:press "Enter"
    tty:await "\n1005\n"
  end)

  it("edits characters of any width", function()
    local tty <close> = start()
    tty:type "'漢字é'"
    tty:press("Left", "Left", "BSpace")
    tty:press "Enter"
    tty:await "\n漢é\n"
  end)

  it("fits tables to the terminal, and its rows to the page", function()
    local tty <close> = start { signals = 60, columns = 100, rows = 50 }
    tty:line "store:get_pending_signals {}"
    local screen = tty:await "60 rows (40 shown; .last shows all)"
    for line in screen:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 100, line) end
    tty:line "store:signals {}"
    tty:await "40+ rows"
  end)

  it("shows one row, and rows that don't fit, down the page", function()
    local tty <close> = start { columns = 50 }
    tty:line "store:get_signals_for_company 'domain:company-1.com'"
    tty:await " canonical_key  domain:company-1.com\n"
    tty:line "store:signals { order = 'id', limit = 2 }"
    tty:await " id             2\n"
  end)

  it("shows the last value uncut in a pager, which can be left early", function()
    local tty <close> = start { signals = 2000, columns = 120 }
    tty:line "list = store:get_pending_signals {}"
    tty:line "list"
    tty:await "2,000 rows (40 shown; .last shows all)"
    tty:line ".last"
    tty:await "domain:company-2000.com"
    tty:press "q"
    tty:ready()
    tty:line "'still here'"
    tty:await "\nstill here\n"
  end)

  it("draws the line anew when the terminal is resized", function()
    local tty <close> = start { columns = 80 }
    tty:type "'a line that is long enough to be wrapped when there are only forty columns'"
    tty:resize(40, 24)
    tty:resize(90, 24)
    tty:press "Enter"
    tty:await "\na line that is long enough to be wrapped when there are only forty columns\n"
  end)

  it("says how long each took where that is asked for", function()
    local tty <close> = start()
    tty:line ".time on"
    tty:line "1"
    assert.truthy(tty:await(" ms\n"):find "%d+%.%d ms")
  end)

  it("lets tasks go on while nobody types", function()
    local tty <close> = start { columns = 120 }
    tty:line "signalbox.spawn(function() signalbox.sleep(0.2) done = 'by itself' end)"
    tty:ready()
    require("system").sleep(0.5)
    tty:line "done"
    tty:await "\nby itself\n"
  end)

  it("hints that a local won't last", function()
    local tty <close> = start()
    tty:line "local x = 1"
    tty:await "a local ends with its line"
  end)

  it("shows errors in red, and no colour with NO_COLOR", function()
    do
      local tty <close> = start()
      tty:line "error 'it broke'"
      tty:await "it broke\n"
      assert.truthy(tty:screen(true):find("\27[31mprompt:1: it broke", 1, true))
    end
    local tty <close> = start { env = { NO_COLOR = "1" } }
    tty:line "error 'it broke'"
    tty:await "prompt:1: it broke\n"
    assert.is_nil(tty:screen(true):find("\27[31m", 1, true))
  end)

  it("works without a TERM, and in a locale that is not UTF-8", function()
    for _, env in ipairs { { TERM = "" }, { TERM = "dumb" }, { TERM = "nonsense" },
      { LC_ALL = "C" } } do
      local tty <close> = start { env = env }
      tty:line "20 + 22"
      tty:await "42"
    end
  end)
end)
