--- The outbox: what is on its way to a sink, so that no crash loses or doubles a delivery.
--
-- The decision and its row here are one transaction; a row is taken (`sending`, with this store's
-- worker number and a fence) before anything leaves, and confirmed in one transaction with its
-- signals and the suppression cache. A row whose worker died, or whose answer never came, has an
-- unknown outcome: it waits a settle time and is looked up before anything is created again.
local signalbox = require "signalbox"

local M = {}

M.MAX_ATTEMPTS = 10
M.LEASE = 300 -- seconds after which a row that is still `sending` is free, its worker alive or not
local FIRST_DELAY <const>, LAST_DELAY <const> = 1, 60 -- seconds

--- The present and `seconds` more, as text.
local function after(seconds)
  return signalbox.iso(signalbox.time(signalbox.now()) + seconds)
end

local FIRST <const> = [[
  INSERT INTO outbox(sink, canonical_key, version, payload, signal_ids, state, not_before, worker,
    fence, taken_at, created_at, updated_at)
  VALUES (?1, ?2, 1, ?3, ?4, 'sending', ?5, ?6, 1, ?5, ?5, ?5)
  ON CONFLICT (sink, canonical_key) DO NOTHING]]

-- An earlier version that is done gives way; one that is under way takes this one along.
local AGAIN <const> = [[
  UPDATE outbox SET
    version = version + 1,
    payload = :payload,
    signal_ids = CASE WHEN state IN ('sent', 'refused') THEN :signal_ids
      ELSE substr(signal_ids, 1, length(signal_ids) - 1) || ',' || substr(:signal_ids, 2) END,
    attempts = CASE WHEN state IN ('ready', 'sending') THEN attempts ELSE 0 END,
    fence = CASE WHEN state IN ('ready', 'sending') THEN fence ELSE fence + 1 END,
    worker = CASE WHEN state IN ('ready', 'sending') THEN worker ELSE :worker END,
    taken_at = CASE WHEN state IN ('ready', 'sending') THEN taken_at ELSE :now END,
    state = CASE WHEN state IN ('ready', 'sending') THEN state ELSE 'sending' END,
    updated_at = :now
  WHERE sink = :sink AND canonical_key = :canonical_key
  RETURNING version, attempts, fence, page_id, signal_ids,
    state = 'sending' AND taken_at = :now AND worker = :worker AS taken]]

---@class signalbox.Delivery a row that this worker has taken
---@field sink string
---@field canonical_key string
---@field item table the payload
---@field signal_ids integer[]
---@field version integer
---@field fence integer
---@field attempts integer that failed before
---@field page_id? string where an earlier version is
---@field again? boolean it was under way before

--- Puts an item on its way, within the transaction of its decision. Gives it as a delivery taken by
--- this worker; nil where an earlier version is under way, which takes this one along.
---@param store any
---@param sink string
---@param item table with canonical_key and signal_ids, not empty
---@return signalbox.Delivery|nil
function M.queue(store, sink, item)
  local key, payload, now = item.canonical_key, signalbox.json.encode(item), signalbox.now()
  local ids = "[" .. table.concat(item.signal_ids, ",") .. "]"
  local worker = assert(store:worker())
  local delivery = { version = 1, fence = 1, attempts = 0 }
  if assert(store:exec(FIRST, sink, key, payload, ids, now, worker)) == 0 then
    delivery = assert(store:row(AGAIN, { sink = sink, canonical_key = key, payload = payload,
      signal_ids = ids, worker = worker, now = now }))
    if delivery.taken == 0 then return nil end
  end
  delivery.sink, delivery.canonical_key, delivery.item = sink, key, item
  delivery.signal_ids = delivery.signal_ids and signalbox.json.decode(delivery.signal_ids)
    or item.signal_ids
  return delivery
end

-- Taking ---------------------------------------------------------------------------------------

--- Frees what dead workers left and what was taken too long ago: its outcome is unknown, so it
--- waits for `settle` seconds from when it was taken. A death is no attempt.
function M.rescue(store, sink, settle)
  local freed = 0
  local holders = {}
  for row in assert(store:rows(
    "SELECT DISTINCT worker FROM outbox WHERE state = 'sending' AND sink = ?", sink)) do
    holders[#holders + 1] = row.worker
  end
  for _, worker in ipairs(holders) do
    local alive = assert(store:worker_alive(worker) ~= nil) and store:worker_alive(worker)
    freed = freed + assert(store:exec([[
      UPDATE outbox SET state = 'ready', worker = NULL, not_before = :not_before, updated_at = :now
      WHERE state = 'sending' AND sink = :sink AND worker = :worker AND taken_at <= :before]], {
      sink = sink, worker = worker, now = signalbox.now(), not_before = after(settle),
      before = alive and after(-M.LEASE) or after(0),
    }))
  end
  return freed
end

local TAKE <const> = [[
  UPDATE outbox SET state = 'sending', worker = :worker, fence = fence + 1, taken_at = :now,
    updated_at = :now
  WHERE id IN (
    SELECT id FROM outbox WHERE sink = :sink AND state = 'ready' AND not_before <= :now
    ORDER BY not_before LIMIT :limit)
  RETURNING sink, canonical_key, payload, signal_ids, version, fence, attempts, page_id]]

--- Takes up to `limit` deliveries that are due.
---@return signalbox.Delivery[]
function M.take(store, sink, limit)
  local deliveries = {}
  for row in assert(store:rows(TAKE, {
    worker = assert(store:worker()), sink = sink, now = signalbox.now(), limit = limit,
  })) do
    row.item = signalbox.json.decode(row.payload)
    row.signal_ids = signalbox.json.decode(row.signal_ids)
    row.payload = nil
    row.again = true -- it was under way before: look before writing
    deliveries[#deliveries + 1] = row
  end
  return deliveries
end

--- Whether the delivery is still this worker's.
function M.holds(store, delivery)
  return store:row([[
    SELECT 1 AS held FROM outbox
    WHERE sink = ? AND canonical_key = ? AND fence = ? AND state = 'sending']],
    delivery.sink, delivery.canonical_key, delivery.fence) ~= nil
end

-- What came of it ------------------------------------------------------------------------------

--- Moves a delivery on; false where it was lost to another worker meanwhile, and then nothing is
--- to be done.
local function move(store, delivery, state, values)
  return assert(store:exec([[
    UPDATE outbox SET
      state = CASE WHEN ?4 = 'sent' AND version > ?5 THEN 'ready' ELSE ?4 END,
      page_id = coalesce(?6, page_id), last_error = ?7, attempts = ?8, not_before = ?9,
      worker = NULL, updated_at = ?10
    WHERE sink = ?1 AND canonical_key = ?2 AND fence = ?3 AND state = 'sending']],
    delivery.sink, delivery.canonical_key, delivery.fence, state, delivery.version,
    values.page_id, values.last_error, values.attempts or 0, values.not_before or signalbox.now(),
    signalbox.now())) == 1
end

--- Marks the delivery's signals; those that are gone meanwhile need none.
local function mark(store, delivery, method, text)
  for _, id in ipairs(delivery.signal_ids) do
    local ok, problem = store[method](store, id, text)
    if not ok and problem.code ~= "not_found" then error(problem, 0) end
  end
end

-- Each of these is to be called inside a transaction, and gives false where the delivery was
-- another worker's by now: then nothing was changed.

--- It is in the sink as `page_id`: so are its signals. With a `status` it is in the suppression
--- cache too.
---@param status string|false
function M.confirm(store, delivery, page_id, status)
  if not move(store, delivery, "sent", { page_id = page_id }) then return false end
  mark(store, delivery, "mark_pushed", page_id)
  if status then
    assert(store:update_suppression_cache { {
      canonical_key = delivery.canonical_key, notion_page_id = page_id, status = status,
      company_name = delivery.item.company_name,
    } })
  end
  return true
end

--- The sink's page is closed: nothing was written, and the signals are rejected with the reason.
function M.refuse(store, delivery, page_id, reason)
  if not move(store, delivery, "refused", { page_id = page_id, last_error = reason }) then
    return false
  end
  mark(store, delivery, "mark_rejected", reason)
  return true
end

--- It can't be delivered: kept for a person, its signals failed.
function M.fail(store, delivery, reason)
  local values = { last_error = reason, attempts = delivery.attempts + 1 }
  if not move(store, delivery, "failed", values) then return false end
  mark(store, delivery, "mark_failed", reason)
  return true
end

--- Seconds before try number `attempt` + 1: doubling, and a little different each time so that many
--- don't come back together.
function M.delay(attempt)
  return math.min(LAST_DELAY, FIRST_DELAY * 2 ^ (attempt - 1) * (1 + math.random() / 10))
end

--- It is to be tried again: after `wait` seconds or a growing delay, whichever is longer. Fails it
--- for good after MAX_ATTEMPTS. Gives "waiting" or "failed".
function M.again(store, delivery, reason, wait)
  local attempts = delivery.attempts + 1
  if attempts >= M.MAX_ATTEMPTS then
    M.fail(store, delivery, string.format("%s (given up after %d attempts)", reason, attempts))
    return "failed"
  end
  move(store, delivery, "ready", {
    last_error = reason, attempts = attempts,
    not_before = after(math.max(wait or 0, M.delay(attempts))),
  })
  return "waiting"
end

--- Gives it back as it was, no attempt counted: the run ends before it could be tried.
function M.put_back(store, delivery, reason)
  move(store, delivery, "ready", { last_error = reason, attempts = delivery.attempts })
end

-- For people and for the run -------------------------------------------------------------------

--- How many are under way or due later, and when the next is due.
function M.waiting(store, sink)
  local row = assert(store:row([[
    SELECT count(*) AS n, min(CASE WHEN state = 'ready' THEN not_before END) AS next_due
    FROM outbox WHERE sink = ? AND state IN ('ready', 'sending')]], sink))
  return row.n, row.next_due
end

--- Deliveries that failed go back to be delivered: of one company, or all. Gives how many.
function M.retry(store, canonical_key)
  return assert(store:transaction(function()
    local rows = {}
    for row in assert(store:rows([[
      SELECT id, canonical_key, signal_ids FROM outbox WHERE state = 'failed']])) do
      if not canonical_key or row.canonical_key == canonical_key then rows[#rows + 1] = row end
    end
    for _, row in ipairs(rows) do
      assert(store:exec([[
        UPDATE outbox SET state = 'ready', attempts = 0, not_before = :now, updated_at = :now
        WHERE id = :id]], { id = row.id, now = signalbox.now() }))
      for _, id in ipairs(signalbox.json.decode(row.signal_ids)) do store:mark_queued(id) end
    end
    return #rows
  end))
end

return M
