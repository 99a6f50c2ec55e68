local expect = require "spec.support.expect"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

--- Seconds that `fn` takes by the clock on the wall.
local function duration(fn)
  local start = signalbox.time(signalbox.now())
  fn()
  return signalbox.time(signalbox.now()) - start
end

local function closing(list, name)
  return setmetatable({}, { __close = function() list[#list + 1] = name end })
end

describe("a task", function()
  it("gives whoever waits for it what its function returned, as often as it is asked", function()
    local task = signalbox.spawn(function(...) return select("#", ...), nil, ... end, "a", nil)
    for _ = 1, 2 do
      assert.same({ 2, nil, "a", nil, n = 4 }, table.pack(task:wait()))
    end
    assert.equal("done", task:status())
  end)

  it("gives nil and the very value that it raised", function()
    local problem = { code = "mine" }
    local value, raised = signalbox.spawn(error, problem):wait()
    assert.is_nil(value)
    assert.equal(problem, raised)
  end)

  it("waits beside the others on one thread", function()
    local tasks = {}
    local seconds = duration(function()
      for i = 1, 50 do
        tasks[i] = signalbox.spawn(function()
          signalbox.sleep(0.1)
          return i
        end)
      end
      for i = 1, 50 do assert.equal(i, (tasks[i]:wait())) end
    end)
    assert.is_true(seconds >= 0.1 and seconds < 1, seconds .. " s")
  end)

  it("begins when whoever made it waits, and not before", function()
    local begun = false
    signalbox.spawn(function() begun = true end)
    assert.is_false(begun)
    signalbox.sleep(0)
    assert.is_true(begun)
  end)

  it("waits for a number of seconds; a text is none", function()
    assert.error_matches(function() signalbox.sleep "0" end, "number expected, got string")
  end)

  it("waits out of coroutines of its own, however deep", function()
    local function numbers(depth)
      return coroutine.wrap(function()
        if depth > 0 then
          for n in numbers(depth - 1) do coroutine.yield(n) end
        else
          for n = 1, 3 do
            signalbox.sleep(0.001)
            coroutine.yield(n)
          end
        end
      end)
    end
    local sum = signalbox.spawn(function()
      local sum = 0
      for n in numbers(5) do sum = sum + n end
      return sum
    end):wait()
    assert.equal(6, sum)
  end)

  it("shows a coroutine's own values to who resumes it, and never a wait", function()
    local results = table.pack(signalbox.spawn(function()
      local co = coroutine.create(function(a)
        signalbox.sleep(0)
        local b = coroutine.yield(a + 1)
        signalbox.sleep(0)
        return a + b
      end)
      local _, first = coroutine.resume(co, 1)
      local _, second = coroutine.resume(co, 10)
      return first, second, coroutine.status(co)
    end):wait())
    assert.same({ 2, 11, "dead", n = 3 }, results)
  end)

  it("waits in pcall, in iterators, in metamethods and in __close", function()
    local log = {}
    local slow = setmetatable({}, {
      __index = function(_, name) signalbox.sleep(0) return name end,
      __close = function() signalbox.sleep(0) log[#log + 1] = "closed" end,
    })
    assert.truthy(signalbox.spawn(function()
      local _ <close> = slow
      assert(pcall(signalbox.sleep, 0))
      assert.equal("field", slow.field)
      for _ in function(_, i) signalbox.sleep(0) return i < 3 and i + 1 or nil end, nil, 0 do
        log[#log + 1] = "turn"
      end
      return true
    end):wait())
    assert.same({ "turn", "turn", "turn", "closed" }, log)
  end)

  it("says where it cannot wait", function()
    local function waiting_order(a, b)
      signalbox.sleep(0)
      return a < b
    end
    for _, fn in ipairs {
      function() table.sort({ 3, 2, 1 }, waiting_order) end,
      function() table.sort({ 3, 2, 1 }, coroutine.wrap(waiting_order)) end,
      function() string.gsub("abc", "b", function() signalbox.sleep(0) end) end,
    } do
      local _, raised = signalbox.spawn(fn):wait()
      assert.truthy(tostring(raised):find("signalbox.sleep cannot wait here", 1, true), raised)
    end
  end)

  it("lets the script wait in such places, for that blocks", function()
    local list = { 3, 1, 2 }
    table.sort(list, function(a, b)
      signalbox.sleep(0)
      return a < b
    end)
    assert.same({ 1, 2, 3 }, list)
  end)

  it("that dies runs what it has to close", function()
    local log = {}
    signalbox.spawn(function()
      local _ <close> = closing(log, "outer")
      local _ <close> = closing(log, "inner")
      error "boom"
    end):wait()
    assert.same({ "inner", "outer" }, log)
  end)

  it("cannot wait for itself, and two that wait for each other are told", function()
    local one, other
    one = signalbox.spawn(function() return one:wait() end)
    local _, raised = one:wait()
    assert.truthy(tostring(raised):find("a task cannot wait for itself", 1, true))

    one = signalbox.spawn(function() return other:wait() end)
    other = signalbox.spawn(function() return one:wait() end)
    expect.raises("nothing is left that could end this wait", one.wait, one)
    one:cancel()
    other:cancel()
  end)

  it("is waited for with all others by signalbox.wait()", function()
    local done = 0
    for i = 1, 3 do
      signalbox.spawn(function()
        signalbox.sleep(i / 1000)
        done = done + 1
      end)
    end
    signalbox.wait()
    assert.equal(3, done)
  end)
end)

describe("cancelling a task", function()
  it("ends its wait with `interrupted` and runs what it has to close, before it returns", function()
    local log = {}
    local task = signalbox.spawn(function()
      local _ <close> = closing(log, "closed")
      signalbox.sleep(60)
    end)
    signalbox.sleep(0)
    assert.is_true(task:cancel())
    assert.same({ "closed" }, log)
    expect.failure("interrupted", task:wait())
    assert.is_false(task:cancel())
  end)

  it("of one that has not begun never runs it", function()
    local task = signalbox.spawn(function() error "it ran" end)
    task:cancel()
    expect.failure("interrupted", task:wait())
  end)

  it("raises at each further wait, and ends one that will not hear", function()
    local tries = 0
    local stubborn = signalbox.spawn(function()
      while true do
        tries = tries + 1
        pcall(signalbox.sleep, 60)
      end
    end)
    local idle = signalbox.spawn(function() while true do coroutine.yield() end end)
    signalbox.sleep(0)
    stubborn:cancel()
    idle:cancel()
    assert.is_true(tries > 1)
    assert.equal("failed", stubborn:status())
    assert.equal("failed", idle:status())
  end)

  it("happens where a task goes out of scope as a <close> variable", function()
    local log = {}
    do
      local _ <close> = signalbox.spawn(function()
        local _ <close> = closing(log, "closed")
        signalbox.sleep(60)
      end)
      signalbox.sleep(0)
    end
    assert.same({ "closed" }, log)
  end)
end)

describe("waiting inside a transaction", function()
  it("raises and says where the transaction began, in a task or not", function()
    local store <close> = stores.open()
    local waits = {
      ["signalbox.sleep"] = function() signalbox.sleep(0) end,
      ["signalbox.http"] = function() signalbox.http { url = "http://127.0.0.1:1/" } end,
      ["signalbox.run"] = function() signalbox.run { "true" } end,
      ["signalbox.wait"] = function() signalbox.wait() end,
    }
    for name, wait in pairs(waits) do
      local function inside() store:transaction(wait) end
      local parts = { name, "cannot wait inside a transaction (begun at", "tasks_spec.lua:",
        "fetch first, then store" }
      expect.raises(parts, inside)
      expect.raises(parts, function() assert(signalbox.spawn(inside):wait()) end)
      expect.raises(parts, function() store:transaction(coroutine.wrap(wait)) end)
    end
    signalbox.sleep(0)
  end)
end)

describe("signalbox.run", function()
  -- valgrind forks for posix_spawn, so that what fails in the child is never heard of.
  local unless_valgrind = os.getenv "SIGNALBOX_UNDER" and pending or it

  unless_valgrind("names the program or the folder that is not there", function()
    expect.failure("not_found", signalbox.run { "no-such-program" })
    local _, err = signalbox.run { "true", cwd = "/nowhere" }
    assert.equal("signalbox.run: cannot start true in /nowhere: No such file or directory",
      tostring(err))
  end)

  it("gives a program's status and output", function()
    local result = signalbox.run { "sh", "-c", "cat; echo oops >&2; exit 3", stdin = "hello" }
    assert.same({ status = 3, stdout = "hello", stderr = "oops\n" }, result)
  end)

  it("passes words as they are, an environment and a folder", function()
    local result = signalbox.run { "sh", "-c", 'echo "$1|$NAME|$HOME|$(pwd)"', "sh", "a  b;c",
      env = { NAME = "value", HOME = false }, cwd = "/usr" }
    assert.equal("a  b;c|value||/usr\n", result.stdout)
  end)

  it("moves more than a pipe holds, in both directions at once", function()
    local text = ("0123456789"):rep(300000)
    assert.equal(text, signalbox.run { "cat", stdin = text }.stdout)
    assert.equal(0, signalbox.run { "true", stdin = text }.status)
  end)

  it("tells a program that took too long, said too much, or was killed", function()
    expect.failure("unavailable", signalbox.run { "sleep", "60", timeout = 0.05 })
    expect.failure("invalid", signalbox.run { "yes", max_size = 1000 })
    local result = signalbox.run { "sh", "-c", "kill -9 $$" }
    assert.same({ 137, 9 }, { result.status, result.signal })
  end)

  it("ends the program when its task is cancelled", function()
    local path = temp.file "pid"
    local command = { "sh", "-c", "echo $$ >" .. path .. "; sleep 60" }
    local task = signalbox.spawn(signalbox.run, command)
    repeat signalbox.sleep(0.005) until temp.exists(path) and temp.read(path) ~= ""
    task:cancel()
    assert.falsy(os.execute("kill -0 " .. temp.read(path):gsub("\n", "") .. " 2>/dev/null"))
  end)
end)

describe("a script with tasks", function()
  it("ends when they have", function()
    local result = run { "run", "-e", [[
      local signalbox = require "signalbox"
      signalbox.spawn(function() signalbox.sleep(0.05) print "task" end)
      print "script"
    ]] }
    assert.same({ 0, "script\ntask\n" }, { result.status, result.out })
  end)

  it("prints the error of a task that nobody waited for, and exits 1", function()
    local result = run { "run", "-e", [[
      local signalbox = require "signalbox"
      signalbox.spawn(function() error "boom" end)
      signalbox.spawn(function() error "seen" end):wait()
    ]] }
    assert.equal(1, result.status)
    assert.truthy(result.err:find("boom", 1, true), result.err)
    assert.falsy(result.err:find("seen", 1, true), result.err)
  end)

  it("is broken off by Ctrl-C within a second, wherever it waits or loops", function()
    for name, code in pairs {
      sleep = "signalbox.sleep(60)",
      run = "signalbox.run { 'sleep', '60' }",
      loop = "while true do end",
      coroutine = "coroutine.wrap(function() while true do end end)()",
      task = "signalbox.spawn(function() while true do end end):wait()",
      pcall = "while true do pcall(signalbox.sleep, 60) end",
    } do
      local process = run.start { "run", "-e",
        "local signalbox = require 'signalbox' print 'ready' io.stdout:flush() " .. code }
      repeat signalbox.sleep(0.005) until process.out() ~= ""
      local seconds = duration(function()
        process.kill "INT"
        assert.equal(130, process.wait(10).status, name)
      end)
      assert.is_true(seconds < 1, name .. " took " .. seconds .. " s")
    end
  end)

  it("in a stock lua5.4 ends with signalbox.wait(), and is told where it does not", function()
    local code = temp.file("tasks.lua", [[
      local signalbox = require "signalbox"
      signalbox.spawn(function() signalbox.sleep(0.01) print "task" end)
      if arg[1] then signalbox.wait() end
    ]])
    assert.equal("task\n", run.lua { code, "wait" }.out)
    assert.truthy(run.lua { code }.err:find("end it with signalbox.wait()", 1, true))
  end)
end)
