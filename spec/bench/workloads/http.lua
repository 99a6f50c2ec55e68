-- 100 requests to a server that takes 100 ms for each, ten at a time. Prints the seconds, and the
-- share of them that a processor was busy. Run by build/signalbox.
--
--   signalbox run spec/bench/workloads/http.lua URL
local signalbox = require "signalbox"

local url = ... .. "/delay/100"
assert(signalbox.http { url = url }) -- loads libcurl
local left, start, cpu = 100, signalbox.time(signalbox.now()), os.clock()

local function work()
  while left > 0 do
    left = left - 1
    assert(signalbox.http { url = url })
  end
end

for _ = 1, 10 do signalbox.spawn(work) end
signalbox.wait()
local seconds = signalbox.time(signalbox.now()) - start
print(string.format("seconds\t%.3f", seconds))
print(string.format("busy\t%.4f", (os.clock() - cpu) / seconds))
