-- fastest.lua [DAY]: the ten companies whose repositories gained most stars a day, with what the
-- gate decides of each as of DAY (now where none is given).
--
--     signalbox --db demo/signals.db run scripts/examples/fastest.lua 2026-08-22
local signalbox = require "signalbox"
local gate = require "signalbox.gate"

local as_of = ... or signalbox.now()
local store <close> = assert(signalbox.open(nil, { mode = "ro" }))

local companies, list = {}, {}
for signal in assert(store:signals { signal_type = "github_spike" }) do -- the newest first
  local company = companies[signal.canonical_key]
  if not company then
    company = { key = signal.canonical_key, stars = signal.raw_data.stars, gained = 0, days = 0 }
    companies[company.key] = company
    list[#list + 1] = company
  end
  company.gained, company.days = company.gained + signal.raw_data.gained, company.days + 1
end

table.sort(list, function(a, b) return a.gained / a.days > b.gained / b.days end)

--- 48210 as "48,210".
local function grouped(number)
  local text = string.format("%d", number):reverse():gsub("(%d%d%d)", "%1,")
  return (text:reverse():gsub("^,", ""))
end

print(string.format("%-34s %9s %8s %7s  %-13s %s", "the ten that grew fastest", "stars", "a day",
  "score", "decision", "why"))
for i = 1, math.min(10, #list) do
  local company = list[i]
  local signals = assert(store:get_signals_for_company(company.key))
  local verdict = gate.evaluate(signals, { now = as_of })
  print(string.format("%-34s %9s %8s %7.3f  %-13s %s", company.key, grouped(company.stars),
    grouped(company.gained // company.days), verdict.score, verdict.decision, verdict.reason))
end
