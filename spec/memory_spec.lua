local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

describe("a script whose memory ends", function()
  -- spec/fault/memory.c refuses one request of Lua's for memory after the other.
  it("gets Lua's own error, whichever call it is in; the store goes on, and nothing is lost",
    function()
    local folder = temp.folder()
    local program, path = folder .. "/memory", folder .. "/signals.db"
    assert(os.execute(string.format(
      "gcc -std=c17 -D_GNU_SOURCE %s -I/usr/include/lua5.4 -o %s %s/spec/fault/memory.c " ..
      "-Wl,-E -llua5.4", paths.build:find "asan" and "-fsanitize=address,undefined" or "",
      program, paths.root)))
    assert(signalbox.open(path)):close()
    local result = run.program(program,
      { paths.root .. "/spec/fault/memory.lua", "7", paths.build .. "/?.so", path })
    assert.equal(0, result.status, result.out .. result.err)
    local points = tonumber(result.out:match "^(%d+) points\n$")
    assert.is_true(points > 100, result.out)
    local store <close> = assert(signalbox.open(path))
    assert.equal("ok", store:row("PRAGMA integrity_check").integrity_check)
    assert.equal(0, store:get_stats().total_signals)
  end)
end)
