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
-- All but a first look at a large store cost the same at any size: types are followed from the last
-- signal that was seen.
local signalbox <const> = require "signalbox"

local M = {}

--- Adds the newest detection by type, of signals behind `last_id` that were detected by `at`.
local function follow_types(store, figures, at)
  for row in assert(store:rows([[
      SELECT signal_type, max(detected_at) AS newest, max(id) AS last_id FROM signals
      WHERE id > ? AND detected_at <= ? GROUP BY signal_type]], figures.last_id, at)) do
    local seen = signalbox.time(row.newest)
    if seen and seen > (figures.last_signal[row.signal_type] or -math.huge) then
      figures.last_signal[row.signal_type] = seen
    end
    figures.last_id = math.max(figures.last_id, row.last_id)
  end
end

--- The figures of `store`, as at `now` (epoch seconds; the clock's by default). `before` is figures
-- of an earlier look, which need not be repeated.
---@param now? number
---@param before? table
---@return table
function M.read(store, now, before)
  local at = signalbox.iso(now or signalbox.now())
  local figures = assert(store:get_stats())
  local due = assert(store:row([[
    SELECT count(*) AS due, min(available_at) AS oldest FROM signal_processing
    WHERE status = 'pending' AND available_at <= ?]], at))
  figures.due = due.due
  figures.oldest_due_at = due.oldest and signalbox.time(due.oldest)
  local last = store:row "SELECT created_at FROM signals ORDER BY id DESC LIMIT 1"
  figures.last_saved_at = last and signalbox.time(last.created_at)
  local schema = assert(store:row [[
    SELECT (SELECT max(version) FROM schema_migrations) AS version, sum(length(sql)) AS size
    FROM sqlite_schema]])
  figures.schema_version, figures.schema_size = schema.version, schema.size
  local free, page = store:row "PRAGMA freelist_count", store:row "PRAGMA page_size"
  figures.free_bytes = free and page and free.freelist_count * page.page_size

  figures.last_id, figures.last_signal = before and before.last_id or 0, {}
  for name, seen in pairs(before and before.last_signal or {}) do
    figures.last_signal[name] = seen
  end
  follow_types(store, figures, at)
  return figures
end

return M
