local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

--- What `signalbox config NAME` says, in a folder and a home with these files.
local function setting(name, options)
  local folder, home = temp.folder(), temp.folder()
  if options.here then temp.write(folder .. "/signalbox.lua", options.here) end
  if options.home then
    os.execute("mkdir -p " .. home .. "/.config/signalbox")
    temp.write(home .. "/.config/signalbox/config.lua", options.home)
  end
  local env = { HOME = home }
  for variable, value in pairs(options.env or {}) do env[variable] = value end
  local words = { cwd = folder, env = env }
  if options.db then table.move({ "--db", options.db }, 1, 2, 1, words) end
  table.move({ "config", name, "--json" }, 1, 3, #words + 1, words)
  local result = run(words)
  if result.status ~= 0 then return nil, result.err end
  local answer = signalbox.json.decode(result.out)
  return answer.value, answer.source
end

describe("a setting", function()
  it("is that of the flag, else of the environment, else of a file, else the default", function()
    local here, home = "database = 'here.db'", "database = 'home.db'"
    local env = { SIGNALBOX_DB = "env.db" }
    assert.same({ "flag.db", "--db" },
      { setting("database", { db = "flag.db", env = env, here = here, home = home }) })
    assert.same({ "env.db", "SIGNALBOX_DB" },
      { setting("database", { env = env, here = here, home = home }) })
    assert.same({ "here.db", "signalbox.lua" },
      { setting("database", { here = here, home = home }) })
    assert.equal("home.db", (setting("database", { home = home })))
    assert.same({ "signals.db", "default" }, { setting("database", {}) })
  end)

  it("of a table in the file has the table's name before it", function()
    assert.equal("2", (setting("notion.rate", { here = "notion = { rate = 2 }" })))
    assert.equal("2", (setting("notion.rate", { here = "return { notion = { rate = 2 } }" })))
  end)

  it("that is secret is never shown", function()
    assert.equal("(set)", (setting("github.token", { env = { GITHUB_TOKEN = "ghp_secret" } })))
    local result = run { "--db", "postgresql://ann:secret@host/db", "config" }
    assert.is_nil(result.out:find "secret")
    assert.truthy(result.out:find("ann:***@host", 1, true), result.out)
  end)

  it("can come from another variable of the environment", function()
    assert.equal("(set)", (setting("notion.api_key",
      { here = "notion = { api_key = env 'DEALS_KEY' }", env = { DEALS_KEY = "x" } })))
  end)

  it("that is of the wrong kind is named with its place", function()
    local _, problem = setting("notion.rate", { here = "notion = { rate = 'fast' }" })
    assert.equal(
      "signalbox: signalbox.lua: notion.rate is 'fast', and must be a number from 0 up\n",
      problem)
    _, problem = setting("notion.rate", { env = { NOTION_RATE = "-1" } })
    assert.truthy(problem:find "^signalbox: NOTION_RATE: notion.rate is '%-1'", problem)
    _, problem = setting("log.level", { env = { SIGNALBOX_LOG_LEVEL = "loud" } })
    assert.truthy(problem:find "must be one of debug, info, warning, error", problem)
    _, problem = setting("log.level", { env = { SIGNALBOX_LOG_LEVEL = "warn" } })
    assert.truthy(problem:find "log.level is 'warn', and must be one of", problem)
  end)

  it("is known wherever it is declared, in a sink of one's own too", function()
    local folder = temp.folder()
    os.execute("mkdir " .. folder .. "/sinks")
    temp.write(folder .. "/sinks/mine.lua",
      "require('signalbox.config').declare('mine.url', { about = 'where to' }) return {}")
    local shown = run({ "config", env = { SIGNALBOX_PATH = folder } }).out
    for _, name in ipairs { "maintain.keep_runs", "gate.file", "gate.options", "process.hold_days",
      "http.patience", "notion.watched", "webhook.url", "mine.url" } do
      assert.truthy(shown:find("\n" .. name .. "%f[%s]"), name)
    end
  end)
end)

describe("a configuration file", function()
  it("names the database of scripts, too", function()
    local folder = temp.folder()
    temp.write(folder .. "/signalbox.lua", "database = 'configured.db'")
    local result = run { "run", "-e",
      "print((require 'signalbox'.open():get_stats().database_path:match '[^/]*$'))", cwd = folder }
    assert.equal("configured.db\n", result.out, result.err)
  end)

  it("that can't be read as Lua is named, with the line", function()
    local folder = temp.folder()
    temp.write(folder .. "/signalbox.lua", "database = 'x.db'\nnotion = = 1")
    local result = run { "config", cwd = folder }
    assert.equal(1, result.status)
    assert.equal("signalbox: signalbox.lua:2: unexpected symbol near '='\n", result.err)
  end)

  it("that cannot be read is named, and not passed over", function()
    local folder = temp.folder()
    os.execute("mkdir " .. folder .. "/signalbox.lua")
    for _, command in ipairs { "config", "stats" } do
      local result = run { command, cwd = folder }
      assert.equal(1, result.status)
      assert.truthy(result.err:find("the configuration cannot be read: signalbox.lua: Is a dir",
        1, true), result.err)
    end
  end)

  it("with a mistake in it hinders none that need no setting, and doctor finds it", function()
    local folder = temp.folder()
    temp.write(folder .. "/signalbox.lua", "database = 5")
    for _, command in ipairs { "help", "version" } do
      assert.equal(0, run({ command, cwd = folder }).status)
    end
    local message = "signalbox.lua: database must be a string, and is a number"
    local doctor = run { "doctor", cwd = folder }
    assert.equal(3, doctor.status, doctor.err)
    assert.truthy(doctor.out:find(message, 1, true), doctor.out)
    local config = run { "config", cwd = folder }
    assert.equal(1, config.status)
    assert.equal("signalbox: " .. message .. "\n", config.err)
    assert.truthy(config.out:find "notion.rate +3", config.out)
    assert.truthy(run({ "run", "-e", "require 'signalbox'.open()", cwd = folder }).err
      :find(message, 1, true))
  end)

  it("sees nothing of the program but `env`", function()
    local folder = temp.folder()
    temp.write(folder .. "/signalbox.lua", "os.execute 'touch broken-in'")
    local result = run { "config", cwd = folder }
    assert.equal(1, result.status)
    assert.is_false(temp.exists(folder .. "/broken-in"))
  end)

  it("is told of names that nobody knows", function()
    local folder = temp.folder()
    temp.write(folder .. "/signalbox.lua", "databse = 'x.db'")
    local result = run { "config", cwd = folder }
    assert.equal("signalbox: signalbox.lua: 'databse' is no setting; did you mean 'database'?\n",
      result.err)
    temp.write(folder .. "/signalbox.lua", [[
      notion = { rte = 2, rate = 2, properties = { website = false } }
      gate = { option = { auto_push_threshold = .8 } }]])
    result = run { "config", cwd = folder }
    assert.equal("signalbox: signalbox.lua: 'gate.option' is no setting; did you mean "
      .. "'gate.options'?\nsignalbox: signalbox.lua: 'notion.rte' is no setting; did you mean "
      .. "'notion.rate'?\n", result.err)
  end)
end)

describe("the log", function()
  local code = [[
    local log = require "signalbox.log"
    log.debug "hidden"
    log.info("collected", { saved = 12, note = "two words" })
    log.error "it broke"]]

  it("is text for people", function()
    local result = run { "run", "-e", code }
    assert.equal('signalbox: collected note="two words" saved=12\nsignalbox: error: it broke\n',
      result.err)
  end)

  it("is a JSON object a line with --log-format json", function()
    local result = run { "--log-format", "json", "--log-level=debug", "run", "-e", code }
    local lines = {}
    for line in result.err:gmatch "[^\n]+" do lines[#lines + 1] = signalbox.json.decode(line) end
    assert.equal(3, #lines, result.err)
    assert.equal("collected", lines[2].message)
    assert.equal(12, lines[2].saved)
    assert.equal("error", lines[3].level)
    assert.truthy(signalbox.time(lines[3].time))
  end)

  it("is JSON whatever is logged", function()
    local result = run { "--log-format", "json", "run", "-e", [[
      require("signalbox.log").info("caf\xe9", { name = "\xff", half = 0 / 0, ok = true })]] }
    local line = signalbox.json.decode(result.err)
    assert.same({ "caf\u{FFFD}", "\u{FFFD}", true }, { line.message, line.name, line.ok })
  end)

  it("has what a command says and what ended it as well", function()
    local function last_line(options)
      table.move({ "--log-format", "json" }, 1, 2, 1, options)
      local lines = {}
      for line in run(options).err:gmatch "[^\n]+" do lines[#lines + 1] = line end
      assert.equal(1, #lines)
      return signalbox.json.decode(lines[1])
    end
    local line = last_line { false, false, "stast" }
    assert.same({ "error", "there is no command 'stast'", "did you mean 'stats'?" },
      { line.level, line.message, line.hint })
    line = last_line { false, false, "run", "-e", "error 'it broke'" }
    assert.truthy(line.message:find "it broke\nstack traceback:", line.message)
    line = last_line { false, false, "new", "script", "nightly" }
    assert.same({ "info", "try: signalbox run nightly.lua" }, { line.level, line.message })
  end)

  it("begins at the level that is asked for", function()
    assert.equal("signalbox: error: it broke\n",
      run({ "run", "-e", code, env = { SIGNALBOX_LOG_LEVEL = "error" } }).err)
  end)
end)
