--- A folder to work in with rules of a spec's own, and `signalbox alerts` run in it.
--
--     local desk = alerts.desk { quiet = [[alert("Quiet", {...})]] }
--     local result = desk:check()
--     assert.equal("firing", result.alerts[1].state)
local data = require "spec.support.data"
local signalbox = require "signalbox"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

local M = {}

--- A rule that fires while the store holds signals.
M.SWITCH = [[
alert("Switch", {
  when = function() return stats.total_signals > 0 and stats.total_signals end,
  severity = "critical", summary = "{value} signals & more", labels = { team = "deals" },
})]]

local Desk = {}
Desk.__index = Desk

--- A new store, and rule files of the user's by name, beside those that ship.
---@param rules table<string, string>
---@param options? { config: string, env: table }
function M.desk(rules, options)
  options = options or {}
  local folder = temp.folder()
  assert(os.execute(string.format("mkdir -p %s/scripts/rules %s/config/signalbox",
    run.quote(folder), run.quote(folder))))
  local desk = setmetatable({ folder = folder, database = folder .. "/signals.db",
    env = { SIGNALBOX_PATH = folder .. "/scripts", XDG_CONFIG_HOME = folder .. "/config" } }, Desk)
  for name, value in pairs(options.env or {}) do desk.env[name] = value end
  for name, text in pairs(rules) do desk:rule(name, text) end
  if options.config then temp.write(folder .. "/config/signalbox/config.lua", options.config) end
  assert(signalbox.open(desk.database)):close()
  return desk
end

--- Writes a rule file, in place of the one that had the name.
function Desk:rule(name, text)
  temp.write(string.format("%s/scripts/rules/%s.lua", self.folder, name), text)
end

local function call(desk, ...)
  local env = { SIGNALBOX_DB = desk.database }
  for name, value in pairs(desk.env) do env[name] = value end
  return { "alerts", cwd = desk.folder, env = env, ... }
end

--- Runs `signalbox alerts ...`.
function Desk:run(...)
  return run(call(self, ...))
end

--- Starts it; see run.start.
function Desk:start(...)
  return run.start(call(self, ...))
end

--- Checks; gives what --json says, and the whole result.
function Desk:check(...)
  local result = self:run("check", "--json", ...)
  assert(result.status == 0 or result.status == 3, result.err)
  return signalbox.json.decode(result.out), result
end

--- The one alert of a name that a check gives, or nil.
function Desk:alert(name)
  for _, alert in ipairs(self:check().alerts) do
    if alert.name == name then return alert end
  end
end

--- A store of this desk, open for a moment.
function Desk:store()
  return assert(signalbox.open(self.database))
end

--- Makes the rule of M.SWITCH true, and false.
function Desk:switch_on()
  local store <close> = self:store()
  assert(store:save_signal(data.signal()))
end

function Desk:switch_off()
  local store <close> = self:store()
  assert(store:exec "DELETE FROM signals")
end

--- Makes every notice that waits due at once.
function Desk:hurry()
  local store <close> = self:store()
  assert(store:exec "UPDATE alert_notices SET next_at = created_at WHERE status = 'waiting'")
end

--- A desk whose notices go to a Slack-style server.
function M.slack_desk(rules, hooks, config)
  return M.desk(rules, { env = { SLACK_WEBHOOK_URL = hooks.url .. "/services/T0/B0/secret" },
    config = config })
end

--- The requests that servers/hooks.py has seen, and the texts of those for Slack.
function M.requests(hooks)
  return M.lines(hooks.folder .. "/requests")
end

function M.texts(hooks)
  local list = {}
  for i, request in ipairs(M.requests(hooks)) do
    list[i] = signalbox.json.decode(request.body).text
  end
  return list
end

--- The lines of JSON that a server of ours has written to a file; none where there is no file.
function M.lines(path)
  local list = {}
  if not temp.exists(path) then return list end
  for line in temp.read(path):gmatch "[^\n]+" do list[#list + 1] = signalbox.json.decode(line) end
  return list
end

return M
