-- fastest.lua [DAY]: the ten companies whose repositories gained most stars a day, and what the
-- gate decides of each as of DAY (now where none is given).
--
--     signalbox --db demo/signals.db run scripts/examples/fastest.lua 2026-08-22
local signalbox = require "signalbox"
local gate = require "signalbox.gate"

local as_of = ... or signalbox.now()
local store <close> = assert(signalbox.open(nil, { mode = "ro" }))

--- Companies with the stars they have, and gained on the days when they gained many.
local function growing()
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
  return list
end

--- The newest signal of each kind in words: "spike .95 today, activity .95 2 d ago".
local function evidence(signals)
  local words, seen = {}, {}
  for _, signal in ipairs(signals) do -- the newest first
    if not seen[signal.signal_type] then
      seen[signal.signal_type] = true
      local days = (signalbox.time(as_of) - signalbox.time(signal.detected_at)) // 86400
      words[#words + 1] = string.format("%s %s %s", signal.signal_type:gsub("^github_", ""),
        string.format("%.2f", signal.confidence):gsub("^0", ""),
        days < 1 and "today" or string.format("%d d ago", days))
    end
  end
  table.sort(words, function(a, b) return a > b end)
  return table.concat(words, ", ")
end

--- 48210 as "48,210".
local function grouped(number)
  local text = string.format("%d", number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

local ROW <const> = "%-34s %9s %8s %7s  %-13s %s"
print(ROW:format("the ten that grew fastest", "stars", "a day", "score", "decision", "why"))
for i, company in ipairs(growing()) do
  if i > 10 then break end
  local signals = assert(store:get_signals_for_company(company.key))
  local verdict = gate.evaluate(signals, { now = as_of })
  print(ROW:format(company.key, grouped(company.stars), grouped(company.gained // company.days),
    string.format("%.3f", verdict.score), verdict.decision, evidence(signals)))
end
