-- What export and import cost beside `sqlite3 DB .dump`, save_signals and the predecessor's shape.
--
--   lua5.4 spec/bench/exchange.lua [SIGNALS] [ROUNDS]
--
-- 1000000 is the full size; peak memory is that of the whole process.
local paths = require "spec.support.paths"
local support = require "spec.bench.support"

local SIGNALS <const> = math.tointeger(tonumber(arg[1] or 50000))
local ROUNDS <const> = tonumber(arg[2] or 3)

local FILL <const> = [[
local signalbox = require "signalbox"
local path, count = arg[1], math.tointeger(tonumber(arg[2]))
local RAW = '{"repo":"acme/awesome-ml","stars":1500,"topics":["ai","machine-learning"],' ..
  '"description":"An awesome machine learning library for doing things fast and well",' ..
  '"owner":{"login":"acme","id":1234567,"type":"Organization"},"homepage":"https://acme.ai"}'
local store <close> = assert(signalbox.open(path))
local i = -1
assert(store:save_signals(function()
  i = i + 1
  if i < count then
    return { signal_type = "github_spike", source_api = "github", confidence = .85, raw_data = RAW,
      canonical_key = "domain:company" .. i // 3 .. ".example", company_name = "Acme Inc",
      detected_at = 1760000000 + i }
  end
end, { batch = 10000 }))]]

local PEER_EXPORT <const> = [[
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.row_factory = sqlite3.Row
rows = lambda sql: [dict(row) for row in db.execute(sql).fetchall()]
json.dump({"schema_version": 4, "signals": rows("SELECT * FROM signals"),
           "processing": rows("SELECT * FROM signal_processing")},
          open(sys.argv[2], "w"), indent=2)]]

-- Row by row over aiosqlite, as its import does; the schema is ours, moved back to the seed's.
local PEER_IMPORT <const> = [[
import aiosqlite, asyncio, json, sys
async def main():
    document = json.load(open(sys.argv[1]))
    async with aiosqlite.connect(sys.argv[2]) as db:
        for s in document["signals"]:
            await db.execute("INSERT INTO signals(signal_type, source_api, canonical_key,"
                " company_name, confidence, raw_data, detected_at, created_at)"
                " VALUES (?,?,?,?,?,?,?,?)", (s["signal_type"], s["source_api"], s["canonical_key"],
                s["company_name"], s["confidence"], s["raw_data"], s["detected_at"],
                s["created_at"]))
        await db.commit()
        for p in document["processing"]:
            await db.execute("INSERT INTO signal_processing(signal_id, status, created_at,"
                " updated_at) VALUES (?,?,?,?)", (p["signal_id"], p["status"], p["created_at"],
                p["updated_at"]))
        await db.commit()
asyncio.run(main())]]

local folder <close> = support.folder()
local at = folder.path

local function write(name, text)
  local file <close> = assert(io.open(at .. "/" .. name, "w"))
  assert(file:write(text))
  return at .. "/" .. name
end

--- Seconds and MiB of a command.
local function measure(command)
  local out = at .. "/time"
  assert(os.execute("/usr/bin/time -o " .. out .. " -f '%e %M' " .. command .. " 2>/dev/null"),
    command)
  local file <close> = assert(io.open(out))
  local seconds, kilobytes = file:read("n", "n")
  return math.max(seconds, 0.01), kilobytes / 1024
end

local program = paths.program
local fill, peer_export, peer_import = write("fill.lua", FILL), write("export.py", PEER_EXPORT),
  write("import.py", PEER_IMPORT)

local function remove(name)
  os.execute(string.format("rm -f %s/%s %s/%s-wal %s/%s-shm", at, name, at, name, at, name))
end

--- One round: name -> seconds, and the peaks of ours.
local function round()
  local seconds, peaks = {}, {}
  for _, name in ipairs { "a.db", "b.db", "c.db" } do remove(name) end
  seconds.save = measure(string.format("%s run %s %s/a.db %d", program, fill, at, SIGNALS))
  seconds.export, peaks.export = measure(string.format("%s export %s/a.db %s/a.json", program,
    at, at))
  seconds.dump = measure(string.format("sqlite3 %s/a.db .dump >%s/a.sql", at, at))
  seconds.import, peaks.import = measure(string.format("%s import %s/a.json %s/b.db >/dev/null",
    program, at, at))
  seconds.peer_export = measure(string.format("/usr/bin/python3 %s %s/a.db %s/p.json", peer_export,
    at, at))
  assert(os.execute(string.format("%s migrate up %s/c.db --to 1002 >/dev/null", program, at)))
  seconds.peer_import = measure(string.format("/usr/bin/python3 %s %s/a.json %s/c.db", peer_import,
    at, at))
  return seconds, peaks
end

local ratios, peaks = {}, { export = 0, import = 0 }
local FIGURES <const> = {
  { "export, of sqlite3 .dump", "dump", "export", 1 },
  { "export, of fetchall and json.dump", "peer_export", "export", 6 },
  { "import, of save_signals", "save", "import", 0.5 },
  { "import, of row by row", "peer_import", "import", 15 },
}
local ours = { export = {}, import = {} }
for _ = 1, ROUNDS do
  local seconds, peak = round()
  for i, figure in ipairs(FIGURES) do
    ratios[i] = ratios[i] or {}
    table.insert(ratios[i], seconds[figure[2]] / seconds[figure[3]])
  end
  for name in pairs(peaks) do
    peaks[name] = math.max(peaks[name], peak[name])
    table.insert(ours[name], SIGNALS / seconds[name])
  end
end

local rows = {}
for i, figure in ipairs(FIGURES) do
  local value = support.median_of(ratios[i])
  rows[i] = { figure[1], support.number(support.median_of(ours[figure[3]])),
    string.format("%.2f (%s %g)", value, value >= figure[4] and ">=" or "MISSES", figure[4]) }
end
support.table({ "figure", "signals/s", "ratio" }, rows)
print(string.format("peak memory: export %.0f MiB (32 asked), import %.0f MiB (64 asked)",
  peaks.export, peaks.import))
