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

local QUEUE <const> = [[
  INSERT INTO outbox(sink, canonical_key, version, payload, signal_ids, state, not_before, worker,
    fence, taken_at, created_at, updated_at)
  VALUES (:sink, :canonical_key, 1, :payload, :signal_ids, 'sending', :now, :worker, 1, :now, :now,
    :now)
  ON CONFLICT (sink, canonical_key) DO UPDATE
  SET version = outbox.version + 1,
    payload = excluded.payload,
    signal_ids = CASE WHEN outbox.state IN ('sent', 'refused') THEN excluded.signal_ids
      ELSE substr(outbox.signal_ids, 1, length(outbox.signal_ids) - 1) || ','
        || substr(excluded.signal_ids, 2) END,
    attempts = CASE WHEN outbox.state IN ('ready', 'sending') THEN outbox.attempts ELSE 0 END,
    fence = CASE WHEN outbox.state IN ('ready', 'sending') THEN outbox.fence
      ELSE outbox.fence + 1 END,
    worker = CASE WHEN outbox.state IN ('ready', 'sending') THEN outbox.worker
      ELSE excluded.worker END,
    taken_at = CASE WHEN outbox.state IN ('ready', 'sending') THEN outbox.taken_at
      ELSE excluded.taken_at END,
    state = CASE WHEN outbox.state IN ('ready', 'sending') THEN outbox.state ELSE 'sending' END,
    updated_at = excluded.updated_at
  RETURNING id, version, signal_ids, attempts, fence, page_id,
    state = 'sending' AND taken_at = :now AND worker = :worker AS taken]]

---@class signalbox.Delivery a row that this worker has taken
---@field id integer
---@field canonical_key string
---@field item table the payload
---@field signal_ids integer[]
---@field version integer
---@field fence integer
---@field attempts integer that failed before
---@field page_id? string where an earlier version is

--- Puts an item on its way, within the transaction of its decision. Gives it as a delivery taken by
--- this worker; nil where an earlier version is under way, which takes this one along.
---@param store any
---@param sink string
---@param item table with canonical_key and signal_ids, not empty
---@return signalbox.Delivery|nil
function M.queue(store, sink, item)
  local row = assert(store:row(QUEUE, {
    sink = sink,
    canonical_key = item.canonical_key,
    payload = signalbox.json.encode(item),
    signal_ids = "[" .. table.concat(item.signal_ids, ",") .. "]",
    worker = assert(store:worker()),
    now = signalbox.now(),
  }))
  if row.taken == 0 then return nil end
  row.canonical_key, row.item, row.signal_ids = item.canonical_key, item, item.signal_ids
  return row
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
  RETURNING id, canonical_key, payload, signal_ids, version, fence, attempts, page_id]]

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
  return store:row("SELECT 1 AS held FROM outbox WHERE id = ? AND fence = ? AND state = 'sending'",
    delivery.id, delivery.fence) ~= nil
end

-- What came of it ------------------------------------------------------------------------------

--- Moves a delivery on; false where it was lost to another worker meanwhile, and then nothing is
--- to be done.
local function move(store, delivery, state, values)
  return assert(store:exec([[
    UPDATE outbox SET
      state = CASE WHEN :state = 'sent' AND version > :version THEN 'ready' ELSE :state END,
      page_id = coalesce(:page_id, page_id), last_error = :last_error, attempts = :attempts,
      not_before = :not_before, worker = NULL, updated_at = :now
    WHERE id = :id AND fence = :fence AND state = 'sending']], {
    id = delivery.id, fence = delivery.fence, version = delivery.version, state = state,
    page_id = values.page_id, last_error = values.last_error, attempts = values.attempts or 0,
    not_before = values.not_before or signalbox.now(), now = signalbox.now(),
  })) == 1
end

--- Marks the delivery's signals; those that are gone meanwhile need none.
local function mark(store, delivery, method, text)
  for _, id in ipairs(delivery.signal_ids) do
    local ok, problem = store[method](store, id, text)
    if not ok and problem.code ~= "not_found" then error(problem, 0) end
  end
end

--- It is in the sink as `page_id`. One transaction with its signals, and with the suppression cache
--- where `suppress` says so. Call it inside a transaction to confirm several at once.
---@return boolean held false where the delivery was another worker's by now
function M.confirm(store, delivery, page_id, suppress)
  return assert(store:transaction(function()
    if not move(store, delivery, "sent", { page_id = page_id }) then return "lost" end
    mark(store, delivery, "mark_pushed", page_id)
    if suppress then
      local item = delivery.item
      assert(store:update_suppression_cache { {
        canonical_key = item.canonical_key, notion_page_id = page_id, status = item.status,
        company_name = item.company_name,
      } })
    end
    return "held"
  end)) == "held"
end

--- The sink's page is closed: nothing was written, and the signals are rejected with the reason.
function M.refuse(store, delivery, page_id, reason)
  return assert(store:transaction(function()
    if not move(store, delivery, "refused", { page_id = page_id, last_error = reason }) then
      return "lost"
    end
    mark(store, delivery, "mark_rejected", reason)
    return "held"
  end)) == "held"
end

--- It can't be delivered: kept for a person, its signals failed.
function M.fail(store, delivery, reason)
  return assert(store:transaction(function()
    if not move(store, delivery, "failed",
      { last_error = reason, attempts = delivery.attempts + 1 }) then
      return "lost"
    end
    mark(store, delivery, "mark_failed", reason)
    return "held"
  end)) == "held"
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
