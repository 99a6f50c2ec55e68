-- Evaluations a second: the counterpart of peers/gate.py, which says how it is used.
require "spec.support.paths"
local cjson = require "cjson"
local gate = require "signalbox.gate"

local ROUNDS <const> = 40
local companies = {}
for line in io.lines(arg[1] .. "/companies.ndjson") do
  companies[#companies + 1] = cjson.decode(line)
end

local options = { now = "2026-11-01T12:00:00+00:00" }
if arg[2] == "print" then
  for _, signals in ipairs(companies) do
    local verdict = gate.evaluate(signals, options)
    print(("%s %.9f"):format(verdict.decision, verdict.score))
  end
  return
end

--- What any Lua that gives as much must do: make the tables of a verdict, and no more.
local function shape(signals)
  local evidence = { nil, nil, nil, nil }
  for i = 1, #signals do
    local signal = signals[i]
    evidence[i] = { id = signal.id, signal_type = signal.signal_type,
      source_api = signal.source_api, confidence = signal.confidence, age_days = 1, weight = 1,
      half_life_days = 1, contribution = 1 }
  end
  return { decision = "hold", score = 1, verification_status = "", reason = "",
    suggested_status = "", evaluated_at = 1, breakdown = { evidence = evidence,
      negatives = nil, superseded = nil, sources = { 1, 2, 3, 4 }, signals_contributing = 1,
      sources_checked = 1, evidence_score = 1, negative_multiplier = 1, base_score = 1,
      multi_source_boost = 1, convergence_boost = 1, founder_boost = 1, velocity_boost = 1,
      uncapped_score = 1, auto_push_threshold = 1, review_threshold = 1 } }
end

local function measure(name, work)
  collectgarbage()
  local started = os.clock()
  for _ = 1, ROUNDS do
    for i = 1, #companies do work(companies[i], options) end
  end
  print(name .. "\t" .. ROUNDS * #companies / (os.clock() - started))
end

measure("evaluate", gate.evaluate)
measure("shape", shape)
