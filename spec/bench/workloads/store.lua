-- The workloads of peers/limit.c through the Lua module, on the same rows. Prints
-- "workload<TAB>operations per second", as it and peers/aiosqlite_store.py do.
--
--   lua5.4 spec/bench/workloads/store.lua DIR [ROWS] [full|normal]
require "spec.support.paths"
local measure = require("spec.bench.support").measure
local signalbox = require "signalbox"

local DIR <const> = arg[1] or "."
local ROWS <const> = math.tointeger(tonumber(arg[2] or 100000))
local DURABILITY <const> = arg[3] or "full"

local RAW <const> = {
  repo = "acme/awesome-ml", stars = 1500, recent_stars = 200,
  topics = { "ai", "machine-learning", "devtools" },
  description = "An awesome machine learning library for doing things fast and well",
  language = "Python",
  owner = { login = "acme", id = 1234567, type = "Organization" },
  homepage = "https://acme.ai",
}
local RAW_TEXT <const> = [[{"repo":"acme/awesome-ml","stars":1500,"recent_stars":200,]]
  .. [["topics":["ai","machine-learning","devtools"],]]
  .. [["description":"An awesome machine learning library for doing things fast and well",]]
  .. [["language":"Python","owner":{"login":"acme","id":1234567,"type":"Organization"},]]
  .. [["homepage":"https://acme.ai"}]]
local EPOCH <const> = 1760000000

local function fresh()
  local path = DIR .. "/signalbox.db"
  for _, suffix in ipairs { "", "-wal", "-shm", "-workers" } do os.remove(path .. suffix) end
  return assert(signalbox.open(path, { durability = DURABILITY }))
end

local function signal(i, raw)
  return {
    signal_type = i % 3 ~= 0 and "github_spike" or "incorporation",
    source_api = i % 3 ~= 0 and "github" or "companies_house",
    canonical_key = "domain:company" .. i // 3 .. ".example",
    company_name = "Acme Inc",
    confidence = 0.85,
    raw_data = raw,
    detected_at = EPOCH + i,
  }
end

local function signals(count, raw)
  local i = -1
  return function()
    i = i + 1
    if i < count then return signal(i, raw) end
  end
end

local function save_bulk(store, raw, name)
  measure(name, ROWS, function(count)
    assert(store:save_signals(signals(count, raw), { batch = 10000 }))
  end)
end

do
  local store <close> = fresh()
  measure("save_each", math.min(ROWS, 2000), function(count)
    for i = 0, count - 1 do assert(store:save_signal(signal(i, RAW))) end
  end)
end
do
  local store <close> = fresh()
  save_bulk(store, RAW, "save_bulk")
end
local store <close> = fresh() -- and goes on with what it saved, as the peers do
save_bulk(store, RAW_TEXT, "save_bulk_text")

measure("scan", ROWS, function()
  local n = 0
  for _ in store:signals { order = "id" } do n = n + 1 end
  assert(n == ROWS)
end)
measure("scan_decoded", ROWS, function()
  local stars = 0
  for s in store:signals { order = "id" } do stars = stars + s.raw_data.stars end
  assert(stars == 1500 * ROWS)
end)
measure("is_duplicate", 2 * ROWS, function(count)
  for i = 0, count - 1 do
    store:is_duplicate("domain:company" .. (i * 7919) % (ROWS // 2) .. ".example")
  end
end)
measure("suppress_bulk", ROWS // 2, function(count)
  local i = -1
  assert(count == store:update_suppression_cache(function()
    i = i + 1
    if i < count then
      local key = "domain:sup" .. i .. ".example"
      return { canonical_key = key, notion_page_id = key, status = "Source", company_name = "Acme",
        cached_at = "2026-01-01T00:00:00.000001+00:00",
        expires_at = "2099-01-01T00:00:00.000001+00:00" }
    end
  end))
end)
measure("check_suppression", 2 * ROWS, function(count)
  for i = 0, count - 1 do
    store:check_suppression("domain:sup" .. (i * 7919) % ROWS .. ".example")
  end
end)
measure("mark_bulk", math.min(ROWS // 5, 20000), function(count)
  assert(store:transaction(function()
    for i = 1, count do assert(store:mark_pushed(i, "page")) end
    return true
  end))
end)
measure("get_stats", math.min(ROWS, 2000), function(count)
  for _ = 1, count do store:get_stats() end
end)
measure("pending50", math.min(ROWS, 500), function(count)
  for _ = 1, count do assert(#store:get_pending_signals { limit = 50 } == 50) end
end)
