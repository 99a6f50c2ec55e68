-- What rows look like at the prompt: as tables, down the page, and for other programs.
local data = require "spec.support.data"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"
local terminal = require "spec.support.terminal"

local function database(n, fields)
  local store, path = stores.open()
  assert(store:save_signals(data.signals(n, fields)))
  store:close()
  return path
end

local path = database(3)

--- What the prompt prints of `text` from a pipe.
local function repl(text, options)
  options = options or {}
  options.stdin = text
  table.insert(options, 1, "repl")
  options[#options + 1] = options.db or path
  local result = run(options)
  assert.equal(0, result.status, result.err)
  return result.out, result.err
end

describe("rows from a pipe", function()
  local some = ".sql SELECT signal_type AS kind, CASE id WHEN 2 THEN 'x' END AS late, id " ..
    "FROM signals ORDER BY id\n"

  it("have the columns of their statement in its order, those with NULLs first as well", function()
    assert.equal("kind          late  id\ngithub_spike         1\ngithub_spike  x      2\n" ..
      "github_spike         3\n", repl(some))
    assert.equal("kind,late,id\ngithub_spike,,1\ngithub_spike,x,2\ngithub_spike,,3\n",
      repl(some, { "--mode", "csv" }))
    assert.equal('[{"id":1,"kind":"github_spike","late":null},\n' ..
      '{"id":2,"kind":"github_spike","late":"x"},\n' ..
      '{"id":3,"kind":"github_spike","late":null}]\n', repl(some, { "--mode", "json" }))
  end)

  it("have their columns where there are none of them", function()
    local none = ".sql SELECT id, signal_type FROM signals WHERE id = 0\n"
    assert.equal("id  signal_type\n", repl(none))
    assert.equal("id,signal_type\n", repl(none, { "--mode", "csv" }))
    assert.equal("[]\n", repl(none, { "--mode", "json" }))
  end)

  it("come with a hint where a text has the quotes of a name", function()
    local result = run { "repl", path, stdin = '.sql SELECT 1 FROM signals WHERE id = "x"\n' }
    assert.equal("signalbox: line 1: no such column: x (a text is in single quotes: 'x')\n",
      result.err)
  end)

  it("look the same from a list and from an iterator", function()
    for _, mode in ipairs { "table", "json", "csv", "lua" } do
      assert.equal(repl("store:signals { status = 'pending' }\n", { "--mode", mode }),
        repl("store:get_pending_signals {}\n", { "--mode", mode }), mode)
    end
  end)

  it("have all columns of signals where there are more than are laid out together", function()
    local many = database(600)
    local store <close> = assert(signalbox.open(many))
    assert(store:mark_rejected(1, "too late to be seen at once"))
    assert.truthy(repl("store:signals { order = 'newest' }\n", { db = many })
      :find("too late to be seen at once", 1, true))
  end)

  it("show numbers as they are", function()
    assert.equal("number\n1234567.5\n", (repl ".sql SELECT 1234567.5 AS number\n":gsub(" ", "")))
    assert.truthy(repl ".sql SELECT 9007199254740993 AS n\n":find "9007199254740993")
  end)

  it("are a value each where one of a list is no row", function()
    local out = repl "t = {} for i = 1, 60 do t[i] = { a = i } end t[50] = 'odd'\nt\n#t\n"
    assert.truthy(out:find "60\n$", out)
  end)
end)

describe(".save", function()
  local folder

  before_each(function() folder = temp.folder() end)

  local function saved(text, name, options)
    options = options or {}
    options.cwd = folder
    local _, told = repl(text .. "\n.save " .. name .. "\n", options)
    return temp.read(folder .. "/" .. name), told
  end

  it("writes all rows of what was shown, and says how many", function()
    local many = database(147)
    for _, expression in ipairs { "store:signals {}", "store:get_pending_signals {}" } do
      local text, told = saved(expression, "all.csv", { db = many })
      assert.equal(148, select(2, text:gsub("\n", "")))
      assert.equal("signalbox: 147 rows to all.csv\n", told)
    end
    local list = signalbox.json.decode((saved("store:signals {}", "all.json", { db = many })))
    assert.equal(147, #list)
  end)

  it("writes the form that the file's name says, in any mode, else what is shown", function()
    for _, mode in ipairs { "table", "json", "csv", "lua" } do
      local options = { "--mode", mode }
      assert.truthy(saved("store:signals {}", "out.csv", options):find "^id,canonical_key,")
      assert.truthy(saved("store:signals {}", "out.json", { "--mode", mode })
        :find '^%[{"canonical_key"')
    end
    assert.truthy(saved("store:signals {}", "out.txt"):find "^id  canonical_key")
  end)

  it("writes a table to its innermost, as Lua that reads back", function()
    local deep = "t = 1 for i = 1, 30 do t = { t } end\nt"
    local text = saved(deep, "deep.lua")
    local value = assert(load("return " .. text))()
    for _ = 1, 30 do value = value[1] end
    assert.equal(1, value)
    local shared = saved("s = { 1 }\n{ s, s }", "shared.lua")
    assert.equal("{ { 1 }, { 1 } }\n", shared)
  end)

  it("makes a file that is whole or none, and fails where it cannot", function()
    for _, name in ipairs { "/dev/full", "nowhere/out.csv" } do
      local result = run { "repl", path, cwd = folder, stdin = "1\n.save " .. name .. "\n" }
      assert.equal(1, result.status)
      assert.truthy(result.err:find(name, 1, true), result.err)
    end
    local result = run { "repl", path, cwd = folder, stdin = ".save x.csv\n" }
    assert.equal("signalbox: line 1: nothing has been shown yet\n", result.err)
    assert.is_false(temp.exists(folder .. "/x.csv"))
  end)
end)

describe("rows at a terminal", function()
  local function start(options)
    table.insert(options, 1, "repl")
    options[#options + 1] = options.db or path
    local tty = terminal.start(options)
    tty:await ".help"
    tty:ready()
    return tty
  end

  local function widest(screen)
    local most = 0
    for line in screen:gmatch "[^\n]+" do most = math.max(most, utf8.len(line)) end
    return most
  end

  it("fit eighty columns: what repeats gives way, and the key last", function()
    local db = database(45, { source_api = "github_ranking", signal_type = "github_activity" })
    local tty <close> = start { db = db, columns = 80, rows = 60 }
    tty:line "store:signals {}"
    local screen = tty:await "40+ rows (40 shown; .last shows all)"
    assert.truthy(screen:find("domain:company-45.com  github_", 1, true), screen)
    assert.truthy(screen:find("conf.", 1, true), screen)
    assert.is_nil(screen:find("Company 45", 1, true))
    assert.is_true(widest(screen) <= 80)
  end)

  it("keep the key and shorten the source at a hundred", function()
    local db = database(3, { source_api = "github_ranking", signal_type = "github_activity" })
    local tty <close> = start { db = db, columns = 100, rows = 30 }
    tty:line "store:signals {}"
    local screen = tty:await "3 rows"
    assert.truthy(screen:find("domain:company-3.com  github_activity  github_", 1, true), screen)
    assert.is_true(widest(screen) <= 100)
  end)

  it("are no more down the page than it holds", function()
    local db = database(45)
    local tty <close> = start { db = db, columns = 50, rows = 40 }
    tty:line "store:signals {}"
    local screen = tty:await "40+ rows (4 shown; .last shows all)"
    assert.truthy(screen:find(" detected_at    2026-08-22 00:00\n", 1, true), screen)
  end)

  it("have their times in this machine's zone where that is asked for", function()
    local tty <close> = start { columns = 120, env = { TZ = "Etc/GMT-5" } }
    tty:line ".local on"
    tty:line "store:signals { limit = 2 }"
    assert.truthy(tty:await("2 rows"):find("2026-08-22 05:00", 1, true))
    tty:line "store:signals { limit = 1 }"
    tty:await "detected_at    2026-08-22 05:00"
  end)

  it("are told with their columns where there are none", function()
    local tty <close> = start { columns = 80 }
    tty:line ".sql SELECT id, signal_type FROM signals WHERE id = 0"
    tty:await "  id  signal_type\n  0 rows\n"
  end)

  it("are all in the pager after .last, also those of an iterator", function()
    local tty <close> = start { db = database(100), columns = 120, rows = 20 }
    tty:line "store:signals { order = 'id' }"
    tty:await "40+ rows"
    tty:line ".last"
    tty:press "G"
    tty:await "domain:company-100.com"
    tty:press "q"
    tty:ready()
  end)

  it("are printed by .last where there is no pager", function()
    local tty <close> = start { db = database(50), columns = 120, rows = 80,
      env = { PAGER = "no-such-pager" } }
    tty:line "store:get_pending_signals {}"
    tty:await "50 rows (40 shown"
    tty:line ".last"
    tty:await "domain:company-25.com"
  end)

  it("leave room for more: a text is cut, and says so", function()
    local tty <close> = start { columns = 80 }
    tty:line "string.rep('x', 100000000)"
    tty:await "… 99,998,000 bytes more; .last shows all"
  end)
end)
