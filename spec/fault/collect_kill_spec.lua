local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local KILLS <const> = 50
local ITEMS <const> = 5000

--- Every item once, told from page to page, with a running total that must neither miss nor repeat.
local COLLECTOR <const> = [[
  return { about = "pages of fifty", collect = function(context)
    for page = (context.cursor or 0) + 1, 100 do
      local total = context:recall "total" or 0
      for i = (page - 1) * 50 + 1, page * 50 do
        total = total + i
        context:signal { signal_type = "t", confidence = 0.5, raw_data = { n = i },
          refs = { domain_or_website = "company-" .. i .. ".com" }, detected_at = i }
      end
      context:remember("total", total)
      context.cursor = page
      context:commit()
      require("signalbox").sleep(0.01) -- as a server would make it wait
    end
  end }]]

--- Sets each item aside, and takes the even ones when it is to try again.
local SETTING_ASIDE <const> = [[
  return { about = "second thoughts", collect = function(context)
    for i = 1, 500 do context:set_aside(tostring(i), "not yet") end
  end, retry = function(context, text)
    local i = tonumber(text)
    if i % 2 == 1 then return context:set_aside(text, "odd") end
    context:signal { signal_type = "t", canonical_key = "domain:company-" .. i .. ".com",
      confidence = 0.5, raw_data = { n = i } }
    if i % 20 == 0 then context:commit() end
    require("signalbox").sleep(0.001)
  end }]]

local function lines()
  local list = {}
  for i = 1, ITEMS do
    list[i] = signalbox.json.encode { signal_type = "t", source_api = "s", confidence = 0.5,
      canonical_key = "domain:company-" .. i .. ".com", raw_data = { n = i } }
  end
  return table.concat(list, "\n")
end

--- All that a run leaves behind, but for its own numbers and times.
local function contents(path)
  local store <close> = assert(signalbox.open(path))
  local list = {}
  for _, sql in ipairs {
    "SELECT canonical_key, signal_type, raw_data FROM signals ORDER BY 1, 3",
    "SELECT detected_at FROM signals WHERE detected_at < '2020' ORDER BY 1",
    "SELECT item, reason FROM quarantine ORDER BY 1",
    "SELECT collector, stream, value FROM collector_state ORDER BY 1, 2",
    "SELECT count(*) AS n, status FROM signal_processing GROUP BY status",
  } do
    for row in assert(store:rows(sql)) do list[#list + 1] = signalbox.json.encode(row) end
  end
  return list
end

describe("a collector that is killed at " .. KILLS .. " random moments", function()
  local seed = os.time()

  --- Runs it, killing it again and again, and then to its end.
  local function disturbed(command, longest)
    math.randomseed(seed)
    local kills, runs = 0, 0
    while true do
      local process = run.start(command)
      runs = runs + 1
      if kills < KILLS then
        signalbox.sleep(math.random() * longest)
        process.kill "KILL"
        if process.wait().status ~= 0 then kills = kills + 1 end
      else
        assert.equal(0, process.wait().status, process.err())
        return runs
      end
      assert(runs < 20 * KILLS, "it always ends before it is killed")
    end
  end

  --- `first` is run undisturbed before, where it is given.
  local function both_ways(words, longest, env, first)
    local paths = { temp.folder() .. "/a.db", temp.folder() .. "/b.db" }
    local commands = {}
    for i, path in ipairs(paths) do
      commands[i] = { "--db", path, "collect", table.unpack(words) }
      commands[i].env = env
      if first then
        assert.equal(0, run({ "--db", path, "collect", env = env, table.unpack(first) }).status)
      end
    end
    assert.equal(0, run(commands[1]).status)
    disturbed(commands[2], longest)
    assert.same(contents(paths[1]), contents(paths[2]), "seed " .. seed)
  end

  it("leaves what an undisturbed run leaves, where it has a cursor", function()
    local folder = temp.folder()
    os.execute("mkdir -p " .. folder .. "/collectors")
    temp.write(folder .. "/collectors/mine.lua", COLLECTOR)
    both_ways({ "mine" }, 0.06, { SIGNALBOX_PATH = folder })
  end)

  it("leaves what an undisturbed run leaves, where it reads a file", function()
    both_ways({ "file", temp.file("signals.ndjson", lines()) }, 0.15)
  end)

  it("leaves what an undisturbed run leaves, where it tries again what was set aside", function()
    local folder = temp.folder()
    os.execute("mkdir -p " .. folder .. "/collectors")
    temp.write(folder .. "/collectors/mine.lua", SETTING_ASIDE)
    local env = { SIGNALBOX_PATH = folder }
    both_ways({ "mine", "--retry" }, 0.06, env, { "mine" })
  end)
end)
