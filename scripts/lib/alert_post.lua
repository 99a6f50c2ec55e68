--- Posting a notice to a web address that is a secret in itself.
local excerpt <const> = require "signalbox.excerpt"
local fetch <const> = require "signalbox.fetch"
local signalbox <const> = require "signalbox"

local M = {}

-- Of the answers 400 to 499, those after which the same request can succeed: what is refused for
-- its credentials or its pace may be taken once they are put right.
local WORTH_ANOTHER <const> = { [401] = true, [403] = true, [407] = true, [408] = true,
  [409] = true, [425] = true, [429] = true }

--- Raises where a notice must not go to `url`; `what` names the setting.
function M.check(url, what)
  if type(url) ~= "string" or not url:find "^https?://[^/]" then
    error(what .. " is no http or https address", 0)
  end
  if not signalbox.is_private(url) then
    error(what .. " is a secret: it goes over https, or to a loopback address, and nowhere else", 0)
  end
end

--- `text` without the path of the address, which holds the secret.
local function scrub(text, url)
  local path = url:match "^%w+://[^/]+(/.*)$"
  if not path or path == "/" then return text end
  path = path:gsub("[?#].*$", "")
  return (text:gsub(path:gsub("%p", "%%%0"), "/..."))
end

--- Sends a request; true for a 2xx answer, else nil, what went wrong, and how to go on from there
-- (see alert_delivery).
---@param request table as for signalbox.http
---@return boolean|nil
---@return string? problem
---@return table? details
function M.send(request)
  request.method = request.method or "POST"
  local response, problem = signalbox.http(request)
  if not response then return nil, scrub(tostring(problem), request.url), { away = true } end
  local status = response.status
  if status >= 200 and status < 300 then return true end
  local said = excerpt(response.body or "", 200)
  local retry_after = fetch.retry_after(response)
  return nil, string.format("it answered %d%s", status, said ~= "" and ": " .. said or ""), {
    final = status >= 400 and status < 500 and not WORTH_ANOTHER[status],
    away = status == 429 or retry_after ~= nil, retry_after = retry_after,
  }
end

--- The same with a table as a JSON body.
---@param options table url=, timeout=?, headers=?
function M.json(options, url, body)
  local headers = {}
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  headers["Content-Type"] = headers["Content-Type"] or "application/json"
  return M.send { url = url, timeout = options.timeout, headers = headers,
    body = signalbox.json.encode(body) }
end

return M
