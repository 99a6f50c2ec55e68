--- What a gate says of a company, made sound, and what a sink is to be told of it. Needs no
--- database, so that it is done outside the transaction which writes the decision.
local is_among <const> = require "signalbox.is_among"
local signalbox <const> = require "signalbox"
local text_of <const> = require "signalbox.sound_text"

local M = {}

local DELIVERED <const> = { auto_push = true, needs_review = true, hold = false, reject = false }

M.DELIVERED = DELIVERED

-- Soundness ------------------------------------------------------------------------------------

local function is_number(value)
  return type(value) == "number" and value - value == 0
end

--- The verdict as it can be relied on: nil and why where it says nothing.
local function sound(verdict, statuses)
  if type(verdict) ~= "table" or DELIVERED[verdict.decision] == nil then
    return nil, "the gate gave no decision"
  elseif not is_number(verdict.score) then
    return nil, "the gate gave no score"
  end
  local decision, breakdown = verdict.decision, verdict.breakdown
  if breakdown ~= nil then breakdown = signalbox.json.encode(breakdown) end
  local status = verdict.suggested_status
  return {
    decision = decision, score = verdict.score, breakdown = breakdown,
    reason = text_of(verdict.reason, "the gate says " .. decision),
    verification_status = text_of(verdict.verification_status),
    suggested_status = type(status) == "string" and status ~= "" and text_of(status)
      or statuses[decision],
  }
end

--- What the gate says of these signals, whatever it does.
---@param signals table[]
---@param gate signalbox.GateChoice
---@return table|nil verdict with `breakdown` as JSON
---@return string? reason why there is none
function M.of(signals, gate)
  local ok, verdict, problem = pcall(gate.evaluate, signals, gate.options)
  if not ok then return nil, "the gate failed: " .. text_of(verdict, "without a word") end
  if not verdict and problem then return nil, text_of(problem, "the gate gave no decision") end
  local fine
  fine, verdict, problem = pcall(sound, verdict, gate.statuses)
  if not fine then return nil, "the gate's verdict can't be read: " .. text_of(verdict, "?") end
  return verdict, problem
end

-- What a sink is told --------------------------------------------------------------------------

--- Ids of the signals that are to be decided: those that are still pending.
local function pending_ids(signals)
  local ids = {}
  for _, signal in ipairs(signals) do
    if signal.status == "pending" then ids[#ids + 1] = signal.id end
  end
  table.sort(ids)
  return ids
end

local function text_of_ids(ids) return "[" .. table.concat(ids, ",") .. "]" end

local function company_name(signals)
  for _, signal in ipairs(signals) do
    if signal.company_name then return signal.company_name end
  end
end

local function by_confidence(a, b)
  local one, other = a.confidence or 0, b.confidence or 0
  if one ~= other then return one > other end
  return a.id < b.id
end

--- Distinct values of a field.
local function distinct(signals, field)
  local values = {}
  for _, signal in ipairs(signals) do
    local value = signal[field]
    if value and not is_among(values, value) then values[#values + 1] = value end
  end
  return values
end

--- Its key is unlike any other decision's, for no fence is given out twice.
local function item_of(claim, verdict, ids, as_of)
  local signals = { table.unpack(claim.signals) }
  table.sort(signals, by_confidence)
  return {
    canonical_key = claim.canonical_key,
    company_name = company_name(claim.signals) or claim.canonical_key,
    decision = verdict.decision,
    status = verdict.suggested_status,
    score = verdict.score,
    reason = verdict.reason,
    signal_ids = ids,
    signal_types = distinct(signals, "signal_type"),
    sources = distinct(signals, "source_api"),
    idempotency_key = claim.canonical_key .. "#" .. claim.fence,
    decided_at = as_of,
  }
end

local function tell(claim, verdict, ids, as_of)
  local item = item_of(claim, verdict, ids, as_of)
  return item, assert(signalbox.json.encode(item))
end

---@class signalbox.Prepared
---@field claim table
---@field ids integer[] the signals to be decided
---@field ids_text string the same as JSON
---@field verdict? table
---@field problem? string why there is none
---@field item? table what a sink is told, where it is to be delivered
---@field payload? string the same as JSON

--- All that can be known of a claim's decision before it is written.
---@return signalbox.Prepared
function M.prepare(claim, gate, as_of)
  local verdict, problem = M.of(claim.signals, gate)
  local ids = pending_ids(claim.signals)
  local prepared = { claim = claim, ids = ids, ids_text = text_of_ids(ids), verdict = verdict,
    problem = problem }
  if verdict and DELIVERED[verdict.decision] then
    local ok, item, payload = pcall(tell, claim, verdict, prepared.ids, as_of)
    if ok then
      prepared.item, prepared.payload = item, payload
    else
      prepared.verdict = nil
      prepared.problem = text_of("no sink can be told of it: " .. tostring(item))
    end
  end
  return prepared
end

--- The same where fewer signals are left than it was prepared for.
function M.restrict(prepared, ids)
  prepared.ids, prepared.ids_text = ids, text_of_ids(ids)
  if prepared.item then
    prepared.item.signal_ids = ids
    prepared.payload = assert(signalbox.json.encode(prepared.item))
  end
end

return M
