-- A check of 1,000 rules on a store of 1,000,000 signals: time, memory, and what a rule that loops
-- costs the others.
--
--   lua5.4 spec/bench/alerts.lua [SIGNALS [RULES]]
require "spec.support.paths"
local signalbox = require "signalbox"
local support = require "spec.bench.support"

local SIGNALS <const> = math.tointeger(tonumber(arg[1] or 1000000))
local RULES <const> = math.tointeger(tonumber(arg[2] or 1000))
local ROUNDS <const> = 3

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
      detected_at = 1767225600 + i,
    } or nil
  end))
end

--- Rules in one file, or a file each; every hundredth fires, every tenth asks the store itself.
local function write_rules(files)
  os.execute(string.format("rm -rf %s/rules && mkdir -p %s/rules", folder.path, folder.path))
  local texts = {}
  for i = 1, RULES do
    local body = i % 100 == 0 and "return stats.total_signals" or
      i % 10 == 0 and string.format('return store:is_duplicate "domain:none-%d.com"', i) or
      string.format("return above(stats.signals_by_type.type_%d, %d)", i % 20, SIGNALS)
    texts[i] = string.format('alert("Rule%d", { for_ = "5m", when = function() %s end })\n', i,
      body)
  end
  for i = 1, files do
    local file <close> = assert(io.open(string.format("%s/rules/r%d.lua", folder.path, i), "w"))
    file:write(table.concat(texts, "", (i - 1) * RULES // files + 1, i * RULES // files))
  end
end

--- Seconds and the largest memory of both processes, of one `alerts check`.
local function check()
  local pipe <close> = assert(io.popen(string.format(
    "SIGNALBOX_PATH=%s HOME=%s /usr/bin/env time -f '%%e %%M' build/signalbox --db %s " ..
    "alerts check --quiet 2>&1", folder.path, folder.path, database)))
  local seconds, kibibytes = pipe:read("a"):match "([%d.]+) (%d+)\n$"
  return tonumber(seconds), tonumber(kibibytes)
end

local function measure(name)
  local best, largest = math.huge, 0
  for _ = 1, ROUNDS do
    local seconds, kibibytes = check()
    best, largest = math.min(best, seconds), math.max(largest, kibibytes)
  end
  print(string.format("%-44s %7.3f s  %6.1f MiB", name, best, largest / 1024))
end

fill()
print(string.format("%d rules on %d signals, best of %d", RULES, SIGNALS, ROUNDS))
write_rules(1)
print(string.format("%-44s %7.3f s", "the first check, which looks at every signal", (check())))
measure "rules in one file"
write_rules(RULES)
measure "a file each"
do
  local file <close> = assert(io.open(folder.path .. "/rules/loop.lua", "w"))
  file:write 'alert("Loop", { when = function() while true do end end })\n'
end
measure "the same beside a rule that loops (1 s)"
