local batches = require "spec.support.batch"
local data = require "spec.support.data"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

describe("process --dry-run", function()
  local batch

  before_each(function()
    batch = batches.new()
    batch:save_company("domain:one.ai", "domain:two.ai")
    batch:save({ "domain:hold.ai", "research_paper", "arxiv", .5 })
  end)

  it("tells the same while another program writes, and is in nobody's way", function()
    local store <close> = assert(signalbox.open(batch.db, { busy_timeout = 0 }))
    local tx <close> = assert(store:begin())
    assert(store:save_signal(data.signal { canonical_key = "domain:new.ai" }))
    assert.is_truthy(tx)
    local counts, result = batch:process("--dry-run")
    assert.equal(0, result.status, result.err)
    assert.same({ 3, 2, 1, 2 }, { counts.companies, counts.auto_push, counts.hold, counts.pushed })
  end)

  it("leaves no trace: no claims, no workers, no runs, no file", function()
    local before = temp.read(batch.db)
    batch:process("--dry-run")
    assert.equal(before, temp.read(batch.db))
    assert.is_false(temp.exists(batch.out))
    assert.is_nil(batch:row "SELECT 1 FROM runs")
    assert.is_false(temp.exists(batch.db .. "-workers"))
  end)

  it("counts what waits to be delivered", function()
    batch:sink("own", "return { deliver = function() return { busy = 'no', wait = 300 } end }")
    batch:process("--sink", "own")
    assert.equal(2, batch:process("--sink", "own", "--dry-run").waiting)
  end)

  it("leaves out what another worker has claimed, but not what a dead one had", function()
    do
      local store <close> = assert(signalbox.open(batch.db))
      assert(store:claim { limit = 1 })
      assert.equal(2, batch:process("--dry-run").companies)
    end
    assert.equal(3, batch:process("--dry-run").companies)
  end)

  it("stops at --limit, and shows those that the gate can't judge", function()
    assert.equal(2, batch:process("--dry-run", "--limit", "2").companies)
    temp.write(batch.folder .. "/gate.lua", "return { evaluate = function() error 'no idea' end }")
    local result = batch:run("process", "--dry-run", "--gate", "gate.lua")
    assert.equal(1, result.status)
    assert.matches("domain:hold.ai +set aside +1 +the gate failed: .*no idea", result.out)
  end)
end)
