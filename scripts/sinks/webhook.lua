--- The sink `webhook`: POSTs each company as JSON to a URL. The receiver tells repeats by the
-- header Idempotency-Key, for an answer that never came leaves open whether the request did.
local config <const> = require "signalbox.config"
local fetch <const> = require "signalbox.fetch"
local signalbox <const> = require "signalbox"

local TIMEOUT <const> = 30 -- seconds
local REVOKED <const> = { [401] = true, [403] = true }
local BUSY <const> = { [429] = true, [529] = true }
local AGAIN <const> = { [408] = true, [409] = true, [425] = true }

config.declare("webhook.url", { variable = "SIGNALBOX_WEBHOOK_URL", secret = true,
  about = "where the sink webhook sends companies" })
config.declare("webhook.token", { variable = "SIGNALBOX_WEBHOOK_TOKEN", secret = true,
  about = "sent to it as Authorization: Bearer" })

--- What an answer means. Whatever may be sent again may be: the receiver knows it by its key.
local function outcome_of(response, item)
  local status = response.status
  if status >= 200 and status < 300 then return { page_id = item.idempotency_key } end
  local reason = "the webhook answers " .. status
  if REVOKED[status] then
    return { stop = reason .. ": is SIGNALBOX_WEBHOOK_TOKEN still valid?" }
  elseif BUSY[status] then
    return { busy = reason, wait = fetch.retry_after(response) }
  elseif AGAIN[status] or status >= 500 then
    return { again = reason, wait = fetch.retry_after(response) }
  end
  return { failed = reason }
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

  deliver = function(sink, delivery, holds)
    local item = delivery.item
    if item.known_page then return { page_id = item.known_page } end -- the CRM has it already
    if not holds() then return { lost = true } end
    local response, problem = signalbox.http {
      url = sink.url, method = "POST", timeout = TIMEOUT, max_redirects = 0,
      headers = {
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = item.idempotency_key,
        Authorization = sink.token and "Bearer " .. sink.token or nil,
      },
      body = delivery.payload,
    }
    if response then return outcome_of(response, item) end
    if problem.code == "interrupted" then error(problem, 0) end
    return { again = problem.message }
  end,
}
