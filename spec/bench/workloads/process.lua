-- Companies a second through the batch run with the sink `file`: claim, evaluate, decide, deliver,
-- settle. Durable: the database and the file are synced.
--
--   process.lua fill PATH COMPANIES SIGNALS    a database to work on
--   process.lua run PATH OUT LIMIT             works on so many
--
-- `run` prints companies, seconds, companies a second (rate) and a second of this process's own
-- (busy), and the share of the time in which it claims or is in a transaction (serial).
require "spec.support.paths"
local signalbox = require "signalbox"

local KINDS <const> = { "hiring_signal", "incorporation", "github_spike" }
local AS_OF <const> = "2026-08-22T00:00:00+00:00"
local PUSHES <const> = 0.1 -- a threshold that each of them reaches

local function now() return signalbox.time(signalbox.now()) end

local function fill(path, companies, signals)
  local store <close> = assert(signalbox.open(path, { durability = "normal" }))
  local at, i = signalbox.time(AS_OF) - 86400, -1
  assert(store:save_signals(function()
    i = i + 1
    local company = i // signals
    if company >= companies then return nil end
    return { signal_type = KINDS[i % signals + 1], source_api = "source " .. i % signals,
      canonical_key = string.format("domain:company-%d.ai", company),
      company_name = "Company " .. company, confidence = 0.9, detected_at = at + i / 50,
      raw_data = { stars = i, note = "as a collector would write it, more or less" } }
  end))
end

--- Counts the time in which the store writes.
local function watch_writes(store)
  local methods, serial = getmetatable(store).__index, 0
  for _, name in ipairs { "transaction", "claim" } do
    local method = methods[name]
    methods[name] = function(...)
      local begun = now()
      local results = table.pack(method(...))
      serial = serial + now() - begun
      return table.unpack(results, 1, results.n)
    end
  end
  return function() return serial end
end

local function run(path, out, limit)
  local store <close> = assert(signalbox.open(path, { busy_timeout = 60 }))
  local serial = watch_writes(store)
  local begun, worked = now(), os.clock()
  local counts = assert(require("signalbox.process").run(store, {
    sink_name = "file", sink = dofile "scripts/sinks/file.lua", sink_options = { out = out },
    gate = { evaluate = require("signalbox.gate").evaluate,
      statuses = { needs_review = "Tracking" },
      options = { now = AS_OF, review_threshold = PUSHES } },
    as_of = AS_OF, limit = limit, hold_for = 86400, settle = 60,
  }))
  local seconds = now() - begun
  print("companies\t" .. counts.companies)
  print("pushed\t" .. counts.pushed)
  print("seconds\t" .. seconds)
  print("rate\t" .. counts.companies / seconds)
  print("busy\t" .. counts.companies / (os.clock() - worked))
  print("serial\t" .. serial() / seconds)
end

if arg[1] == "fill" then
  fill(arg[2], tonumber(arg[3]), tonumber(arg[4]))
else
  run(arg[2], arg[3], math.tointeger(tonumber(arg[4])))
end
