--- One check: the figures, the rules, what became of the alerts, and the notices that follow.
--
-- The rules run first, on a snapshot of their own. Everything that follows from them (states,
-- events, what receivers will have been told, the notices, the sample) is one transaction, so that
-- a check that is killed has happened or has not. Only then is delivered what is queued, by this
-- check or one before it.
local signalbox <const> = require "signalbox"
local alert_book <const> = require "signalbox.alert_book"
local alert_delivery <const> = require "signalbox.alert_delivery"
local alert_plan <const> = require "signalbox.alert_plan"
local alert_receivers <const> = require "signalbox.alert_receivers"
local alert_store <const> = require "signalbox.alert_store"
local figures <const> = require "signalbox.figures"
local match <const> = require "signalbox.alert_match"
local rules <const> = require "signalbox.rules"

local M = {}

--- The configuration's limits of a rule file, as an option of rules.session.
function M.session_options(database)
  local cli <const> = require "signalbox.cli"
  local settings = alert_receivers.settings()
  local memory = tonumber(settings.memory_mib)
  return {
    database = database,
    seconds = settings.seconds and cli.check(cli.seconds(settings.seconds)),
    memory = memory and math.tointeger(memory // 1) << 20,
  }
end

--- The figures of the store as a rule sees them; `sizes` is what the sandbox saw of the disk.
function M.figures(store, sizes, now, before)
  local values = figures.read(store, now, before)
  for name, value in pairs(sizes) do values[name] = value end
  return values
end

--- Firing alerts that can inhibit another.
local function inhibitors(list, by_name, inhibitions)
  local needed, found = {}, {}
  for _, rule in pairs(by_name) do
    for _, name in ipairs(rule.depends_on) do needed[name] = true end
    if #rule.inhibits > 0 then needed[rule.name] = true end
  end
  for _, instance in ipairs(list) do
    if instance.state == "firing" and (needed[instance.name] or #inhibitions > 0) then
      found[#found + 1] = instance
    end
  end
  return found
end

--- A function that says why an alert's notices are held back: the silence, or the inhibiting alert.
function M.muting(store, list, rule_list, inhibitions, now)
  local by_name = {}
  for _, rule in ipairs(rule_list) do by_name[rule.name] = rule end
  local silences = alert_store.silences(store, now)
  local sources = inhibitors(list, by_name, inhibitions)
  return function(instance)
    return match.silence_of(silences, instance, now) or
      match.inhibitor_of(instance, sources, by_name, inhibitions)
  end
end

--- What follows from an evaluation; inside its transaction.
local function carry(store, book, report, receivers, now)
  for _, change in ipairs(alert_book.carry(book, report, 1, now)) do
    alert_store.add_event(store, change.instance, change.to, now, change.instance.summary)
  end
  local list = alert_book.list(book)
  local muted = M.muting(store, list, report.rules, alert_receivers.inhibitions(), now)
  for _, receiver in ipairs(receivers) do
    if receiver.notifier.send then
      local notices = alert_store.with_groups(store, receiver.name, function(told)
        return alert_plan.notices(receiver, list, muted, told, now)
      end)
      for _, notice in ipairs(notices) do alert_store.add_notice(store, notice, now) end
    end
  end
  for _, instance in ipairs(list) do instance.muted = muted(instance) end
  return list
end

--- Checks once. Gives {alerts=, firing=, pending=, rules=, sent=, waiting=}; alerts are instances
-- that people are told of, `muted` where their notices are held back.
---@param store table open for writing
---@param receivers table[]
function M.run(store, receivers)
  local now = signalbox.time(signalbox.now())
  local database = assert(store:get_stats()).database_path
  local session <close> = rules.session(M.session_options(database))
  session:start()
  local values = M.figures(store, session.sizes, now, alert_store.last_sample(store))
  local report = rules.evaluate(session, rules.files(), { { now = now, stats = values } })
  session:close()

  local list = alert_store.update(store, function(book)
    local all = carry(store, book, report, receivers, now)
    alert_store.save_sample(store, values, now)
    alert_store.prune(store, now)
    return all
  end)

  local result = { alerts = {}, firing = 0, pending = 0, rules = #report.rules, now = now }
  for _, instance in ipairs(list) do
    if alert_book.is_shown(instance, now) then
      result.alerts[#result.alerts + 1] = instance
      local count = result[instance.state]
      if count then result[instance.state] = count + 1 end
    end
  end
  local counts = alert_delivery.deliver(store, receivers)
  result.sent, result.waiting = counts.sent, counts.waiting
  alert_delivery.beat(receivers, result)
  return result
end

return M
