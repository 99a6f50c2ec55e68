local await = require "spec.support.await"
local batches = require "spec.support.batch"
local temp = require "spec.support.temp"
local terminal = require "spec.support.terminal"

describe("process --workers", function()
  local batch

  before_each(function() batch = batches.new() end)

  it("tells once what is left", function()
    batch:save_company(table.unpack(batches.keys(20)))
    batch:sink("own", [[return { deliver = function(_, delivery)
      if delivery.canonical_key:find "1" then return { busy = "later", wait = 300 } end
      return { page_id = "page" }
    end }]])
    local counts, result = batch:process("--sink", "own", "--workers", "3")
    assert.equal(0, result.status, result.err)
    local left = batch:row("SELECT count(*) AS n FROM outbox WHERE state = 'ready'").n
    assert.same({ 20, 20 - left, left }, { counts.companies, counts.pushed, counts.waiting })
  end)

  it("ends with 1 where a worker did, and says why once", function()
    batch:save_company(table.unpack(batches.keys(20)))
    batch:sink("own", "return { deliver = function() return { stop = 'no more' } end }")
    local counts, result = batch:process("--sink", "own", "--workers", "2")
    assert.equal(1, result.status)
    assert.equal("signalbox: no more\n", result.err)
    assert.equal("no more", counts.stopped)
  end)

  it("passes on what the workers note of companies that were set aside", function()
    batch:save_company "domain:odd.ai"
    temp.write(batch.folder .. "/gate.lua", "return { evaluate = function() error 'no idea' end }")
    local counts, result = batch:process("--gate", batch.folder .. "/gate.lua", "--workers", "2")
    assert.equal(1, result.status)
    assert.same({ 1, 1 }, { counts.set_aside, counts.failed })
    assert.matches("domain:odd.ai set aside", result.err)
  end)

  it("shows on a terminal how far they are together", function()
    batch:save_company(table.unpack(batches.keys(120)))
    batch:sink("slow", string.format([[
      local signalbox = require "signalbox"
      return { deliver = function(_, delivery)
        while not io.open(%q) do signalbox.sleep(0.02) end
        return { page_id = delivery.canonical_key }
      end }]], batch.folder .. "/go"))
    local words = batch:words("--sink", "slow", "--workers", "2", "--limit", "120")
    local screen <close> = terminal.start(words)
    assert.matches("processing  [█░]+  100\n", screen:await "  100\n")
    temp.write(batch.folder .. "/go", "")
    assert.is_nil(screen:await "(exit 0)":find("processing", 1, true))
  end)

  it("names a sink or a gate that is none before any of them starts", function()
    batch:save_company "domain:odd.ai"
    local _, result = batch:process("--sink", "nothing", "--workers", "2")
    assert.equal(2, result.status)
    assert.equal(1, select(2, result.err:gsub("there is no sink", "")))
  end)
end)

describe("process watch", function()
  it("goes on until it is told to end, whatever happens meanwhile", function()
    local batch = batches.new()
    batch:save_company "domain:one.ai"
    local watcher = batch:start("watch", "--every", "0.05")
    await(function() return watcher.out():find '"pushed":1' end)
    batch:save_company "domain:two.ai"
    await(function() return select(2, watcher.out():gsub('"pushed":1', "")) == 2 end)
    os.rename(batch.db, batch.db .. ".away")
    await(function() return watcher.err():find("there is no", 1, true)
      or watcher.err():find("not", 1, true) end)
    os.rename(batch.db .. ".away", batch.db)
    batch:save_company "domain:three.ai"
    await(function() return select(2, watcher.out():gsub('"pushed":1', "")) == 3 end)
    watcher.kill "INT"
    assert.equal(130, watcher.wait().status)
  end)
end)
