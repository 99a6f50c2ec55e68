--- Brings the queued notices to their receivers, each receiver in a task of its own, so that one
-- that doesn't answer keeps nobody waiting. Notices of a group keep their order.
--
-- A notice is marked before it is sent and after. Where the process dies in between it is sent
-- again, a minute later: rather twice than never. Each has an id that stays the same, for receivers
-- that can tell.
local signalbox <const> = require "signalbox"
local log <const> = require "signalbox.log"
local alert_store <const> = require "signalbox.alert_store"

local M = {}

local LOST <const> = 60          -- seconds after which one that was being sent is sent again
local LONGEST_WAIT <const> = 600 -- between two attempts
local GIVE_UP <const> = 86400    -- seconds after its making

local function now()
  return signalbox.time(signalbox.now())
end

local function wait_after(attempts)
  return math.min(LONGEST_WAIT, 2.0 ^ (attempts - 1))
end

--- Sends one notice; true, or nil and what went wrong.
local function send(store, receiver, row)
  if not alert_store.take_notice(store, row, now() + LOST) then return nil end
  row.notice.id = string.format("signalbox-%d-%s", row.id, row.created_at:gsub("%D", ""))
  local ok, sent, problem = pcall(receiver.notifier.send, receiver.options, row.notice)
  if not ok then sent, problem = nil, sent end
  if sent then
    alert_store.settle_notice(store, row.id)
    return true
  end
  local attempts = row.attempts + 1
  local gone = now() - signalbox.time(row.created_at)
  problem = tostring(type(problem) == "table" and problem.message or problem)
  alert_store.settle_notice(store, row.id, problem,
    gone < GIVE_UP and now() + wait_after(attempts) or nil)
  return nil, problem
end

--- Everything of one receiver that is due.
local function deliver_to(store, receiver, counts)
  local held = {} -- groups whose earlier notice has not gone out
  for _, row in ipairs(alert_store.waiting(store, receiver.name)) do
    local due = not held[row.group_key] and row.next_at <= signalbox.now()
    local sent, problem
    if due then sent, problem = send(store, receiver, row) end
    if sent then
      counts.sent = counts.sent + 1
    else
      held[row.group_key] = true
      counts.waiting = counts.waiting + 1
    end
    if problem then
      log.warning("a notice could not be delivered", { receiver = receiver.name, error = problem })
    end
  end
end

--- Delivers what is due. Gives {sent=, waiting=}.
---@param receivers table[]
---@return table
function M.deliver(store, receivers)
  local counts, tasks = { sent = 0, waiting = 0 }, {}
  for _, receiver in ipairs(receivers) do
    if receiver.notifier.send then
      tasks[#tasks + 1] = signalbox.spawn(deliver_to, store, receiver, counts)
    end
  end
  for _, task in ipairs(tasks) do
    local _, problem = task:wait()
    if problem then error(problem, 0) end
  end
  return counts
end

--- Tells the dead man's switches that a check went well; `summary` is {firing=, pending=}.
function M.beat(receivers, summary)
  for _, receiver in ipairs(receivers) do
    if receiver.notifier.beat then
      local ok, beaten, problem = pcall(receiver.notifier.beat, receiver.options, summary)
      if not ok or not beaten then
        log.warning("a dead man's switch could not be reached", { receiver = receiver.name,
          error = tostring(ok and problem or beaten) })
      end
    end
  end
end

return M
