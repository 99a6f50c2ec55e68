--- Waits until `check` gives something, and gives that; raises when it is time to give up, saying
-- that `what` did not come.
--
--     await(function() return process.out():find "ready" end)
local sleep = require("system").sleep
local slow = require "spec.support.slow"

local STEP <const> = 0.005  -- seconds between two looks
local PATIENCE <const> = 20 -- seconds in all

return function(check, what)
  for _ = 1, PATIENCE * slow / STEP do
    local found = check()
    if found then return found end
    sleep(STEP)
  end
  error((what or "what was awaited") .. " did not come", 2)
end
