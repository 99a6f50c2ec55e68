--- The verification gate: what to do about a company, from its signals.
--
--     local verdict = gate.evaluate(store:get_signals_for_company "domain:acme.ai")
--     verdict.decision     -- "auto_push", "needs_review", "hold" or "reject"
--
-- Of each positive type the best contribution counts: weight x 0.5^(age / half-life) x confidence,
-- the age in whole days. Their sum is multiplied for each negative signal, for several sources, and
-- for several types that agree; what is known of founders and growth is added. Every number below
-- is an option of that name.
--
-- A gate of one's own is a file that returns a table with such an `evaluate` (process --gate FILE).
local M = {}

---@class signalbox.GateOptions
M.defaults = {
  strict_mode = false,  -- one source is never enough for auto_push
  founder_score = 0,    -- 0 to 1
  velocity_boost = 0,   -- added as it is
  momentum_score = 0,   -- taken for the record; it moves no score
  auto_push_threshold = 0.7,
  review_threshold = 0.4,
  founder_weight = 0.15,
  founder_boost_max = 0.15,
  velocity_boost_max = 0.20,
  source_boosts = { 1, 1.15, 1.3 },      -- by number of sources; the last holds for more
  convergence_boosts = { 1, 1.2, 1.5 },  -- by number of positive types
  weights = {
    incorporation = 0.25, github_spike = 0.20, domain_registration = 0.15, patent_filing = 0.15,
    product_hunt_launch = 0.10, social_announcement = 0.10, cofounder_search = 0.05,
    research_paper = 0.05, funding_event = 0.20, hiring_signal = 0.30, github_activity = 0.18,
  },
  default_weight = 0.05,
  half_lives = { -- days
    incorporation = 365, github_spike = 14, domain_registration = 90, patent_filing = 180,
    product_hunt_launch = 30, social_announcement = 30, cofounder_search = 60,
    research_paper = 180, funding_event = 180, hiring_signal = 45, github_activity = 30,
  },
  default_half_life = 90,
  negative_multipliers = {
    job_at_big_co_recent = 0.6, job_at_big_co_medium = 0.3, job_at_big_co_old = 0.1,
    domain_dead = 0.1, github_inactive_90d = 0.3, company_dissolved = 0,
  },
  hard_kills = { company_dissolved = true },
  conflicting = { domain_dead = true },  -- with a positive signal: a person must look
  suggested_status = { auto_push = "Source", needs_review = "Tracking" },
}

local DAY <const> = 86400
local D <const> = M.defaults
local NONE <const> = {}
local max <const>, min <const>, type <const> = math.max, math.min, type

-- Times ----------------------------------------------------------------------------------------

local signalbox

--- Epoch seconds of any time; the forms that the store doesn't write are read by the module.
local function read_time(value)
  signalbox = signalbox or require "signalbox"
  return signalbox.time(value)
end

--- Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Howard Hinnant's
--- days_from_civil).
local function days_of(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * (month + (month > 2 and -3 or 9)) + 2) // 5 + day - 1
  return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    - 719468
end

local DATES_KEPT <const> = 4096
local dates, date_count = {}, 0

--- Epoch seconds of midnight of "YYYY-MM-DD"; signals share few dates, so they are kept.
local function seconds_of_date(date)
  local seconds = dates[date]
  if seconds then return seconds end
  local year, month, day = date:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)$"
  if not year then return nil end
  seconds = days_of(year // 1, month // 1, day // 1) * DAY
  if date_count == DATES_KEPT then dates, date_count = {}, 0 end
  dates[date], date_count = seconds, date_count + 1
  return seconds
end

--- Whole epoch seconds of the form that the store writes, or nil.
local function stored_time(text)
  if #text ~= 32 then return nil end
  local _, _, t, h1, h2, _, m1, m2, _, s1, s2 = text:byte(9, 19)
  if t ~= 84 or text:byte(27) ~= 43 then return nil end
  local date = seconds_of_date(text:sub(1, 10))
  if not date or text:sub(28) ~= "00:00" then return nil end
  return date + (h1 * 10 + h2 - 528) * 3600 + (m1 * 10 + m2 - 528) * 60 + s1 * 10 + s2 - 528
end

local function seconds_of(value)
  return type(value) == "string" and stored_time(value) or read_time(value)
end

-- Input ----------------------------------------------------------------------------------------

local function complain(signal, index, field, what)
  error(string.format("signal %s: %s %s", tostring(type(signal) == "table" and signal.id or index),
    field, what), 0)
end

local function check(signal, index)
  if type(signal) ~= "table" then complain(signal, index, "it", "is no signal") end
  if type(signal.signal_type) ~= "string" then
    complain(signal, index, "signal_type", "is missing or no text")
  end
  if type(signal.source_api) ~= "string" then
    complain(signal, index, "source_api", "is missing or no text")
  end
  local confidence = signal.confidence
  if type(confidence) ~= "number" or not (confidence >= 0 and confidence <= 1) then
    complain(signal, index, "confidence",
      "is " .. tostring(confidence) .. ", and must be from 0 to 1")
  end
end

--- Whole days from the signal to `now`; one from the future is of today.
local function age_in_days(signal, index, now)
  local detected = signal.detected_at and seconds_of(signal.detected_at)
  if not detected then complain(signal, index, "detected_at", "is missing or no time") end
  return max(0, (now - detected) // DAY)
end

---@class signalbox.Verdict
---@field decision "auto_push"|"needs_review"|"hold"|"reject"
---@field score number 0 to 1
---@field verification_status "multi_source"|"single_source"|"conflicting"|"unverified"
---@field reason string
---@field suggested_status string what the CRM is told; empty for hold and reject
---@field breakdown table every number that led to the score

-- The arithmetic -------------------------------------------------------------------------------

local function verdict(decision, score, verification_status, reason, suggested_status, breakdown)
  return {
    decision = decision, score = score, verification_status = verification_status,
    reason = reason, suggested_status = suggested_status, breakdown = breakdown,
  }
end

--- `boosts[n]`, the last where there are fewer.
local function boost(boosts, n)
  return n == 0 and 1 or boosts[min(n, #boosts)]
end

--- What one positive signal contributes, kept where it is the best of its type.
local function weigh(evidence, best, signal, age, options)
  local kind = signal.signal_type
  local weight = (options.weights or D.weights)[kind] or D.weights[kind]
    or options.default_weight or D.default_weight
  local half_life = (options.half_lives or D.half_lives)[kind] or D.half_lives[kind]
    or options.default_half_life or D.default_half_life
  local confidence = signal.confidence
  local contribution = weight * 0.5 ^ (age / half_life) * confidence
  local at = best[kind]
  if not at then
    at = #evidence + 1
    best[kind] = at
  elseif contribution <= evidence[at].contribution then
    return
  end
  evidence[at] = {
    id = signal.id, signal_type = kind, source_api = signal.source_api, confidence = confidence,
    age_days = age, weight = weight, half_life_days = half_life, contribution = contribution,
  }
end

--- Goes through the signals: the best evidence of each positive type, and all negative ones. Of a
--- hard kill gives nil and the signal.
local function sift(signals, options, now)
  local multipliers = options.negative_multipliers or NONE
  local hard_kills = options.hard_kills or D.hard_kills
  local evidence, best, negatives, sources = {}, {}, nil, {}
  local source_count, multiplier = 0, 1
  for index = 1, #signals do
    local signal = signals[index]
    check(signal, index)
    local kind, source = signal.signal_type, signal.source_api
    if hard_kills[kind] then return nil, signal end
    if not sources[source] then sources[source], source_count = true, source_count + 1 end
    local age = age_in_days(signal, index, now)
    local factor = multipliers[kind] or D.negative_multipliers[kind]
    if factor then
      multiplier = multiplier * factor
      negatives = negatives or {}
      negatives[#negatives + 1] = { id = signal.id, signal_type = kind, source_api = source,
        age_days = age, multiplier = factor }
    else
      weigh(evidence, best, signal, age, options)
    end
  end
  return evidence, negatives, source_count, multiplier
end

--- Whether a person must look: there is evidence, and a signal that contradicts it.
local function is_conflicting(evidence, negatives, options)
  if #evidence == 0 or not negatives then return false end
  local conflicting = options.conflicting or D.conflicting
  for _, negative in ipairs(negatives) do
    if conflicting[negative.signal_type] then return true end
  end
  return false
end

local function decide(score, sources, conflicting, push, review, strict)
  if conflicting then
    return "needs_review", "Conflicting signals detected - requires human review"
  elseif score >= push and sources >= 2 then
    return "auto_push", string.format("High confidence (%.2f) with %d sources", score, sources)
  elseif score >= push and not strict then
    return "auto_push", string.format("High confidence (%.2f) from a single source", score)
  elseif score >= review then
    return "needs_review", string.format("Medium confidence (%.2f) - requires verification", score)
  elseif score > 0 then
    return "hold", string.format("Low confidence (%.2f) - waiting for more signals", score)
  end
  return "reject", "Insufficient evidence"
end

---@param signals table[] each with id, signal_type, source_api, confidence, detected_at
---@param options? signalbox.GateOptions and `now`: epoch seconds or ISO text, by default the clock
---@return signalbox.Verdict
function M.evaluate(signals, options)
  options = options or NONE
  if #signals == 0 then
    return verdict("reject", 0, "unverified", "No signals provided", "", {})
  end
  local now = options.now and seconds_of(options.now) or os.time()
  local evidence, negatives, sources, multiplier = sift(signals, options, now)
  if not evidence then
    local signal = negatives
    return verdict("reject", 0, "unverified", "Hard kill signal: " .. signal.signal_type, "",
      { hard_kill = { id = signal.id, signal_type = signal.signal_type } })
  end

  local sum = 0
  for i = 1, #evidence do sum = sum + evidence[i].contribution end
  local base = sum * multiplier
  local source_boost = boost(options.source_boosts or D.source_boosts, sources)
  local convergence_boost = boost(options.convergence_boosts or D.convergence_boosts, #evidence)
  local founder = min(options.founder_boost_max or D.founder_boost_max,
    (options.founder_score or 0) * (options.founder_weight or D.founder_weight))
  local velocity = min(options.velocity_boost_max or D.velocity_boost_max,
    options.velocity_boost or 0)
  local score = min(1, base * source_boost * convergence_boost + founder + velocity)

  local push = options.auto_push_threshold or D.auto_push_threshold
  local review = options.review_threshold or D.review_threshold
  local strict = options.strict_mode or false
  local conflicting = is_conflicting(evidence, negatives, options)
  local decision, reason = decide(score, sources, conflicting, push, review, strict)
  return verdict(decision, score,
    conflicting and "conflicting" or sources >= 2 and "multi_source" or "single_source",
    reason, (options.suggested_status or D.suggested_status)[decision] or "", {
      base_score = base, evidence = evidence, negatives = negatives,
      negative_multiplier = multiplier, multi_source_boost = source_boost,
      convergence_boost = convergence_boost, founder_boost = founder, velocity_boost = velocity,
      signals_contributing = #evidence, sources_checked = sources,
      auto_push_threshold = push, review_threshold = review, strict_mode = strict,
    })
end

return M
