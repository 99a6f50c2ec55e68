-- Backup and restore of a large database while another process saves, beside `sqlite3 .backup` and
-- zstd. MIB=1024 is the database's size, ROUNDS=3, DIR where it all lies (a disk, not memory).
--
-- Beside the peer the other process saves to a database of its own: the peer's copy begins anew
-- with every write to what it copies, and would not end. How long it stalls that shows what the
-- machine itself does to one that syncs beside a large copy.
package.cpath = "build/?.so;build/lib/?.so;" .. package.cpath
package.path = "./?.lua;" .. package.path

local signalbox = require "signalbox"
local support = require "spec.bench.support"

local MIB <const> = tonumber(os.getenv "MIB" or 1024)
local ROUNDS <const> = tonumber(os.getenv "ROUNDS" or 3)
local PROGRAM <const> = assert(io.popen "pwd"):read "l" .. "/build/signalbox"

local place <close> = support.folder()
local db = place.path .. "/signals.db"

local function now() return signalbox.time(signalbox.now()) end

local function timed(...)
  local command = string.format(...)
  local started = now()
  assert(os.execute(command), command)
  return now() - started
end

--- Text such as APIs give, which zstd makes about a fifth of.
local function raw_data(i)
  local parts = {}
  for j = 1, 24 do
    parts[j] = string.format('"field_%d":{"id":%d,"login":"user%d","stars":%d,"language":"%s"}', j,
      math.random(1, 1 << 31), math.random(1, 100000), math.random(1, 5000),
      ({ "Python", "Lua", "C", "Rust", "Go" })[math.random(5)])
  end
  return string.format('{"n":%d,%s}', i, table.concat(parts, ","))
end

local function fill()
  local store <close> = assert(signalbox.open(db, { durability = "normal" }))
  local i = 0
  repeat
    local list = {}
    for j = 1, 2000 do
      i = i + 1
      list[j] = { signal_type = "github_spike", source_api = "github", confidence = 0.5,
        canonical_key = "domain:company" .. i .. ".example", raw_data = raw_data(i) }
    end
    assert(store:save_signals(list))
    local size = store:row "PRAGMA page_count".page_count * store:row "PRAGMA page_size".page_size
    io.stderr:write(string.format("\rfilling: %d MiB", size >> 20))
  until size >= MIB << 20
  io.stderr:write "\r\27[K"
  assert(store:checkpoint())
end

--- Starts a process that saves one signal after the other to a database; what it gives stops it,
--- and gives saves a second and the longest one in milliseconds.
local function start_saver(path)
  local out = os.tmpname()
  local script = string.format([[
    local signalbox = require "signalbox"
    local store <close> = assert(signalbox.open(%q))
    local function now() return signalbox.time(signalbox.now()) end
    local started, longest, count = now(), 0, 0
    local key = tostring(started)
    while not io.open(%q .. ".stop") do
      for _ = 1, 20 do
        count = count + 1
        local before = now()
        assert(store:save_signal { signal_type = "a", source_api = "b", confidence = 1,
          canonical_key = key .. count, raw_data = "{}" })
        longest = math.max(longest, now() - before)
      end
    end
    print(count / (now() - started), longest * 1000)]], path, out)
  local pipe = assert(io.popen(string.format("%s run -e '%s'", PROGRAM, script:gsub("'", "'\\''"))))
  return function()
    assert(io.open(out .. ".stop", "w")):close()
    local rate, longest = pipe:read("n", "n")
    pipe:close()
    os.remove(out)
    os.remove(out .. ".stop")
    return rate, longest
  end
end

local function alone(seconds)
  local stop = start_saver(db)
  os.execute("sleep " .. seconds)
  return stop()
end

--- Peak memory in MiB of a command, beside how long it took.
local function with_peak(command)
  local started = now()
  local pipe <close> = assert(io.popen(string.format([[
    %s >/dev/null 2>&1 & pid=$!
    while peak=$(grep VmHWM /proc/$pid/status 2>/dev/null); do echo $peak; sleep 0.02; done
    wait $pid || echo failed]], command)))
  local peak = 0
  for line in pipe:lines() do
    assert(line ~= "failed", command .. " failed")
    peak = math.max(peak, (tonumber(line:match "%d+") or 0) / 1024)
  end
  return now() - started, peak
end

local function size_of(path)
  local file <close> = assert(io.open(path))
  return file:seek "end"
end

fill()
local peer, packed = place.path .. "/peer.db", place.path .. "/peer.zst"
local folder = place.path .. "/backups"
local r = { backup = {}, restore = {}, stall = {}, their_stall = {}, rate = {}, peak = {},
  size = {} }
for i = 1, ROUNDS do
  io.stderr:write(string.format("\rround %d of %d ", i, ROUNDS))
  os.execute(string.format("rm -rf '%s' '%s' '%s'; sync", folder, peer, packed))
  local stop = start_saver(place.path .. "/other.db")
  local theirs = timed("sqlite3 '%s' '.backup %s' && zstd -q -3 -f '%s' -o '%s' && sync '%s'", db,
    peer, peer, packed, packed)
  local _, their_longest = stop()
  local their_share = size_of(packed) / size_of(peer)
  os.remove(peer)
  local rate_alone, longest_alone = alone(3)
  stop = start_saver(db)
  local ours, peak = with_peak(string.format("'%s' backup '%s' '%s'", PROGRAM, db, folder))
  local rate, longest = stop()
  local unpacked = timed("zstd -q -d -f '%s' -o '%s' && sync '%s'", packed, peer, peer)
  os.remove(peer)
  local restored, restore_peak = with_peak(string.format("'%s' restore '%s' '%s.new' --force",
    PROGRAM, folder, db))
  local status <close> = assert(io.popen(string.format("'%s' backup status '%s' --json", PROGRAM,
    folder)))
  local made = signalbox.json.decode(status:read "a")
  r.backup[i], r.restore[i] = theirs / ours, unpacked / restored
  r.stall[i], r.rate[i] = longest - longest_alone, rate / rate_alone
  r.their_stall[i] = their_longest - longest_alone
  r.peak[i], r.size[i] = math.max(peak, restore_peak), made.packed_size / made.size / their_share
  io.stderr:write(string.format("\rbackup %.1f s beside %.1f; restore %.1f s beside %.1f; ", ours,
    theirs, restored, unpacked))
  io.stderr:write(string.format("saves %.0f/s beside %.0f, longest %.1f ms beside %.1f alone and "
    .. "%.1f beside sqlite3\n", rate, rate_alone, longest, longest_alone, their_longest))
  os.remove(db .. ".new")
end

print(string.format("%d MiB, median of %d rounds", MIB, ROUNDS))
for _, line in ipairs {
  { "backup, of sqlite3 .backup and zstd -3", r.backup, ">= 0.7" },
  { "restore, of zstd -d", r.restore, ">= 0.8" },
  { "the writer's longest stall beyond its own, ms", r.stall, "<= 20" },
  { "the same of sqlite3 .backup and zstd -3, ms", r.their_stall, "the machine's own" },
  { "the writer's rate meanwhile, of its own", r.rate, ">= 0.5" },
  { "peak memory, MiB", r.peak, "<= 64" },
  { "size, of zstd -3", r.size, "<= 1" },
} do
  print(string.format("%-48s%8.2f   (%s)", line[1], support.median_of(line[2]), line[3]))
end
