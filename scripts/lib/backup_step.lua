--- The steps of making, verifying and restoring a backup, told to whoever watches.
--
-- `watch(label, total)` of the options gives an object with `update(done)` and `close()`: a step of
-- the work has begun. signalbox.steps is one.
local M = {}

local silent <const> = setmetatable({ update = function() end }, { __close = function() end })

---@param options { watch: function? }
---@param label string
---@param total? integer bytes
function M.begin(options, label, total)
  return options.watch and options.watch(label, total) or silent
end

--- A function for signalbox.vault that tells `step`.
function M.telling(step)
  return function(done) step:update(done) end
end

return M
