-- Ten requests at once on one thread: 100 of them to a server on loopback that takes 100 ms each.
--
--   lua5.4 spec/bench/http.lua [ROUNDS]
require "spec.support.paths"
local support = require "spec.bench.support"

local ROUNDS <const> = tonumber(arg[1] or 5)
local PROGRAM <const> = (os.getenv "SIGNALBOX_BUILD" or "build") .. "/signalbox"

local folder <close> = support.folder()
local port_file = folder.path .. "/port"
local _ <close> = assert(io.popen( -- ends when this is closed
  "/usr/bin/python3 -B spec/support/servers/web.py >" .. port_file, "w"))
local port
repeat
  os.execute "sleep 0.05"
  local file <close> = io.open(port_file)
  port = file and file:read "l"
until port

local rounds = support.rounds(ROUNDS, { { "Lua", string.format(
  "'%s' run spec/bench/workloads/http.lua http://127.0.0.1:%s", PROGRAM, port) } })
print(string.format(
  "100 requests of 100 ms, 10 at a time: %.2f s (<= 1.3), processor busy %.1f %% (< 10)",
  support.median(rounds, "Lua", "seconds"), support.median(rounds, "Lua", "busy") * 100))
