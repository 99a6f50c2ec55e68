--- The verification gate: what to do about a company, from its signals.
--
--     local gate = require "signalbox.gate"
--     local verdict = assert(gate.evaluate(store:get_signals_for_company "domain:acme.ai"))
--     verdict.decision     -- "auto_push", "needs_review", "hold" or "reject"
--
-- Of each positive type the best contribution counts: weight x 0.5^(age / half-life) x confidence,
-- the age in whole days. Their sum is multiplied for each negative signal, for several sources, and
-- for several types that agree; what is known of founders and growth is added. Every number is an
-- option, `gate.defaults` has them all, and the verdict's breakdown tells what each one did.
--
-- A gate of one's own (process --gate FILE) is a file that returns a table of this shape:
--
--     return {
--       evaluate = function(signals, options)
--         return { decision = "hold", score = 0.2, reason = "not on a Monday", breakdown = {} }
--       end,
--     }
--
-- Where it cannot judge it returns nil and why, or raises: the company is set aside with that. A
-- `check` like ours, if it has one, is called with the options before the first company.
local gate_options <const> = require "signalbox.gate_options"

local M = { defaults = gate_options.defaults }

local DAY <const> = 86400
local format <const>, type <const> = string.format, type
local invalid <const>, wrong_type <const> = gate_options.invalid, gate_options.wrong_type
local seconds_of <const>, seconds_of_text <const> =
  gate_options.seconds_of, gate_options.seconds_of_text
local prepare <const>, shown <const> = gate_options.prepare, gate_options.shown

-- For those that give no options.
local NONE <const> = {}

-- Signals --------------------------------------------------------------------------------------

--- What is wrong with a signal that cannot be weighed.
local function fault_of(signal, index)
  local name = format("signal %d", index)
  if type(signal) ~= "table" then return wrong_type(name, "table", signal) end
  if signal.id ~= nil then name = format("%s, id %s", name, tostring(signal.id)) end
  for _, field in ipairs { "signal_type", "source_api" } do
    if type(signal[field]) ~= "string" then
      return wrong_type(name .. ": " .. field, "string", signal[field])
    end
  end
  local confidence, detected = signal.confidence, signal.detected_at
  if type(confidence) ~= "number" then
    return wrong_type(name .. ": confidence", "number", confidence)
  end
  local detail = { index = index, id = signal.id }
  if not (confidence >= 0 and confidence <= 1) then
    detail.field = "confidence"
    return invalid(format("%s: confidence is %s, and must be from 0 to 1", name, confidence),
      detail)
  end
  if type(detected) ~= "string" and type(detected) ~= "number" then
    return wrong_type(name .. ": detected_at", "string or number", detected)
  end
  detail.field = "detected_at"
  return invalid(format("%s: detected_at is %s, which is no time", name, shown(detected)), detail)
end

---@class signalbox.Evidence
---@field id any
---@field signal_type string
---@field source_api string
---@field confidence number
---@field age_days integer whole days; 0 where it was detected after `now`
---@field weight number
---@field half_life_days number
---@field contribution number weight x 0.5^(age_days / half_life_days) x confidence

-- A company has a handful of sources and types, and looking through them is quickest.

local function place_of_source(sources, count, source)
  for i = 1, count do
    if sources[i] == source then return i end
  end
end

local function place_of_type(evidence, count, kind)
  for i = 1, count do
    if evidence[i].signal_type == kind then return i end
  end
end

local function append(list, item)
  if not list then return { item } end
  list[#list + 1] = item
  return list
end

--- Goes through the signals once. Gives the evidence, the sources, the product of the negative
--- signals' multipliers, these signals, what is superseded, and a hard kill if there is one; or nil
--- and the error, or nil, nil and the wrong type.
local function sift(signals, settings, now)
  local weights, half_lives = settings.weights, settings.half_lives
  local multipliers, least = settings.negative_multipliers, settings.least_contribution
  local evidence, types = { nil, nil, nil, nil }, 0           -- with room for four
  local sources, source_count = { nil, nil, nil, nil }, 0
  local product, negatives, superseded, killer = 1, nil, nil, nil

  for index = 1, #signals do
    local signal = signals[index]
    if type(signal) ~= "table" then return fault_of(signal, index) end
    local kind, source, confidence = signal.signal_type, signal.source_api, signal.confidence
    local weight, multiplier = weights[kind], multipliers[kind]
    local detected = signal.detected_at
    detected = type(detected) == "string" and seconds_of_text(detected) or seconds_of(detected)
    if not detected or type(confidence) ~= "number" or not (confidence >= 0 and confidence <= 1)
      or not weight and not multiplier and type(kind) ~= "string" then
      return fault_of(signal, index)
    end
    if not source or source ~= sources[1] and source ~= sources[2]
      and not (source_count > 2 and place_of_source(sources, source_count, source)) then
      if type(source) ~= "string" then return fault_of(signal, index) end
      source_count = source_count + 1
      sources[source_count] = source
    end

    local age = now > detected and (now - detected) // DAY | 0 or 0
    if multiplier then
      local item = { id = signal.id, signal_type = kind, source_api = source,
        confidence = confidence, age_days = age, multiplier = multiplier }
      product, negatives = product * multiplier, append(negatives, item)
      if settings.hard_kills[kind] then killer = killer or item end
    else
      weight = weight or settings.default_weight
      local half_life = half_lives[kind] or settings.default_half_life
      local contribution = weight * 0.5 ^ (age / half_life) * confidence
      local item = {
        id = signal.id, signal_type = kind, source_api = source, confidence = confidence,
        age_days = age, weight = weight, half_life_days = half_life,
        contribution = contribution >= least and contribution or 0,
      }
      local place = place_of_type(evidence, types, kind)
      if not place then
        types = types + 1
        evidence[types] = item
      else
        if contribution > evidence[place].contribution then
          evidence[place], item = item, evidence[place]
        end
        superseded = append(superseded, item)
      end
    end
  end
  return evidence, sources, product, negatives, superseded, killer
end

-- The verdict ----------------------------------------------------------------------------------

--- The first negative signal that contradicts the evidence, if there is any.
local function contradiction(breakdown, conflicting)
  if not breakdown.negatives or breakdown.signals_contributing == 0 then return nil end
  for _, item in ipairs(breakdown.negatives) do
    if conflicting[item.signal_type] then return item end
  end
end

--- The boost for a number of things: the list's last where it is shorter.
local function boost(boosts, count)
  return count == 0 and 1 or boosts[count] or boosts[#boosts]
end

-- Thousandths as texts, made when first asked for: cheaper than to format each score.
local THOUSANDTHS <const> = setmetatable({}, { __index = function(self, thousandths)
  self[thousandths] = format("%.3f", thousandths / 1000)
  return self[thousandths]
end })

--- A score beside a threshold: three digits, or as many as show on which side of it it lies.
local function score_text(score, threshold)
  local gap = score - threshold
  if gap >= 0.001 or gap <= -0.001 then return THOUSANDTHS[(score * 1000 + 0.5) // 1 | 0] end
  for digits = 3, 17 do
    local text = format("%." .. digits .. "f", score)
    if (tonumber(text) >= threshold) == (gap >= 0) then return text end
  end
  return format("%.17g", score)
end

local function sources_text(count) return count == 1 and "one source" or count .. " sources" end

--- What to do with a score, and why.
local function decide(score, sources, settings, strict)
  local push, review = settings.auto_push_threshold, settings.review_threshold
  if score <= 0 then
    return "reject", "no evidence that counts"
  elseif score >= push and (sources >= 2 or not strict) then
    return "auto_push", "score " .. score_text(score, push) .. " from " .. sources_text(sources)
      .. " reaches " .. settings.push_text
  elseif score >= push then
    return "needs_review", "score " .. score_text(score, push) .. " reaches " .. settings.push_text
      .. ", but from one source: strict mode asks for two"
  elseif score >= review then
    local nearer = push - score < score - review and push or review
    return "needs_review", "score " .. score_text(score, nearer) .. " from "
      .. sources_text(sources) .. " reaches " .. settings.review_text .. ", not "
      .. settings.push_text
  end
  return "hold", "score " .. score_text(score, review) .. " from " .. sources_text(sources)
    .. " is below " .. settings.review_text
end

---@class signalbox.Breakdown
---@field evidence signalbox.Evidence[] the best signal of each positive type
---@field superseded? signalbox.Evidence[] others of those types, which do not count
---@field negatives? table[] id, signal_type, source_api, age_days, multiplier
---@field hard_kill? table the negative signal that ended it
---@field sources string[] of all signals
---@field evidence_score number the sum of the contributions
---@field negative_multiplier number the product of the negatives' multipliers
---@field base_score number evidence_score x negative_multiplier
---@field multi_source_boost number
---@field convergence_boost number
---@field founder_boost number added
---@field velocity_boost number added
---@field uncapped_score number base_score x both boosts + what is added
---@field auto_push_threshold number
---@field review_threshold number
---@field strict_mode? boolean where it was set
---@field momentum_score? number as given
---@field signals_contributing integer positive types
---@field sources_checked integer

---@class signalbox.Verdict
---@field decision "auto_push"|"needs_review"|"hold"|"reject"
---@field score number 0 to 1
---@field verification_status "multi_source"|"single_source"|"conflicting"|"unverified"
---@field reason string one line
---@field suggested_status string what the CRM is told; empty for hold and reject
---@field evaluated_at number epoch seconds
---@field breakdown signalbox.Breakdown every number that led to the score

--- The decision, the score that stands, the status, and why.
local function judge(breakdown, settings)
  local evidence, sources = breakdown.signals_contributing, breakdown.sources_checked
  local killer = breakdown.hard_kill
  if sources == 0 then
    return "reject", 0, "unverified", "no signals"
  elseif killer then
    return "reject", 0, "unverified",
      format("%s, seen by %s, rules it out", killer.signal_type, killer.source_api)
  end
  local score = breakdown.uncapped_score
  if score > 1 then score = 1 end
  local against = contradiction(breakdown, settings.conflicting)
  if against then
    return "needs_review", score, "conflicting", format("%s contradicts %s: a person must look",
      against.signal_type, evidence == 1 and breakdown.evidence[1].signal_type
        or evidence .. " kinds of evidence")
  end
  local decision, reason = decide(score, sources, settings, breakdown.strict_mode)
  return decision, score, sources >= 2 and "multi_source" or "single_source", reason
end

--- The arithmetic, each number of it by its name.
local function break_down(settings, options, evidence, sources, product, negatives, superseded)
  local types, source_count = #evidence, #sources
  local sum = 0
  for i = 1, types do sum = sum + evidence[i].contribution end
  local source_boost = boost(settings.source_boosts, source_count)
  local convergence_boost = boost(settings.convergence_boosts, types)
  local founder = (options.founder_score or 0) * settings.founder_weight
  if founder > settings.founder_boost_max then founder = settings.founder_boost_max end
  local velocity = options.velocity_boost or 0
  if velocity > settings.velocity_boost_max then velocity = settings.velocity_boost_max end
  return {                                      -- sixteen: one more would double the table
    evidence = evidence, negatives = negatives, superseded = superseded, sources = sources,
    signals_contributing = types, sources_checked = source_count,
    evidence_score = sum, negative_multiplier = product, base_score = sum * product,
    multi_source_boost = source_boost, convergence_boost = convergence_boost,
    founder_boost = founder, velocity_boost = velocity,
    uncapped_score = sum * product * source_boost * convergence_boost + founder + velocity,
    auto_push_threshold = settings.auto_push_threshold,
    review_threshold = settings.review_threshold,
  }
end

-- The gate -------------------------------------------------------------------------------------

--- Whether options can be used: true, or nil and what is out of bounds. Raises on an unknown name
--- or a wrong type, as `evaluate` does.
---@param options signalbox.GateOptions
---@return true|nil, table? err
function M.check(options)
  local settings, err, wrong = prepare(options)
  if wrong then error(format("bad argument #1 to 'check' (%s)", wrong), 2) end
  if settings then return true end
  return nil, err
end

--- What to do about a company. Of a signal that cannot be weighed (a confidence that is NaN, a
--- detected_at that is no time) it gives nil and an error of code "invalid" that names the signal
--- and the field; a field that is missing or of the wrong type raises, as does an unknown option.
---
--- Weights, half-lives, thresholds and their kin are read when a table of options is first seen:
--- keep one for all companies, and change in it only what is a company's own (strict_mode,
--- founder_score, velocity_boost, momentum_score, now).
---@param signals table[] each with id, signal_type, source_api, confidence, detected_at
---@param options? signalbox.GateOptions and `now`: epoch seconds or ISO text, by default the clock
---@return signalbox.Verdict|nil, table? err
function M.evaluate(signals, options)
  if type(signals) ~= "table" then
    error(format("bad argument #1 to 'evaluate' (table expected, got %s)", type(signals)), 2)
  end
  options = options or NONE
  local settings, now, wrong = prepare(options)
  if wrong then error(format("bad argument #2 to 'evaluate' (%s)", wrong), 2) end
  if not settings then return nil, now end

  local evidence, sources, product, negatives, superseded, killer = sift(signals, settings, now)
  if not evidence then
    local err
    err, wrong = sources, product
    if wrong then error(format("bad argument #1 to 'evaluate' (%s)", wrong), 2) end
    return nil, err
  end
  local breakdown = break_down(settings, options, evidence, sources, product, negatives, superseded)
  if killer then breakdown.hard_kill = killer end
  if options.strict_mode then breakdown.strict_mode = true end
  if options.momentum_score then breakdown.momentum_score = options.momentum_score end
  local decision, score, status, reason = judge(breakdown, settings)
  return {
    decision = decision, score = score, verification_status = status, reason = reason,
    suggested_status = settings.suggested_status[decision] or "", breakdown = breakdown,
    evaluated_at = now,
  }
end

return M
