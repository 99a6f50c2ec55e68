-- The whole of what process_kill_spec.lua shows in short: 200 kills over 2,000 companies, four
-- workers, pauses, signals that arrive meanwhile, and a Notion that fails, answers late, loses
-- answers, and makes pages that it says it did not make.
local exactly_once = require "spec.support.exactly_once"

local COMPANIES <const> = 2000

describe("process, killed 200 times", function()
  for _, sink in ipairs { "notion", "file" } do
    it("delivers each of 2,000 companies exactly once: " .. sink, function()
      local seed = tonumber(os.getenv "SEED") or os.time()
      print("SEED=" .. seed)
      local found = exactly_once.run { sink = sink, companies = COMPANIES, workers = 4, kills = 200,
        longest = sink == "file" and 0.1 or 1.2, seed = seed }
      print(exactly_once.tell(found))
      exactly_once.check(found, COMPANIES)
    end)
  end
end)
