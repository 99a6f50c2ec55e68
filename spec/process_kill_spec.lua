local exactly_once = require "spec.support.exactly_once"

local COMPANIES <const> = 120

describe("process, killed", function()
  for _, sink in ipairs { "notion", "file" } do
    it("delivers each company exactly once, and leaves nothing behind: " .. sink, function()
      local seed = tonumber(os.getenv "SEED") or os.time()
      print("SEED=" .. seed)
      local found = exactly_once.run { sink = sink, companies = COMPANIES, workers = 2, kills = 8,
        longest = sink == "file" and 0.05 or 0.5, seed = seed }
      print(exactly_once.tell(found))
      exactly_once.check(found, COMPANIES)
    end)
  end
end)
