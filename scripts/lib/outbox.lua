--- The outbox: what is on its way to a sink, so that no crash loses or doubles a delivery.
--
-- The decision and its row here are one transaction; a row is taken (`sending`, with this store's
-- worker number and a fence) before anything leaves, and confirmed in one transaction with its
-- signals. A row whose worker died, or whose answer never came, has an unknown outcome: it waits a
-- settle time and is looked up before anything is created again. `not_before` keeps that time
-- whatever becomes of the row meanwhile; nothing lowers it.
local signalbox = require "signalbox"

local M = {}

M.MAX_ATTEMPTS = 10
M.LEASE = 300 -- seconds after which a row that is still `sending` is free, its worker alive or not
M.LONGEST_WAIT = 3600 -- seconds, whatever a server asks for
local FIRST_DELAY <const>, LAST_DELAY <const> = 1, 60 -- seconds
local CLOSED <const> = { sent = true, refused = true }

--- The present and `seconds` more, as text.
local function after(seconds)
  return signalbox.iso(signalbox.time(signalbox.now()) + seconds)
end

---@class signalbox.Delivery a row that this worker has taken
---@field sink string
---@field canonical_key string
---@field item table the payload
---@field payload string the same as JSON
---@field signal_ids integer[]
---@field version integer
---@field fence integer
---@field attempts integer that failed before
---@field last_error? string of the try before
---@field page_id? string where an earlier version is
---@field again? boolean it was under way before: look before writing
---@field last? boolean its attempts are used up: look, and write nothing new

-- Queueing -------------------------------------------------------------------------------------

local FIRST <const> = [[
  INSERT INTO outbox(sink, canonical_key, version, payload, signal_ids, state, not_before, worker,
    fence, taken_at, created_at, updated_at)
  VALUES (?1, ?2, 1, ?3, ?4, 'sending', ?5, ?6, 1, ?5, ?5, ?5)
  ON CONFLICT (sink, canonical_key) DO NOTHING]]

-- A delivery that is under way takes the new version along.
local JOIN <const> = [[
  UPDATE outbox SET version = version + 1, payload = :payload, signal_ids = :signal_ids,
    updated_at = :now
  WHERE sink = :sink AND canonical_key = :canonical_key]]

-- One that is over begins anew.
local REOPEN <const> = [[
  UPDATE outbox SET version = version + 1, payload = :payload, signal_ids = :signal_ids,
    state = 'ready', attempts = 0, updated_at = :now,
    last_error = CASE state WHEN 'failed' THEN last_error END
  WHERE sink = :sink AND canonical_key = :canonical_key]]

local function ids_text(ids)
  return "[" .. table.concat(ids, ",") .. "]"
end

local function union(ids, more)
  local known, all = {}, {}
  for _, list in ipairs { ids, more } do
    for _, id in ipairs(list) do
      if not known[id] then known[id], all[#all + 1] = true, id end
    end
  end
  return all
end

--- Adds a version to the row that is there. Signals that it was to mark and has not stay with it.
local function add_version(store, sink, item, payload, now)
  local row = assert(store:row(
    "SELECT state, signal_ids FROM outbox WHERE sink = ? AND canonical_key = ?", sink,
    item.canonical_key))
  local ids = item.signal_ids
  if not CLOSED[row.state] then
    local earlier = signalbox.json.decode(row.signal_ids)
    if row.state == "failed" then assert(store:settle_queued(earlier, { state = "queued" })) end
    ids = union(earlier, ids)
  end
  local under_way = row.state == "ready" or row.state == "sending"
  assert(store:exec(under_way and JOIN or REOPEN, { sink = sink, payload = payload, now = now,
    canonical_key = item.canonical_key, signal_ids = ids_text(ids) }))
end

--- Puts items on their way, within the transaction of their decisions. Gives a delivery, taken by
--- this worker, for each but those whose company has a row already: these are due when that is.
---@param store any
---@param sink string
---@param decided signalbox.Prepared[] each with its item
---@param now string
---@return signalbox.Delivery[]
function M.queue(store, sink, decided, now)
  local worker, rows, deliveries = assert(store:worker()), {}, {}
  for i, one in ipairs(decided) do
    rows[i] = { sink, one.item.canonical_key, one.payload, one.ids_text, now, worker }
  end
  local _, added = assert(store:exec_many(FIRST, rows))
  for i, one in ipairs(decided) do
    if added[i] == 1 then
      deliveries[#deliveries + 1] = { sink = sink, canonical_key = one.item.canonical_key,
        item = one.item, payload = one.payload, signal_ids = one.ids, version = 1, fence = 1,
        attempts = 0 }
    else
      add_version(store, sink, one.item, one.payload, now)
    end
  end
  return deliveries
end

-- Taking ---------------------------------------------------------------------------------------

local FREE <const> = [[
  UPDATE outbox SET state = 'ready', worker = NULL, not_before = :not_before, updated_at = :now,
    last_error = :reason
  WHERE state = 'sending' AND sink = :sink AND worker = :worker AND taken_at <= :before]]

-- For a clock that was put back.
local UNWIND_TAKEN <const> = [[
  UPDATE outbox SET taken_at = :now
  WHERE state = 'sending' AND sink = :sink AND worker = :worker AND taken_at > :now]]
local UNWIND_DUE <const> = [[
  UPDATE outbox SET not_before = :settled
  WHERE state = 'ready' AND sink = :sink AND not_before > :latest]]

--- Frees what this worker holds no more.
local function rescue_from(store, sink, worker, settle)
  local alive, problem = store:worker_alive(worker)
  if alive == nil then error(problem, 0) end
  local values = { sink = sink, worker = worker, now = signalbox.now(), not_before = after(settle),
    before = alive and after(-M.LEASE) or "9999", -- of the dead, whatever the clock says
    reason = alive and "its worker took too long" or "its worker died" }
  local held = assert(store:row([[
    SELECT min(taken_at) AS first, max(taken_at) AS last FROM outbox
    WHERE state = 'sending' AND sink = ? AND worker = ?]], sink, worker))
  if not held.first then return end
  if held.first <= values.before then assert(store:exec(FREE, values)) end
  if alive and held.last > values.now then
    assert(store:exec(UNWIND_TAKEN, { sink = sink, worker = worker, now = values.now }))
  end
end

--- Frees what dead workers left and what was taken too long ago: its outcome is unknown, so it
--- waits for `settle` seconds. A death is no attempt.
function M.rescue(store, sink, settle)
  local workers = {}
  for row in assert(store:rows(
    "SELECT DISTINCT worker FROM outbox WHERE state = 'sending' AND sink = ?", sink)) do
    workers[#workers + 1] = row.worker
  end
  for _, worker in ipairs(workers) do rescue_from(store, sink, worker, settle) end
  local latest = after(M.LONGEST_WAIT + settle)
  if store:row([[SELECT 1 FROM outbox WHERE state = 'ready' AND sink = ? AND not_before > ?]],
    sink, latest) then
    assert(store:exec(UNWIND_DUE, { sink = sink, latest = latest, settled = after(settle) }))
  end
end

local TAKE <const> = [[
  UPDATE outbox SET state = 'sending', worker = :worker, fence = fence + 1, taken_at = :now,
    updated_at = :now
  WHERE id IN (
    SELECT id FROM outbox WHERE sink = :sink AND state = 'ready' AND not_before <= :now
    ORDER BY not_before LIMIT :limit)
  RETURNING sink, canonical_key, payload, signal_ids, version, fence, attempts, page_id,
    last_error]]

--- Whether any delivery is due. It is asked first, for taking waits for other writers.
local function any_due(store, sink, now)
  return store:row(
    "SELECT 1 FROM outbox WHERE sink = ? AND state = 'ready' AND not_before <= ? LIMIT 1",
    sink, now) ~= nil
end

--- Takes up to `limit` deliveries that are due.
---@return signalbox.Delivery[]
function M.take(store, sink, limit)
  local deliveries, now = {}, signalbox.now()
  if not any_due(store, sink, now) then return deliveries end
  for row in assert(store:rows(TAKE, {
    worker = assert(store:worker()), sink = sink, now = now, limit = limit,
  })) do
    row.item = signalbox.json.decode(row.payload)
    row.signal_ids = signalbox.json.decode(row.signal_ids)
    if #row.signal_ids ~= #row.item.signal_ids then -- of this version and of those before it
      row.item.signal_ids = row.signal_ids
      row.payload = signalbox.json.encode(row.item)
    end
    row.again = row.last_error ~= nil
    row.last = row.attempts >= M.MAX_ATTEMPTS
    deliveries[#deliveries + 1] = row
  end
  return deliveries
end

--- A new lease, to be asked for directly before something is sent: false where the delivery is
--- another worker's by now, or was withdrawn.
function M.renew(store, delivery)
  return assert(store:exec([[
    UPDATE outbox SET taken_at = ?1
    WHERE sink = ?2 AND canonical_key = ?3 AND fence = ?4 AND state = 'sending']],
    signalbox.now(), delivery.sink, delivery.canonical_key, delivery.fence)) == 1
end

local OURS <const> = [[
  FROM outbox WHERE sink = ?1 AND state = 'sending' AND taken_at > ?2
    AND canonical_key IN (SELECT value FROM json_each(?3))]]

--- Which of the deliveries, all of one sink, are still this worker's: a set. Mostly all of them
--- are, which is told without looking at each: no fence ever falls, so where their sum is the same,
--- each is.
---@return table<signalbox.Delivery, boolean>
function M.held(store, sink, deliveries)
  local keys, sum, fences, held = signalbox.array {}, 0, {}, {}
  for i, delivery in ipairs(deliveries) do
    keys[i], sum = delivery.canonical_key, sum + delivery.fence
  end
  local since, list = after(-M.LEASE / 2), signalbox.json.encode(keys)
  local all = assert(store:row("SELECT count(*) AS n, sum(fence) AS fences " .. OURS, sink, since,
    list))
  if all.n == #keys and all.fences == sum then
    for _, delivery in ipairs(deliveries) do held[delivery] = true end
    return held
  end
  for row in assert(store:rows("SELECT canonical_key, fence " .. OURS, sink, since, list)) do
    fences[row.canonical_key] = row.fence
  end
  for _, delivery in ipairs(deliveries) do
    held[delivery] = fences[delivery.canonical_key] == delivery.fence
  end
  return held
end

-- What came of it ------------------------------------------------------------------------------

-- A later version that joined it meanwhile is due next.
local SENT <const> = [[
  UPDATE outbox SET state = CASE WHEN version > ?4 THEN 'ready' ELSE 'sent' END, page_id = ?5,
    last_error = NULL, attempts = 0, not_before = ?6, worker = NULL, updated_at = ?6
  WHERE sink = ?1 AND canonical_key = ?2 AND fence = ?3 AND state = 'sending']]

local MOVE <const> = [[
  UPDATE outbox SET state = :state, page_id = coalesce(:page_id, page_id),
    last_error = :last_error, attempts = :attempts, not_before = :not_before, worker = NULL,
    updated_at = :now
  WHERE sink = :sink AND canonical_key = :canonical_key AND fence = :fence AND state = 'sending'
  RETURNING signal_ids]]

--- Moves a delivery on, and gives the signals that it stands for by now: some may have joined it.
--- Nil where it was lost meanwhile, to another worker or a person, and then nothing is to be done.
local function move(store, delivery, values)
  local now = signalbox.now()
  local row = store:row(MOVE, { sink = delivery.sink, canonical_key = delivery.canonical_key,
    fence = delivery.fence, state = values.state, page_id = values.page_id,
    last_error = values.last_error, attempts = values.attempts or delivery.attempts,
    not_before = values.not_before or now, now = now })
  return row and signalbox.json.decode(row.signal_ids)
end

-- Each of these is to be called inside a transaction. A delivery that was lost meanwhile is left as
-- it is.

--- They are in the sink as their `page_id`: so are their signals. Gives which of them, a set.
---@param made { delivery: signalbox.Delivery, page_id: string }[]
---@param now string
---@return table<signalbox.Delivery, boolean>
function M.confirm(store, made, now)
  local rows, confirmed = {}, {}
  for i, one in ipairs(made) do
    local delivery = one.delivery
    rows[i] = { delivery.sink, delivery.canonical_key, delivery.fence, delivery.version,
      one.page_id, now }
  end
  local _, moved = assert(store:exec_many(SENT, rows))
  for i, one in ipairs(made) do
    if moved[i] == 1 then
      confirmed[one.delivery] = true
      assert(store:settle_queued(one.delivery.signal_ids,
        { state = "pushed", notion_page_id = one.page_id }))
    end
  end
  return confirmed
end

--- The sink's page is closed: nothing was written, and the signals are rejected with the reason.
--- False where it was lost.
function M.refuse(store, delivery, page_id, reason)
  local ids = move(store, delivery, { state = "refused", page_id = page_id, last_error = reason })
  if not ids then return false end
  assert(store:settle_queued(ids, { state = "rejected", reason = reason }))
  return true
end

--- It can't be delivered: kept for a person, its signals failed. Where its outcome is unknown,
--- `settle` is how long that has to stay so. False where it was lost.
function M.fail(store, delivery, reason, settle)
  local ids = move(store, delivery, { state = "failed", last_error = reason,
    attempts = delivery.attempts + 1, not_before = settle and after(settle) })
  if not ids then return false end
  assert(store:settle_queued(ids, { state = "failed", reason = reason }))
  return true
end

--- Seconds before try number `attempt` + 1: doubling, and a little different each time so that many
--- don't come back together.
function M.delay(attempt)
  return math.min(LAST_DELAY, FIRST_DELAY * 2 ^ (attempt - 1) * (1 + math.random() / 10))
end

--- Whether it is given up. What may have been done is looked up first, once more than there are
--- attempts; and where even that can't be done, as often again.
local function is_spent(delivery, attempts, unknown)
  if delivery.last then return unknown or attempts >= 2 * M.MAX_ATTEMPTS end
  return attempts >= M.MAX_ATTEMPTS and not unknown
end

---@class signalbox.Postponement
---@field wait? number seconds that the sink asks for
---@field busy? boolean the sink takes no more for now: no attempt was made
---@field settle? number seconds, where it may have been done

--- It is to be tried again: after `wait` seconds or a growing delay, whichever is longer. Gives
--- "waiting", "failed" where its attempts are used up, or "lost".
---@param how signalbox.Postponement
function M.again(store, delivery, reason, how)
  local attempts = delivery.attempts + (how.busy and 0 or 1)
  if not how.busy and is_spent(delivery, attempts, how.settle) then
    reason = string.format("%s (given up after %d attempts)", reason, attempts)
    return M.fail(store, delivery, reason, how.settle) and "failed" or "lost"
  end
  local wait = math.min(how.wait or M.delay(math.max(1, attempts)), M.LONGEST_WAIT)
  local ids = move(store, delivery, { state = "ready", last_error = reason, attempts = attempts,
    not_before = after(math.max(wait, how.settle or 0)) })
  return ids and "waiting" or "lost"
end

--- Gives it back as it was, no attempt counted: the run ends before it could be tried.
function M.put_back(store, delivery, reason)
  move(store, delivery, { state = "ready", last_error = delivery.last_error or reason })
end

-- For people and for the run -------------------------------------------------------------------

--- How many are under way or due later, and when the next is due.
function M.waiting(store, sink)
  local row = assert(store:row([[
    SELECT count(*) AS n, min(CASE WHEN state = 'ready' THEN not_before END) AS next_due
    FROM outbox WHERE sink = ? AND (state = 'ready' OR state = 'sending')]], sink))
  return row.n, row.next_due
end

--- Deliveries that failed go back to be delivered: of one company, or all. One of unknown outcome
--- waits out its settle time. Gives how many.
---@param canonical_key? string
function M.retry(store, canonical_key)
  return assert(store:transaction(function()
    local retried = 0
    for row in assert(store:rows([[
      UPDATE outbox SET state = 'ready', attempts = 0, updated_at = ?1
      WHERE state = 'failed' AND (?2 IS NULL OR canonical_key = ?2)
      RETURNING signal_ids]], signalbox.now(), canonical_key)) do
      assert(store:settle_queued(signalbox.json.decode(row.signal_ids), { state = "queued" }))
      retried = retried + 1
    end
    return retried
  end))
end

--- A person's word against a company: what is on its way to any sink is taken back, also from a
--- worker that is at it; whose delivery may have been made then, so that a later one has to settle.
--- To be called in the transaction that rejects its signals. Gives how many.
function M.withdraw(store, canonical_key, reason, settle)
  return assert(store:exec([[
    UPDATE outbox SET state = 'refused', fence = fence + 1, worker = NULL, updated_at = :now,
      last_error = :reason,
      not_before = CASE state WHEN 'sending' THEN :settled ELSE not_before END
    WHERE canonical_key = :canonical_key AND state IN ('ready', 'sending', 'failed')]],
    { canonical_key = canonical_key, reason = "withdrawn: " .. reason, now = signalbox.now(),
      settled = after(settle) }))
end

return M
