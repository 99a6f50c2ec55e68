--- What becomes of signals that were found: which belong to companies that are suppressed or known,
--- which are there already, which the store refuses; the others are saved.
--
-- In the transaction of the caller, and without changing what it was given. The first of the stores
-- is saved to; the others are only looked into. A dry run saves to one of a moment, and so comes to
-- what a real one would.
--
-- A signal that has a time is told apart by it, as the store does. One that has none is the same as
-- another of its company, type and source that says the same: a collector that finds it again,
-- after a limit or a crash, must not double it.
local signalbox = require "signalbox"

local M = {}

local CHUNK <const> = 200 -- keys a statement
local PLACES <const> = ("?, "):rep(CHUNK - 1) .. "?"
local SUPPRESSED <const> = ([[
  SELECT canonical_key FROM suppression_cache
  WHERE expires_at > ? AND canonical_key IN (%s)]]):format(PLACES)
local KNOWN <const> = ([[
  SELECT DISTINCT canonical_key FROM signals WHERE canonical_key IN (%s)]]):format(PLACES)
local SAME_TIME <const> = [[
  SELECT id FROM signals
  WHERE canonical_key = ? AND signal_type = ? AND source_api = ? AND detected_at = ?]]
local SAME_CONTENT <const> = [[
  SELECT id FROM signals
  WHERE canonical_key = ? AND signal_type = ? AND source_api = ? AND raw_data = ? LIMIT 1]]
local MOMENT <const> = 1e-6 -- seconds between two that have no time of their own

-- Companies ------------------------------------------------------------------------------------

--- Which keys of the signals a query finds, as a set; `...` are the parameters before the keys.
local function keys_in(stores, sql, signals, ...)
  local before, keys, n, found = select("#", ...), {}, 0, {}
  for _, signal in ipairs(signals) do
    for _, key in ipairs(signal.keys) do n, keys[n + 1] = n + 1, key end
  end
  for from = 1, n, CHUNK do
    local parameters = table.move(keys, from, from + CHUNK - 1, before + 1, { ... })
    for _, store in ipairs(stores) do
      for row in assert(store:rows(sql, table.unpack(parameters, 1, before + CHUNK))) do
        found[row.canonical_key] = true
      end
    end
  end
  return found
end

local function has_key_in(set, signal)
  for _, key in ipairs(signal.keys) do
    if set[key] then return true end
  end
  return false
end

--- Those that `is_out` leaves, and the number of the others.
local function without(signals, is_out)
  local left = {}
  for _, signal in ipairs(signals) do
    if not is_out(signal) then left[#left + 1] = signal end
  end
  return left, #signals - #left
end

local function drop_suppressed(stores, signals)
  local set = keys_in(stores, SUPPRESSED, signals, signalbox.now())
  if next(set) == nil then return signals, 0 end
  return without(signals, function(signal) return has_key_in(set, signal) end)
end

-- Signals --------------------------------------------------------------------------------------

local function is_in(stores, from, sql, signal, what)
  for i = from, #stores do
    local row, trouble = stores[i]:row(sql, signal.canonical_key, signal.signal_type,
      signal.source_api, what)
    if trouble then error(trouble, 0) end
    if row then return true end
  end
  return false
end

--- Leaves out what says the same as another, and gives the others a moment each.
local function drop_said(stores, signals)
  local said, now, n = {}, nil, 0
  return without(signals, function(signal)
    if not signal.is_timeless then return false end
    local identity = table.concat({ signal.canonical_key, signal.signal_type, signal.source_api,
      signal.raw_data }, "\0")
    if said[identity] or is_in(stores, 1, SAME_CONTENT, signal, signal.raw_data) then
      return true
    end
    said[identity] = true
    now = now or signalbox.time(signalbox.now())
    signal.detected_at, n = now + n * MOMENT, n + 1
    return false
  end)
end

local function is_elsewhere(stores, signal)
  return stores[2] ~= nil and
    is_in(stores, 2, SAME_TIME, signal, signalbox.iso(signal.detected_at))
end

--- One by one: for a batch with a signal that the store refuses, where there is more than one store
--- to look into, and where a company that is in `known` gets no other signal.
local function save_each(stores, signals, outcome, known)
  for _, signal in ipairs(signals) do
    local id, trouble
    local is_known = known ~= nil and has_key_in(known, signal)
    if not is_known then id, trouble = stores[1]:save_signal(signal) end
    if id and known then known[signal.canonical_key] = true end
    if id and not is_elsewhere(stores, signal) then
      outcome.saved = outcome.saved + 1
    elseif id or is_known or trouble.code == "duplicate" then
      outcome.duplicates = outcome.duplicates + 1
    elseif trouble.code == "invalid" then
      outcome.refused[#outcome.refused + 1] = { signal = signal, reason = tostring(trouble) }
    else
      error(trouble, 0)
    end
  end
end

--- All at once, where that is no different.
local function save(stores, signals, outcome, known)
  if #stores == 1 and not known then
    local result, trouble = stores[1]:save_signals(signals, { batch = #signals }) -- or none of it
    if result then
      outcome.saved = result.saved
      outcome.duplicates = outcome.duplicates + result.duplicates
      return
    end
    if trouble.code ~= "invalid" then error(trouble, 0) end
  end
  save_each(stores, signals, outcome, known)
end

---@class signalbox.BatchOutcome
---@field saved integer
---@field duplicates integer
---@field suppressed integer
---@field refused { signal: table, reason: string }[]

--- Saves what is new of signals as collect_item makes them.
---@param stores table[]
---@param signals table[]
---@param skip_known? boolean the seed's stricter way: a company that has any signal gets no other
---@return signalbox.BatchOutcome
function M.save(stores, signals, skip_known)
  local outcome = { saved = 0, duplicates = 0, suppressed = 0, refused = {} }
  if #signals == 0 then return outcome end
  signals, outcome.suppressed = drop_suppressed(stores, signals)
  signals, outcome.duplicates = drop_said(stores, signals)
  local known = skip_known and keys_in(stores, KNOWN, signals) or nil
  if #signals > 0 then save(stores, signals, outcome, known) end
  return outcome
end

return M
