-- A dead man's switch (healthchecks.io and its kin): an address that each check asks for when it
-- went well. Where it stays silent, somebody else raises the alarm.
--
--     { "ping", url = "https://hc-ping.com/UUID" }
--
-- With `start = true` it hears at URL/start that a check begins, and with `fail = true` at URL/fail
-- that one could not be made; both are ways of healthchecks.io.
local post <const> = require "signalbox.alert_post"

return {
  about = "a dead man's switch that hears of each check",
  options = { url = "text", start = "boolean", fail = "boolean" },
  defaults = { timeout = 10 },

  prepare = function(options) post.check(options.url, "url") end,

  beat = function(options, event, about)
    local path = ""
    if event ~= "done" then
      if not options[event] then return true end
      path = "/" .. event
    end
    return post.send { url = options.url:gsub("/+$", "") .. path, timeout = options.timeout,
      body = about .. "\n" }
  end,
}
