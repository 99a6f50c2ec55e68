--- The options of the verification gate: what each is by default, whether those given can be used,
--- and the settings that come of both. And how it reads times and tells what is wrong.
--
-- What finds a fault gives nil and an error for a value out of bounds, as the store does, or nil,
-- nil and a text for a value of the wrong type, which signalbox.gate raises where it was called.
local M = {}

---@class signalbox.GateOptions
M.defaults = {
  strict_mode = false,  -- one source is never enough for auto_push
  founder_score = 0,    -- 0 to 1
  velocity_boost = 0,   -- added as it is, up to velocity_boost_max
  momentum_score = 0,   -- noted in the breakdown; it moves no score
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
  least_contribution = 0.00005,  -- what has faded below it counts as nothing
  negative_multipliers = {
    job_at_big_co_recent = 0.6, job_at_big_co_medium = 0.3, job_at_big_co_old = 0.1,
    domain_dead = 0.1, github_inactive_90d = 0.3, company_dissolved = 0,
  },
  hard_kills = { company_dissolved = true },  -- one such signal ends it
  conflicting = { domain_dead = true },       -- beside a positive signal: a person must look
  suggested_status = { auto_push = "Source", needs_review = "Tracking" },
}

local D <const> = M.defaults
local DAY <const> = 86400
local format <const>, type <const> = string.format, type

-- Faults ---------------------------------------------------------------------------------------

local invalid_class <const> = { __tostring = function(err) return err.message end }

function M.invalid(message, detail)
  return nil, setmetatable({ code = "invalid", message = message, detail = detail }, invalid_class)
end

function M.wrong_type(name, expected, value)
  return nil, nil, format("%s: %s expected, got %s", name, expected, type(value))
end

function M.shown(value)
  return type(value) == "string" and format("%q", value) or tostring(value)
end

-- Times ----------------------------------------------------------------------------------------

--- Epoch seconds of a time as the store writes it, for where the store's module is not at hand.
local function read_stored_time(text)
  local year, month, day, hours, minutes, seconds, offset =
    text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d%.?%d*)(.*)$"
  if offset ~= "+00:00" then return nil end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if month < 1 or month > 12 or day < 1 or day > 31 then return nil end
  -- Years that begin in March have their odd day at the end (Howard Hinnant's days_from_civil).
  if month <= 2 then year, month = year - 1, month + 12 end
  local days = 365 * year + year // 4 - year // 100 + year // 400
    + (153 * (month - 3) + 2) // 5 + day - 719469
  return days * DAY + hours * 3600 + minutes * 60 + seconds
end

local has_module <const>, signalbox <const> = pcall(require, "signalbox")

--- Epoch seconds of a text that is a time; nil of another.
M.seconds_of_text = has_module and signalbox.time or read_stored_time

--- Epoch seconds of a text or a number; nil of anything else.
function M.seconds_of(time)
  if type(time) == "string" then return (M.seconds_of_text(time)) end
  return type(time) == "number" and time - time == 0 and time or nil
end

-- Options --------------------------------------------------------------------------------------

local FLAG <const> = { type = "boolean" }
local TEXT <const> = { type = "string" }
local AMOUNT <const> = {
  type = "number", bounds = "a number from 0",
  holds = function(value) return value >= 0 and value < math.huge end,
}
local DAYS <const> = {
  type = "number", bounds = "a number of days above 0",
  holds = function(value) return value > 0 and value < math.huge end,
}
local BOOSTS <const> = {
  type = "table", of = AMOUNT, bounds = "a list of one number or more",
  holds = function(list) return #list > 0 end,
}

local function table_of(kind) return { type = "table", of = kind } end

local KINDS <const> = {
  strict_mode = FLAG, founder_score = AMOUNT, velocity_boost = AMOUNT, momentum_score = AMOUNT,
  auto_push_threshold = AMOUNT, review_threshold = AMOUNT, founder_weight = AMOUNT,
  founder_boost_max = AMOUNT, velocity_boost_max = AMOUNT, source_boosts = BOOSTS,
  convergence_boosts = BOOSTS, weights = table_of(AMOUNT), default_weight = AMOUNT,
  half_lives = table_of(DAYS), default_half_life = DAYS, least_contribution = AMOUNT,
  negative_multipliers = table_of(AMOUNT),
  hard_kills = table_of(FLAG), conflicting = table_of(FLAG), suggested_status = table_of(TEXT),
}

local function check_value(name, value, kind)
  if type(value) ~= kind.type then return M.wrong_type(name, kind.type, value) end
  if kind.holds and not kind.holds(value) then
    return M.invalid(format("%s is %s, and must be %s", name,
      kind.of and "empty" or M.shown(value), kind.bounds), { field = name })
  end
  for key, one in pairs(kind.of and value or {}) do
    local ok, err, wrong = check_value(name .. "." .. tostring(key), one, kind.of)
    if not ok then return nil, err, wrong end
  end
  return true
end

local function check_options(options)
  if type(options) ~= "table" then return M.wrong_type("options", "table", options) end
  for name, value in pairs(options) do
    if KINDS[name] then
      local ok, err, wrong = check_value(name, value, KINDS[name])
      if not ok then return nil, err, wrong end
    elseif name ~= "now" then
      return nil, nil, format("there is no option %s", M.shown(name))
    end
  end
  return true
end

--- The defaults with these options over them; of weights and the like, entry by entry.
local function merge(options)
  local settings = {}
  for name, default in pairs(D) do
    local value = options[name]
    if value == nil then value = default end
    if type(value) == "table" and not KINDS[name].holds then
      local merged = {}
      for key, one in pairs(default) do merged[key] = one end
      for key, one in pairs(value) do merged[key] = one end
      value = merged
    end
    settings[name] = value
  end
  settings.push_text = format("%g", settings.auto_push_threshold)
  settings.review_text = format("%g", settings.review_threshold)
  return settings
end

-- The settings of each table of options that was seen, for a run uses one for all companies.
local known_settings <const> = setmetatable({}, { __mode = "k" })

local function settings_of(options)
  local settings = known_settings[options]
  if settings then return settings end
  local ok, err, wrong = check_options(options)
  if not ok then return nil, err, wrong end
  settings = merge(options)
  known_settings[options] = settings
  return settings
end

--- Whether what differs from company to company is right; it is looked at each time.
local function check_company(options)
  for _, name in ipairs { "strict_mode", "founder_score", "velocity_boost", "momentum_score" } do
    if options[name] ~= nil then
      local ok, err, wrong = check_value(name, options[name], KINDS[name])
      if not ok then return nil, err, wrong end
    end
  end
  return true
end

local last_now, last_seconds    -- a run asks for all companies as of one time

--- `now` in epoch seconds.
local function now_of(options)
  local now = options.now
  if now == nil then return os.time() end
  if now == last_now then return last_seconds end
  if type(now) ~= "number" and type(now) ~= "string" then
    return M.wrong_type("now", "number or string", now)
  end
  local seconds = M.seconds_of(now)
  if seconds then
    last_now, last_seconds = now, seconds
    return seconds
  end
  return M.invalid(format("now is %s, which is no time", M.shown(now)), { field = "now" })
end

--- Settings and `now` for one company; or nil and the error, or nil, nil and the wrong type.
--- Settings are made when a table of options is first seen; what is a company's own is checked each
--- time.
function M.prepare(options)
  local settings, err, wrong = settings_of(options)
  if not settings then return nil, err, wrong end
  if options.strict_mode ~= nil or options.founder_score or options.velocity_boost
    or options.momentum_score then
    local ok
    ok, err, wrong = check_company(options)
    if not ok then return nil, err, wrong end
  end
  local now
  now, err, wrong = now_of(options)
  if not now then return nil, err, wrong end
  return settings, now
end

return M
