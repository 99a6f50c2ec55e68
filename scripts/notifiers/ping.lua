-- A dead man's switch (healthchecks.io and its kin): an address that each check asks for when it
-- went well. Where it stays silent, somebody else raises the alarm.
--
--     { "ping", url = "https://hc-ping.com/UUID" }
local post <const> = require "signalbox.alert_post"

return {
  about = "a dead man's switch that hears of each check",

  prepare = function(options) post.check(options.url, "url") end,

  beat = function(options, summary)
    return post.send { url = options.url, body = string.format("%d firing, %d pending\n",
      summary.firing, summary.pending) }
  end,
}
