-- The whole of what process_kill_spec.lua shows in short: 200 kills over 2,000 companies, four
-- workers, a Notion that fails, answers late, and loses answers.
local exactly_once = require "spec.support.exactly_once"

describe("process, killed 200 times", function()
  it("gives each of 2,000 companies exactly one page", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    print("SEED=" .. seed)
    local found = exactly_once.run { companies = 2000, workers = 4, kills = 200, longest = 1.2,
      seed = seed }
    print(string.format("%d kills, %d pages, %d doubled, %d signals pushed, %d claims and %d "
      .. "outbox rows left", found.kills, found.pages, found.doubled, found.statuses.pushed,
      found.claims, found.unsent))
    assert.equal(2000, found.pages)
    assert.equal(0, found.doubled)
    assert.equal(6000, found.statuses.pushed)
    assert.equal(0, found.claims)
    assert.equal(0, found.unsent)
    assert.equal(0, found.wrong_page)
  end)
end)
