--- The record of what commands did: a row of `runs` for each run, begun before the work and ended
--- after it, so that one that was killed is seen to have been.
--
--     local run = runs.begin(store, "collect", "github")
--     runs.finish(store, run, "done", { saved = 12 })
local signalbox = require "signalbox"

local M = {}

--- Its id.
---@param command string
---@param name string what of the command: the collector, the sink; "" where there is but one
---@return integer
function M.begin(store, command, name)
  local row = assert(store:row([[
    INSERT INTO runs(command, name, started_at, status) VALUES (?, ?, ?, 'running')
    RETURNING id]], command, name, signalbox.now()))
  return row.id
end

---@param status "done"|"failed"
---@param counts? table
---@param problem? any what went wrong
function M.finish(store, id, status, counts, problem)
  return store:exec([[
    UPDATE runs SET finished_at = ?, status = ?, counts = ?, error = ? WHERE id = ?]],
    signalbox.now(), status, counts and signalbox.json.encode(counts),
    problem and tostring(problem), id)
end

---@class signalbox.HeldRun
local Held = {}
Held.__index = Held

--- As M.finish.
function Held:finish(...)
  self.is_finished = true
  return M.finish(self.store, self.id, ...)
end

function Held:__close()
  if not self.is_finished then self:finish("failed", nil, "it was broken off") end
end

--- A run that is over when it goes out of scope, whatever ends that: a task may be cancelled.
---@return signalbox.HeldRun
function M.held(store, id)
  return setmetatable({ store = store, id = id }, Held)
end

--- The last one of a command that was done, or nil: {id=, started_at=, finished_at=, counts=}.
function M.last_done(store, command, name)
  local row, problem = store:row([[
    SELECT id, started_at, finished_at, counts FROM runs
    WHERE command = ? AND name = ? AND status = 'done'
    ORDER BY started_at DESC LIMIT 1]], command, name)
  if not row then return nil, problem end
  row.counts = row.counts and signalbox.json.decode(row.counts)
  return row
end

return M
