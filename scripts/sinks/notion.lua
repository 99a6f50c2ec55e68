--- The sink `notion`: a page a company, made or brought up to date by its canonical key.
--
-- A company is looked up before anything is written: by the page it had, by the suppression cache,
-- by its keys. Of a page that is there only the discovery's own properties are written; its status
-- and what people wrote stay. One that is Passed or Lost is left alone.
--
-- Notion has no idempotency key, so a page is made by one request; unless Notion says that it took
-- no notice, what came of it is unknown until it was looked up, after the settle time.
local config <const> = require "signalbox.config"
local crm <const> = require "signalbox.crm"
local notion <const> = require "signalbox.notion"

local WRITTEN_BY_US <const> = { "confidence_score", "signal_types", "why_now" }
local KEYS <const> = { "canonical_key", "discovery_id" }
local REVOKED <const> = { [401] = true, [403] = true }
local PATIENCE <const> = 30 -- seconds that a delivery waits for a limit, well within its lease

--- All that a new page is told, by the names of notion.lua.
local function values_of(item)
  local domain = item.canonical_key:match "^domain:(.+)$"
  return {
    company_name = item.company_name,
    status = item.status,
    website = domain and "https://" .. domain,
    canonical_key = item.canonical_key,
    discovery_id = item.canonical_key,
    confidence_score = item.score,
    signal_types = item.signal_types,
    why_now = string.format("%s. Evidence: %s.", item.reason or item.decision,
      table.concat(item.signal_types, ", ")),
  }
end

-- What a problem means -------------------------------------------------------------------------

--- Of a request that may be sent again, for it changes nothing or changes it twice.
local function harmless(problem)
  if problem.code == "interrupted" then error(problem, 0) end
  local text = tostring(problem)
  if problem.code == "conflict" then return { lost = true } end
  if REVOKED[problem.status] then return { stop = text } end
  if problem.busy then return { busy = text, wait = problem.retry_after } end
  if problem.code == "unavailable" or problem.status == 404 then
    return { again = text, wait = problem.retry_after }
  end
  return { failed = text }
end

--- Of one that may have made a page.
local function perhaps_done(problem)
  if problem.code == "unavailable" and not problem.busy then
    return { unknown = tostring(problem), wait = problem.retry_after }
  end
  return harmless(problem)
end

-- Finding --------------------------------------------------------------------------------------

--- The company's page, and ids of all that are its where there are several; false where it has
--- none, nil and a problem where that can't be told.
local function find_page(deals, delivery)
  local how = { patience = PATIENCE }
  for _, id in ipairs { delivery.page_id or false, delivery.item.known_page or false } do
    local page, problem = deals:page(id or "", how)
    if page ~= false then return page, problem end
  end
  local pages, problem = deals:find(delivery.canonical_key, how)
  if not pages then return nil, problem end
  if #pages < 2 then return pages[1] or false end
  local ids = {}
  for i, page in ipairs(pages) do ids[i] = page.id end
  return pages[1], ids
end

-- Writing --------------------------------------------------------------------------------------

local function update(deals, page, item, holds)
  local status = notion.value(deals, page, "status")
  if crm.is_closed(status) then
    return { refused = "in the CRM as " .. status, page_id = page.id }
  end
  local all, values = values_of(item), {}
  for _, name in ipairs(WRITTEN_BY_US) do values[name] = all[name] end
  for _, name in ipairs(KEYS) do
    values[name] = notion.with_key(deals, page, name, item.canonical_key)
  end
  local written, problem = deals:update(page.id, values, { patience = PATIENCE, before = holds })
  if not written then return harmless(problem) end
  return { page_id = page.id, status = status }
end

local function create(deals, item, holds)
  local page, problem = deals:create(values_of(item), { patience = PATIENCE, before = holds })
  if not page then return perhaps_done(problem) end
  return { page_id = page.id }
end

--- A `status` property takes only the options that it has: nil and what is missing of those that
--- will be written.
local function check_statuses(deals, wanted)
  local property, known, missing = deals.properties.status, {}, {}
  if property.type ~= "status" then return true end
  for _, option in ipairs(property.schema and property.schema.options or {}) do
    known[option.name] = true
  end
  for _, name in pairs(wanted) do
    if name ~= "" and not known[name] then missing[#missing + 1] = "'" .. name .. "'" end
  end
  if #missing == 0 then return true end
  table.sort(missing)
  return nil, string.format("the property '%s' in Notion has no option %s: add it there",
    property.title, table.concat(missing, " and "))
end

return {
  about = "a page a company in a Notion database",

  ---@param options { statuses: table<string, string> }
  open = function(options)
    config.need "notion.api_key"
    local deals, problem = notion.open()
    if not deals then return nil, problem end
    local ok, missing = check_statuses(deals, options.statuses)
    if not ok then return nil, missing end
    return deals
  end,

  ---@param holds fun(): boolean whether the delivery is still ours to make
  deliver = function(deals, delivery, holds)
    local page, more = find_page(deals, delivery)
    if page == nil then return harmless(more) end
    if page then
      local outcome = update(deals, page, delivery.item, holds)
      outcome.doubled = more
      return outcome
    elseif delivery.last then
      return { failed = delivery.last_error }
    end
    return create(deals, delivery.item, holds)
  end,
}
