--- Runs programs, the one we built above all, and hands back all that came of it.
--
--     local run = require "spec.support.run"
--     local result = run { "stats", "--json", db, env = { NO_COLOR = "1" } }
--     assert.equal(0, result.status, result.err)
local busted = require "busted"
local paths = require "spec.support.paths"
local slow = require "spec.support.slow"
local temp = require "spec.support.temp"

local TIMEOUT <const> = 60 -- seconds; a run that needs longer hangs

-- What `make asan` sets: how the sanitizers report, which every program must know, and the library
-- that is loaded first into one that isn't linked with them.
local REPORTING <const> = { "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS" }
local SANITIZER <const> = os.getenv "SIGNALBOX_SANITIZER"

local M = {}

local started = {}

--- `text` as one word of a POSIX shell.
function M.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

--- The words that start a command line with an environment of its own, to which `extra` adds (name
-- -> value, false unsets). The user's own settings stay out: a program sees a home of its own. A
-- `stock` one isn't ours, and loads our module.
function M.environment(home, extra, stock)
  local env = {
    HOME = home,
    PATH = os.getenv "PATH",
    LC_ALL = "C.UTF-8",
    TERM = "dumb",
    LD_PRELOAD = stock and SANITIZER,
  }
  for _, name in ipairs(REPORTING) do env[name] = os.getenv(name) end
  for name, value in pairs(extra or {}) do env[name] = value or nil end
  local words = { "env", "-i" }
  for name, value in pairs(env) do words[#words + 1] = M.quote(name .. "=" .. value) end
  return words
end

local function command_line(program, options, home)
  local words = M.environment(home, options.env, options.stock)
  if program == paths.program then words[#words + 1] = os.getenv "SIGNALBOX_UNDER" end
  words[#words + 1] = M.quote(program)
  for _, argument in ipairs(options) do words[#words + 1] = M.quote(argument) end
  return table.concat(words, " ")
end

--- Runs `program` with the arguments options[1], options[2] ...
-- options: stdin (text), cwd, env (name -> value, false unsets), timeout (seconds), stdout (a path
-- in place of collecting it).
-- Gives {status=, out=, err=}; a run ended by signal N has status 128 + N, one that took longer
-- than its timeout raises.
function M.program(program, options)
  local folder = temp.folder()
  temp.write(folder .. "/in", options.stdin or "")
  local out = options.stdout or folder .. "/out"
  local seconds = (options.timeout or TIMEOUT) * slow
  local line = string.format("cd %s && timeout -k 5 %g %s <%s >%s 2>%s",
    M.quote(options.cwd or folder), seconds, command_line(program, options, folder),
    M.quote(folder .. "/in"), M.quote(out), M.quote(folder .. "/err"))
  local _, how, status = os.execute(line)
  if how == "signal" then status = 128 + status end
  local result = {
    status = status,
    out = options.stdout and "" or temp.read(folder .. "/out"),
    err = temp.read(folder .. "/err"),
  }
  if status == 124 or status == 137 and not options.killed then
    error(string.format("%s took longer than %g s\nstdout: %s\nstderr: %s", line, seconds,
      result.out, result.err), 2)
  end
  return result
end

--- Makes spec/fault/NAME.c, and gives what LD_PRELOAD must be to load it into a program of ours:
-- behind the sanitizer, where there is one.
function M.preload(name)
  local library = temp.folder() .. "/" .. name .. ".so"
  assert(os.execute(string.format("gcc -shared -fPIC -D_GNU_SOURCE -o %s %s/spec/fault/%s.c -ldl",
    library, paths.root, name)))
  return SANITIZER and SANITIZER .. ":" .. library or library
end

--- How a shell starts a stock lua5.4; one that loads a module built with a sanitizer needs the
-- sanitizer first.
function M.lua_command()
  if not SANITIZER then return "/usr/bin/lua5.4" end
  return "env LD_PRELOAD=" .. SANITIZER .. " /usr/bin/lua5.4"
end

--- How a shell gives what it starts at most so many KiB of addresses. The sanitizers' own take
-- terabytes: under them there is no limit.
function M.limit_memory(kib)
  return SANITIZER and "true" or "ulimit -v " .. kib
end

--- Runs build/signalbox.
function M.signalbox(options)
  return M.program(paths.program, options)
end

--- Runs a stock lua5.4 (or `options.program`, which does) that finds the module of the build
-- folder, as one that was installed.
function M.lua(options)
  local env = options.env or {}
  env.LUA_CPATH_5_4 = env.LUA_CPATH_5_4 or paths.build .. "/?.so;" .. paths.build .. "/lib/?.so;;"
  options.env, options.stock = env, true
  return M.program(options.program or "/usr/bin/lua5.4", options)
end

--- Starts build/signalbox and does not wait: gives {pid=, wait=, kill=}, for specs that need
-- two at once or kill one. `wait()` gives what `M.program` gives.
function M.start(options)
  local folder = temp.folder()
  temp.write(folder .. "/in", options.stdin or "")
  temp.write(folder .. "/out", "")
  temp.write(folder .. "/err", "")
  local program = options.program or paths.program
  local line = string.format("cd %s && { %s <%s >%s 2>%s & pid=$!; echo $pid >%s; "
    .. "wait $pid; echo $? >%s; } >/dev/null 2>&1 &",
    M.quote(options.cwd or folder), command_line(program, options, folder),
    M.quote(folder .. "/in"), M.quote(folder .. "/out"), M.quote(folder .. "/err"),
    M.quote(folder .. "/pid"), M.quote(folder .. "/status.new") .. "; mv " ..
    M.quote(folder .. "/status.new") .. " " .. M.quote(folder .. "/status"))
  assert(os.execute(line))

  local process = {}
  local sleep = require("system").sleep

  local function await(path, seconds, what)
    local turns = math.ceil(seconds * slow / 0.005)
    for _ = 1, turns do
      if temp.exists(path) and temp.read(path) ~= "" then return temp.read(path) end
      sleep(0.005)
    end
    error(what, 3)
  end

  process.pid = math.tointeger(tonumber(await(folder .. "/pid", 10, "it did not start")))
  started[#started + 1] = process

  --- What it has written so far.
  function process.out() return temp.read(folder .. "/out") end
  function process.err() return temp.read(folder .. "/err") end

  function process.kill(signal)
    return os.execute(string.format("kill -%s %d 2>/dev/null", signal or "KILL", process.pid))
  end

  function process.is_running() return not temp.exists(folder .. "/status") end

  function process.wait(seconds)
    local status = await(folder .. "/status", seconds or TIMEOUT, "it did not end")
    return { status = math.tointeger(tonumber(status)), out = process.out(), err = process.err() }
  end

  return process
end

-- What a failed spec left behind ends with the specs, before its folder is removed.
busted.subscribe({ "suite", "end" }, function()
  for _, process in ipairs(started) do
    if process.is_running() then process.kill() end
  end
  return nil, true
end, { priority = 1 })

return setmetatable(M, { __call = function(_, options) return M.signalbox(options) end })
