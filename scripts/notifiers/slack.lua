-- A Slack-style incoming webhook (Slack, Mattermost, Rocket.Chat); it takes a message a second.
--
--     { "slack", url = env "SLACK_WEBHOOK_URL" }
local config <const> = require "signalbox.config"
local post <const> = require "signalbox.alert_post"
local text <const> = require "signalbox.alert_text"

local function escape(plain)
  return (plain:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

return {
  about = "a Slack-style incoming webhook",
  options = { url = "text" },
  defaults = { timeout = 20 },
  pause = 1,

  prepare = function(options)
    options.url = options.url or config.need "slack.webhook_url"
    post.check(options.url, "SLACK_WEBHOOK_URL")
  end,

  send = function(options, notice)
    local body = text.body(notice, escape)
    local title = escape(text.title(notice))
    return post.json(options, options.url, {
      text = #notice.alerts == 1 and title or "*" .. title .. "*\n" .. body,
    })
  end,
}
