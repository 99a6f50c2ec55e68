-- Items a second through `signalbox collect file`: key, suppression under every candidate key,
-- duplicates, saving. Prints items<TAB>a second; run by build/signalbox.
--
--   signalbox run spec/bench/workloads/collect.lua FOLDER LINES.ndjson
local signalbox = require "signalbox"
local collector = require "signalbox.collector"
local file = require("signalbox.host").load("collectors/file")()

local folder, lines = ...
local path = folder .. "/lua.db"
os.execute("rm -f " .. path .. "*")
local store <close> = assert(signalbox.open(path))
local entries = {}
for i = 1, 5000 do
  entries[i] = { canonical_key = "domain:known-" .. i .. ".com", notion_page_id = "p" .. i,
    status = "Passed" }
end
assert(store:update_suppression_cache(entries))

local start = signalbox.time(signalbox.now())
local counts, problem = collector.run(file, "file", store, { args = { path = { lines } } })
assert(not problem, tostring(problem))
print(string.format("items\t%.1f", counts.seen / (signalbox.time(signalbox.now()) - start)))
for line in io.lines "/proc/self/status" do
  local kib = line:match "^VmHWM:%s*(%d+)"
  if kib then print(string.format("peak\t%.1f", kib / 1024)) end
end
