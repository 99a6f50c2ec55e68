--- Figures of a store: what rules see as `stats`, what is noted for their history, and what the
-- metrics show. Those of get_stats, and
--
--     due                  pending signals that nothing holds back
--     oldest_due_at        since when the oldest of them is (epoch seconds)
--     last_signal          by type, when the newest was detected
--     last_saved_at        when the last one was saved
--     schema_version       of the last migration
--     schema_mark          a number that stands for all definitions in the schema
--     clock_set_back       seconds by which the last check of the rules seems to be yet to come
--     free_bytes           of the database, that VACUUM would give back
--
-- They cost the same at any size of the store, but for a first look at one with a type that has not
-- been seen for long: types are followed from the last signal that was looked at.
local alert_store <const> = require "signalbox.alert_store"
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

--- FNV-1a of 32 bits: as good as different for different texts, and exact in JSON.
local function mark_of(text)
  local mark = 2166136261
  for i = 1, #text do mark = ((mark ~ text:byte(i)) * 16777619) & 0xffffffff end
  return mark
end

--- The schema, but for SQLite's own tables: ANALYZE makes some, and nobody has changed anything.
local function read_schema(store, figures)
  local version = assert(store:row "SELECT max(version) AS version FROM schema_migrations")
  figures.schema_version = version.version
  local definitions = {}
  for row in assert(store:rows [[
      SELECT sql FROM sqlite_schema
      WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_' ORDER BY type, name]]) do
    definitions[#definitions + 1] = row.sql
  end
  figures.schema_mark = mark_of(table.concat(definitions, "\n"))
  local free, page = store:row "PRAGMA freelist_count", store:row "PRAGMA page_size"
  figures.free_bytes = free and page and free.freelist_count * page.page_size
end

--- The figures of `store`, as at `now` (epoch seconds; the clock's by default). `before` is figures
-- of an earlier look, which need not be repeated; `sizes` is what a session of signalbox.rules saw
-- of the file and the disk.
---@param now? number
---@param before? table
---@param sizes? table
---@return table
function M.read(store, now, before, sizes)
  local at = signalbox.iso(now or signalbox.now())
  local figures = assert(store:get_stats())
  read_backlog(store, figures, at)
  read_schema(store, figures)
  local last = store:row "SELECT id, created_at FROM signals ORDER BY id DESC LIMIT 1"
  local checked = alert_store.last_check(store)
  figures.clock_set_back = checked and math.max(0, checked - signalbox.time(at)) or 0
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
  for name, value in pairs(sizes or {}) do figures[name] = value end
  return figures
end

return M
