--- What a collector knows from its earlier runs: its cursor, and whatever else it remembers, as
--- JSON by stream; written with the signals that it covers.
--
-- A run of the collector takes the cursor over when it begins: one that began earlier can write no
-- more.
local problem = require "signalbox.problem"
local signalbox = require "signalbox"

local CURSOR <const> = "" -- the stream that it is stored under

---@class signalbox.CollectorState
---@field keeps_cursor? boolean the run has left something out: what is stored stays where it is
local State = {}
State.__index = State

local M = { CURSOR = CURSOR }

---@param collector string
---@param stores table[] where it is read from: the first that has a stream. The first is written to
function M.new(collector, stores)
  return setmetatable({ collector = collector, stores = stores, held = {}, changed = {} }, State)
end

--- Takes the cursor over, in a transaction; with `reset` forgets all there is.
function State:begin(run, reset)
  local store = self.stores[1]
  self.run = run
  if reset then
    assert(store:exec("DELETE FROM collector_state WHERE collector = ?", self.collector))
    self.stores = { store }
  end
  assert(store:exec([[
    INSERT INTO collector_state(collector, stream, run, updated_at) VALUES (?, ?, ?, ?)
    ON CONFLICT(collector, stream) DO UPDATE SET run = excluded.run]],
    self.collector, CURSOR, run, signalbox.now()))
end

local function read(stores, collector, stream)
  for _, store in ipairs(stores) do
    local row, trouble = store:row(
      "SELECT value FROM collector_state WHERE collector = ? AND stream = ?", collector, stream)
    if trouble then error(trouble, 0) end
    if row and row.value then return signalbox.json.decode(row.value) end
  end
end

function State:get(stream)
  local known = self.held[stream]
  if not known then
    known = { value = read(self.stores, self.collector, stream) }
    self.held[stream] = known
  end
  return known.value
end

function State:set(stream, value)
  self.held[stream] = { value = value }
  self.changed[stream] = true
end

function State:is_changed()
  return next(self.changed) ~= nil
end

local function take_hold(state)
  local held = assert(state.stores[1]:exec(
    "UPDATE collector_state SET run = run WHERE collector = ? AND stream = ? AND run = ?",
    state.collector, CURSOR, state.run))
  if held == 0 then
    error(problem("conflict", "another run of this collector has begun since"), 0)
  end
end

--- Writes what has changed, in the transaction of what it covers.
function State:save()
  if not self:is_changed() then return end
  take_hold(self)
  local now = signalbox.now()
  for stream in pairs(self.changed) do
    local value = self.held[stream].value
    if stream ~= CURSOR or not self.keeps_cursor then
      assert(self.stores[1]:exec([[
        INSERT INTO collector_state(collector, stream, value, run, updated_at)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT(collector, stream) DO UPDATE SET
          value = excluded.value, run = excluded.run, updated_at = excluded.updated_at]],
        self.collector, stream, value ~= nil and assert(signalbox.json.encode(value)) or nil,
        self.run, now))
    end
  end
end

--- Hears that the transaction has been committed: the store has it now.
function State:saved()
  local cursor = self.keeps_cursor and self.held[CURSOR] or nil
  self.held, self.changed = { [CURSOR] = cursor }, {}
end

return M
