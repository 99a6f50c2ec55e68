--- What the batch run would decide, by reading alone: it takes nothing, writes nothing, and is in
--- nobody's way.
local crm <const> = require "signalbox.crm"
local outbox <const> = require "signalbox.outbox"
local process <const> = require "signalbox.process"
local signalbox <const> = require "signalbox"
local verdicts <const> = require "signalbox.verdict"

local M = {}

-- In the order in which companies are claimed; rows that another program wrote are due.
local DUE <const> = [[
  SELECT s.canonical_key, c.worker, c.lease_until
  FROM (
    SELECT signal_id, available_at FROM signal_processing
    WHERE status = 'pending' AND available_at IS NULL
    UNION ALL
    SELECT signal_id, available_at FROM signal_processing
    WHERE status = 'pending' AND available_at <= ?1
  ) p
  CROSS JOIN signals s ON s.id = p.signal_id
  LEFT JOIN company_claims c ON c.canonical_key = s.canonical_key]]

--- Whether somebody is at the company.
local function is_taken(store, row, now)
  return row.worker ~= nil and row.lease_until > now and store:worker_alive(row.worker) == true
end

--- Keys of the companies that are due and nobody's, each once.
local function due_keys(store)
  local seen, now = {}, signalbox.now()
  local rows, state, at, closing = assert(store:rows(DUE, now))
  return function()
    for row in rows, state, at do
      if not seen[row.canonical_key] then
        seen[row.canonical_key] = true
        if not is_taken(store, row, now) then return row.canonical_key end
      end
    end
  end, nil, nil, closing
end

--- Whether what is decided of it would be written: not where its page is closed.
local function would_push(store, key)
  local entry = crm.known(store, { key })[key]
  return not (entry and crm.is_closed(entry.status))
end

--- The counts as `process.run` would give them now, each decision told to `decided`.
---@param store any open for reading
---@param options signalbox.ProcessOptions
---@param decided fun(key: string, signals: integer, verdict: table|nil, problem: string|nil)
function M.run(store, options, decided)
  local counts = process.new_counts()
  local function count(name) counts[name] = counts[name] + 1 end
  for key in due_keys(store) do
    if counts.companies == options.limit then break end
    local signals = assert(store:get_signals_for_company(key))
    local verdict, problem = verdicts.of(signals, options.gate)
    count "companies"
    count(verdict and verdict.decision or "set_aside")
    if not verdict then
      count "failed"
    elseif verdicts.DELIVERED[verdict.decision] then
      count(would_push(store, key) and "pushed" or "refused")
    end
    decided(key, #signals, verdict, problem)
  end
  counts.waiting = outbox.waiting(store, options.sink_name)
  return counts
end

return M
