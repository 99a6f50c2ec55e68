local await = require "spec.support.await"
local batches = require "spec.support.batch"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local slow = require "spec.support.slow"
local temp = require "spec.support.temp"

local LIMIT <const> = 16000 -- KiB that a file may have: the database fits
local ROOM <const> = 100    -- KiB of it that the lines have

describe("process --sink file", function()
  local batch

  before_each(function() batch = batches.new() end)

  --- The same outbox rows are due again, as after a kill between writing and confirming.
  local function forget_confirmation(key)
    batch:exec([[UPDATE outbox SET state = 'sending', worker = 999999,
      taken_at = '2026-01-01T00:00:00.000000+00:00' WHERE canonical_key = ?]], key)
    batch:exec([[UPDATE signal_processing SET status = 'queued' WHERE signal_id IN
      (SELECT id FROM signals WHERE canonical_key = ?)]], key)
  end

  it("finds a line again, whatever characters its key has", function()
    for i, key in ipairs { "domain:acme.ai", 'name_loc:the "best" co', "name_loc:back\\slash\\",
      "name_loc:Zoë" } do
      batch:save_company(key)
      batch:process()
      assert.equal(i, #batch:lines())
      forget_confirmation(key)
      local counts, result = batch:process()
      assert.equal(1, counts.pushed, result.err)
      assert.equal(i, #batch:lines(), key)
    end
  end)

  it("writes a line anew that was torn, on a line of its own", function()
    batch:save_company "domain:acme.ai"
    batch:process()
    local line = temp.read(batch.out)
    temp.write(batch.out, line:sub(1, -30))
    assert.is_truthy(line:sub(1, -30):find('"idempotency_key"', 1, true))
    forget_confirmation "domain:acme.ai"
    batch:process()
    assert.equal(line, temp.read(batch.out):match "\n(.*)$")
  end)

  it("loses nothing when the disk is full in mid-run, and mended by the next run", function()
    local keys = batches.keys(600)
    batch:save_company(table.unpack(keys))
    temp.write(batch.folder .. "/gate.lua",
      "return { evaluate = function() return { decision = 'auto_push', score = 1 } end }")
    temp.write(batch.out, '{"canonical_key":"of an earlier year"}'
      .. (" "):rep((LIMIT - ROOM) * 1024 - 39) .. "\n")
    -- What does not fit is refused half-way, as by a full disk.
    local words = batch:words("--gate", batch.folder .. "/gate.lua")
    for i, word in ipairs(words) do words[i] = run.quote(word) end
    local limited = run.start { program = "/bin/bash", "-c", string.format(
      "trap '' XFSZ; ulimit -f %d; exec %s %s", LIMIT, run.quote(paths.program),
      table.concat(words, " ")), cwd = batch.folder, env = words.env }
    await(function()
      return batch:row "SELECT 1 FROM outbox WHERE last_error IS NOT NULL"
    end)
    limited.kill "KILL"
    limited.wait()
    assert.equal(LIMIT * 1024, #temp.read(batch.out))
    batch:process("--gate", batch.folder .. "/gate.lua")
    local seen, torn = {}, 0
    for line in temp.read(batch.out):gmatch "[^\n]+" do
      local item = signalbox.json.decode(line)
      if item then
        assert.is_nil(seen[item.canonical_key], "twice: " .. item.canonical_key)
        seen[item.canonical_key] = true
      else
        torn = torn + 1
      end
    end
    for _, key in ipairs(keys) do
      assert.is_true(seen[key], "lost: " .. key)
    end
    assert.equal(1800, batch:row(
      "SELECT count(*) AS n FROM signal_processing WHERE status = 'pushed'").n)
    assert.is_true(torn <= 1)
  end)

  it("keeps the lines of runs side by side apart", function()
    batch:save_company(table.unpack(batches.keys(300)))
    local workers = {}
    for i = 1, 4 do workers[i] = batch:start() end
    for _, worker in ipairs(workers) do worker.wait() end
    assert.equal(300, #batch:lines())
  end)

  it("tells of all signals that a line stands for", function()
    batch:save_company "domain:acme.ai"
    batch:process()
    forget_confirmation "domain:acme.ai"
    local later = math.min(slow, 8) -- a run waits for what is due within 10 seconds
    batch:exec("UPDATE outbox SET state = 'ready', not_before = ?",
      signalbox.iso(signalbox.time(signalbox.now()) + later))
    batch:save { "domain:acme.ai", "funding_event", "news", 1 }
    batch:process()
    assert.equal(2, #batch:lines())
    local ids = batch:lines()[2].signal_ids
    table.sort(ids)
    assert.same({ 1, 2, 3, 4 }, ids)
  end)

  it("leaves alone what was Passed in the CRM since the last push, and remembers it", function()
    batch:save_company "domain:acme.ai"
    batch:process()
    batch:exec "UPDATE suppression_cache SET status = 'Passed'"
    batch:save { "domain:acme.ai", "funding_event", "news", 1 }
    local counts = batch:process()
    assert.same({ 0, 1 }, { counts.pushed, counts.refused })
    assert.equal(1, #batch:lines())
    assert.equal("pushed pushed pushed rejected", batch:statuses "domain:acme.ai")
    assert.equal("Passed", batch:row("SELECT status FROM suppression_cache").status)
  end)
end)
