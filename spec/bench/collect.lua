-- Items a second through the whole way of a collector (key, suppression under every candidate key,
-- duplicates, saving), beside the predecessor's way on aiosqlite; and memory over many more.
--
--   lua5.4 spec/bench/collect.lua [PAIRS] [ITEMS] [MANY]
require "spec.support.paths"
local cjson = require "cjson"
local support = require "spec.bench.support"

local PAIRS <const> = tonumber(arg[1] or 5)
local ITEMS <const> = tonumber(arg[2] or 100000)
local MANY <const> = tonumber(arg[3] or 1000000)
local MOST_GROWTH <const> = 1.1 -- of memory, from ITEMS to MANY
local PEER_ITEMS <const> = 2000
local PROGRAM <const> = (os.getenv "SIGNALBOX_BUILD" or "build") .. "/signalbox"

local function write(path, count)
  local out <close> = assert(io.popen("exec gzip -1 >'" .. path .. "'", "w"))
  for i = 1, count do
    out:write(cjson.encode {
      signal_type = "github_spike", source_api = "bench", company_name = "Company " .. i,
      confidence = 0.8, detected_at = "2026-08-22T10:00:00+00:00",
      refs = { domain_or_website = "https://www.company-" .. i .. ".com/about",
        github_org = "company" .. i, fallback_company_name = "Company " .. i },
      raw_data = { stars = i, topics = { "ai", "devtools" }, description = ("words "):rep(20) },
    }, "\n")
  end
end

local folder <close> = support.folder()
write(folder.path .. "/items.ndjson.gz", ITEMS)
write(folder.path .. "/many.ndjson.gz", MANY)
os.execute("gzip -dk " .. folder.path .. "/items.ndjson.gz")

local function ours(lines)
  return string.format("'%s' run spec/bench/workloads/collect.lua '%s' '%s/%s'", PROGRAM,
    folder.path, folder.path, lines)
end

local rounds = support.rounds(PAIRS, {
  { "Lua", ours "items.ndjson" },
  { "aiosqlite", string.format("/usr/bin/python3 spec/bench/peers/collect_aiosqlite.py '%s' " ..
    "'%s/items.ndjson' %d", folder.path, folder.path, PEER_ITEMS) },
})
support.table({ "items a second", "Lua", "aiosqlite", "Lua / aiosqlite" }, { {
  "collect: key, suppression, duplicate, save",
  support.number(support.median(rounds, "Lua", "items")) .. " (>= 20,000)",
  support.number(support.median(rounds, "aiosqlite", "items")),
  support.ratio(rounds, "items", "aiosqlite", "items", 15),
} })

local function peak(lines)
  return support.median(support.rounds(1, { { "Lua", ours(lines) } }), "Lua", "peak")
end

local some, many = peak "items.ndjson.gz", peak "many.ndjson.gz"
print(string.format("peak memory: %.1f MiB at %s items, %.1f MiB at %s: %.2f (%s %g)",
  some, support.number(ITEMS), many, support.number(MANY), many / some,
  many / some <= MOST_GROWTH and "<=" or "MISSES", MOST_GROWTH))
