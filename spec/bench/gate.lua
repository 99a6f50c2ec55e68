-- Evaluations a second of companies with three signals, with the full breakdown, beside plain
-- Python, which must come to the same verdicts.
--
--   lua5.4 spec/bench/gate.lua [PAIRS]
require "spec.support.paths"
local cjson = require "cjson"
local support = require "spec.bench.support"

local PAIRS <const> = tonumber(arg[1] or 9)
local COMPANIES <const> = 1000
local SEED <const> = 20261101

local TYPES <const> = {
  "incorporation", "github_spike", "github_activity", "hiring_signal", "funding_event",
  "domain_registration", "patent_filing", "product_hunt_launch", "github_inactive_90d",
}
local SOURCES <const> = { "github", "companies_house", "whois", "product_hunt" }

local function any(list) return list[math.random(#list)] end

local function signal(id)
  local detected = 1793534400 - math.random(0, 200 * 86400)
  return {
    id = id, signal_type = any(TYPES), source_api = any(SOURCES),
    confidence = math.random(30, 100) / 100,
    detected_at = os.date("!%Y-%m-%dT%H:%M:%S", detected)
      .. (".%06d+00:00"):format(math.random(0, 999999)),
  }
end

local function output(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "a"
end

local folder <close> = support.folder()
math.randomseed(SEED)
do
  local out <close> = assert(io.open(folder.path .. "/companies.ndjson", "w"))
  for i = 1, COMPANIES do
    out:write(cjson.encode { signal(3 * i), signal(3 * i + 1), signal(3 * i + 2) }, "\n")
  end
end

local lua = "lua5.4 spec/bench/workloads/gate.lua " .. folder.path
local python = "python3 spec/bench/peers/gate.py " .. folder.path
assert(output(lua .. " print") == output(python .. " print"), "Lua and Python judge differently")

local rounds = support.rounds(PAIRS, { { "Lua", lua }, { "Python", python } })
local rate = support.median(rounds, "Lua", "evaluate")
support.table({ "evaluations a second", "Lua", "Python", "Lua / Python" }, { {
  "three signals, full breakdown",
  support.number(rate) .. (rate >= 150000 and " (>= " or " (MISSES ") .. "150,000)",
  support.number(support.median(rounds, "Python", "evaluate")),
  support.ratio(rounds, "evaluate", "Python", "evaluate", 4),
} })
print(string.format("\nwhat bounds it: making the tables of such a verdict, and no more, goes %s "
  .. "times a second in Lua,\n%.2f times as often as Python evaluates",
  support.number(support.median(rounds, "Lua", "shape")),
  support.median(rounds, "Lua", "shape") / support.median(rounds, "Python", "evaluate")))
