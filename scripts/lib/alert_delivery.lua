--- Brings the queued notices to their receivers, each receiver in a task of its own, so that one
-- that doesn't answer keeps nobody waiting; those that block come last. Notices of a group keep
-- their order.
--
-- A notice is marked before it is sent and after. Where the process dies in between it is sent
-- again, once nobody can be sending it any more: rather twice than never. Each has an id that stays
-- the same, for receivers that can tell.
--
-- What a notifier's `send` gives: true; or nil, what went wrong, and how to go on from there:
--
--     away = true         nobody is there, or wants more now: leave the others for the next check
--     retry_after = 30    seconds that were asked for
--     final = true        it will never be taken
local signalbox <const> = require "signalbox"
local log <const> = require "signalbox.log"
local alert_notices <const> = require "signalbox.alert_notices"

local M = {}

local LONGEST_WAIT <const> = 600 -- between two attempts
local LEAST_LOST <const> = 60    -- seconds after which one that was being sent is sent again
local MARGIN <const> = 30        -- at least so many after the notifier's own time has passed

local function now()
  return signalbox.time(signalbox.now())
end

local function text_of(problem)
  return tostring(type(problem) == "table" and problem.message or problem)
end

local function is_interrupt(problem)
  return type(problem) == "table" and problem.code == "interrupted"
end

local function lost_after(receiver)
  return math.max(LEAST_LOST, receiver.timeout + MARGIN)
end

--- Whether a notice waits no longer. A time beyond all that is ever waited was noted by a clock
-- that ran ahead.
local function is_due(receiver, row)
  local wait = signalbox.time(row.next_at) - now()
  return wait <= 0 or wait > math.max(LONGEST_WAIT, lost_after(receiver)) + MARGIN
end

--- Seconds until the next attempt.
local function wait_after(attempts, details)
  return math.min(LONGEST_WAIT, math.max(2.0 ^ (attempts - 1), details.retry_after or 0))
end

--- Notes what came of a notice; "sent", "refused" or "failed".
local function settle(store, receiver, row, sent, problem, details)
  if sent then
    alert_notices.settle(store, row.id)
    return "sent"
  end
  problem = text_of(problem)
  local gives_up = details.final or
    now() - signalbox.time(row.created_at) >= alert_notices.GIVE_UP
  alert_notices.settle(store, row.id, problem,
    not gives_up and now() + wait_after(row.attempts + 1, details) or nil)
  local write = gives_up and log.error or log.warning
  write(gives_up and "a notice was given up" or "a notice could not be delivered",
    { receiver = receiver.name, error = problem })
  return gives_up and "refused" or "failed"
end

--- Sends one notice: "sent", "refused" (for good), "failed", or "taken" by another check; and
-- whether the receiver is better left alone for now.
local function send(store, receiver, row)
  if not alert_notices.take(store, row, now() + lost_after(receiver)) then return "taken" end
  row.notice.id = string.format("signalbox-%d-%s", row.id, row.created_at:gsub("%D", ""))
  local ok, sent, problem, details = pcall(receiver.notifier.send, receiver.options, row.notice)
  if not ok then
    if is_interrupt(sent) then error(sent, 0) end
    sent, problem, details = nil, sent, nil
  end
  details = details or {}
  return settle(store, receiver, row, sent, problem, details), details.away
end

--- Everything of one receiver that is due.
local function deliver_to(store, receiver, counts)
  local held, left_alone, paused = {}, false, true -- held: groups whose earlier notice is not out
  for _, row in ipairs(alert_notices.waiting(store, receiver.name)) do
    local outcome = "held"
    if not left_alone and not held[row.group_key] and is_due(receiver, row) then
      if not paused then signalbox.sleep(receiver.notifier.pause or 0) end
      outcome, left_alone = send(store, receiver, row)
      paused = outcome == "taken"
    end
    local is_out = outcome == "sent" or outcome == "refused"
    if not is_out then held[row.group_key], outcome = true, "waiting" end
    counts[outcome] = counts[outcome] + 1
  end
  return true
end

--- Waits for all tasks, and then raises what the first of them did that failed. After Ctrl-C none
-- is waited for.
local function join(tasks)
  local failure
  for _, task in ipairs(tasks) do
    local ok, done, problem = pcall(task.wait, task)
    failure = failure or (not ok and done) or (not done and problem) or nil
    if is_interrupt(failure) then break end
  end
  if is_interrupt(failure) then
    for _, task in ipairs(tasks) do
      task:cancel()
      pcall(task.wait, task) -- or its end would be one that nobody waited for
    end
  end
  if failure then error(failure, 0) end
end

--- Delivers what is due. Gives {sent=, refused=, waiting=}.
---@param receivers table[]
---@return table
function M.deliver(store, receivers)
  local counts, tasks = { sent = 0, refused = 0, waiting = 0 }, {}
  for _, receiver in ipairs(receivers) do
    if receiver.notifier.send and not receiver.notifier.blocks then
      tasks[#tasks + 1] = signalbox.spawn(deliver_to, store, receiver, counts)
    end
  end
  join(tasks)
  for _, receiver in ipairs(receivers) do
    if receiver.notifier.send and receiver.notifier.blocks then
      deliver_to(store, receiver, counts)
    end
  end
  return counts
end

--- Tells the dead man's switches of a check: that it began ("start"), went well ("done") or could
-- not be made ("fail"), with a few words.
function M.beat(receivers, event, about)
  if is_interrupt(about) then return end
  for _, receiver in ipairs(receivers) do
    if receiver.notifier.beat then
      local ok, beaten, problem = pcall(receiver.notifier.beat, receiver.options, event,
        about and text_of(about) or "")
      if not ok and is_interrupt(beaten) then error(beaten, 0) end
      if not ok or not beaten then
        log.warning("a dead man's switch could not be reached", { receiver = receiver.name,
          error = text_of(ok and problem or beaten) })
      end
    end
  end
end

return M
