-- Rules of strangers: what they can't do, and what they cost who asks.
local signalbox = require "signalbox"
local attacks = require "spec.support.attacks"
local data = require "spec.support.data"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

local SECONDS <const> = 0.2     -- that each attack gets
local PATIENCE <const> = 10     -- and a good rule, on a busy machine
local KILLED <const> = 128 + 31 -- by SIGSYS
local FAULT <const> = 128 + 11  -- by SIGSEGV
local REFUSED <const> = 10      -- as spec/support/native_attacks.c says it

-- Evaluates rule files of a folder, one after another, and prints what became of each as JSON:
-- {name, outcome = "fired", "quiet" or "failed", problem, seconds}, and how large it has grown.
local EVALUATE <const> = [[
local signalbox = require "signalbox"
local rules = require "signalbox.rules"
local database, folder, count, seconds = table.unpack(arg)
local session <close> = rules.session { database = database, seconds = tonumber(seconds) }
local function clock() return signalbox.time(signalbox.now()) end
local function size()
  return tonumber(io.open("/proc/self/statm"):read "a":match "%d+ (%d+)") * 4096
end
local before, results = nil, {}
for i = 1, tonumber(count) do
  local file = rules.file(string.format("%s/attack%d.lua", folder, i))
  local began = clock()
  local report = rules.evaluate(session, { file }, { { now = clock(), stats = { due = 1 } } })
  local problem = report.problems[1] and report.problems[1].problem
  local rule = report.rules[1]
  local result = rule and rule.results[1]
  problem = problem or result and result.problem
  local fired = result and result.instances and #result.instances > 0
  results[i] = { outcome = problem and "failed" or fired and "fired" or "quiet",
    problem = problem, seconds = clock() - began }
  before = before or size()
end
print(signalbox.json.encode { results = signalbox.array(results), grown = size() - before })
]]

--- A store with a few signals, closed; its path.
local function filled_store()
  local path = temp.folder() .. "/signals.db"
  local store <close> = assert(signalbox.open(path))
  assert(store:save_signals(data.signals(200)))
  return path
end

local function checksum(path)
  local pipe <close> = assert(io.popen("sha256sum < " .. run.quote(path)))
  return pipe:read "l"
end

--- Evaluates the bodies as rules, each in a file of its own, which has `seconds`; gives results,
-- growth, the folder.
local function evaluate(bodies, database, seconds)
  local folder = temp.folder()
  for i, body in ipairs(bodies) do
    temp.write(string.format("%s/attack%d.lua", folder, i),
      string.format('alert("Attack", { when = function() %s\nend })\n', body))
  end
  local result = run { "run", "-e", EVALUATE, database, folder, tostring(#bodies),
    tostring(seconds or PATIENCE), cwd = folder, timeout = 120 }
  assert.equal(0, result.status, result.err)
  local answer = signalbox.json.decode(result.out)
  return answer.results, answer.grown, folder
end

--- None of the named attacks got what it wanted, none took long, and nothing was left behind.
local function repel(names, bodies)
  local database = filled_store()
  local before = checksum(database)
  local results, grown, folder = evaluate(bodies, database, SECONDS)
  for i, name in ipairs(names) do
    assert.not_equal("fired", results[i].outcome, name)
    assert.is_true(results[i].seconds <= 1, name .. " took " .. results[i].seconds .. " s")
  end
  assert.equal(before, checksum(database), "the database has changed")
  assert.is_true(grown < 16 << 20, "the asking process has grown by " .. grown .. " bytes")
  local pipe <close> = assert(io.popen("ls " .. run.quote(folder) .. " | grep -cv '^attack'"))
  assert.equal("0", pipe:read "l", "files were left behind")
  return results
end

local function split(list)
  local names, bodies = {}, {}
  for i, attack in ipairs(list) do names[i], bodies[i] = attack[1], attack[2] end
  return names, bodies
end

describe("a rule in its sandbox", function()
  it("is run by the very program that asks, though an upgrade has replaced it", function()
    for _, before in ipairs { "", "os.remove(arg[5]) ", "os.rename(arg[6], arg[5]) " } do
      local folder = temp.folder()
      local program, other = folder .. "/signalbox", temp.file("other", "another program")
      assert(os.execute(string.format("cp %s %s", run.quote(paths.program), run.quote(program))))
      temp.write(folder .. "/attack1.lua", 'alert("Up", { when = function() return true end })')
      local result = run.program(program, { "run", "-e", before .. EVALUATE, filled_store(), folder,
        "1", tostring(PATIENCE), program, other, cwd = folder })
      assert.matches('"outcome":"fired"', result.out, 1, true, result.err)
    end
  end)

  it("does not find what reaches outside", function()
    local bodies = {}
    for i, name in ipairs(attacks.forbidden_globals) do
      bodies[i] = string.format("return %s ~= nil", name)
    end
    repel(attacks.forbidden_globals, bodies)
  end)

  it("does not find the parts of libraries and store that could hurt", function()
    local bodies = {}
    for i, name in ipairs(attacks.forbidden_fields) do
      bodies[i] = string.format("return %s ~= nil", name)
    end
    repel(attacks.forbidden_fields, bodies)
  end)

  it("withstands every attack in Lua", function()
    repel(split(attacks.lua))
  end)

  it("withstands every attack in SQL", function()
    local names, bodies = {}, {}
    for i, attack in ipairs(attacks.sql) do
      names[i] = attack[1]
      bodies[i] = string.format([[
        for row in assert(store:rows(%q)) do
          for _, value in pairs(row) do if value ~= 0 and value ~= "" then return true end end
        end
        return false]], attack[2])
    end
    repel(names, bodies)
  end)

  it("is tried at least 150 times by this file", function()
    assert.is_true(#attacks.lua + #attacks.sql >= 150)
  end)

  it("is refused as bytecode", function()
    local folder, database = temp.folder(), filled_store()
    temp.write(folder .. "/attack1.lua", string.dump(function() end))
    local result = run { "run", "-e", EVALUATE, database, folder, "1", "1", cwd = folder }
    local one = signalbox.json.decode(result.out).results[1]
    assert.equal("failed", one.outcome)
    assert.truthy(one.problem:find("UTF-8", 1, true) or one.problem:find("binary", 1, true),
      one.problem)
  end)

  it("may read the store by SQL and by its calls", function()
    local results = evaluate({
      [[return store:row("SELECT count(*) AS n FROM signals").n == 200]],
      [[return store:get_stats().total_signals == 200]],
      [[return #store:get_pending_signals { limit = 3 } == 3]],
      [[return store:is_duplicate "domain:company-1.com"]],
      [[for s in store:signals { limit = 1 } do return s.raw_data.stars == 1200 end]],
      [[local one = store:get_signals_for_company("domain:company-7.com")[1]
        return one.company_name == "Company 7"]],
      [[local row = store:row("SELECT json_extract(raw_data, '$.stars') AS n FROM signals LIMIT 1")
        return row.n == 1200]],
      [[local n = 0 for _ in store:rows("SELECT a.id FROM signals a JOIN signal_processing p " ..
          "ON p.signal_id = a.id WHERE p.status = ?", "pending") do n = n + 1 end return n == 200]],
      [[return store:check_suppression "domain:none" == nil]],
      [[return store:get_processing_stats().pending == 200]],
    }, filled_store())
    for i, one in ipairs(results) do
      assert.equal("fired", one.outcome, i .. ": " .. (one.problem or ""))
    end
  end)

  it("gets an error that names its file and line", function()
    local results = evaluate({ "\n\nreturn stats.nope.x" }, filled_store())
    local problem = results[1].problem
    assert.truthy(problem:find("attack1%.lua:3: attempt to index a nil value"), problem)
  end)

  it("reads a store whose log is long", function()
    local database = filled_store()
    local reader <close> = assert(signalbox.open(database))
    local open <const> = assert(reader:signals { order = "id" })
    open() -- holds an old state, so that the log can't be taken into the file
    local writer <close> = assert(signalbox.open(database, { durability = "normal" }))
    local text = '"' .. ("x"):rep(2000) .. '"'
    local list = {}
    for i = 1, 12000 do
      list[i] = data.signal { canonical_key = "domain:long-" .. i .. ".com", raw_data = text }
    end
    assert(writer:save_signals(list))
    local log <close> = assert(io.popen("stat -c %s " .. run.quote(database .. "-wal")))
    assert.is_true(tonumber(log:read "l") > 20 << 20, "the log is not long")
    local results = evaluate({
      [[return store:row("SELECT sum(length(raw_data)) AS n FROM signals").n > 24000000]],
      [[local n = 0
        for _ in store:signals { order = "oldest" } do n = n + 1 end
        return n == 12200]],
    }, database)
    for i = 1, 2 do assert.equal("fired", results[i].outcome, results[i].problem) end
  end)

  it("sees the state of one moment, while others write", function()
    local database = filled_store()
    local folder = temp.folder()
    temp.write(folder .. "/rule.lua", [[
      alert("Count", {
        when = function() return store:row("SELECT count(*) AS n FROM signals").n end,
      })]])
    local script = temp.file("twice.lua", [[
      local rules = require "signalbox.rules"
      local signalbox = require "signalbox"
      local session <close> = rules.session { database = arg[1] }
      local function count()
        local report = rules.evaluate(session, { rules.file(arg[2]) }, { { now = 0, stats = {} } })
        return report.rules[1].results[1].instances[1].value
      end
      local first = count()
      local store <close> = assert(signalbox.open(arg[1]))
      store:save_signal { signal_type = "x", source_api = "x", canonical_key = "x", confidence = 1,
        raw_data = {} }
      print(first, count(), store:get_stats().total_signals)
    ]])
    local result = run { "run", script, database, folder .. "/rule.lua" }
    assert.equal("200\t200\t201\n", result.out, result.err)
  end)
end)

describe("native code in the sandbox", function()
  local program, names

  setup(function()
    program = temp.folder() .. "/native_attacks"
    local command = string.format("cd %s && gcc -std=c17 -D_GNU_SOURCE -w -Ihost -o %s %s %s 2>&1",
      run.quote(paths.root), run.quote(program), "spec/support/native_attacks.c",
      "host/program/sandbox/lockdown.c")
    local pipe <close> = assert(io.popen(command))
    assert.equal("", pipe:read "a")
    names = {}
    for name in run.program(program, {}).out:gmatch "[^\n]+" do names[#names + 1] = name end
  end)

  it("can do nothing that the operating system knows of", function()
    assert.is_true(#names >= 20)
    for i, name in ipairs(names) do
      local folder = temp.folder()
      temp.write(folder .. "/victim", "unharmed")
      local result = run.program(program, { tostring(i - 1), folder .. "/victim", cwd = folder })
      local status = result.status
      assert.is_true(status == KILLED or status == FAULT or status == REFUSED,
        string.format("%s: exit %d", name, result.status))
      assert.equal("unharmed", temp.read(folder .. "/victim"), name)
    end
  end)
end)
