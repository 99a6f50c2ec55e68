-- Evaluations a second: the counterpart of peers/gate.py, which says how it is used.
require "spec.support.paths"
local cjson = require "cjson"
local gate = require "signalbox.gate"

local ROUNDS <const> = 20
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

collectgarbage()
local started = os.clock()
for _ = 1, ROUNDS do
  for i = 1, #companies do gate.evaluate(companies[i], options) end
end
print("evaluate\t" .. ROUNDS * #companies / (os.clock() - started))
