local await = require "spec.support.await"
local run = require "spec.support.run"
local slow = require "spec.support.slow"
local temp = require "spec.support.temp"

--- Starts the program, waits until it has said `ready`, sends `signal`, and gives how it ended.
local function broken_off_at(ready, words, signal)
  local process = run.start(words)
  await(function() return process.out():find(ready) end)
  local started = require("system").monotime()
  process.kill(signal or "INT")
  local result = process.wait(20)
  return result, require("system").monotime() - started, words.cwd
end

--- The same with a script that says "ready".
local function broken_off(text, signal)
  local folder = temp.folder()
  temp.write(folder .. "/script.lua", "io.stdout:setvbuf 'no'\n" .. text)
  return broken_off_at("ready", { "run", "script.lua", cwd = folder }, signal)
end

local SOON <const> = 1.5 * slow -- seconds; one is promised, and other specs may run beside

describe("Ctrl-C", function()
  local cases = {
    { "a loop", "print 'ready' while true do end" },
    { "a loop in a coroutine",
      "coroutine.wrap(function() print 'ready' while true do end end)()" },
    { "a loop that swallows errors",
      "print 'ready' while true do pcall(function() while true do end end) end" },
    { "a query", [[
      local store = assert(require "signalbox".open "a.db")
      print 'ready'
      store:row [=[
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n]=]
      while true do end]] },
    { "a list that is saved", [[
      local i = 0
      assert(require "signalbox".open "a.db"):save_signals(function()
        i = i + 1
        if i > 300000 then return print 'ready' end
        return { signal_type = "t", source_api = "s", canonical_key = "k" .. i, confidence = 1,
          raw_data = "{}" }
      end, { on_duplicate = "error" })
      while true do end]] },
    { "a VACUUM that waits for another writer", [[
      local signalbox = require "signalbox"
      local store = assert(signalbox.open("a.db", { busy_timeout = 60 }))
      local other = assert(signalbox.open "a.db")
      local transaction <close> = assert(other:begin())
      print 'ready'
      store:compact()]] },
    { "a wait", "print 'ready' require 'signalbox'.sleep(60)" },
    { "a wait of a task", [[
      local signalbox = require "signalbox"
      signalbox.spawn(function() print 'ready' signalbox.sleep(60) end)]] },
  }
  it("ends a command that waits for its next run, in a word", function()
    local folder = temp.folder()
    assert.equal(0, run({ "migrate", "up", cwd = folder }).status)
    for _, command in ipairs { "process", "alerts" } do
      local result = broken_off_at("\n", { command, "watch", "--every", "60", cwd = folder })
      assert.same({ 130, "signalbox: interrupted\n" }, { result.status, result.err })
    end
  end)

  for _, case in ipairs(cases) do
    it("ends " .. case[1] .. " within a second, with 130", function()
      local result, seconds = broken_off(case[2])
      assert.equal(130, result.status, result.err)
      assert.is_true(seconds < SOON, seconds .. " s")
    end)
  end

  it("says where the script was", function()
    local result = broken_off("print 'ready'\nwhile true do\nend")
    assert.truthy(result.err:find "^signalbox: script.lua:[34]: interrupted\n$", result.err)
  end)

  it("lets the script close what it has open", function()
    local result = broken_off [[
      local closing <close> = setmetatable({}, { __close = function() print "closed" end })
      print 'ready'
      while true do end]]
    assert.truthy(result.out:find "closed", result.out)
  end)

  it("leaves a transaction undone, and what was saved before it", function()
    local _, _, folder = broken_off [[
      local store = assert(require "signalbox".open "a.db")
      local function save(key)
        assert(store:save_signal { signal_type = "t", source_api = "s", canonical_key = key,
          confidence = 1, raw_data = {} })
      end
      save "kept"
      store:transaction(function()
        save "undone"
        print 'ready'
        while true do end
      end)]]
    local result = run { "--db", "a.db", "stats", "--json", cwd = folder }
    assert.truthy(result.out:find '"total_signals":1', result.out .. result.err)
  end)

  it("pressed again ends the process where it stands", function()
    local folder = temp.folder()
    temp.write(folder .. "/script.lua", [[
      io.stdout:setvbuf 'no'
      print 'ready'
      string.find(string.rep("a", 100000), string.rep("a*", 30) .. "b")]])
    local process = run.start { "run", "script.lua", cwd = folder }
    local sleep = require("system").sleep
    await(function() return process.out():find "ready" end)
    process.kill "INT"
    sleep(0.2)
    process.kill "INT"
    assert.equal(130, process.wait(10).status)
  end)
end)

describe("SIGTERM", function()
  it("ends a script as Ctrl-C does, with 143", function()
    local result = broken_off([[
      local closing <close> = setmetatable({}, { __close = function() print "closed" end })
      print 'ready'
      while true do end]], "TERM")
    assert.equal(143, result.status, result.err)
    assert.truthy(result.out:find "closed", result.out)
  end)
end)
