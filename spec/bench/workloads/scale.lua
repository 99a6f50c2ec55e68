-- One measurement of a store of a given size. Prints "workload<TAB>value".
--
--   lua5.4 spec/bench/workloads/scale.lua fill DB ROWS      a backlog of ROWS pending signals
--   lua5.4 spec/bench/workloads/scale.lua reads DB          get_pending_signals and get_stats
--   lua5.4 spec/bench/workloads/scale.lua claims DB         claim 50 companies and settle them
--   lua5.4 spec/bench/workloads/scale.lua scan DB           peak memory of a scan, in KiB
require "spec.support.paths"
local signalbox = require "signalbox"
local support = require "spec.bench.support"

local STEP <const>, DB <const> = arg[1], arg[2]
local store <close> = assert(signalbox.open(DB, { durability = "normal" }))
local steps = {}

local function measure(name, count, work)
  support.measure(name, count, function()
    for _ = 1, count do work() end
  end)
end

function steps.fill()
  local rows, i = math.tointeger(arg[3]), -1
  assert(store:save_signals(function()
    i = i + 1
    if i >= rows then return nil end
    return {
      signal_type = i % 3 ~= 0 and "github_spike" or "incorporation",
      source_api = i % 3 ~= 0 and "github" or "companies_house",
      canonical_key = "domain:company" .. i // 3 .. ".example",
      company_name = "Acme Inc",
      confidence = 0.85,
      raw_data = '{"stars":1500,"description":"An awesome machine learning library"}',
      detected_at = 1700000000 + i,
    }
  end, { batch = 10000 }))
end

function steps.reads()
  measure("pending50", 500, function() assert(#store:get_pending_signals { limit = 50 } == 50) end)
  measure("get_stats", 2000, function() assert(store:get_stats()) end)
end

function steps.claims()
  measure("claim50", 20, function()
    local claims = assert(store:claim { limit = 50 })
    assert(#claims == 50)
    assert(store:transaction(function()
      for _, claim in ipairs(claims) do
        assert(claim:settle { state = "rejected", reason = "bench" })
      end
      return true
    end))
  end)
  -- The next round finds the same backlog.
  assert(store:exec "UPDATE signal_processing SET status = 'pending' WHERE status = 'rejected'")
end

function steps.scan()
  local n = 0
  for _ in store:signals { order = "newest" } do n = n + 1 end
  local file <close> = assert(io.open("/proc/self/status"))
  print("peak_kib\t" .. file:read("a"):match "VmHWM:%s*(%d+)")
end

steps[STEP]()
