-- retire.lua [DAYS]: rejects the signals that nobody took up in DAYS days (90), all or none.
--
--     signalbox --db signals.db run scripts/examples/retire.lua 30
local signalbox = require "signalbox"

local days = tonumber((...)) or 90
local store <close> = assert(signalbox.open(nil, { mode = "rw" }))
local before = signalbox.iso(signalbox.time(signalbox.now()) - days * 86400)

local retired = store:transaction(function()
  local ids = {}
  for signal in assert(store:signals { status = "pending", before = before, order = "id" }) do
    ids[#ids + 1] = signal.id
  end
  for _, id in ipairs(ids) do
    assert(store:mark_rejected(id, string.format("nobody took it up in %d days", days)))
  end
  return #ids
end)

print(retired .. " signals rejected")
