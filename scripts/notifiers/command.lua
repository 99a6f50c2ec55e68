-- A program of one's own: the notice as JSON on its standard input, the gist in its environment
-- (ALERT_STATUS, ALERT_TITLE, ALERT_TEXT). It has delivered when it exits with 0.
--
--     { "command", run = { "/usr/local/bin/page", "--team", "deals" }, timeout = 30 }
local excerpt <const> = require "signalbox.excerpt"
local signalbox <const> = require "signalbox"
local text <const> = require "signalbox.alert_text"

return {
  about = "a program of one's own",
  options = { run = "names" },

  prepare = function(options)
    if type(options.run) ~= "table" or type(options.run[1]) ~= "string" then
      error("run is no list of words, { \"PROGRAM\", \"ARGUMENT\" }", 0)
    end
  end,

  send = function(options, notice)
    local call = { table.unpack(options.run) }
    call.stdin = signalbox.json.encode(notice)
    call.timeout = options.timeout
    call.env = { ALERT_STATUS = notice.status, ALERT_TITLE = text.title(notice),
      ALERT_TEXT = text.body(notice) }
    local result, problem = signalbox.run(call)
    if not result then return nil, tostring(problem) end
    if result.status == 0 then return true end
    return nil, string.format("%s exited with %s: %s", options.run[1], tostring(result.status),
      excerpt(result.stderr, 200))
  end,
}
