--- Figures of a store: what rules see as `stats`, what is noted for their history, and what the
-- metrics show. Those of get_stats, and
--
--     due                  pending signals that nothing holds back
--     oldest_due_at        since when the oldest of them is (epoch seconds)
--     last_signal          by type, when the newest was detected
--     last_saved_at        when the last one was saved
--     schema_version       of the last migration
--     schema_size          bytes of all definitions in the schema
--     free_bytes           of the database, that VACUUM would give back
--
-- They cost the same at any size of the store, but for a first look at one with a type that has not
-- been seen for long: types are followed from the last signal that was looked at.
local signalbox <const> = require "signalbox"

local M = {}

local A_FEW <const> = 2000 -- newest signals, among which most types are

local function note(newest, signal_type, detected_at)
  local seen = signalbox.time(detected_at)
  if seen and seen > (newest[signal_type] or -math.huge) then newest[signal_type] = seen end
end

--- The newest detection by type, of a store that is looked at for the first time: most types are
-- among the newest signals; only for the others is every signal looked at.
local function find_types(store, figures, at)
  local newest, missing = figures.last_signal, {}
  for row in assert(store:rows([[
      SELECT signal_type, detected_at FROM signals WHERE detected_at <= ?
      ORDER BY detected_at DESC LIMIT ?]], at, A_FEW)) do
    if not newest[row.signal_type] then note(newest, row.signal_type, row.detected_at) end
  end
  for name in pairs(figures.signals_by_type) do
    if not newest[name] then missing[#missing + 1] = name end
  end
  if #missing == 0 then return end
  for row in assert(store:rows([[
      SELECT signal_type, max(detected_at) AS newest FROM signals
      WHERE +detected_at <= ? AND signal_type IN (SELECT value FROM json_each(?))
      GROUP BY signal_type]], at, signalbox.json.encode(signalbox.array(missing)))) do
    note(newest, row.signal_type, row.newest)
  end
end

--- The same, when `figures.last_signal` has what was found up to `figures.last_id`.
local function follow_types(store, figures, at)
  for row in assert(store:rows([[
      SELECT signal_type, max(detected_at) AS newest FROM signals
      WHERE id > ? AND detected_at <= ? GROUP BY signal_type]], figures.last_id, at)) do
    note(figures.last_signal, row.signal_type, row.newest)
  end
end

--- What is due. What waits is counted, for that is less: counting what is due would take its time.
local function read_backlog(store, figures, at)
  local waiting = assert(store:row([[
    SELECT count(*) AS n FROM signal_processing
    WHERE status = 'pending' AND available_at > ?]], at))
  local oldest = assert(store:row [[
    SELECT min(available_at) AS at FROM signal_processing WHERE status = 'pending']])
  figures.due = math.max(0, figures.processing_status.pending - waiting.n)
  figures.oldest_due_at = oldest.at and oldest.at <= at and signalbox.time(oldest.at) or nil
end

local function read_schema(store, figures)
  local schema = assert(store:row [[
    SELECT (SELECT max(version) FROM schema_migrations) AS version, sum(length(sql)) AS size
    FROM sqlite_schema]])
  figures.schema_version, figures.schema_size = schema.version, schema.size
  local free, page = store:row "PRAGMA freelist_count", store:row "PRAGMA page_size"
  figures.free_bytes = free and page and free.freelist_count * page.page_size
end

--- The figures of `store`, as at `now` (epoch seconds; the clock's by default). `before` is figures
-- of an earlier look, which need not be repeated.
---@param now? number
---@param before? table
---@return table
function M.read(store, now, before)
  local at = signalbox.iso(now or signalbox.now())
  local figures = assert(store:get_stats())
  read_backlog(store, figures, at)
  read_schema(store, figures)
  local last = store:row "SELECT id, created_at FROM signals ORDER BY id DESC LIMIT 1"
  figures.last_saved_at = last and signalbox.time(last.created_at)
  figures.last_signal = {}
  if before and before.last_id then
    figures.last_id = before.last_id
    for name, seen in pairs(before.last_signal) do figures.last_signal[name] = seen end
    follow_types(store, figures, at)
  else
    find_types(store, figures, at)
  end
  figures.last_id = last and last.id or 0
  return figures
end

return M
