local data = require "spec.support.data"
local mounts = require "spec.support.mounts"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

local function database(n)
  local store, path = stores.open()
  if n > 0 then assert(store:save_signals(data.signals(n))) end
  store:close()
  return path
end

describe("the command line", function()
  it("lists the commands, and has a page for each", function()
    local list = run { "help" }
    assert.equal(0, list.status, list.err)
    local count = 0
    for name in list.out:gmatch "\n  ([%l_]+) +%S" do
      count = count + 1
      local page, again = run { "help", name }, run { name, "--help" }
      assert.equal(0, page.status, name .. ": " .. page.err)
      assert.truthy(page.out:find("Usage: signalbox " .. name, 1, true), page.out)
      assert.equal(page.out, again.out)
    end
    assert.is_true(count >= 12, list.out)
    for line in list.out:gmatch "[^\n]+" do assert.is_true(#line <= 80, line) end
    assert.equal(list.out, run({ "--help" }).out)
  end)

  it("has a page for each command of a command, with its own options", function()
    for words, option in pairs {
      ["alerts silence"] = "--for", ["collect github_ranking"] = "--min-stars",
      ["collect github"] = "--help",
    } do
      local name, sub = words:match "^(%S+) (%S+)$"
      local page, again = run { "help", name, sub }, run { name, sub, "--help" }
      assert.equal(0, page.status, page.err)
      assert.truthy(page.out:find("Usage: signalbox " .. words, 1, true), page.out)
      assert.truthy(page.out:find(option, 1, true), page.out)
      assert.equal(page.out, again.out)
    end
  end)

  it("has no page for what is no command", function()
    assert.equal(2, run({ "help", "lib/cli" }).status)
  end)

  it("takes no bare number of a few digits for a time", function()
    for _, words in ipairs { { "process", "--as-of", "20260822" }, { "explain", "k", "--as-of",
      "2026" }, { "collect", "--since", "2026", "github" } } do
      local result = run(words)
      assert.equal(2, result.status)
      assert.truthy(result.err:find "2026%-08%-[02]", result.err)
    end
  end)

  it("takes the database by --db behind any command that opens one", function()
    local path = database(2)
    for _, name in ipairs { "info", "list", "validate", "maintain", "stats" } do
      local result = run { name, "--db", path }
      assert.equal(0, result.status, name .. ": " .. result.err)
    end
    assert.equal("2\n", run({ "repl", "--db", path,
      stdin = "store:get_stats().total_signals\n" }).out)
  end)

  it("says its version", function()
    assert.equal("signalbox " .. signalbox.version .. "\n", run({ "--version" }).out)
    assert.equal("signalbox " .. signalbox.version .. "\n", run({ "version" }).out)
  end)

  it("suggests what a mistyped command or option may have been", function()
    local result = run { "stast" }
    assert.equal(2, result.status)
    assert.equal("signalbox: there is no command 'stast'\n  did you mean 'stats'?\n", result.err)
    result = run { "stats", "--jso" }
    assert.equal(2, result.status)
    assert.truthy(result.err:find("did you mean '--json'?", 1, true), result.err)
  end)

  it("suggests to run what is a script of the folder", function()
    local folder = temp.folder()
    temp.write(folder .. "/nightly.lua", "")
    for _, name in ipairs { "nightly", "nightly.lua" } do
      local result = run { name, cwd = folder }
      assert.equal(2, result.status)
      assert.equal("signalbox: there is no command '" .. name .. "'\n  signalbox run nightly.lua\n",
        result.err)
    end
  end)

  it("is a usage error with an option before the command that has no such value", function()
    for _, flag in ipairs { "--log-level", "--log-format" } do
      local result = run { flag, "loud", "stats" }
      assert.equal(2, result.status)
      assert.truthy(result.err:find("^signalbox: " .. flag:gsub("%-", "%%-")
        .. ": log%.%l+ is 'loud', and must be one of"), result.err)
    end
  end)

  it("is a usage error without a command, or with an unknown option before it", function()
    for _, options in ipairs { {}, { "--nonsense", "stats" }, { "--db" } } do
      local result = run(options)
      assert.equal(2, result.status)
      assert.truthy(result.err:find "^signalbox: .*\n  usage: signalbox", result.err)
    end
  end)

  it("says what is wrong in one line, with a way out below it", function()
    local result = run { "stats", "--db", "nowhere.db" }
    assert.equal(1, result.status)
    assert.truthy(result.err:find "^signalbox: [^\n]*nowhere.db[^\n]*\n  [^\n]+\n$", result.err)
  end)

  it("runs a command of the user's own before one that is installed", function()
    local folder, first = temp.folder(), temp.folder()
    temp.write(folder .. "/stats.lua", "print('mine', ...)")
    temp.write(folder .. "/hello.lua", "--- Says hello.\nprint 'hello'")
    local env = { SIGNALBOX_PATH = first .. ":" .. folder }
    assert.equal("mine\ta\tb\n", run({ "stats", "a", "b", env = env }).out)
    assert.equal("hello\n", run({ "hello", env = env }).out)
    assert.truthy(run({ "help", env = env }).out:find "hello +Says hello.")
    temp.write(first .. "/hello.lua", "print 'first'")
    assert.equal("first\n", run({ "hello", env = env }).out)
    temp.write(first .. "/hello.lua", "x = = 1")
    local result = run { "hello", env = env }
    assert.equal(1, result.status)
    assert.truthy(result.err:find "hello.lua:1: unexpected symbol", result.err)
  end)

  it("finds commands in the configuration folder", function()
    local home = temp.folder()
    os.execute("mkdir -p " .. home .. "/.config/signalbox/scripts/lib")
    temp.write(home .. "/.config/signalbox/scripts/hi.lua", "print((require 'signalbox.greeting'))")
    temp.write(home .. "/.config/signalbox/scripts/lib/greeting.lua", "return 'good morning'")
    assert.equal("good morning\n", run({ "hi", env = { HOME = home } }).out)
  end)

  it("never climbs out of the folders of scripts", function()
    local folder = temp.folder()
    os.execute("mkdir " .. folder .. "/scripts")
    temp.write(folder .. "/secret.lua", "print 'out'")
    local result = run { "..secret", env = { SIGNALBOX_PATH = folder .. "/scripts" } }
    assert.equal(2, result.status)
  end)
end)

describe("signalbox stats", function()
  it("is get_stats, for people and as JSON", function()
    local path = database(3)
    local store <close> = assert(signalbox.open(path))
    local expected = signalbox.json.encode(store:get_stats())
    assert.equal(expected .. "\n", run({ "--db", path, "stats", "--json" }).out)
    local shown = run({ "--db", path, "stats" }).out
    assert.truthy(shown:find "3 signals" and shown:find "pending +3\n", shown)
    assert.equal(shown, run({ "stats", path }).out)
  end)

  it("reads what may not be written to, and what a newer program wrote", function()
    local folder = temp.folder()
    assert(os.rename(database(3), folder .. "/signals.db"))
    local result = mounts.readonly(folder, string.format(
      "cd %s && for command in stats 'alerts list' 'alerts history'; do %s $command || exit; done",
      folder, paths.program))
    assert.equal(0, result.status, result.err)
    do
      local store <close> = assert(signalbox.open(folder .. "/signals.db"))
      assert(store:exec("INSERT INTO schema_migrations VALUES (9000, '2030-01-01', 'later')"))
    end
    result = run { "stats", folder .. "/signals.db" }
    assert.equal(0, result.status, result.err)
  end)
end)

describe("signalbox list", function()
  it("gives the migrations in their order", function()
    local result = run { "list", database(0), "--json" }
    local list = signalbox.json.decode(result.out).migrations
    assert.equal(1001, list[1].version)
    for i = 2, #list do assert.equal(list[i - 1].version + 1, list[i].version) end
    assert.truthy(run({ "list", database(0) }).out:find "^version +applied_at +description\n")
  end)
end)

describe("a database of the predecessor's", function()
  it("is listed and shown as it is, and not changed", function()
    local path = temp.folder() .. "/old.db"
    local result = run.program("/usr/bin/sqlite3", { path, stdin = [[
      CREATE TABLE signals (id INTEGER PRIMARY KEY AUTOINCREMENT, signal_type TEXT NOT NULL,
        source_api TEXT NOT NULL, canonical_key TEXT NOT NULL, company_name TEXT,
        confidence REAL NOT NULL, raw_data TEXT NOT NULL, detected_at TEXT NOT NULL,
        created_at TEXT NOT NULL);
      CREATE TABLE signal_processing (id INTEGER PRIMARY KEY, signal_id INTEGER NOT NULL,
        status TEXT NOT NULL DEFAULT 'pending', notion_page_id TEXT, processed_at TEXT,
        error_message TEXT, metadata TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
      CREATE TABLE suppression_cache (id INTEGER PRIMARY KEY, canonical_key TEXT UNIQUE NOT NULL,
        notion_page_id TEXT NOT NULL, status TEXT NOT NULL, company_name TEXT,
        cached_at TEXT NOT NULL, expires_at TEXT NOT NULL, metadata TEXT);
      CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL,
        description TEXT);
      INSERT INTO schema_migrations VALUES (1, '2026-01-06T09:24:26.485578', 'Initial schema');
      INSERT INTO signals VALUES (1, 'github_spike', 'github', 'domain:acme.ai', 'Acme', 0.8,
        '{}', '2026-01-06T09:24:26.485578+00:00', '2026-01-06T09:24:26.485578+00:00');]] })
    assert.equal(0, result.status, result.err)
    local before = temp.read(path)
    assert.truthy(run({ "list", path }).out:find "1 .* Initial schema\n")
    local info = signalbox.json.decode(run({ "info", path, "--json" }).out)
    assert.equal(1, info.schema_version)
    assert.same({ github_spike = 1 }, info.signals_by_type)
    local repl = run { "repl", path, stdin = ".sql SELECT company_name FROM signals\n" }
    assert.equal("company_name\nAcme\n", repl.out, repl.err)
    assert.equal(before, temp.read(path))
  end)
end)

describe("signalbox info", function()
  it("shows a database on a page, and changes nothing", function()
    local path = database(3)
    local before = temp.read(path)
    local info = signalbox.json.decode(run({ "info", path, "--json" }).out)
    assert.equal(3, info.total_signals)
    assert.equal(3, info.companies)
    assert.equal("2026-08-22T00:00:01.000000+00:00", info.oldest_signal)
    assert.is_true(info.schema_version > 1000 and info.size > 0)
    assert.truthy(run({ "info", path }).out:find "by type +github_spike 3\n")
    assert.equal(before, temp.read(path))
  end)

  it("tells when the last backup was, how large, and what came of it", function()
    local path = database(3)
    local folder = temp.folder()
    assert.truthy(run({ "info", path }).out:find "last backup +none\n")
    local made = signalbox.json.decode(run({ "backup", path, folder, "--json" }).out)
    local last = signalbox.json.decode(run({ "info", path, "--json" }).out).last_backup
    assert.same({ "done", made.path, made.size }, { last.status, last.path, last.size })
    assert.truthy(run({ "info", path }).out:find("KiB compressed", 1, true))
    assert.equal(1, run({ "backup", path, temp.file("file", "") }).status)
    local text = run({ "info", path }).out
    assert.truthy(text:find "last backup +failed at [^\n]*file[^\n]*; the last good one: 20", text)
  end)
end)

describe("signalbox maintain", function()
  it("removes expired entries and old records of runs", function()
    local store, path = stores.open()
    assert(store:update_suppression_cache {
      data.suppression(), data.suppression { canonical_key = "old", expires_at = "2020-01-01" } })
    assert(store:exec [[
      INSERT INTO runs(command, name, started_at, finished_at, status)
      VALUES ('collect', 'a', '2020-01-01T00:00:00.000000+00:00',
        '2020-01-01T00:00:00.000000+00:00', 'done')]])
    store:close()
    local report = signalbox.json.decode(run({ "maintain", path, "--json" }).out)
    assert.equal(1, report.expired)
    assert.equal(1, report.runs)
    assert.is_false(report.vacuumed)
  end)

  it("gives space back when asked, and says what that would be when not", function()
    local store, path = stores.open()
    assert(store:save_signals(data.signals(5000)))
    assert(store:exec "DELETE FROM signals")
    store:close()
    assert.truthy(run({ "maintain", path }).out:find "%-%-vacuum would give back [%d.]+ .iB")
    local report = signalbox.json.decode(run({ "maintain", path, "--vacuum", "--json" }).out)
    assert.is_true(report.vacuumed)
    assert.is_true(report.size < report.size_before / 2)
    assert.is_true(#temp.read(path) == report.size)
  end)

  it("does so by itself where it pays", function()
    local store, path = stores.open()
    assert(store:save_signals(data.signals(3000, { raw_data = { text = ("x"):rep(4000) } })))
    assert(store:exec "DELETE FROM signals")
    store:close()
    assert.is_true(signalbox.json.decode(run({ "maintain", path, "--json" }).out).vacuumed)
  end)

  it("makes no database", function()
    local folder = temp.folder()
    assert.equal(1, run({ "maintain", "nowhere.db", cwd = folder }).status)
    assert.is_false(temp.exists(folder .. "/nowhere.db"))
  end)
end)

describe("signalbox doctor", function()
  it("finds nothing wrong in a sound installation", function()
    local result = run { "doctor", database(1) }
    assert.equal(0, result.status, result.out .. result.err)
    assert.truthy(result.out:find("signalbox " .. signalbox.version, 1, true))
    assert.truthy(result.out:find "SQLite 3%.")
  end)

  it("says what is wrong and how to mend it, with exit 3", function()
    local folder = temp.folder()
    temp.write(folder .. "/signalbox.lua", "databse = 'x.db'")
    local result = run { "doctor", cwd = folder }
    assert.equal(3, result.status, result.out)
    assert.truthy(result.out:find("'databse' is no setting", 1, true), result.out)
  end)

  it("finds a folder of scripts that is not there", function()
    local result = run { "doctor", database(1), env = { SIGNALBOX_PATH = "nowhere" } }
    assert.equal(3, result.status)
    assert.matches("there is no folder of scripts 'nowhere'", result.out)
  end)

  it("warns of a database that others can read", function()
    local path = database(1)
    os.execute("chmod 644 " .. path)
    local result = run { "doctor", path }
    assert.equal(0, result.status)
    assert.truthy(result.out:find("chmod 600 " .. path, 1, true), result.out)
  end)

  it("warns of a folder that others can write to, and of a log that they can read", function()
    local path = database(1)
    local folder = path:match "^(.*)/"
    os.execute("chmod 777 " .. folder)
    temp.write(path .. "-wal", "")
    os.execute("chmod 644 " .. path .. "-wal")
    local result = run { "doctor", path }
    assert.truthy(result.out:find("chmod go-w " .. folder, 1, true), result.out)
    assert.truthy(result.out:find("chmod 600 " .. path .. "-wal", 1, true), result.out)
  end)

  it("tells the database's settings, the gate's and the alerts'", function()
    local result = run { "doctor", database(1) }
    assert.matches("journal wal, synchronous full, auto_vacuum %a+, %d+ pages of 4.0 KiB, ",
      result.out)
    assert.matches("gate +the program's own\n", result.out)
    assert.matches("alerts +notices go to log\n", result.out)
    assert.matches("database +%S+%.db\n", result.out)
    for line in result.out:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 100, line) end
  end)

  it("finds a gate and notices that are set up wrong", function()
    local folder = temp.folder()
    temp.write(folder .. "/signalbox.lua",
      "gate = { file = 'no.lua' } alerts = { notify = { { 'pigeon' } } }")
    local result = run { "doctor", cwd = folder }
    assert.equal(3, result.status, result.out)
    assert.matches("gate +cannot open no.lua", result.out)
    assert.matches("there is no notifier 'pigeon'", result.out)
  end)
end)

describe("signalbox new", function()
  it("writes a script that runs", function()
    local folder, path = temp.folder(), database(3)
    assert.equal("nightly.lua\n", run({ "new", "script", "nightly", cwd = folder }).out)
    local result = run { "--db", path, "run", "nightly.lua", "2", cwd = folder }
    assert.equal("domain:company-1.com\t1\ndomain:company-2.com\t1\n", result.out, result.err)
  end)

  it("writes a command that runs, where it is found", function()
    local env = { SIGNALBOX_PATH = temp.folder() .. "/scripts" }
    assert.equal(0, run({ "new", "command", "newest", env = env }).status)
    local result = run { "newest", "github_spike", "--db", database(3), "--json", env = env }
    assert.equal(3, #signalbox.json.decode(result.out).signals, result.err)
  end)

  it("writes a script that is a program of its own, for its user alone", function()
    local folder = temp.folder()
    assert.equal(0, run({ "new", "script", "my-script", cwd = folder }).status)
    local result = run.program("/usr/bin/stat", { "-c", "%a", folder .. "/my-script.lua" })
    assert.equal("700\n", result.out)
  end)

  it("writes a collector that collects", function()
    local env = { SIGNALBOX_PATH = temp.folder() .. "/scripts" }
    assert.equal(0, run({ "new", "collector", "product_hunt", env = env }).status)
    local db = temp.folder() .. "/new.db"
    local counts = {}
    for i, words in ipairs { { "--dry-run" }, {}, {} } do
      local result = run { "--db", db, "collect", "product_hunt", "--json", words[1], env = env }
      assert.equal(0, result.status, result.err)
      counts[i] = signalbox.json.decode(result.out)
    end
    assert.same({ 1, true }, { counts[1].saved, counts[1].dry_run })
    assert.equal(1, counts[2].saved)
    local store <close> = assert(signalbox.open(db, { mode = "ro" }))
    local signal = store:get_signals_for_company("domain:acme.ai")[1]
    assert.same({ "product_hunt_launch", "Acme" }, { signal.signal_type, signal.company_name })
  end)

  it("writes a rule that passes its test, and is checked", function()
    local env = { SIGNALBOX_PATH = temp.folder() .. "/scripts" }
    local result = run { "new", "rule", "LittleWaits", env = env }
    assert.equal(0, result.status, result.err)
    local test = run { "alerts", "test", result.out:match "%S+", env = env }
    assert.same({ 0, true }, { test.status, test.out:find "1 passed" ~= nil }, test.out)
    assert.equal(0, run({ "--db", database(1), "alerts", "check", env = env }).status)
  end)

  it("writes a sink that is delivered to", function()
    local env, folder = { SIGNALBOX_PATH = temp.folder() .. "/scripts" }, temp.folder()
    assert.equal(0, run({ "new", "sink", "lines", env = env }).status)
    local store, path = stores.open()
    for _, kind in ipairs { "github_spike", "github_activity" } do
      assert(store:save_signal(data.signal { signal_type = kind, confidence = 0.95 }))
    end
    store:close()
    local result = run { "--db", path, "process", "--sink", "lines", "--as-of", "2026-08-22",
      "--json", env = env, cwd = folder }
    assert.equal(1, signalbox.json.decode(result.out).pushed, result.err)
    local found = run.program("/bin/grep", { "-r", '"canonical_key":"domain:acme.ai"', folder })
    assert.equal(0, found.status)
  end)

  it("never overwrites", function()
    local folder = temp.folder()
    temp.write(folder .. "/nightly.lua", "mine")
    assert.equal(1, run({ "new", "script", "nightly", cwd = folder }).status)
    assert.equal("mine", temp.read(folder .. "/nightly.lua"))
  end)

  it("takes only names that work everywhere", function()
    assert.equal(2, run({ "new", "script", "../x" }).status)
    assert.equal(2, run({ "new", "nonsense", "x" }).status)
  end)
end)
