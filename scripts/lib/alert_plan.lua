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

--- What has changed in a group since its last notice.
local function compare(group, log, is_muted)
  local change = { fresh = {}, over = {}, firing = {}, loud = false }
  local now_firing = {}
  for _, instance in ipairs(group.firing) do
    local id = id_of(instance)
    local muted = is_muted(instance)
    now_firing[id] = true
    if not muted and not instance.acked then
      change.loud = true
      if not log.firing[id] then change.fresh[#change.fresh + 1] = instance end
    end
    if not muted then change.firing[#change.firing + 1] = instance end
  end
  for id, snapshot in pairs(log.firing) do
    local instance = group.others[id]
    if not now_firing[id] and not (instance and instance.flapping) then
      change.over[id] = instance and M.snapshot(instance, "resolved") or snapshot
    end
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

local function alerts_of(receiver, change, now)
  local alerts = {}
  for _, instance in ipairs(change.firing) do alerts[#alerts + 1] = M.snapshot(instance) end
  local over = {}
  for _, snapshot in pairs(receiver.resolved and change.over or {}) do
    snapshot.state, snapshot.ends_at = "resolved", snapshot.ends_at or signalbox.iso(now)
    over[#over + 1] = snapshot
  end
  table.sort(over, function(a, b) return a.name .. a.summary < b.name .. b.summary end)
  table.move(over, 1, #over, #alerts + 1, alerts)
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

--- The notices that are due to `receiver` ({name=, group_by=, group_wait=, group_interval=,
-- repeat_interval=, resolved=, match=}). `told` is by group key, {labels=, firing=, notified_at=,
-- waiting_since=}, and is brought up to date; an entry without anything firing is done with.
---@param receiver table
---@param instances table[]
---@param is_muted fun(instance: table): boolean silenced or inhibited
---@param told table<string, table>
---@param now number
---@return table[] notices {receiver=, group_key=, group=, status=, reason=, alerts=}
function M.notices(receiver, instances, is_muted, told, now)
  local notices = {}
  for key, group in pairs(groups_of(receiver, instances, told)) do
    local log = told[key] or { labels = group.labels, firing = {} }
    told[key] = log
    local change = compare(group, log, is_muted)
    local reason = reason_of(receiver, change, log, now)
    if reason then
      local alerts = alerts_of(receiver, change, now)
      local status = #change.firing > 0 and "firing" or "resolved"
      tell(log, change, now)
      if #alerts > 0 then
        notices[#notices + 1] = { receiver = receiver.name, group_key = key, group = group.labels,
          status = status, reason = reason, alerts = alerts, at = signalbox.iso(now) }
      end
    end
    local waits = log.waiting_since and #change.fresh > 0
    if not next(log.firing) and not waits then told[key] = nil end
  end
  table.sort(notices, function(a, b) return a.group_key < b.group_key end)
  return notices
end

return M
