--- The store's own figures over time: a sample a minute for a week, then the first of each hour for
-- more than a year.
local signalbox <const> = require "signalbox"

local M = {}

local DAY <const> = 86400
local MINUTE_SAMPLES <const> = 7 * DAY -- seconds that a sample a minute is kept
local HOUR_SAMPLES <const> = 400 * DAY

local encode <const>, decode <const> = signalbox.json.encode, signalbox.json.decode
local iso <const>, time <const> = signalbox.iso, signalbox.time

--- The figures that were noted last, or nil.
function M.last(store)
  local row = store:row "SELECT figures FROM stat_samples ORDER BY at DESC LIMIT 1"
  return row and decode(row.figures)
end

--- Notes the figures, at most one set a minute.
function M.save(store, figures, now)
  assert(store:exec("INSERT INTO stat_samples(at, figures) VALUES (?, ?) ON CONFLICT DO NOTHING",
    iso(now - now % 60), encode(figures)))
end

--- Forgets old samples, and thins those of the day that is a week past: of each hour the first
-- stays, whenever in it that was.
function M.thin(store, now)
  assert(store:exec("DELETE FROM stat_samples WHERE at < ?", iso(now - HOUR_SAMPLES)))
  assert(store:exec([[
    DELETE FROM stat_samples WHERE at < ?1 AND at >= ?2 AND EXISTS (
      SELECT 1 FROM stat_samples AS earlier
      WHERE earlier.at >= substr(stat_samples.at, 1, 13) AND earlier.at < stat_samples.at)]],
    iso(now - MINUTE_SAMPLES), iso(now - MINUTE_SAMPLES - DAY)))
end

--- Samples from `since` to `till` (epoch seconds), oldest first: an iterator of {at=, figures=}.
function M.between(store, since, till)
  local rows = assert(store:rows(
    "SELECT at, figures FROM stat_samples WHERE at >= ? AND at <= ? ORDER BY at",
    iso(since), iso(till)))
  return function()
    local row = rows()
    return row and { at = time(row.at), figures = decode(row.figures) }
  end
end

return M
