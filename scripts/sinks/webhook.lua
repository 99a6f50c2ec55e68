--- The sink `webhook`: POSTs each company as JSON to a URL. The receiver tells repeats by the
-- header Idempotency-Key, for an answer that never came leaves open whether the request did.
local config <const> = require "signalbox.config"
local signalbox <const> = require "signalbox"

local TIMEOUT <const> = 30 -- seconds

config.declare("webhook.url", { variable = "SIGNALBOX_WEBHOOK_URL", secret = true,
  about = "where the sink webhook sends companies" })
config.declare("webhook.token", { variable = "SIGNALBOX_WEBHOOK_TOKEN", secret = true,
  about = "sent to it as Authorization: Bearer" })

--- Seconds of a Retry-After header, or nil.
local function retry_after(response)
  return tonumber(response.headers["retry-after"])
end

return {
  about = "POSTs each company as JSON to a URL",

  open = function()
    local url = config.need "webhook.url"
    local loopback = url:match "^http://localhost[:/]" or url:match "^http://127%."
      or url:match "^http://%[::1%]"
    if not url:match "^https://" and not loopback then
      return nil, "SIGNALBOX_WEBHOOK_URL must begin with https://, or name a loopback address"
    end
    return { url = url, token = config.get "webhook.token" }
  end,

  deliver = function(sink, delivery)
    local item = delivery.item
    local response, problem = signalbox.http {
      url = sink.url, method = "POST", timeout = TIMEOUT, max_redirects = 0,
      headers = {
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = item.idempotency_key,
        Authorization = sink.token and "Bearer " .. sink.token or nil,
      },
      body = signalbox.json.encode(item),
    }
    if not response then
      if problem.code == "interrupted" then error(problem, 0) end
      return { again = problem.message } -- the receiver knows a repeat by its key
    end
    local status = response.status
    if status >= 200 and status < 300 then return { page_id = item.idempotency_key } end
    local reason = "the webhook answered " .. status
    if status == 401 or status == 403 then
      return { stop = reason .. ": is SIGNALBOX_WEBHOOK_TOKEN still valid?" }
    elseif status == 408 or status == 409 or status == 429 or status >= 500 then
      return { again = reason, wait = retry_after(response) }
    end
    return { failed = reason }
  end,
}
