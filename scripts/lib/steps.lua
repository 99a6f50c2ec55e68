--- The steps of long work: a bar with rate and time left on a terminal, else a line for each in the
--- log.
--
--     local step <close> = steps.watch("compress", size)
--     step:update(bytes)
local cli <const> = require "signalbox.cli"
local log <const> = require "signalbox.log"
local signalbox <const> = require "signalbox"

local M = {}

local Step <const> = {}
Step.__index = Step

local function now() return signalbox.time(signalbox.now()) end

--- "512.0 MiB of 1.0 GiB, 320.1 MiB/s, 2 s left"
local function detail_of(done, total, seconds)
  local text = cli.bytes(done)
  if total and total > 0 then text = text .. " of " .. cli.bytes(total) end
  if seconds < 0.5 or done == 0 then return text end
  local rate = done / seconds
  text = text .. string.format(", %s/s", cli.bytes(rate))
  if not total or total <= done then return text end
  return text .. ", " .. cli.span((total - done) / rate) .. " left"
end

--- Says how many bytes are done; `detail` in place of the numbers.
---@param done number
---@param detail? string
function Step:update(done, detail)
  self.done = done
  if self.bar.shown then
    self.bar.total = self.total
    self.bar:update(done, detail or detail_of(done, self.total, now() - self.started))
  end
end

--- Ends the step; without a terminal it is told now.
function Step:close()
  self.bar:close()
  if not self.bar.shown and not self.quiet then
    local seconds = now() - self.started
    log.info(self.label, { seconds = string.format("%.1f", seconds),
      bytes = self.done > 0 and self.done or nil })
  end
end
Step.__close = Step.close

---@param label string
---@param total? number bytes; may be set later as the field `total`
function M.watch(label, total)
  local bar = cli.progress(label, total)
  return setmetatable({ label = label, total = total, done = 0, bar = bar, started = now(),
    quiet = bar.shown }, Step)
end

return M
