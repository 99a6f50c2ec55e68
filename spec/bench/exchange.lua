-- What export and import cost beside `sqlite3 DB .dump`, save_signals and the predecessor's shape.
--
--   lua5.4 spec/bench/exchange.lua [SIGNALS] [ROUNDS]
--
-- The predecessor's shape is slow, and takes 2 GB for a million: it runs on fewer signals, and what
-- is compared is signals a second; row by row is slower still, and both import a small document.
-- `.dump` leaves its file to the kernel, ours is on the disk when
-- it is done: so both are measured with and without that. Peak memory is the whole process's.
--
-- What bounds an export is the disk and, through a pipe, SQLite's reading of rows and columns (a
-- third), escaping JSON (a sixth), the checksum and the copying (a tenth each). What bounds an
-- import is SQLite's keeping of six indexes in order (a half), as it does save_signals, reading and
-- checking the JSON (a quarter), and the disk. Row by row, the other side waits for a thread twice
-- a signal, and never for the disk; a small import of ours waits for the disk as long as it works.
local paths = require "spec.support.paths"
local support = require "spec.bench.support"

local SIGNALS <const> = math.tointeger(tonumber(arg[1] or 1000000))
local EXPORTED_BY_PEER <const> = math.min(SIGNALS, 200000)
local IMPORTED_BY_PEER <const> = math.min(SIGNALS, 50000)
local ROUNDS <const> = tonumber(arg[2] or 2)

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
end

--- Runs a command in the folder; gives its seconds and the MiB of its largest process.
local function measure(format, ...)
  local command = string.format(format, ...):gsub("'", "'\\''")
  local line = string.format("cd %s && /usr/bin/time -o time -f '%%e %%M' sh -c '%s' %s", at,
    command, ">/dev/null 2>&1")
  assert(os.execute(line), line)
  local file <close> = assert(io.open(at .. "/time"))
  local seconds, kilobytes = file:read("n", "n")
  return math.max(seconds, 0.01), kilobytes / 1024
end

local program = io.popen("realpath " .. paths.program):read "l"
write("fill.lua", FILL)
write("export.py", PEER_EXPORT)
write("import.py", PEER_IMPORT)
measure("%s run fill.lua fewer.db %d", program, EXPORTED_BY_PEER)
measure("%s run fill.lua few.db %d", program, IMPORTED_BY_PEER)
measure("%s export few.db few.json", program)

local function remove(...)
  for _, name in ipairs { ... } do os.execute(string.format("rm -f %s/%s*", at, name)) end
end

--- One round: name -> signals a second, and the peaks of ours.
local function round()
  local rate, peaks = {}, {}
  local function note(name, seconds, peak)
    rate[name], peaks[name] = SIGNALS / seconds, peak
  end
  remove("a.", "b.", "c.")
  rate.save = SIGNALS / measure("%s run fill.lua a.db %d", program, SIGNALS)
  note("export", measure("%s export a.db a.json", program))
  rate.dump = SIGNALS / measure "sqlite3 a.db .dump >a.sql"
  remove "a.sql"
  rate.dump_synced = SIGNALS / measure "sqlite3 a.db .dump >a.sql && sync a.sql"
  rate.export_pipe = SIGNALS / measure("%s export a.db - | cat >/dev/null", program)
  rate.dump_pipe = SIGNALS / measure "sqlite3 a.db .dump | cat >/dev/null"
  note("import", measure("%s import a.json b.db", program))
  rate.peer_export = EXPORTED_BY_PEER / measure "/usr/bin/python3 export.py fewer.db p.json"
  measure("%s migrate up c.db --to 1002", program)
  rate.peer_import = IMPORTED_BY_PEER / measure "/usr/bin/python3 import.py few.json c.db"
  remove "b."
  rate.import_few = IMPORTED_BY_PEER / measure("%s import few.json b.db", program)
  return rate, peaks
end

local FIGURES <const> = {
  { "export to a file on the disk, of .dump to one", "export", "dump_synced", 1 },
  { "export to a file on the disk, of .dump to a cache", "export", "dump" },
  { "export to a pipe, of .dump to one", "export_pipe", "dump_pipe", 1 },
  { "export, of fetchall and json.dump", "export", "peer_export", 6 },
  { "import, of save_signals", "import", "save", 0.5 },
  { "import of that, of row by row", "import_few", "peer_import", 15 },
}

local rounds, peaks = {}, { export = 0, import = 0 }
for i = 1, ROUNDS do
  io.stderr:write(string.format("\rround %d of %d", i, ROUNDS))
  local peak
  rounds[i], peak = round()
  for name in pairs(peaks) do peaks[name] = math.max(peaks[name], peak[name]) end
end
io.stderr:write "\r\27[K"

local function median(value)
  local values = {}
  for i, rate in ipairs(rounds) do values[i] = value(rate) end
  return support.median_of(values)
end

local rows = {}
for i, figure in ipairs(FIGURES) do
  local ratio = median(function(rate) return rate[figure[2]] / rate[figure[3]] end)
  local asked = figure[4]
  rows[i] = { figure[1], support.number(median(function(rate) return rate[figure[2]] end)),
    support.number(median(function(rate) return rate[figure[3]] end)),
    string.format("%.2f", ratio) .. (asked and
      string.format(" (%s %g)", ratio >= asked and ">=" or "MISSES", asked) or "") }
end
print(string.format("%d signals; the predecessor's shape exports %d and imports %d", SIGNALS,
  EXPORTED_BY_PEER, IMPORTED_BY_PEER))
support.table({ "figure", "ours, signals/s", "peer's", "ratio" }, rows)
print(string.format("peak memory: export %.0f MiB (32 asked), import %.0f MiB (64 asked)",
  peaks.export, peaks.import))
