--- Requests to other people's servers, politely: no faster than they allow, again where that may
--- help, and not for ever.
--
--     local github = fetch.client { name = "GitHub", rate = 2, secret = "GITHUB_TOKEN" }
--     local page, response = github:json { url = "https://api.github.com/users/lua" }
--
-- A client is shared by tasks; its requests come one after the other at its rate. What a server
-- asks for (Retry-After, a limit that is used up) is waited for by all of them. A problem is a
-- table as the store's errors are: `code` is "unavailable" where another run may fare better,
-- "invalid" where only a person can help; `status` and `body` are the server's, where it answered.
local config = require "signalbox.config"
local new_problem = require "signalbox.problem"
local signalbox = require "signalbox"

config.declare("http.backoff", { variable = "SIGNALBOX_HTTP_BACKOFF", default = 1, kind = "number",
  about = "seconds before a request is tried again; doubles each time" })
config.declare("http.timeout", { variable = "SIGNALBOX_HTTP_TIMEOUT", default = 30,
  kind = "number", about = "seconds that an answer may take" })
config.declare("http.patience", { variable = "SIGNALBOX_HTTP_PATIENCE", default = 900,
  kind = "number", about = "seconds that a run waits, at most, for a server's limit to pass" })

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
  local seconds = tonumber(text)
  if seconds then return math.max(0, seconds) end
  local moment = http_date(text)
  return moment and M.until_then(response, moment)
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
  client.next_at, client.limited_until, client.failures, client.broken_until = 0, 0, 0, 0
  client.headers = client.headers or {}
  return setmetatable(client, Client)
end

local function problem(code, message, response)
  return new_problem(code, message,
    { status = response and response.status, body = response and response.body,
      busy = response and NOTHING_DONE[response.status] })
end

--- Waits for its turn.
function Client:take_turn()
  local at = math.max(now(), self.next_at)
  self.next_at = at + (self.rate and self.rate > 0 and 1 / self.rate or 0)
  local wait = at - now()
  if wait > 0 then signalbox.sleep(wait) end
end

--- From 1 s doubling to 60 s, between half of it and all, so that many do not come back at once.
local function backoff(attempt)
  local base = config.get "http.backoff"
  return math.min(LONGEST, base * 2 ^ (attempt - 1)) * (0.5 + math.random() / 2)
end

--- A problem of a server that takes nothing for so many seconds: `busy`, and nothing was done.
function Client:too_busy(seconds, message, response)
  local trouble = problem("unavailable", message or string.format(
    "%s allows no more requests until %s; run it again then", self.name,
    signalbox.iso(now() + seconds):sub(1, 19)), response)
  trouble.busy, trouble.retry_after = true, seconds
  return trouble
end

--- Seconds to wait for a limit, for everybody; or a problem, where that takes too long.
function Client:respect(seconds, request, response)
  if seconds > (request.patience or config.get "http.patience") then
    self.limited_until = now() + seconds
    return nil, self:too_busy(seconds, nil, response)
  end
  self.next_at = math.max(self.next_at, now() + seconds)
  return seconds
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

--- One attempt: what came of it, or nil, a problem, and whether and when to try again.
function Client:attempt(request, decode)
  local limited = self.limited_until - now()
  if limited > 0 then return nil, self:too_busy(limited), false end
  self:take_turn()
  if request.before and not request.before() then
    return nil, problem("conflict", "it was not sent: it is another's by now"), false
  end
  local response, failure = signalbox.http(self:http_request(request))
  if not response then
    return nil, failure, failure.code == "unavailable" and is_repeatable(request)
  end
  local limit = self.limited and self.limited(response)
  if limit then
    local seconds, too_long = self:respect(limit, request, response)
    return nil, too_long or self:refusal(response), seconds ~= nil, seconds
  end
  if is_transient(response.status) or self.transient and self.transient[response.status] then
    local again = NOTHING_DONE[response.status] or is_repeatable(request)
    local trouble = self:refusal(response)
    trouble.code = "unavailable"
    local asked = M.retry_after(response)
    if not asked then return nil, trouble, again end
    trouble.retry_after = asked
    local seconds, too_long = self:respect(asked, request, response)
    if too_long and not trouble.busy then too_long.busy = nil end
    return nil, too_long or trouble, again and seconds ~= nil, seconds
  end
  local pause = self.pace and self.pace(response)
  if pause and pause <= config.get "http.patience" then
    self.next_at = math.max(self.next_at, now() + pause)
  end
  local expected = request.expect and request.expect[response.status]
  if not expected and (response.status < 200 or response.status >= 300) then
    return nil, self:refusal(response), false
  end
  if not decode or expected then return response end
  local value, no_json = signalbox.json.decode(response.body)
  if value == nil and no_json then
    return nil, problem("unavailable", string.format("%s answers with %s in place of JSON",
      self.name, response.headers["content-type"] or "something"), response), is_repeatable(request)
  end
  response.json = value
  return response
end

function Client:break_off(failure)
  self.failures = self.failures + 1
  if self.failures >= BREAK_AFTER then self.broken_until = now() + BREAK_FOR end
  return nil, failure
end

function Client:perform(request, decode)
  if now() < self.broken_until then
    return nil, self:too_busy(self.broken_until - now(),
      self.name .. " has failed again and again; it has a rest")
  end
  local failure
  for attempt = 1, request.attempts or ATTEMPTS do
    local response, trouble, again, seconds = self:attempt(request, decode)
    if response then
      self.failures = 0
      return response
    end
    failure = trouble
    if not again then
      if trouble.code ~= "unavailable" then self.failures = 0 end
      return nil, trouble
    end
    if attempt < (request.attempts or ATTEMPTS) and not seconds then
      signalbox.sleep(backoff(attempt))
    end
  end
  return self:break_off(failure)
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

--- The address of the next page in a Link header.
function M.next_link(response)
  for address, parameters in (response.headers.link or ""):gmatch "<([^>]*)>([^,]*)" do
    if parameters:find 'rel="?next"?' then return address end
  end
end

return M
