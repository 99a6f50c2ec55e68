-- strong.lua [KINDS [DAYS]]: the companies with at least KINDS kinds of evidence (2) in the last
-- DAYS days (7), as CSV with the most evidence first. A line for cron:
--
--     0 6 * * *  cd /srv/deals && signalbox run strong.lua 3 > strong.csv
local signalbox = require "signalbox"

local least, days = tonumber((...)) or 2, tonumber((select(2, ...))) or 7
local store <close> = assert(signalbox.open(nil, { mode = "ro" }))

local since = signalbox.iso(signalbox.time(signalbox.now()) - days * 86400)
local kinds, count = {}, {}
for signal in assert(store:signals { since = since }) do
  local key = signal.canonical_key
  kinds[key] = kinds[key] or {}
  if not kinds[key][signal.signal_type] then
    kinds[key][signal.signal_type] = true
    count[key] = (count[key] or 0) + 1
  end
end

local keys = {}
for key, n in pairs(count) do
  if n >= least then keys[#keys + 1] = key end
end
table.sort(keys, function(a, b)
  if count[a] ~= count[b] then return count[a] > count[b] end
  return a < b
end)

print "canonical_key,kinds"
for _, key in ipairs(keys) do print(string.format('"%s",%d', key:gsub('"', '""'), count[key])) end
