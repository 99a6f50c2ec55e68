--- Which notices are due to whom. Pure: alerts and what a receiver was told in, notices and what it
-- will have been told out.
--
-- A receiver is told of an alert once when it fires and once when it has resolved, in groups, and
-- again after its repeat interval while something in the group fires. What it was told is kept by
-- the group, so that no restart forgets it: a resolved notice goes to whoever was told of the
-- alert, though it be silenced by then.
local signalbox <const> = require "signalbox"
local match <const> = require "signalbox.alert_match"

local M = {}

local function id_of(instance)
  return instance.name .. "\n" .. instance.key
end

--- What a notice says of an alert; what is kept of one that a receiver was told of.
function M.snapshot(instance, state)
  local function iso(at) return at and signalbox.iso(at) or nil end
  return {
    name = instance.name, labels = instance.labels, state = state or instance.state,
    severity = instance.severity, summary = instance.summary, value = instance.value,
    description = instance.description, runbook = instance.runbook,
    starts_at = iso(instance.fired_at or instance.active_at), ends_at = iso(instance.resolved_at),
    acknowledged = instance.acked ~= nil or nil, flapping = instance.flapping,
  }
end

local function group_labels(receiver, alert)
  local labels = {}
  for _, name in ipairs(receiver.group_by) do labels[name] = match.label(alert, name) end
  return labels
end

--- The receiver's groups by key: those of the alerts, and those that it was told something of.
local function groups_of(receiver, instances, told)
  local groups = {}
  local function group_at(key, labels)
    groups[key] = groups[key] or { key = key, labels = labels, firing = {}, others = {} }
    return groups[key]
  end
  for key, log in pairs(told) do group_at(key, log.labels) end
  for _, instance in ipairs(instances) do
    if match.fits(receiver.match, instance) then
      local labels = group_labels(receiver, instance)
      local group = group_at(signalbox.json.encode(labels), labels)
      -- One that flaps counts as firing until it has settled.
      if instance.state == "firing" then
        group.firing[#group.firing + 1] = instance
      else
        group.others[id_of(instance)] = instance
      end
    end
  end
  return groups
end

--- Sorts one that fires into the change. Whoever has to be told again and again that an alert lives
-- (`keeps_alive`) is told that, whatever people do about it.
local function sort_firing(receiver, instance, log, change)
  local is_told = log.firing[id_of(instance)] ~= nil
  local is_muted = instance.silenced ~= nil or instance.held_by ~= nil
  local lives = receiver.keeps_alive and is_told
  if not is_muted and not instance.acked then
    change.loud = true
    if not is_told then change.fresh[#change.fresh + 1] = instance end
  end
  if lives then change.loud = true end
  if lives or not is_muted then change.firing[#change.firing + 1] = instance end
end

--- What has changed in a group since its last notice. A receiver that doesn't hear of what has
-- resolved is as good as told of it.
local function compare(receiver, group, log)
  local change = { fresh = {}, over = {}, firing = {}, loud = false }
  local now_firing = {}
  for _, instance in ipairs(group.firing) do
    now_firing[id_of(instance)] = true
    sort_firing(receiver, instance, log, change)
  end
  for id, snapshot in pairs(log.firing) do
    local instance = group.others[id]
    if not now_firing[id] and not (instance and instance.flapping) then
      change.over[id] = instance and M.snapshot(instance, "resolved") or snapshot
    end
  end
  if not receiver.resolved then
    for id in pairs(change.over) do log.firing[id] = nil end
    change.over = {}
  end
  return change
end

--- Whether a notice goes out now, and why; nil where not, or not yet.
local function reason_of(receiver, change, log, now)
  local since = log.notified_at and now - log.notified_at
  if #change.fresh > 0 then
    log.waiting_since = log.waiting_since or now
    local wait = since and receiver.group_interval or receiver.group_wait
    if now - (since and log.notified_at or log.waiting_since) < wait then return nil end
    return "firing"
  end
  if next(change.over) then
    if since and since < receiver.group_interval then return nil end
    return "resolved"
  end
  if change.loud and next(log.firing) and since and since >= receiver.repeat_interval then
    return "repeated"
  end
  return nil
end

--- What a notice says: the alerts of `firing`, and those that are over.
local function alerts_of(firing, over, now)
  local alerts, ids = {}, {}
  for i, instance in ipairs(firing) do alerts[i] = M.snapshot(instance) end
  for id in pairs(over) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local snapshot = over[id]
    snapshot.state, snapshot.ends_at = "resolved", snapshot.ends_at or signalbox.iso(now)
    alerts[#alerts + 1] = snapshot
  end
  return alerts
end

--- What the receiver has been told of the group once the notice is out.
local function tell(log, change, now)
  for id in pairs(change.over) do log.firing[id] = nil end
  for _, instance in ipairs(change.firing) do
    if log.firing[id_of(instance)] or not instance.acked then
      log.firing[id_of(instance)] = M.snapshot(instance)
    end
  end
  log.notified_at, log.waiting_since = now, nil
end

local function notice_of(receiver, group, reason, alerts, now)
  local status = "resolved"
  for _, alert in ipairs(alerts) do
    if alert.state == "firing" then status = "firing" end
  end
  return { receiver = receiver.name, group_key = group.key, group = group.labels, status = status,
    reason = reason, alerts = alerts, at = signalbox.iso(now) }
end

--- The group in one notice; or, where the receiver wants them so (`each`), a notice of each alert
-- that there is something new of.
local function notices_of(receiver, group, reason, change, now)
  if not receiver.each then
    return { notice_of(receiver, group, reason, alerts_of(change.firing, change.over, now), now) }
  end
  local firing = reason == "repeated" and change.firing or change.fresh
  local notices = {}
  for i, alert in ipairs(alerts_of(firing, change.over, now)) do
    notices[i] = notice_of(receiver, group, reason, { alert }, now)
  end
  return notices
end

--- One group of the receiver: its notices, and what is to be remembered of it (nil: nothing).
local function plan_group(receiver, group, log, now)
  -- Nothing was told later than now: the clock may have run ahead.
  log.notified_at = log.notified_at and math.min(log.notified_at, now)
  log.waiting_since = log.waiting_since and math.min(log.waiting_since, now)
  local change = compare(receiver, group, log)
  local reason = reason_of(receiver, change, log, now)
  local notices = {}
  if reason then
    notices = notices_of(receiver, group, reason, change, now)
    tell(log, change, now)
  end
  local waits = log.waiting_since and #change.fresh > 0
  return notices, (next(log.firing) or waits) and log or nil
end

--- The notices that are due to `receiver` ({name=, group_by=, group_wait=, group_interval=,
-- repeat_interval=, resolved=, match=, each=?, keeps_alive=?}), group by group. `told` is by group
-- key, {labels=, firing=, notified_at=, waiting_since=}, and is brought up to date; an entry
-- without anything firing is done with.
---@param receiver table
---@param instances table[] with `silenced` or `held_by` where their notices are kept back
---@param told table<string, table>
---@param now number
---@return table[] notices {receiver=, group_key=, group=, status=, reason=, alerts=, at=}
function M.notices(receiver, instances, told, now)
  local groups, keys, notices = groups_of(receiver, instances, told), {}, {}
  for key in pairs(groups) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local group = groups[key]
    local due, log = plan_group(receiver, group,
      told[key] or { labels = group.labels, firing = {} }, now)
    told[key] = log
    table.move(due, 1, #due, #notices + 1, notices)
  end
  return notices
end

return M
