local exactly_once = require "spec.support.exactly_once"

describe("process, killed", function()
  it("gives each company exactly one page, and leaves nothing behind", function()
    local companies, seed = 120, os.time()
    print("SEED=" .. seed)
    local found = exactly_once.run { companies = companies, workers = 2, kills = 8, longest = 0.5,
      seed = seed }
    assert.is_true(found.kills > 0)
    assert.equal(companies, found.pages)
    assert.equal(0, found.doubled)
    assert.equal(3 * companies, found.statuses.pushed)
    assert.equal(0, found.claims, "claims left")
    assert.equal(0, found.unsent, "rows left in the outbox")
    assert.equal(0, found.wrong_page, "signals with another page than their company's")
  end)
end)
