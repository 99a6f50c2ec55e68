--- Why deliveries were not made, for whoever ran `process`: each reason once, the most frequent
--- first, with how many companies it keeps; and what waits for a sink that this run was not about.
local excerpt <const> = require "signalbox.excerpt"

local SHOWN <const>, LONGEST <const> = 5, 200

local M = {}

---@class signalbox.Undelivered
---@field state "ready"|"failed" waits to be tried again, or was given up
---@field reason string
---@field companies integer

--- What waits for a sink, and what was given up since a time: an index each, for most of the outbox
--- is neither.
---@param sink string
---@param since string
---@return signalbox.Undelivered[]
function M.reasons(store, sink, since)
  local list = {}
  for row in assert(store:rows([[
    SELECT state, last_error AS reason, count(*) AS companies
    FROM (
      SELECT state, last_error FROM outbox WHERE sink = ?1 AND state = 'ready'
      UNION ALL
      SELECT state, last_error FROM outbox
      WHERE sink = ?1 AND state = 'failed' AND updated_at >= ?2)
    WHERE last_error IS NOT NULL
    GROUP BY state, last_error
    ORDER BY companies DESC, last_error
    LIMIT ?3]], sink, since, SHOWN))
  do
    row.reason = excerpt(row.reason, LONGEST)
    list[#list + 1] = row
  end
  return list
end

--- The other sinks that something waits for, each with how much.
---@param sink string
---@return { sink: string, companies: integer }[]
function M.elsewhere(store, sink)
  local list = {}
  for row in assert(store:rows([[
    SELECT sink, count(*) AS companies
    FROM outbox
    WHERE state = 'ready' AND sink <> ?
    GROUP BY sink
    ORDER BY sink]], sink))
  do
    list[#list + 1] = row
  end
  return list
end

return M
