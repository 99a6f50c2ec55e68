-- Companies a second through the batch run: one worker, two, a backlog a hundred times as large,
-- and the predecessor's way on aiosqlite, one call a step. Beside the figures, what bounds them:
-- the same rows written by C alone.
--
--   lua5.4 spec/bench/process.lua [ROUNDS] [COMPANIES] [BACKLOG]
require "spec.support.paths"
local support = require "spec.bench.support"

local ROUNDS <const> = tonumber(arg[1] or 5)
local COMPANIES <const> = math.tointeger(tonumber(arg[2] or 20000))
local BACKLOG <const> = math.tointeger(tonumber(arg[3] or 1000000))
local PEER_COMPANIES <const> = 300
local LUA <const> = "lua5.4 spec/bench/workloads/process.lua"

local folder <close> = support.folder()

local function sh(format, ...)
  local command = format:format(...)
  assert(os.execute(command), command)
end

--- A database with so many companies, of so many signals each.
local function filled(name, companies, signals)
  local path = folder.path .. "/" .. name .. ".db"
  sh("%s fill '%s' %d %d", LUA, path, companies, signals)
  return path
end

--- A command that works on a fresh copy, which the disk has taken by then.
local function on_copy(path, command)
  local copy = folder.path .. "/work"
  return string.format("rm -f '%s'* && cp '%s' '%s.db' && sync && %s", copy, path, copy,
    (command:gsub("DB", "'" .. copy .. ".db'"):gsub("OUT", "'" .. copy .. ".ndjson'")))
end

local function one(path, limit)
  return on_copy(path, string.format("%s run DB OUT %d", LUA, limit))
end

--- Two at once: what they have done together, by the slower one's time.
local function two(path, limit)
  return on_copy(path, string.format("{ %s run DB OUT %d > '%s/a' & %s run DB OUT %d > '%s/b'; "
    .. "wait; cat '%s/a' '%s/b' | awk '/^companies/ { n += $2 } /^seconds/ && $2 > s { s = $2 } "
    .. "END { print \"rate\\t\" n / s }'; }", LUA, limit // 2, folder.path, LUA, limit // 2,
    folder.path, folder.path, folder.path))
end

local function peer(path)
  return on_copy(path, string.format(
    "cd spec/bench/peers && /usr/bin/python3 process_aiosqlite.py DB OUT %d", PEER_COMPANIES))
end

local floor = support.compile("spec/bench/peers/process_floor.c", folder, "-lsqlite3")

local single, triple = filled("single", COMPANIES, 1), filled("triple", COMPANIES // 2, 3)
local few = filled("few", 10000, 1)
local backlog = BACKLOG > 10000 and filled("backlog", BACKLOG, 1)
local peers = {
  { "Lua", one(single, COMPANIES) }, { "two", two(single, COMPANIES) },
  { "triple", one(triple, COMPANIES // 2) }, { "aiosqlite", peer(single) },
  { "floor", on_copy(single, string.format("%s DB %d", floor, COMPANIES)) },
}
if backlog then
  peers[#peers + 1] = { "few", one(few, 10000) }
  peers[#peers + 1] = { "many", one(backlog, 10000) }
end
local rounds = support.rounds(ROUNDS, peers)

local function median(name, figure) return support.median(rounds, name, figure) end

--- One peer's rate by another's, the median over the rounds, beside what is asked.
local function ratio(name, by, asked, most)
  local values = {}
  for i, round in ipairs(rounds) do values[i] = round[name].rate / round[by].rate end
  local value = support.median_of(values)
  local fine = value >= asked and (not most or value <= most)
  return string.format("%.2f (%s%g%s)", value, fine and ">= " or "MISSES >= ", asked,
    most and " and <= " .. most or "")
end

local function row(label, name, asked)
  local busy = median(name, "busy")
  return { label, support.number(median(name, "rate")), busy and support.number(busy) or "",
    asked or "" }
end

local rows = {
  row("one signal each, one worker", "Lua",
    (median("Lua", "rate") >= 10000 and "" or "MISSES ") .. ">= 10,000"),
  row("one signal each, two workers", "two", "x " .. ratio("two", "Lua", 1.6)),
  row("three signals each, one worker", "triple"),
  row("aiosqlite, one call a step", "aiosqlite", "ours / it " .. ratio("Lua", "aiosqlite", 50)),
}
if backlog then
  rows[#rows + 1] = row("10,000 of 10,000 pending", "few")
  rows[#rows + 1] = row("10,000 of " .. support.number(BACKLOG) .. " pending", "many",
    "x " .. ratio("many", "few", 0.8, 1.2))
end
support.table({ "companies delivered", "a second", "a second of its own", "" }, rows)

local most = median("floor", "floor")
print(string.format([[

what bounds it: one writer at a time may write, and these rows take the engine and the disk so
long that %s companies a second are the most, however many workers there are (hand-written C,
with values that are there already). One worker comes to %.0f %% of that, two to %.0f %%. For
%.0f %% of its time a worker claims or is in a transaction, or waits for that. "A second of its own"
leaves out what the machine did for others.]],
  support.number(most), 100 * median("Lua", "rate") / most, 100 * median("two", "rate") / most,
  100 * median("Lua", "serial")))
