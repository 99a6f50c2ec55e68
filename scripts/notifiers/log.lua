-- Lines on stderr, for cron's mail, the journal, or a person who looks on.
local log <const> = require "signalbox.log"
local text <const> = require "signalbox.alert_text"

return {
  about = "lines on stderr",
  options = {},

  send = function(_, notice)
    for _, alert in ipairs(notice.alerts) do
      local write = alert.state == "firing" and log.warning or log.info
      write(alert.state .. ": " .. text.line(alert))
    end
    return true
  end,
}
