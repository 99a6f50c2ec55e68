-- What grows with the backlog: nothing should. And what an empty script costs.
--
--   lua5.4 spec/bench/scale.lua [PAIRS]
require "spec.support.paths"
local support = require "spec.bench.support"

local PAIRS <const> = tonumber(arg[1] or 5)
local SIZES <const> = { 10000, 100000, 1000000 }

local folder <close> = support.folder()

local function workload(step, size, ...)
  return string.format("lua5.4 spec/bench/workloads/scale.lua %s %s/%d.db %s", step, folder.path,
    size, table.concat({ ... }, " "))
end

for _, size in ipairs(SIZES) do
  io.stderr:write("\rfilling ", size, " \27[K")
  assert(os.execute(workload("fill", size, size)))
end

local function compare(step, name, from, to)
  local rounds = support.rounds(PAIRS, {
    { "small", workload(step, from) }, { "large", workload(step, to) },
  })
  local values = {}
  for _, round in ipairs(rounds) do
    values[#values + 1] = round.small[name] / round.large[name]
  end
  return support.median(rounds, "small", name), support.median(rounds, "large", name),
    support.median_of(values)
end

local function row(what, step, name, from, to, most)
  local small, large, ratio = compare(step, name, from, to)
  if name == "peak_kib" then ratio = 1 / ratio end
  return { what, support.number(small), support.number(large),
    string.format("%.2f (%s %g)", ratio, ratio <= most and "<=" or "MISSES", most) }
end

support.table({ "what", "10,000", "1,000,000", "times the cost" }, {
  row("get_pending_signals{limit=50}, 1/s", "reads", "pending50", 10000, 1000000, 2),
  row("get_stats, 1/s", "reads", "get_stats", 10000, 1000000, 2),
  row("claim 50 and settle, 1/s", "claims", "claim50", 10000, 1000000, 2),
})
print()
support.table({ "what", "100,000", "1,000,000", "ratio" }, {
  row("peak memory of a scan, KiB", "scan", "peak_kib", 100000, 1000000, 1.1),
})

-- What users of the predecessor have, at the largest size.
local largest = SIZES[#SIZES]
local function peer(step)
  return string.format("/usr/bin/python3 spec/bench/peers/aiosqlite_scale.py %s %s %d full", step,
    folder.path, largest)
end
assert(os.execute(peer "fill"))
local rounds = support.rounds(PAIRS, {
  { "Lua", workload("reads", largest) }, { "aiosqlite", peer "reads" },
})
print()
support.table({ "at 1,000,000 pending", "operations/s", "of aiosqlite" }, {
  { "get_pending_signals{limit=50}", support.number(support.median(rounds, "Lua", "pending50")),
    support.ratio(rounds, "pending50", "aiosqlite", "pending50", 1000) },
  { "get_stats", support.number(support.median(rounds, "Lua", "get_stats")),
    support.ratio(rounds, "get_stats", "aiosqlite", "get_stats", 1000) },
})

-- Starts: medians of many, in turns.
local function seconds(command)
  local pipe <close> = assert(io.popen(string.format(
    "bash -c 'TIMEFORMAT=%%R; time (for i in {1..50}; do %s; done)' 2>&1", command)))
  return tonumber(pipe:read "l") / 50
end

local program = require("spec.support.paths").program
local ratios, starts, bare = {}, {}, {}
for i = 1, PAIRS do
  bare[i], starts[i] = seconds 'lua5.4 -e ""', seconds(program .. ' run -e ""')
  ratios[i] = starts[i] / bare[i]
end
print()
local ratio = support.median_of(ratios)
support.table({ "what", "lua5.4 -e ''", "signalbox run -e ''", "ratio" }, {
  { "start to exit, ms", string.format("%.2f", support.median_of(bare) * 1000),
    string.format("%.2f", support.median_of(starts) * 1000),
    string.format("%.2f (%s 2)", ratio, ratio <= 2 and "<=" or "MISSES") },
})
