--- Companies House: companies that were incorporated, and those that were dissolved.
--
-- The register is asked day by day, for its search has no order and its pages may overlap: the
-- companies of a day fit into one answer. What happened has a date, so a later run finds the same
-- signals again; each run begins a few days before the last one's end, for the register is behind.
local cli = require "signalbox.cli"
local config = require "signalbox.config"
local fetch = require "signalbox.fetch"
local signalbox = require "signalbox"

local LOOK_BACK <const> = 90  -- days
local OVERLAP <const> = 3     -- days
local SIZE <const> = 5000     -- companies an answer, at most
local DAY <const> = 86400

--- SIC 2007, by their first digits.
local TARGETS <const> = {
  { "health", "86", "87", "21", "32501", "32502" },
  { "clean technology", "3511", "3512", "3513", "3514", "3522", "3523", "38", "39000", "27110" },
  { "software and data", "6201", "6202", "6203", "6209", "631", "639" },
  { "research", "72110", "72190", "72200" },
}

--- A day with more companies than an answer holds is asked for type by type.
local TYPES <const> = {
  "ltd", "plc", "llp", "private-unlimited", "private-limited-guarant-nsc", "limited-partnership",
  "private-limited-guarant-nsc-limited-exemption", "private-limited-shares-section-30-exemption",
  "charitable-incorporated-organisation", "scottish-partnership", "oversea-company", "other",
}

-- The API --------------------------------------------------------------------------------------

--- 600 requests in five minutes; then it says when the next five begin.
local function limited(response)
  if response.status ~= 429 then return nil end
  local reset = tonumber(response.headers["x-ratelimit-reset"])
  return fetch.retry_after(response) or reset and fetch.until_then(response, reset) + 1 or nil
end

local function open_client()
  return fetch.client {
    name = "Companies House", secret = "COMPANIES_HOUSE_API_KEY", limited = limited, timeout = 120,
    auth = { user = config.need "companies_house.api_key", password = "" },
    transient = { [403] = true }, -- comes in patches
  }
end

--- The companies of one search, and how many there are; none is answered by 404.
local function search(run, query)
  query.size = SIZE
  local answer, response = run.client:json {
    url = fetch.url(run.url .. "/advanced-search/companies", query), expect = { [404] = true },
  }
  if answer == nil then error(response, 0) end
  if answer == false then return {}, 0 end
  return answer.items or {}, answer.hits or 0
end

--- The companies of one day, each once.
local function companies_of(run, query)
  local items, hits = search(run, query)
  if hits <= #items then return items end
  local all, known = {}, {}
  local function add(list)
    for _, company in ipairs(list) do
      if not known[company.company_number] then
        known[company.company_number] = true
        all[#all + 1] = company
      end
    end
  end
  add(items)
  for _, kind in ipairs(TYPES) do
    query.company_type = kind
    add(search(run, query))
  end
  if #all < hits then
    cli.note("companies_house: of %s companies of a day only %s could be listed",
      cli.thousands(hits), cli.thousands(#all))
  end
  return all
end

-- Judging --------------------------------------------------------------------------------------

local function target_group(codes)
  for _, code in ipairs(type(codes) == "table" and codes or {}) do
    for _, group in ipairs(TARGETS) do
      for i = 2, #group do
        if code:sub(1, #group[i]) == group[i] then return group[1] end
      end
    end
  end
end

--- How many officers it has: a request a company, so for some only, and no more of them in a run
--- where one of these requests failed.
local function officers_of(run, number)
  if run.officers <= 0 then return nil end
  run.officers = run.officers - 1
  local answer = run.client:json {
    url = string.format("%s/company/%s/officers?items_per_page=35", run.url, number),
    attempts = 1, expect = { [404] = true },
  }
  if not answer then
    if answer == nil then run.officers = 0 end
    return nil
  end
  return math.tointeger(answer.active_count) or math.tointeger(answer.total_results) or
    #(answer.items or {})
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

local function incorporation(run, context, company)
  local created = company.date_of_creation
  if company.company_status ~= "active" or not created then return end
  local age = (run.today - signalbox.time(created)) // DAY
  local group = target_group(company.sic_codes)
  local officers = officers_of(run, company.company_number)
  context:signal {
    signal_type = "incorporation", confidence = confidence_of(group, age, officers),
    company_name = company.company_name, detected_at = created, refs = refs_of(company),
    raw_data = raw_data_of(company, {
      age_days = math.tointeger(age), group = group, officers = officers,
    }),
  }
end

local function dissolution(_, context, company)
  local ended = company.date_of_cessation
  if not ended then return end
  context:signal {
    signal_type = "company_dissolved", confidence = 1, company_name = company.company_name,
    detected_at = ended, refs = refs_of(company), raw_data = raw_data_of(company, {}),
  }
end

-- The days -------------------------------------------------------------------------------------

local KINDS <const> = {
  incorporated = { take = incorporation, status = "active" },
  dissolved = { take = dissolution, status = "dissolved" },
}

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

local function collect_kind(run, context, name)
  local kind = KINDS[name]
  local reached = context.cursor and context.cursor[name]
  for day = first_day(run, context, reached), run.today, DAY do
    local date = day_text(day)
    local query = { company_status = kind.status, [name .. "_from"] = date, [name .. "_to"] = date }
    for _, company in ipairs(companies_of(run, query)) do
      if type(company.company_number) == "string" then
        company.company_number = padded(company.company_number)
      end
      kind.take(run, context, company)
    end
    local cursor = context.cursor or {}
    context.cursor = {
      incorporated = name == "incorporated" and date or cursor.incorporated,
      dissolved = name == "dissolved" and date or cursor.dissolved,
    }
  end
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

  collect = function(context)
    local now = signalbox.time(signalbox.now())
    local run = {
      client = open_client(), url = config.get "companies_house.api_url":gsub("/+$", ""),
      today = now // DAY * DAY, officers = context.args.officers or 300,
    }
    collect_kind(run, context, "incorporated")
    if not context.args.no_dissolved then collect_kind(run, context, "dissolved") end
  end,
}
