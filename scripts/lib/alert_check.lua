--- One check: the figures, the rules, what became of the alerts, and the notices that follow.
--
-- The rules run first, on a snapshot of their own. Everything that follows from them (states,
-- events, what receivers will have been told, the notices, the sample) is one transaction, so that
-- a check that is killed has happened or has not. Only then is delivered what is queued, by this
-- check or one before it. Of two checks at the same time the one that began later has seen more:
-- what the other found is dropped where it comes second.
local signalbox <const> = require "signalbox"
local alert_book <const> = require "signalbox.alert_book"
local alert_delivery <const> = require "signalbox.alert_delivery"
local alert_notices <const> = require "signalbox.alert_notices"
local alert_plan <const> = require "signalbox.alert_plan"
local alert_receivers <const> = require "signalbox.alert_receivers"
local alert_samples <const> = require "signalbox.alert_samples"
local alert_store <const> = require "signalbox.alert_store"
local figures <const> = require "signalbox.figures"
local match <const> = require "signalbox.alert_match"
local rules <const> = require "signalbox.rules"

local M = {}

local function clock()
  return signalbox.time(signalbox.now())
end

--- Notes in each alert what keeps its notices back: a silence, or another alert.
local function mute(store, list, rule_list, now)
  local silences, by_name = alert_store.silences(store, now), {}
  for _, rule in ipairs(rule_list) do by_name[rule.name] = rule end
  local held = match.held_back(list, by_name, alert_receivers.inhibitions())
  for _, instance in ipairs(list) do
    instance.silenced = match.silence_of(silences, instance, now)
    instance.held_by = held[instance] and held[instance].name
  end
end

--- Queues what each receiver has to be told.
local function plan(store, receivers, list, now)
  local names = {}
  for _, receiver in ipairs(receivers) do
    names[#names + 1] = receiver.name
    if receiver.notifier.send then
      alert_notices.add(store, alert_notices.with_groups(store, receiver.name, function(told)
        return alert_plan.notices(receiver, list, told, now)
      end), now)
    end
  end
  alert_notices.prune(store, names, now)
end

--- What follows from an evaluation; inside its transaction. Gives all alerts.
local function carry(store, book, evaluated, receivers)
  local report, now = evaluated.report, evaluated.began
  local last = alert_store.last_check(store)
  -- One that seems to come from the future was noted by a clock that ran ahead.
  if last and last > now and last <= clock() then return alert_book.list(book) end
  for _, change in ipairs(alert_book.carry(book, report, 1, now)) do
    alert_store.add_event(store, change.instance, change.to, now, change.instance.summary)
  end
  local list = alert_book.list(book)
  mute(store, list, report.rules, now)
  plan(store, receivers, list, now)
  alert_samples.save(store, evaluated.figures, now)
  alert_samples.thin(store, now)
  alert_store.prune(store, now)
  alert_store.note_check(store, now, clock())
  return list
end

--- What the rules say of this moment.
local function evaluate(store)
  local began = clock()
  local session <close> = rules.configured_session(store)
  session:start()
  local values = figures.read(store, began, alert_samples.last(store), session.sizes)
  local report = rules.evaluate(session, rules.files(), { { now = began, stats = values } })
  return { began = began, figures = values, report = report }
end

local function check(store, receivers)
  local evaluated = evaluate(store)
  local list = alert_store.update(store, function(book)
    return carry(store, book, evaluated, receivers)
  end)
  local now = evaluated.began
  local result = { alerts = {}, firing = 0, pending = 0, now = now,
    rules = #evaluated.report.rules }
  for _, instance in ipairs(list) do
    if alert_book.is_shown(instance, now) then
      result.alerts[#result.alerts + 1] = instance
      local count = result[instance.state]
      if count then result[instance.state] = count + 1 end
    end
  end
  local counts = alert_delivery.deliver(store, receivers)
  result.sent, result.waiting, result.refused = counts.sent, counts.waiting, counts.refused
  return result
end

--- Checks once. Gives {alerts=, firing=, pending=, rules=, sent=, waiting=, refused=}; alerts are
-- instances that people are told of, `silenced` or `held_by` where their notices are kept back.
---@param store table open for writing
---@param receivers table[]
function M.run(store, receivers)
  alert_delivery.beat(receivers, "start")
  local ok, result = pcall(check, store, receivers)
  if not ok then
    alert_delivery.beat(receivers, "fail", result)
    error(result, 0)
  end
  alert_delivery.beat(receivers, "done",
    string.format("%d firing, %d pending", result.firing, result.pending))
  return result
end

return M
