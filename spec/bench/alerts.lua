-- A check of 1,000 rules on a store of 1,000,000 signals: time, memory, and what a rule that loops
-- costs the others; beside each what it is to be at most. Every fifth rule asks the store itself,
-- and raises where the answer isn't what the million must give.
--
--   lua5.4 spec/bench/alerts.lua [SIGNALS [RULES]]
require "spec.support.paths"
local signalbox = require "signalbox"
local support = require "spec.bench.support"

local SIGNALS <const> = math.tointeger(tonumber(arg[1] or 1000000))
local RULES <const> = math.tointeger(tonumber(arg[2] or 1000))
local ROUNDS <const> = 3
local MOST_SECONDS <const> = 1
local MOST_MEBIBYTES <const> = 64
local LOOP_SECONDS <const> = 1 -- that the looping rule has
local FIRST_DETECTED <const> = 1767225600

local folder <close> = support.folder()
local database = folder.path .. "/signals.db"

local function fill()
  local store <close> = assert(signalbox.open(database, { durability = "normal" }))
  local i = 0
  assert(store:save_signals(function()
    i = i + 1
    return i <= SIGNALS and {
      signal_type = "type_" .. i % 20, source_api = "bench", confidence = 0.5, raw_data = "{}",
      canonical_key = "domain:company-" .. i // 3 .. ".com",
      detected_at = FIRST_DETECTED + i,
    } or nil
  end))
end

-- What rules call that ask the store itself.
local HEAD <const> = string.format([[
local function counts(company)
  local row = store:row("SELECT count(*) AS n FROM signals WHERE canonical_key = ?", company)
  assert(row.n == 3, "it counted " .. row.n)
  return false
end
local function walks(kind)
  local n = 0
  for signal in store:signals { since = %d, limit = 40 } do
    n = n + (signal.signal_type == kind and 1 or 0)
  end
  assert(n == 2, "it saw " .. n)
  return false
end
]], FIRST_DETECTED + SIGNALS - 1000)

--- What the `i`th rule does: every hundredth fires, every tenth counts a company's signals, every
-- other fifth walks over the newest signals, the others look at figures.
local function body_of(i)
  if i % 100 == 0 then return "return stats.total_signals" end
  if i % 10 == 0 then
    return string.format('return counts "domain:company-%d.com"', 1 + i * 7919 % (SIGNALS // 3 - 1))
  end
  if i % 5 == 0 then return string.format('return walks "type_%d"', i % 20) end
  return string.format("return above(stats.signals_by_type.type_%d, %d)", i % 20, SIGNALS)
end

--- Rules in one file, or in several.
local function write_rules(files)
  os.execute(string.format("rm -rf %s/rules && mkdir -p %s/rules", folder.path, folder.path))
  local texts = {}
  for i = 1, RULES do
    texts[i] = string.format('alert("Rule%d", { for_ = "5m", when = function() %s end })\n', i,
      body_of(i))
  end
  for i = 1, files do
    local file <close> = assert(io.open(string.format("%s/rules/r%d.lua", folder.path, i), "w"))
    file:write(HEAD, table.concat(texts, "", (i - 1) * RULES // files + 1, i * RULES // files))
  end
end

--- Seconds and the largest memory of both processes, of one `alerts check`; raises where a rule of
-- ours has failed.
local function check(failures)
  local pipe <close> = assert(io.popen(string.format(
    "SIGNALBOX_PATH=%s HOME=%s /usr/bin/env time -o %s/time -f '%%e %%M' build/signalbox " ..
    "--db %s alerts check --json 2>/dev/null", folder.path, folder.path, folder.path, database)))
  local failed, why = 0, nil
  for _, alert in ipairs(signalbox.json.decode(pipe:read "a").alerts) do
    if alert.name == "RuleFailed" then failed, why = failed + 1, alert.summary end
  end
  assert(failed == (failures or 0), why)
  local file <close> = assert(io.open(folder.path .. "/time"))
  local seconds, kibibytes = file:read("a"):match "([%d.]+) (%d+)\n$"
  return tonumber(seconds), tonumber(kibibytes)
end

local function show(name, seconds, kibibytes, most)
  local good = seconds <= most and kibibytes / 1024 <= MOST_MEBIBYTES
  print(string.format("%-44s %7.3f s  %6.1f MiB   at most %g s, %d MiB: %s", name, seconds,
    kibibytes / 1024, most, MOST_MEBIBYTES, good and "good" or "NOT GOOD"))
end

local function measure(name, most, failures)
  local best, largest = math.huge, 0
  for _ = 1, ROUNDS do
    local seconds, kibibytes = check(failures)
    best, largest = math.min(best, seconds), math.max(largest, kibibytes)
  end
  show(name, best, largest, most)
end

fill()
print(string.format("%d rules on %d signals, best of %d", RULES, SIGNALS, ROUNDS))
write_rules(20)
do
  local seconds, kibibytes = check()
  show("the first check, in twenty files", seconds, kibibytes, MOST_SECONDS)
end
measure("another", MOST_SECONDS)
write_rules(RULES)
measure("a file each", MOST_SECONDS)
do
  local file <close> = assert(io.open(folder.path .. "/rules/loop.lua", "w"))
  file:write 'alert("Loop", { when = function() while true do end end })\n'
end
measure("the same beside a rule that loops", MOST_SECONDS + LOOP_SECONDS, 1)
