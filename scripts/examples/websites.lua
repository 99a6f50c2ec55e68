-- websites.lua [N]: asks the websites of the N newest companies (20) whether they answer, eight at
-- once, and prints what each said.
--
--     signalbox --db signals.db run scripts/examples/websites.lua 50
local signalbox = require "signalbox"

local most = tonumber((...)) or 20
local store <close> = assert(signalbox.open(nil, { mode = "ro" }))

local queue, seen = {}, {}
for signal in assert(store:signals()) do
  local domain = signal.canonical_key:match "^domain:(.+)$"
  if domain and not seen[domain] then
    seen[domain] = true
    queue[#queue + 1] = domain
    if #queue == most then break end
  end
end

local next_place = 0
local function worker()
  while next_place < #queue do
    next_place = next_place + 1
    local domain = queue[next_place]
    local answer, err = signalbox.http { url = "https://" .. domain .. "/", timeout = 10 }
    print(domain, answer and answer.status or err.code)
  end
end

for _ = 1, 8 do signalbox.spawn(worker) end -- the script ends when they have
