--- What a page's status in the CRM means, and what the suppression cache knows of companies.
local config <const> = require "signalbox.config"
local is_among <const> = require "signalbox.is_among"
local signalbox <const> = require "signalbox"

config.declare("notion.watched", { kind = "table", default = { "Tracking" },
  about = "statuses of pages that new signals may still lift: they suppress nothing" })

local M = {}

local CLOSED <const> = { Passed = true, Lost = true }

--- Whether a page of that status is left alone.
function M.is_closed(status) return CLOSED[status] == true end

--- Whether it suppresses nothing, for new signals may still lift its company.
function M.is_watched(status)
  return is_among(config.get "notion.watched", status)
end

--- What the cache knows of these companies.
---@param keys string[]
---@return table<string, { notion_page_id: string, status: string }>
function M.known(store, keys)
  local found = assert(store:row([[
    SELECT json_group_array(c.canonical_key) AS keys
    FROM json_each(?) k CROSS JOIN suppression_cache c ON c.canonical_key = k.value
    WHERE c.expires_at > ?]], signalbox.json.encode(signalbox.array(keys)), signalbox.now()))
  local entries = {}
  for _, key in ipairs(signalbox.json.decode(found.keys)) do
    local entry, problem = store:check_suppression(key)
    if problem then error(problem, 0) end
    entries[key] = entry
  end
  return entries
end

--- Enters what was delivered, in the transaction that is open; what is only watched is left out,
--- and what is closed stays so.
---@param entries table[] as update_suppression_cache takes them
function M.remember(store, entries)
  local keys, wanted, fresh = {}, {}, {}
  for _, entry in ipairs(entries) do
    if not M.is_watched(entry.status) then
      wanted[#wanted + 1], keys[#keys + 1] = entry, entry.canonical_key
    end
  end
  if #wanted == 0 then return end
  local known = M.known(store, keys)
  for _, entry in ipairs(wanted) do
    local before = known[entry.canonical_key]
    if not (before and M.is_closed(before.status)) then fresh[#fresh + 1] = entry end
  end
  if #fresh > 0 then assert(store:update_suppression_cache(fresh)) end
end

return M
