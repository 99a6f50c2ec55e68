--- The store that the unit tests of rules run on, filled by their steps under a clock that is
-- turned by hand.
local figures <const> = require "signalbox.figures"
local scratch <const> = require "signalbox.scratch"
local series <const> = require "signalbox.rule_series"
local signalbox <const> = require "signalbox"

local M = {}

local MARKS <const> = { queued = "mark_queued", pushed = "mark_pushed", rejected = "mark_rejected",
  failed = "mark_failed" }

local Fixture = {}
Fixture.__index = Fixture

--- A new store in a file of its own; gone when it is closed.
function M.open()
  local store, closing = scratch.open()
  return setmetatable({ store = store, closing = closing, count = 0, overlay = {},
    path = assert(store:get_stats()).database_path }, Fixture)
end

function Fixture:__close()
  local _ <close> = self.closing -- leaves with this function
end

--- Saves what `signal` asked for, as if it were saved at `now`.
function Fixture:signal(fields, now)
  local store, at = self.store, signalbox.iso(now)
  local count, status = fields.count or 1, fields.status
  fields.count, fields.status = nil, nil
  for _ = 1, count do
    self.count = self.count + 1
    local one = { source_api = "test", confidence = 0.8, raw_data = {}, detected_at = at,
      canonical_key = string.format("domain:company-%d.test", self.count) }
    for name, value in pairs(fields) do one[name] = value end
    local id = assert(store:save_signal(one))
    local mark = MARKS[status]
    if mark then assert(store[mark](store, id, status ~= "queued" and "test" or nil)) end
    assert(store:exec("UPDATE signals SET created_at = ? WHERE id = ?", at, id))
    assert(store:exec([[UPDATE signal_processing SET created_at = ?1, updated_at = ?1,
      available_at = ?1 WHERE signal_id = ?2]], at, id))
  end
end

--- Notes the run of a command that ended at `now`.
function Fixture:run(action, now)
  local fields = action.fields
  assert(self.store:exec([[
    INSERT INTO runs(command, name, started_at, finished_at, status, counts, error)
    VALUES (?, ?, ?, ?, ?, ?, ?)]],
    action.command, fields.name or action.command, signalbox.iso(fields.started_at or now),
    fields.status ~= "running" and signalbox.iso(now) or nil, fields.status or "done",
    fields.counts and signalbox.json.encode(fields.counts), fields.error))
end

--- Does what a step asks for, but for what it expects.
function Fixture:apply(actions, now)
  assert(self.store:transaction(function()
    for _, action in ipairs(actions) do
      if action.act == "signal" then self:signal(action.fields, now) end
      if action.act == "run" then self:run(action, now) end
      if action.act == "figures" then
        for name, value in pairs(action.values) do self.overlay[name] = value end
      end
    end
    return true
  end))
end

--- The figures of the store, with those that the steps have laid over them.
function Fixture:figures(now)
  local values = figures.read(self.store, now, nil, {
    database_bytes = 1 << 20, wal_bytes = 0, disk_free_bytes = 1 << 40, disk_bytes = 1 << 41,
  })
  for name, value in pairs(self.overlay) do series.set(values, name, value) end
  return values
end

return M
