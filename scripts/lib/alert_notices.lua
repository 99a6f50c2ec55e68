--- Notices between two checks: what each receiver was told, group by group, and the queue of what
-- is on its way to it.
local signalbox <const> = require "signalbox"

local M = {}

local DAY <const> = 86400
local KEPT <const> = 7 * DAY         -- seconds that notices are kept that were sent or given up
M.GIVE_UP = DAY                      -- seconds after its making
local encode <const>, decode <const> = signalbox.json.encode, signalbox.json.decode

local function iso(at) return at and signalbox.iso(at) or nil end

-- Groups ---------------------------------------------------------------------------------------

--- What a receiver was told, by group.
local function load_groups(store, receiver)
  local told = {}
  for row in assert(store:rows(
      "SELECT group_key, told FROM alert_groups WHERE receiver = ?", receiver)) do
    told[row.group_key] = decode(row.told)
  end
  return told
end

local function save_groups(store, receiver, told, before)
  for key, log in pairs(told) do
    assert(store:exec([[INSERT INTO alert_groups(receiver, group_key, told) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET told = excluded.told WHERE told <> excluded.told]],
      receiver, key, encode(log)))
  end
  for _, key in ipairs(before) do
    if not told[key] then
      assert(store:exec("DELETE FROM alert_groups WHERE receiver = ? AND group_key = ?", receiver,
        key))
    end
  end
end

--- Runs `fn(told)` with what the receiver was told, and keeps what it made of it.
function M.with_groups(store, receiver, fn)
  local told = load_groups(store, receiver)
  local before = {}
  for key in pairs(told) do before[#before + 1] = key end
  local result = fn(told)
  save_groups(store, receiver, told, before)
  return result
end

-- The queue ------------------------------------------------------------------------------------

local function is_waiting(store, notice)
  return assert(store:row([[
    SELECT count(*) AS n FROM alert_notices
    WHERE receiver = ? AND group_key = ? AND status = 'waiting']],
    notice.receiver, notice.group_key)).n > 0
end

--- Puts notices into the queue; ones that repeat the last only where that isn't waiting still.
function M.add(store, notices, now)
  local busy = {}
  for i, notice in ipairs(notices) do
    busy[i] = notice.reason == "repeated" and is_waiting(store, notice)
  end
  for i, notice in ipairs(notices) do
    if not busy[i] then
      assert(store:exec([[
        INSERT INTO alert_notices(receiver, group_key, notice, status, created_at, next_at)
        VALUES (?, ?, ?, 'waiting', ?4, ?4)]],
        notice.receiver, notice.group_key, encode(notice), iso(now)))
    end
  end
end

--- The receiver's waiting notices, oldest first.
function M.waiting(store, receiver)
  local list = {}
  for row in assert(store:rows([[
      SELECT id, group_key, notice, attempts, created_at, next_at FROM alert_notices
      WHERE receiver = ? AND status = 'waiting' ORDER BY id]], receiver)) do
    row.notice = decode(row.notice)
    list[#list + 1] = row
  end
  return list
end

--- Takes a notice to send it: true where nobody else has. It is ours until `lost_at`.
function M.take(store, row, lost_at)
  return assert(store:exec([[
    UPDATE alert_notices SET attempts = attempts + 1, next_at = ?
    WHERE id = ? AND status = 'waiting' AND next_at = ?]], iso(lost_at), row.id, row.next_at)) > 0
end

--- It was sent; or it failed and waits until `next_at`; or, without that, it is given up.
function M.settle(store, id, problem, next_at)
  local status = not problem and "sent" or next_at and "waiting" or "failed"
  assert(store:exec(
    "UPDATE alert_notices SET status = ?, error = ?, next_at = coalesce(?, next_at) WHERE id = ?",
    status, problem, iso(next_at), id))
end

--- How many notices there are by status.
function M.count(store)
  local counts = { waiting = 0, sent = 0, failed = 0 }
  for row in assert(store:rows "SELECT status, count(*) AS n FROM alert_notices GROUP BY status") do
    counts[row.status] = row.n
  end
  return counts
end

--- Forgets what was sent or given up a while ago, and gives up what nobody will deliver: notices to
-- receivers that are not among `names`, those of the configuration. What these were told is kept as
-- long, for a check without their settings may be a person's, in between.
---@param names string[]
function M.prune(store, names, now)
  local known = encode(signalbox.array(names))
  assert(store:exec([[
    UPDATE alert_notices SET status = 'failed', error = 'no such receiver is configured'
    WHERE status = 'waiting' AND created_at < ? AND
      receiver NOT IN (SELECT value FROM json_each(?))]], iso(now - M.GIVE_UP), known))
  assert(store:exec("DELETE FROM alert_notices WHERE status <> 'waiting' AND created_at < ?",
    iso(now - KEPT)))
  assert(store:exec([[
    DELETE FROM alert_groups WHERE coalesce(json_extract(told, '$.notified_at'), 0) < ? AND
      receiver NOT IN (SELECT value FROM json_each(?))]], now - KEPT, known))
end

return M
