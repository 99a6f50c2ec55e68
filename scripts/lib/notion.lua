--- Notion's API, as much of it as keeps companies: one database, its pages, their properties.
--
--     local notion = require "signalbox.notion"
--     local deals, problem = notion.open()
--     for page in deals:pages() do print(notion.value(deals, page, "company_name")) end
--
-- A database is addressed by its id, or that of the data source in it that holds the pages. Its
-- properties are known here by names of ours; what each is called in Notion can be configured, and
-- those that are not there, or are `false` in the configuration, are left out.
local canonical_key = require "signalbox.canonical_key"
local config = require "signalbox.config"
local fetch = require "signalbox.fetch"
local problem = require "signalbox.problem"
local signalbox = require "signalbox"

local M = {}

local VERSION <const> = "2025-09-03"
local WINDOW <const> = 10000   -- results, after which a query ends without saying so in has_more
local MOST_TEXT <const> = 2000 -- UTF-16 units of a piece of text
local MOST_OPTIONS <const> = 5 -- of Signal Types, as the predecessor wrote

---@class signalbox.NotionProperty
---@field title string what it is called, unless the configuration says other
---@field types table<string, boolean>
---@field required? boolean

---@type table<string, signalbox.NotionProperty>
local PROPERTIES <const> = {
  company_name = { title = "Company Name", types = { title = true }, required = true },
  status = { title = "Status", types = { select = true, status = true }, required = true },
  canonical_key = { title = "Canonical Key", types = { rich_text = true }, required = true },
  website = { title = "Website", types = { url = true, rich_text = true } },
  discovery_id = { title = "Discovery ID", types = { rich_text = true } },
  confidence_score = { title = "Confidence Score", types = { number = true } },
  signal_types = { title = "Signal Types", types = { multi_select = true } },
  why_now = { title = "Why Now", types = { rich_text = true } },
}

local Deals = {}
Deals.__index = Deals

-- Properties -----------------------------------------------------------------------------------

local function joined(pieces)
  local texts = {}
  for i, piece in ipairs(pieces or {}) do
    texts[i] = piece.plain_text or (piece.text and piece.text.content) or ""
  end
  return table.concat(texts)
end

local function present(value)
  if value ~= signalbox.null then return value end
end

local READERS <const> = {
  title = joined,
  rich_text = joined,
  url = present,
  number = present,
  select = function(option) return present(option) and option.name end,
  multi_select = function(options)
    local names = {}
    for i, option in ipairs(present(options) or {}) do names[i] = option.name end
    return names
  end,
}
READERS.status = READERS.select

--- The value of a page's property, by our name: a text, a number, a list of texts; nil where it is
--- empty, or there is no such property.
function M.value(deals, page, name)
  local property = deals.properties[name]
  local held = property and page.properties[property.title]
  local read = held and READERS[held.type]
  local value = read and read(held[held.type])
  if value ~= "" then return value end
end

--- A text in pieces of at most 2,000 UTF-16 units, none cut within a character.
local function pieces_of(text)
  local pieces, from, units = {}, 1, 0
  for place, code in utf8.codes(text) do
    local size = code >= 0x10000 and 2 or 1
    if units + size > MOST_TEXT then
      pieces[#pieces + 1] = { text = { content = text:sub(from, place - 1) } }
      from, units = place, 0
    end
    units = units + size
  end
  if from <= #text then pieces[#pieces + 1] = { text = { content = text:sub(from) } } end
  return signalbox.array(pieces)
end

--- A select's option cannot have a comma in it.
local function option_of(name)
  return { name = (name:gsub("%s*,%s*", " / ")) }
end

local WRITERS <const> = {
  title = pieces_of,
  rich_text = pieces_of,
  url = function(text) return text ~= "" and text or signalbox.null end,
  number = function(number) return number end,
  select = option_of,
  status = function(name) return { name = name } end,
  multi_select = function(names)
    local options = signalbox.array {}
    for i = 1, math.min(#names, MOST_OPTIONS) do options[i] = option_of(names[i]) end
    return options
  end,
}

--- What the API takes for values by our names; those that this database has no property for are
--- left out.
---@param values table<string, any>
function M.properties(deals, values)
  local written = {}
  for name, value in pairs(values) do
    local property = deals.properties[name]
    if property then
      written[property.title] = { [property.type] = WRITERS[property.type](value) }
    end
  end
  return written
end

-- The database ---------------------------------------------------------------------------------

local function kinds_of(types)
  local names = {}
  for name in pairs(types) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, " or ")
end

--- What is wrong with a property that Notion has or lacks; nil where it can be used, or done
--- without: one that nobody named and that is not needed.
local function mismatch(name, wanted, title, held)
  if title == false then
    return wanted.required and string.format("notion.properties.%s is false, but pages cannot do "
      .. "without '%s'", name, wanted.title)
  elseif not held then
    local named = title ~= wanted.title
    return (wanted.required or named) and string.format("there is no property '%s' in Notion%s",
      title, named and string.format(" (notion.properties.%s)", name) or "")
  elseif not wanted.types[held.type] then
    return string.format("the property '%s' in Notion is a %s, and must be %s", title, held.type,
      kinds_of(wanted.types))
  end
end

--- Fits our names to the properties that are there: nil and all that does not fit, where any does.
local function match_properties(schema, titles)
  local properties, faults = {}, {}
  for name in pairs(titles) do
    if not PROPERTIES[name] then
      faults[#faults + 1] = string.format("notion.properties.%s is no property of ours", name)
    end
  end
  for name, wanted in pairs(PROPERTIES) do
    local title = titles[name]
    if title == nil then title = wanted.title end
    local held = title and schema[title]
    local fault = mismatch(name, wanted, title, held)
    if fault then faults[#faults + 1] = fault end
    if held then
      properties[name] = { title = title, type = held.type, schema = held[held.type] }
    end
  end
  if #faults == 0 then return properties end
  table.sort(faults)
  return nil, #faults == 1 and faults[1] or
    "the database in Notion is not what is needed:\n  " .. table.concat(faults, "\n  ")
end

local function failure(message)
  return problem("invalid", message)
end

--- "Deals (2222...), Archive (3333...)"
local function named(sources)
  local names = {}
  for i, source in ipairs(sources) do
    names[i] = string.format("%s (%s)", source.name or "without a name", source.id)
  end
  return table.concat(names, ", ")
end

--- The id of the data source that holds the pages: that of the database, where it has one. An id
--- that is no database's may be a data source's itself.
local function find_source(client, url, id)
  local database, response = client:json { url = url .. "/v1/databases/" .. id,
    expect = { [404] = true } }
  if database == nil then return nil, response end
  local sources = database and database.data_sources or { { id = id } }
  if #sources == 1 then return sources[1].id end
  return nil, failure(#sources == 0 and "the database in Notion has no data source" or
    "the database in Notion has more than one data source; set NOTION_DATABASE_ID to the id of " ..
    "one: " .. named(sources))
end

--- Opens the database that the settings name; reads its schema.
---@param options? { titles?: table<string, string|false> }
---@return table|nil deals
---@return any problem
function M.open(options)
  local url = config.get "notion.api_url":gsub("/+$", "")
  local client = fetch.client {
    name = "Notion", rate = config.get "notion.rate", secret = "NOTION_API_KEY",
    auth = { bearer = config.need "notion.api_key" },
    headers = { ["Notion-Version"] = VERSION },
  }
  local id = config.need "notion.database_id"
  local source, trouble = find_source(client, url, id)
  if not source then return nil, trouble end
  local held, response = client:json { url = url .. "/v1/data_sources/" .. source,
    expect = { [404] = true } }
  if held == nil then return nil, response end
  if held == false then
    return nil, failure("Notion knows no database " .. id ..
      " (NOTION_DATABASE_ID), or it is not shared with this integration")
  end
  local titles = options and options.titles or config.get "notion.properties" or {}
  local properties, faults = match_properties(held.properties, titles)
  if not properties then return nil, failure(faults) end
  return setmetatable({ client = client, url = url, source = source, properties = properties,
    database = held.parent and held.parent.database_id }, Deals)
end

-- Reading --------------------------------------------------------------------------------------

--- A request with more to it.
local function with(request, how)
  for name, value in pairs(how or {}) do request[name] = value end
  return request
end

--- One page of results.
function Deals:query(body, how)
  return self.client:json(with({
    url = string.format("%s/v1/data_sources/%s/query", self.url, self.source),
    json = body, repeatable = true,
  }, how))
end

local function is_lost_cursor(trouble)
  return trouble.status == 400 and (trouble.body or ""):find("start_cursor", 1, true) ~= nil
end

--- Batches of live pages, oldest first, all of them however many: where a query ends before its
--- results do, or the page that its cursor stood on is gone, another begins at the minute it came
--- to. (Notion tells times to the minute.) Raises what goes wrong.
---@return fun(): table[]|nil
function Deals:batches()
  local since, cursor           -- where the query begins, and goes on
  local newest, seen = nil, {}  -- the minute that was come to, and the pages of it
  local count, progress, ended = 0, true, false

  local function next_window()
    if newest == since and not progress then
      error(failure("more pages were made within one minute than Notion lists: " .. newest), 0)
    end
    since, cursor, count, progress = newest, nil, 0, false
  end

  local function take(results)
    local fresh = {}
    for _, page in ipairs(results) do
      if page.created_time ~= newest then newest, seen = page.created_time, {} end
      if not seen[page.id] then
        seen[page.id], progress = true, true
        if not (page.in_trash or page.archived) then fresh[#fresh + 1] = page end
      end
    end
    return fresh
  end

  return function()
    while not ended do
      local answer, trouble = self:query {
        page_size = 100, start_cursor = cursor,
        sorts = { { timestamp = "created_time", direction = "ascending" } },
        filter = since and { timestamp = "created_time", created_time = { on_or_after = since } },
      }
      if answer then
        local fresh = take(answer.results)
        count, cursor = count + #answer.results, present(answer.next_cursor)
        local status = present(answer.request_status)
        local cut = status and status.type == "incomplete" or count >= WINDOW
        if not answer.has_more and cut then next_window()
        elseif not answer.has_more then ended = true end
        if #fresh > 0 then return fresh end
      elseif cursor and newest and is_lost_cursor(trouble) then
        next_window()
      else
        error(trouble, 0)
      end
    end
  end
end

--- The live pages, one by one.
---@return fun(): table|nil
function Deals:pages()
  local batches, batch, at = self:batches(), {}, 0
  return function()
    at = at + 1
    while batch and not batch[at] do batch, at = batches(), 1 end
    return batch and batch[at]
  end
end

--- Whether an id of a page is one of Notion's.
function M.is_id(text)
  local plain = text:gsub("-", "")
  return #plain == 32 and not plain:find "%X"
end

--- Whether a page lies in this database and not in the bin.
local function is_live_here(deals, page)
  local parent = page.parent or {}
  return not (page.in_trash or page.archived)
    and (parent.data_source_id == deals.source or parent.database_id ~= nil
      and parent.database_id == deals.database)
end

--- The live page of an id; false where this database has none.
---@param how? table more of the request (see fetch.lua)
---@return table|false|nil page
function Deals:page(id, how)
  if not M.is_id(id) then return false end
  local page, response = self.client:json(with({ url = self.url .. "/v1/pages/" .. id,
    expect = { [400] = true, [404] = true } }, how))
  if page == nil then return nil, response end
  return page and is_live_here(self, page) and page
end

--- What finds a company's pages, and others whose texts are longer: none where no property can.
local function filter_for(deals, key)
  local tests = signalbox.array {}
  local function add(name, text)
    local property = deals.properties[name]
    if not property or not text then return end
    tests[#tests + 1] = { property = property.title, [property.type] = { contains = text } }
  end
  add("canonical_key", key)
  add("discovery_id", key)
  add("website", key:match "^domain:(.+)$")
  return { ["or"] = tests }
end

--- Live pages that carry a key in one of their texts or by their website, oldest first.
---@param how? table more of the request (see fetch.lua)
---@return table[]|nil
function Deals:find(key, how)
  local found, cursor = {}, nil
  repeat
    local answer, trouble = self:query({ page_size = 100, start_cursor = cursor,
      filter = filter_for(self, key) }, how)
    if not answer then return nil, trouble end
    for _, page in ipairs(answer.results) do
      if is_live_here(self, page) and M.has_key(self, page, key) then found[#found + 1] = page end
    end
    cursor = answer.has_more and present(answer.next_cursor)
  until not cursor
  table.sort(found, function(a, b)
    if a.created_time ~= b.created_time then return a.created_time < b.created_time end
    return a.id < b.id
  end)
  return found
end

-- Writing --------------------------------------------------------------------------------------

--- Makes a page, by one request: after a problem that isn't `busy`, nobody knows whether it was
--- made.
---@param values table<string, any> by our names
---@param how? table more of the request (see fetch.lua)
function Deals:create(values, how)
  return self.client:json(with({ url = self.url .. "/v1/pages", attempts = 1, json = {
    parent = { type = "data_source_id", data_source_id = self.source },
    properties = M.properties(self, values),
  } }, how))
end

--- Writes properties of a page; it may be done twice.
function Deals:update(id, values, how)
  return self.client:json(with({ url = self.url .. "/v1/pages/" .. id, method = "PATCH",
    repeatable = true, json = { properties = M.properties(self, values) } }, how))
end

--- Puts a page in the bin, from where a person can take it back.
function Deals:bin(id)
  return self.client:json { url = self.url .. "/v1/pages/" .. id, method = "PATCH",
    repeatable = true, json = { in_trash = true } }
end

-- Keys -----------------------------------------------------------------------------------------

--- The keys in a property of ours: people write several, with a comma, a semicolon or a line
--- between.
local function keys_in(deals, page, name)
  local keys = {}
  for key in (M.value(deals, page, name) or ""):gmatch "[^,;\n]+" do
    key = key:match "^%s*(.-)%s*$"
    if key ~= "" then keys[#keys + 1] = key end
  end
  return keys
end

--- Every key that a page carries: as it was written, and from its website.
---@return string[]
function M.keys(deals, page)
  local keys, known = {}, {}
  local function add(key)
    if key and not known[key] then
      known[key] = true
      keys[#keys + 1] = key
    end
  end
  for _, name in ipairs { "canonical_key", "discovery_id" } do
    for _, key in ipairs(keys_in(deals, page, name)) do add(key) end
  end
  local website = M.value(deals, page, "website")
  if website then add(canonical_key.build { domain_or_website = website }) end
  return keys
end

--- Whether a page carries a key.
function M.has_key(deals, page, key)
  for _, one in ipairs(M.keys(deals, page)) do
    if one == key then return true end
  end
  return false
end

--- A property's text with a key of ours in it, beside those that are there.
function M.with_key(deals, page, name, key)
  local keys = keys_in(deals, page, name)
  for _, one in ipairs(keys) do
    if one == key then return M.value(deals, page, name) end
  end
  keys[#keys + 1] = key
  return table.concat(keys, ", ")
end

return M
