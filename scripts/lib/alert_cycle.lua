--- The life of an alert: pending, firing, resolved. Pure: in goes what was, what is seen and what
-- time it is, out comes what is now.
--
-- An instance is one alert with one set of labels:
--
--     name, labels, key             key: its labels as one text
--     state                         "inactive", "pending", "firing", "resolved"
--     active_at, fired_at, resolved_at, seen_at     epoch seconds; seen_at: last time it was true
--     value, severity, summary, description, runbook
--     window                        of N of M: the last M evaluations, "1" where it was true
--     turns                         when it fired and resolved lately
--     flapping                      it does so too often: notices wait until it is settled
--     acked                         {at=, by=, comment=}, until it resolves
--     file                          where it was declared when it was last true
--     silenced, held_by             the silence, or the name of the firing alert, that keeps its
--                                   notices back
local M = {}

M.RESOLVED_SHOWN = 15 * 60 -- seconds that one that has resolved is still told of
local FLAP_WINDOW <const> = 3600
local FLAP_BEGINS <const> = 6 -- turns within the window
local FLAP_ENDS <const> = 2

--- Nothing has happened later than now: what a clock says so that ran ahead and was set back must
-- not make anything wait longer than it has to.
local function mistrust_clock(instance, now)
  for _, moment in ipairs { "active_at", "fired_at", "resolved_at", "seen_at" } do
    if instance[moment] then instance[moment] = math.min(instance[moment], now) end
  end
  for i, at in ipairs(instance.turns or {}) do instance.turns[i] = math.min(at, now) end
end

--- How many of the last evaluations were true.
local function hits(window)
  local _, count = window:gsub("1", "")
  return count
end

--- Whether it counts as true, with the rule's N of M; notes the evaluation in `instance`.
local function is_active(instance, rule, active)
  if not rule.n_of_m then return active end
  local n, m = rule.n_of_m[1], rule.n_of_m[2]
  instance.window = ((instance.window or "") .. (active and "1" or "0")):sub(-m)
  return hits(instance.window) >= n
end

--- Whether one that fires goes on although it isn't seen any more.
local function is_kept(instance, rule, clear, now)
  if rule.has_resolve_when and not clear then return true end
  return rule.keep_firing_for ~= nil and now - instance.seen_at < rule.keep_firing_for
end

--- Fired or resolved, now.
local function turn(instance, now)
  instance.turns = instance.turns or {}
  table.insert(instance.turns, now)
end

local function watch_flapping(instance, now)
  local turns = instance.turns
  if not turns then return end
  while turns[1] and now - turns[1] > FLAP_WINDOW do table.remove(turns, 1) end
  if #turns >= FLAP_BEGINS then instance.flapping = true end
  if #turns <= FLAP_ENDS then instance.flapping = nil end
  if #turns == 0 then instance.turns = nil end
end

local function rise(instance, rule, now)
  instance.seen_at = now
  if instance.state == "inactive" or instance.state == "resolved" then
    instance.state, instance.active_at, instance.resolved_at = "pending", now, nil
  end
  if instance.state == "pending" and now - instance.active_at >= rule.for_ then
    instance.state, instance.fired_at = "firing", now
    turn(instance, now)
  end
end

local function fall(instance, rule, clear, now)
  if instance.state == "pending" then
    instance.state, instance.active_at, instance.acked = "inactive", nil, nil
  elseif instance.state == "firing" and not is_kept(instance, rule, clear, now) then
    instance.state, instance.resolved_at, instance.acked = "resolved", now, nil
    turn(instance, now)
  end
end

--- Nothing is left to remember of it.
local function is_over(instance, now)
  if instance.state == "inactive" then
    return not instance.turns and (not instance.window or hits(instance.window) == 0)
  end
  return instance.state == "resolved" and not instance.turns and
    now - instance.resolved_at > M.RESOLVED_SHOWN
end

--- One evaluation of one instance, which is changed in place. `seen` is what the rule gave for it
-- ({value=, summary=, ...}), or nil; `clear` is whether the rule's resolve_when held. The result is
-- false where it can be forgotten.
---@param instance table at first {name=, labels=, key=, state="inactive"}
---@param rule table for_, keep_firing_for, n_of_m, has_resolve_when, severity
---@param seen table|nil
---@param clear boolean
---@param now number
---@return boolean
function M.step(instance, rule, seen, clear, now)
  mistrust_clock(instance, now)
  if seen then
    instance.value, instance.summary = seen.value, seen.summary
    instance.description, instance.runbook = seen.description, seen.runbook
    instance.severity, instance.file = rule.severity, rule.file
  end
  if is_active(instance, rule, seen ~= nil) then
    rise(instance, rule, now)
  else
    fall(instance, rule, clear, now)
  end
  watch_flapping(instance, now)
  return not is_over(instance, now)
end

return M
