--- The register of Companies House: the companies of a day, and how many officers one has.
--
-- A search has no order and its pages may overlap, so pages are never asked for: where one answer
-- does not hold a day, its companies are asked for type by type, and limited ones by what they do.
local config = require "signalbox.config"
local fetch = require "signalbox.fetch"

local M = {}

local SIZE <const> = 5000 -- companies an answer, at most

local TYPES <const> = {
  "ltd", "llp", "plc", "limited-partnership", "scottish-partnership", "private-limited-guarant-nsc",
  "private-limited-guarant-nsc-limited-exemption", "private-limited-shares-section-30-exemption",
  "private-unlimited", "private-unlimited-nsc", "charitable-incorporated-organisation",
  "scottish-charitable-incorporated-organisation", "registered-society-non-jurisdictional",
  "industrial-and-provident-society", "oversea-company", "registered-overseas-entity",
  "uk-establishment", "old-public-company", "protected-cell-company", "assurance-company",
  "icvc-securities", "icvc-warrant", "icvc-umbrella", "investment-company-with-variable-capital",
  "northern-ireland", "northern-ireland-other", "royal-charter", "unregistered-company",
  "european-public-limited-liability-company-se", "united-kingdom-societas", "eeig", "ukeig",
  "eeig-establishment", "further-education-or-sixth-form-college-corporation",
  "converted-or-closed", "other",
}

-- The API --------------------------------------------------------------------------------------

--- 600 requests in five minutes; then it says when the next five begin.
local function until_reset(response)
  local reset = tonumber(response.headers["x-ratelimit-reset"])
  return reset and fetch.until_then(response, reset) + 1
end

local function limited(response)
  if response.status ~= 429 then return nil end
  return fetch.retry_after(response) or until_reset(response)
end

--- A limit that is used up is waited for, not run into: who does so often is locked out.
local function pace(response)
  return response.headers["x-ratelimit-remain"] == "0" and until_reset(response) or nil
end

local function open_client()
  return fetch.client {
    name = "Companies House", secret = "COMPANIES_HOUSE_API_KEY", limited = limited, pace = pace,
    rate = 0, timeout = 120,
    auth = { user = config.need "companies_house.api_key", password = "" },
    transient = { [403] = true }, -- comes in patches
  }
end

---@class signalbox.Register
local Register = {}
Register.__index = Register

--- The register that the settings name.
---@return signalbox.Register
function M.open()
  return setmetatable({
    client = open_client(), url = config.get "companies_house.api_url":gsub("/+$", ""),
  }, Register)
end

--- The companies of one search, and how many there are; none is answered by 404.
function Register:search(query)
  local answer, response = self.client:json {
    url = fetch.url(self.url .. "/advanced-search/companies", query), expect = { [404] = true },
  }
  if answer == nil then error(response, 0) end
  if answer == false then return {}, 0 end
  return answer.items or {}, answer.hits or 0
end

--- How many officers a company has, as far as an answer shows; nil and a problem where none came.
function Register:officers(number)
  local answer, trouble = self.client:json {
    url = string.format("%s/company/%s/officers?items_per_page=35", self.url, number),
    attempts = 1, expect = { [404] = true },
  }
  if not answer then return nil, answer == nil and trouble or nil end
  return math.tointeger(answer.active_count) or math.tointeger(answer.total_results) or
    #(answer.items or {})
end

-- A day ----------------------------------------------------------------------------------------

---@class signalbox.Day the companies that were found so far, each once
local Day = {}
Day.__index = Day

function Day:add(items)
  for _, company in ipairs(items) do
    local number = type(company) == "table" and company.company_number
    if not number or not self.known[number] then
      if number then self.known[number] = true end
      self.companies[#self.companies + 1] = company
    end
  end
end

--- What they do, as codes that were not asked for yet.
function Day:new_codes()
  local codes = {}
  for _, company in ipairs(self.companies) do
    local given = type(company) == "table" and company.sic_codes
    for _, code in ipairs(type(given) == "table" and given or {}) do
      if type(code) == "string" and code:find "^%d+$" and not self.asked[code] then
        self.asked[code] = true
        codes[#codes + 1] = code
      end
    end
  end
  return codes
end

--- The query with one more field.
local function with(query, field, value)
  local narrowed = { [field] = value }
  for name, other in pairs(query) do narrowed[name] = other end
  return narrowed
end

--- Those with any of the codes: together, and in halves where an answer does not hold them.
local function ask_by_codes(register, day, query, codes, first, last)
  if first > last then return end
  local list = table.concat(codes, ",", first, last)
  local items, hits = register:search(with(query, "sic_codes", list))
  day:add(items)
  if hits <= #items or first == last then return end
  local middle = (first + last) // 2
  ask_by_codes(register, day, query, codes, first, middle)
  ask_by_codes(register, day, query, codes, middle + 1, last)
end

--- Those of one type. Where an answer does not hold them, what they do tells them apart: a code
--- leads to companies that show others.
local function ask_by_type(register, day, query, kind)
  local narrowed = with(query, "company_type", kind)
  local items, hits = register:search(narrowed)
  day:add(items)
  if hits <= #items then return end
  repeat
    local codes = day:new_codes()
    ask_by_codes(register, day, narrowed, codes, 1, #codes)
  until #codes == 0
end

--- The companies of one day, each once, and how many there are beyond those that can be listed.
---@param query table<string, string>
---@return table[] companies
---@return integer missing
function Register:day(query)
  query = with(query, "size", SIZE)
  local items, hits = self:search(query)
  local day = setmetatable({ companies = {}, known = {}, asked = {} }, Day)
  day:add(items)
  if hits > #items then
    for _, kind in ipairs(TYPES) do ask_by_type(self, day, query, kind) end
  end
  return day.companies, math.max(0, hits - #day.companies)
end

return M
