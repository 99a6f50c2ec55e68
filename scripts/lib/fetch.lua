--- Requests to other people's servers, politely: no faster than they allow, again where that may
--- help, and not for ever.
--
--     local github = fetch.client { name = "GitHub", rate = 2, secret = "GITHUB_TOKEN" }
--     local page, response = github:json { url = "https://api.github.com/users/lua" }
--
-- Whatever asks one server in this process, tasks and clients, shares what is known of it: its
-- requests come one after the other at its rate, and what the server asks for (Retry-After, a limit
-- that is used up) is waited for by all. A problem is a table as the store's errors are: `code` is
-- "unavailable" where another run may fare better, "invalid" where only a person can help; `status`
-- and `body` are the server's, where it answered.
local config = require "signalbox.config"
local new_problem = require "signalbox.problem"
local signalbox = require "signalbox"

config.declare("http.backoff", { variable = "SIGNALBOX_HTTP_BACKOFF", default = 1, kind = "number",
  about = "seconds before a request is tried again; doubles each time" })
config.declare("http.timeout", { variable = "SIGNALBOX_HTTP_TIMEOUT", default = 30,
  kind = "number", about = "seconds that an answer may take" })
config.declare("http.patience", { variable = "SIGNALBOX_HTTP_PATIENCE", default = 900,
  kind = "number", about = "seconds that a run waits, at most, for a server's limit to pass" })

config.declare("http.rate", { variable = "SIGNALBOX_HTTP_RATE", default = 10, kind = "number",
  about = "requests a second to a server whose own limits are not known; 0: any number" })

local M = {}

local ATTEMPTS <const> = 6
local LONGEST <const> = 60        -- seconds between two attempts, unless the server asks for more
local BREAK_AFTER <const> = 3     -- requests in a row that failed at each attempt ...
local BREAK_FOR <const> = 60      -- ... and then none is tried for so many seconds

--- Statuses of a server that took no notice of the request: nothing was done. After any other that
--- another attempt may change, it may have been.
local NOTHING_DONE <const> = { [429] = true, [529] = true }

local function is_transient(status)
  return NOTHING_DONE[status] or status == 408 or status == 409 or status >= 500
end

local function now() return signalbox.time(signalbox.now()) end

-- Times that servers name ----------------------------------------------------------------------

local MONTHS <const> = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10,
  Nov = 11, Dec = 12,
}

--- Epoch seconds of "Sat, 22 Aug 2026 12:00:00 GMT"; nil for anything else.
local function http_date(text)
  local day, month, year, clock = text:match "^%a+, (%d%d?) (%a%a%a) (%d%d%d%d) ([%d:]+) GMT$"
  if not MONTHS[month] then return nil end
  return (signalbox.time(("%s-%02d-%02dT%s"):format(year, MONTHS[month], tonumber(day), clock)))
end

--- Seconds until a moment of the server's clock, which need not agree with ours.
---@param response table
---@param moment number epoch seconds
function M.until_then(response, moment)
  return math.max(0, moment - (http_date(response.headers.date or "") or now()))
end

--- What Retry-After says, in seconds: a number, or a date.
---@return number|nil
function M.retry_after(response)
  local text = response.headers["retry-after"]
  if not text then return nil end
  local seconds = text:match "^%s*(%d+%.?%d*)%s*$"
  if seconds then return tonumber(seconds) end
  local moment = http_date(text)
  return moment and M.until_then(response, moment)
end

-- Servers --------------------------------------------------------------------------------------

---@class signalbox.Host
---@field next_at number when the next request may be sent
---@field failures integer requests in a row that failed at each attempt
---@field broken_until number
---@field limited_until number it has said that it takes nothing before, longer than was waited for
local hosts = {}

--- What is known of the server of an address.
local function host_of(url)
  local name = (url:match "^%a[%w+.-]*://[^/?#]*" or url):lower():gsub("//.*@", "//")
  hosts[name] = hosts[name] or { next_at = 0, failures = 0, broken_until = 0, limited_until = 0 }
  return hosts[name]
end

--- Nobody asks it before so many seconds have passed.
local function postpone(host, seconds)
  host.next_at = math.max(host.next_at, now() + seconds)
end

-- A client -------------------------------------------------------------------------------------

---@class signalbox.Client
---@field name string for messages: whose server it is
---@field rate? number requests a second
---@field secret? string the variable that holds the credentials, for messages
---@field headers? table sent with each request
---@field auth? table as signalbox.http's
---@field limited? fun(response: table): number|nil seconds to wait, where the answer means a limit
---@field pace? fun(response: table): number|nil seconds that an answer asks to leave after it
---@field transient? table<integer, boolean> more statuses that another attempt may change
local Client = {}
Client.__index = Client

---@param client signalbox.Client
function M.client(client)
  client.headers = client.headers or {}
  return setmetatable(client, Client)
end

local function problem(code, message, response)
  return new_problem(code, message,
    { status = response and response.status, body = response and response.body,
      busy = response and NOTHING_DONE[response.status] })
end

--- Waits for its turn.
function Client:take_turn(host)
  local rate = self.rate or config.get "http.rate"
  local at = math.max(now(), host.next_at)
  host.next_at = at + (rate > 0 and 1 / rate or 0)
  local wait = at - now()
  if wait > 0 then signalbox.sleep(wait) end
end

--- From 1 s doubling to 60 s, between half of it and all, so that many do not come back at once.
local function backoff(attempt)
  local base = config.get "http.backoff"
  return math.min(LONGEST, base * 2 ^ (attempt - 1)) * (0.5 + math.random() / 2)
end

--- A problem of a server that takes nothing for so many seconds: `busy`, for nothing was done.
function Client:too_busy(seconds, message, response)
  local time = signalbox.iso(now() + seconds)
  local trouble = problem("unavailable", message or string.format(
    "%s allows no more requests until %s; run it again then", self.name,
    time and time:sub(1, 19) or "the end of the calendar"), response)
  trouble.busy, trouble.retry_after = true, seconds
  return trouble
end

--- What a status that no attempt will change means.
function Client:refusal(response)
  local status, hint = response.status, ""
  if (status == 401 or status == 403) and self.secret then
    hint = string.format(" (is %s right, and may it do this?)", self.secret)
  end
  local text = (response.body or ""):match '"message"%s*:%s*"([^"]*)"'
  return problem("invalid", string.format("%s answers %d%s%s", self.name, status,
    text and ": " .. text or "", hint), response)
end

function Client:http_request(request)
  local headers = {}
  for name, value in pairs(self.headers) do headers[name] = value end
  for name, value in pairs(request.headers or {}) do headers[name] = value end
  local body = request.body
  if request.json then
    body = assert(signalbox.json.encode(request.json))
    headers["Content-Type"] = "application/json"
  end
  return { url = request.url, method = request.method, headers = headers, body = body,
    auth = self.auth, timeout = request.timeout or self.timeout or config.get "http.timeout" }
end

--- Whether what was sent may be sent again, when nobody knows if it was done.
local function is_repeatable(request)
  if request.repeatable ~= nil then return request.repeatable end
  local method = request.method or (request.json or request.body) and "POST" or "GET"
  return method == "GET" or method == "HEAD" or method == "PUT" or method == "DELETE"
end

--- Seconds to wait, where the answer means a limit: what it says, if it says anything.
function Client:limit_of(response)
  local seconds = self.limited and self.limited(response)
  return seconds or response.status == 429 and (M.retry_after(response) or 0) or nil
end

function Client:is_transient(status)
  return is_transient(status) or self.transient ~= nil and self.transient[status]
end

--- What an answer comes to: the response; or nil, a problem, whether another attempt may change it,
--- and after how many seconds the server will have one.
function Client:judge(request, response, decode)
  local limit = self:limit_of(response)
  if limit then
    local trouble = problem("unavailable", self.name .. " limits requests", response)
    trouble.is_limit, trouble.busy = true, true
    return nil, trouble, true, limit
  end
  if self:is_transient(response.status) then
    local trouble = self:refusal(response)
    trouble.code = "unavailable"
    return nil, trouble, NOTHING_DONE[response.status] or is_repeatable(request),
      M.retry_after(response)
  end
  local expected = request.expect and request.expect[response.status]
  if not expected and (response.status < 200 or response.status >= 300) then
    return nil, self:refusal(response), false
  end
  if not decode or expected then return response end
  local value, no_json = signalbox.json.decode(response.body)
  if value == nil and no_json then
    local kind = response.headers["content-type"] or "something"
    return nil, problem("unavailable", string.format("%s answers with %s in place of JSON",
      self.name, kind), response), is_repeatable(request)
  end
  response.json = value
  return response
end

--- One attempt, with what it means for those that come after it.
function Client:attempt(host, request, decode)
  local patience = request.patience or config.get "http.patience"
  local limited = host.limited_until - now()
  if limited > patience then return nil, self:too_busy(limited), false end
  self:take_turn(host)
  if request.before and not request.before() then
    return nil, problem("conflict", "it was not sent: it is another's by now"), false
  end
  local response, failure = signalbox.http(self:http_request(request))
  if not response then
    return nil, failure, failure.code == "unavailable" and is_repeatable(request)
  end
  local answer, trouble, again, seconds = self:judge(request, response, decode)
  if seconds and seconds > patience then
    host.limited_until = now() + seconds
    local too_long = self:too_busy(seconds, nil, response)
    too_long.busy = trouble.busy -- what the answer left open stays open
    return nil, too_long, false
  end
  if trouble then trouble.retry_after = seconds end
  seconds = seconds or answer and self.pace and self.pace(answer)
  if seconds and seconds <= patience then postpone(host, seconds) end
  return answer, trouble, again
end

--- The last problem of a request that failed at each attempt.
function Client:give_up(host, trouble, attempts)
  host.failures = host.failures + 1
  if host.failures >= BREAK_AFTER then host.broken_until = now() + BREAK_FOR end
  if trouble.is_limit then
    trouble.message = string.format("%s still limits requests after %d attempts", self.name,
      attempts)
  end
  return nil, trouble
end

function Client:perform(request, decode)
  local host, attempts = host_of(request.url), request.attempts or ATTEMPTS
  local rest = host.broken_until - now()
  if rest > 0 then
    return nil, self:too_busy(rest, self.name .. " has failed again and again; it has a rest")
  end
  for attempt = 1, attempts do
    local response, trouble, again = self:attempt(host, request, decode)
    if response then
      host.failures = 0
      return response
    end
    if not again then
      if trouble.code ~= "unavailable" then host.failures = 0 end
      return nil, trouble
    end
    if attempt == attempts then return self:give_up(host, trouble, attempts) end
    signalbox.sleep(backoff(attempt)) -- at least, whatever the server allows
  end
end

--- The response, or nil and a problem. Statuses from 200 to 299, and those that are keys of
--- `request.expect`, are responses; others are problems.
---@param request table as signalbox.http's; `json` is a body to encode, `repeatable` says that a
--- write may be sent again even where it may have been done, `attempts` how often, `patience` how
--- many seconds a limit of the server's is waited for, and `before` is asked directly before it is
--- sent, when its turn has come, whether to
function Client:request(request)
  return self:perform(request, false)
end

--- The decoded body and the response; nil, a problem where there is none. Of an expected status
--- the body is not looked at: the value is false.
---@return any value
---@return table response_or_problem
function Client:json(request)
  local response, trouble = self:perform(request, true)
  if not response then return nil, trouble end
  if response.json == nil then return false, response end
  return response.json, response
end

-- Addresses ------------------------------------------------------------------------------------

--- `text` as part of a query.
function M.escape(text)
  return (tostring(text):gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- An address with its query: names in their order, those without a value left out.
---@param url string
---@param query? table<string, string|number|boolean>
function M.url(url, query)
  local names, words = {}, {}
  for name in pairs(query or {}) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do words[i] = M.escape(name) .. "=" .. M.escape(query[name]) end
  if #words == 0 then return url end
  return url .. (url:find("?", 1, true) and "&" or "?") .. table.concat(words, "&")
end

--- An address that stands in the answer of another, whole.
local function resolve(base, address)
  local origin, path = base:match "^(%a[%w+.-]*://[^/?#]*)([^?#]*)"
  if not origin or address:find "^%a[%w+.-]*:" then return address end
  if address:find "^//" then return origin:match "^[^/]*" .. address end
  if address:find "^/" then return origin .. address end
  if address:find "^[?#]" then return origin .. path .. address end
  return origin .. (path:match "^.*/" or "/") .. address
end

--- The parameter of a link that begins at `at`: its name, its value, where it ends. (RFC 8288)
local function link_parameter(text, at)
  local name, behind = text:match("^%s*;%s*([^%s=;,]*)()", at)
  if not name then return nil end
  local value, ends = text:match('^%s*=%s*"([^"]*)"()', behind)
  if not value then value, ends = text:match("^%s*=%s*([^%s;,]*)()", behind) end
  return name:lower(), value or "", ends or behind
end

--- The address of the next page in a Link header.
function M.next_link(response)
  local text, at = response.headers.link or "", 1
  while true do
    local address, behind = text:match("<([^>]*)>()", at)
    if not address then return nil end
    at = behind
    local name, value, ends = link_parameter(text, at)
    while name do
      if name == "rel" and (" " .. value:lower() .. " "):find(" next ", 1, true) then
        return resolve(response.url or "", address)
      end
      at = ends
      name, value, ends = link_parameter(text, at)
    end
  end
end

return M
