--- What collectors found and could not store, with the reason, each once; to be tried again.
local M = {}

---@class signalbox.Aside
---@field text string
---@field reason string

--- Keeps them; of one that is there already the new reason.
---@param items signalbox.Aside[]
function M.add(store, collector, items)
  local now = require("signalbox").now()
  for _, item in ipairs(items) do
    assert(store:exec([[
      INSERT INTO quarantine(collector, item, reason, first_seen_at, last_seen_at)
      VALUES (?, ?, ?, ?, ?)
      ON CONFLICT(collector, item) DO UPDATE SET
        reason = excluded.reason, last_seen_at = excluded.last_seen_at]],
      collector, item.text, item.reason, now, now))
  end
end

--- Lets one go that has found its place.
function M.remove(store, collector, text)
  assert(store:exec("DELETE FROM quarantine WHERE collector = ? AND item = ?", collector, text))
end

--- The number of rows that a person drops: one, or all.
---@param id? integer
---@return integer|nil dropped
function M.drop(store, id)
  return store:exec("DELETE FROM quarantine WHERE id = coalesce(?, id)", id)
end

--- Rows in the order in which they came, of one collector or of all.
---@return fun(): table|nil
function M.rows(store, collector)
  return assert(store:rows([[
    SELECT id, collector, last_seen_at, reason, item FROM quarantine
    WHERE collector = coalesce(?, collector) ORDER BY id]], collector))
end

return M
