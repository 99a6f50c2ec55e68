--- Companies House: companies that were incorporated, and those that were dissolved.
--
-- The register (signalbox.companies_register) is asked day by day. What happened has a date, so a
-- later run finds the same signals again; each run begins a few days before the last one's end, for
-- the register is behind.
local cli = require "signalbox.cli"
local collect_item = require "signalbox.collect_item"
local companies_register = require "signalbox.companies_register"
local problem = require "signalbox.problem"
local signalbox = require "signalbox"

local LOOK_BACK <const> = 90  -- days
local OVERLAP <const> = 3     -- days
local DAY <const> = 86400

--- SIC 2007, by their first digits.
local TARGETS <const> = {
  { "health", "86", "87", "21", "32501", "32502" },
  { "clean technology", "3511", "3512", "3513", "3514", "3522", "3523", "38", "39000", "27110" },
  { "software and data", "6201", "6202", "6203", "6209", "631", "639" },
  { "research", "72110", "72190", "72200" },
}

-- Judging --------------------------------------------------------------------------------------

local function target_group(codes)
  for _, code in ipairs(type(codes) == "table" and codes or {}) do
    for _, group in ipairs(TARGETS) do
      for i = 2, #group do
        if tostring(code):sub(1, #group[i]) == group[i] then return group[1] end
      end
    end
  end
end

--- How many officers it has: a request a company, so for some only, and no more of them in a run
--- where one of these requests failed.
local function officers_of(run, number)
  if run.officers <= 0 then return nil end
  local count, trouble = run.register:officers(number)
  run.officers = trouble and 0 or run.officers - 1
  return count
end

local function confidence_of(group, age, officers)
  local confidence = 0.6
  if group then confidence = confidence + 0.2 end
  if age <= 30 then confidence = confidence + 0.15
  elseif age <= 90 then confidence = confidence + 0.1 end
  if officers and officers >= 2 then confidence = confidence + 0.05 end
  return math.min(1, confidence)
end

local function address_of(company)
  local address = company.registered_office_address
  return type(address) == "table" and address or {}
end

local function refs_of(company)
  local address = address_of(company)
  return {
    companies_house_number = company.company_number,
    fallback_company_name = company.company_name,
    fallback_region = address.locality or address.region or address.country,
  }
end

--- Numbers have eight characters; the register's own answers leave noughts out at times.
local function padded(number)
  if type(number) ~= "string" then error("company_number is no text", 0) end
  return ("0"):rep(8 - #number) .. number
end

local function raw_data_of(company, fields)
  local raw = {
    company_number = company.company_number, company_name = company.company_name,
    company_status = company.company_status, company_type = company.company_type,
    date_of_creation = company.date_of_creation, date_of_cessation = company.date_of_cessation,
    sic_codes = type(company.sic_codes) == "table" and signalbox.array(company.sic_codes) or nil,
    registered_office_address = company.registered_office_address,
    jurisdiction = address_of(company).country,
  }
  for name, value in pairs(fields) do raw[name] = value end
  return raw
end

local function incorporation(run, company)
  local created = company.date_of_creation
  local age = (run.today - assert(signalbox.time(created))) // DAY
  local group = target_group(company.sic_codes)
  local officers = officers_of(run, company.company_number)
  return {
    signal_type = "incorporation", confidence = confidence_of(group, age, officers),
    company_name = company.company_name, detected_at = created, refs = refs_of(company),
    raw_data = raw_data_of(company, {
      age_days = math.tointeger(age), group = group, officers = officers,
    }),
  }
end

local function dissolution(company)
  return {
    signal_type = "company_dissolved", confidence = 1, company_name = company.company_name,
    detected_at = company.date_of_cessation, refs = refs_of(company),
    raw_data = raw_data_of(company, {}),
  }
end

--- What a run keeps in its context.
local function run_of(context)
  context.house = context.house or {
    register = companies_register.open(), officers = context.args.officers or 300,
    today = signalbox.time(signalbox.now()) // DAY * DAY,
  }
  return context.house
end

--- What a company of the register comes to.
local function take(context, company)
  local run = run_of(context)
  if not collect_item.is_object(company) then error("this is no JSON object", 0) end
  company.company_number = padded(company.company_number)
  if company.company_status == "active" then
    if not collect_item.present(company.date_of_creation) then
      error("date_of_creation is missing", 0)
    end
    context:signal(incorporation(run, company))
  elseif collect_item.present(company.date_of_cessation) then
    context:signal(dissolution(company))
  end
end

-- The days -------------------------------------------------------------------------------------

local function day_text(moment)
  return signalbox.iso(moment):sub(1, 10)
end

--- The first day to ask for: where the last run came to, and a little before.
local function first_day(run, context, reached)
  local first = run.today - LOOK_BACK * DAY
  if context.since then return math.max(first, signalbox.time(context.since) // DAY * DAY) end
  if reached then first = math.max(first, signalbox.time(reached) - OVERLAP * DAY) end
  return first
end

--- Moves the cursor of a kind to a day, unless the run has left days out.
local function reach(context, kind, date)
  if context.since then return context:commit() end
  local cursor = context.cursor or {}
  context.cursor = {
    incorporated = kind == "incorporated" and date or cursor.incorporated,
    dissolved = kind == "dissolved" and date or cursor.dissolved,
  }
end

--- What became of companies on each day, `kind` being what the register calls it. A day that cannot
--- be listed whole is asked for again by the next run; the days after it are not put off for it.
local function collect_days(context, kind, status)
  local run, short = run_of(context), nil
  local first = first_day(run, context, context.cursor and context.cursor[kind])
  for day = first, run.today, DAY do
    local date = day_text(day)
    local companies, missing = run.register:day { company_status = status,
      [kind .. "_from"] = date, [kind .. "_to"] = date }
    for _, company in ipairs(companies) do context:take(company) end
    if missing > 0 then
      short = short or string.format("of the companies that were %s on %s, Companies House has " ..
        "%s that it cannot list", kind, date, cli.thousands(missing))
    elseif not short then
      reach(context, kind, date)
    end
  end
  if short then error(problem("unavailable", short), 0) end
end

return {
  about = "companies in the UK that were incorporated or dissolved",
  needs = { "companies_house.api_key" },
  signals = { "incorporation", "company_dissolved" },

  arguments = function(parser)
    parser:option("--officers", "ask for the officers of so many companies, a request each", 300)
      :argname("<n>"):convert(cli.whole)
    parser:flag("--no-dissolved", "leave out those that were dissolved")
  end,

  take = take,

  collect = function(context)
    collect_days(context, "incorporated", "active")
    if not context.args.no_dissolved then collect_days(context, "dissolved", "dissolved") end
  end,
}
