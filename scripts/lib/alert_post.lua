--- Posting a notice to a web address that is a secret in itself.
local excerpt <const> = require "signalbox.excerpt"
local signalbox <const> = require "signalbox"

local M = {}

local TIMEOUT <const> = 20

--- Whether a secret may be sent there: over https, or to a loopback address.
---@param url string
function M.is_private(url)
  local scheme, authority = url:lower():match "^(%w+)://([^/?#]*)"
  if not scheme then return false end
  local name = authority:gsub("^.*@", ""):gsub(":%d+$", "")
  return scheme == "https" or scheme == "http" and
    (name == "localhost" or name == "[::1]" or name:find "^127%.%d+%.%d+%.%d+$" ~= nil)
end

--- Raises where a notice must not go to `url`; `what` names the setting.
function M.check(url, what)
  if type(url) ~= "string" or not url:find "^https?://[^/]" then
    error(what .. " is no http or https address", 0)
  end
  if not M.is_private(url) then
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

--- Sends a request; true for a 2xx answer, else nil and what went wrong.
---@param request table as for signalbox.http
---@return boolean|nil
---@return string? problem
function M.send(request)
  request.timeout = request.timeout or TIMEOUT
  request.method = request.method or "POST"
  local response, problem = signalbox.http(request)
  if not response then return nil, scrub(tostring(problem), request.url) end
  if response.status >= 200 and response.status < 300 then return true end
  local said = excerpt(response.body or "", 200)
  return nil, string.format("it answered %d%s", response.status, said ~= "" and ": " .. said or "")
end

--- The same with a table as a JSON body.
function M.json(url, body, headers)
  headers = headers or {}
  headers["Content-Type"] = headers["Content-Type"] or "application/json"
  return M.send { url = url, headers = headers, body = signalbox.json.encode(body) }
end

return M
