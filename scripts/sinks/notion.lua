--- The sink `notion`: a page a company, made or brought up to date by its canonical key.
--
-- A company is looked up before anything is written: by the page it had, by the suppression cache,
-- by its keys. Of a page that is there only the discovery's own properties are written; its status
-- and what people wrote stay. One that is Passed or Lost is left alone.
local config <const> = require "signalbox.config"
local notion <const> = require "signalbox.notion"
local process <const> = require "signalbox.process"

local WRITTEN_BY_US <const> = { "canonical_key", "discovery_id", "confidence_score",
  "signal_types", "why_now" }
local NOTHING_DONE <const> = { [409] = true, [429] = true, [503] = true, [529] = true }
local REVOKED <const> = { [401] = true, [403] = true }

--- All that a new page is told, by the names of notion.lua.
local function values_of(item)
  return {
    company_name = item.company_name,
    status = item.status,
    website = item.canonical_key:match "^domain:(.+)$" and
      "https://" .. item.canonical_key:match "^domain:(.+)$" or nil,
    canonical_key = item.canonical_key,
    discovery_id = item.canonical_key,
    confidence_score = item.score,
    signal_types = item.signal_types,
    why_now = string.format("%s. Evidence: %s.", item.reason or item.decision,
      table.concat(item.signal_types, ", ")),
  }
end

-- What a problem means -------------------------------------------------------------------------

--- Of a request after which nothing can have changed.
local function harmless(problem)
  if problem.code == "interrupted" then error(problem, 0) end
  if REVOKED[problem.status] then return { stop = tostring(problem) } end
  if problem.code == "unavailable" or problem.status == 404 then
    return { again = tostring(problem) }
  end
  return { failed = tostring(problem) }
end

--- Of one that may have made a page: what is not known is looked up before it is tried again.
local function perhaps_done(problem)
  if problem.code == "unavailable" and not NOTHING_DONE[problem.status] then
    return { unknown = tostring(problem) }
  end
  return harmless(problem)
end

-- Finding --------------------------------------------------------------------------------------

local function is_live(page)
  return page and not page.in_trash and not page.archived
end

--- The oldest live page with a text in a property of ours; false where there is none.
local function oldest(deals, name, text)
  local pages, problem = deals:find(name, text)
  if not pages then return nil, problem end
  local first = false
  for _, page in ipairs(pages) do
    if is_live(page) and (not first or page.created_time < first.created_time) then first = page end
  end
  return first
end

--- The company's page; false where it has none, nil and a problem where that can't be told.
local function find_page(deals, delivery)
  local known = delivery.page_id or delivery.item.known_page
  if known then
    local page, problem = deals:page(known)
    if not page and problem then return nil, problem end
    if is_live(page) then return page end
  end
  for _, name in ipairs { "canonical_key", "discovery_id" } do
    local page, problem = oldest(deals, name, delivery.canonical_key)
    if page ~= false then return page, problem end
  end
  return false
end

-- Writing --------------------------------------------------------------------------------------

local function update(deals, page, item)
  local status = notion.value(deals, page, "status")
  if process.CLOSED[status] then
    return { refused = "in the CRM as " .. status, page_id = page.id }
  end
  local all, values = values_of(item), {}
  for _, name in ipairs(WRITTEN_BY_US) do values[name] = all[name] end
  local written, problem = deals:update(page.id, values)
  if not written then return harmless(problem) end
  return { page_id = page.id, status = status }
end

local function create(deals, item)
  local page, problem = deals:create(values_of(item))
  if not page then return perhaps_done(problem) end
  return { page_id = page.id }
end

--- A `status` property takes only the options that it has.
local function check_statuses(deals)
  local property = deals.properties.status
  if property.type ~= "status" then return true end
  local known = {}
  for _, option in ipairs(property.schema and property.schema.options or {}) do
    known[option.name] = true
  end
  for _, name in ipairs { "Source", "Tracking" } do
    if not known[name] then
      return nil, string.format("the property '%s' in Notion has no option '%s': add it there",
        property.title, name)
    end
  end
  return true
end

return {
  about = "a page a company in a Notion database",
  settings = { "notion.api_key", "notion.database_id" },

  open = function()
    config.need "notion.api_key"
    local deals, problem = notion.open()
    if not deals then return nil, problem end
    local ok, missing = check_statuses(deals)
    if not ok then return nil, missing end
    return deals
  end,

  ---@param holds fun(): boolean whether the delivery is still ours to make
  deliver = function(deals, delivery, holds)
    local page, problem = find_page(deals, delivery)
    if page == nil then return harmless(problem) end
    if not holds() then return { lost = true } end
    if page then return update(deals, page, delivery.item) end
    return create(deals, delivery.item)
  end,
}
