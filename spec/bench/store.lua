-- What the store costs beside hand-written C and beside what users of the predecessor have.
--
--   lua5.4 spec/bench/store.lua [PAIRS] [ROWS]
--
-- The three run one after the other, PAIRS times; each figure is the median of the ratios of one
-- round, so that a machine which others use does not tilt it. The last column is what hand-written
-- C makes of aiosqlite on the same machine: where that is below what is asked of us, it is the
-- bound.
require "spec.support.paths"
local support = require "spec.bench.support"

local PAIRS <const> = tonumber(arg[1] or 5)
local ROWS <const> = arg[2] or "100000"

-- Our workload, theirs, and the ratios to reach: of peers/limit.c, and of peers/aiosqlite_store.py.
local FIGURES <const> = {
  { "save_each", "save_each", 0.9, "save_each", 4 },
  { "save_bulk", "save_bulk", 1.0, "save_bulk", 20 },
  { "save_bulk_text", "save_bulk", 1.2, "save_bulk", 25 },
  { "scan", "scan", 0.7, "scan", 8 },
  { "scan_decoded", "scan", nil, "scan", 5 },
  { "is_duplicate", "is_duplicate", 0.8, "is_duplicate", 60 },
  { "check_suppression", "check_suppression", 0.7, "check_suppression", 60 },
  { "suppress_bulk", "suppress_bulk", 0.8, "suppress_bulk", 30 },
  { "mark_bulk", "mark_bulk", 0.8, "mark_each", 30 },
  { "get_stats", "get_stats", 100, "get_stats", nil },
  { "pending50", "pending50_as_seed", 100, "pending50", nil },
}

local folder <close> = support.folder()
local limit = support.compile("spec/bench/peers/limit.c", folder, "-lsqlite3")
local peers = {
  { "C", limit .. " " .. folder.path .. " " .. ROWS .. " full" },
  { "Lua", "lua5.4 spec/bench/workloads/store.lua " .. folder.path .. " " .. ROWS .. " full" },
  { "aiosqlite", "/usr/bin/python3 spec/bench/peers/aiosqlite_store.py " .. folder.path .. " "
    .. ROWS .. " full" },
}

local rounds = support.rounds(PAIRS, peers)
local rows = {}
for _, figure in ipairs(FIGURES) do
  local ours, floor, of_c, peer, of_peer = table.unpack(figure, 1, 5)
  rows[#rows + 1] = {
    ours,
    support.number(support.median(rounds, "Lua", ours)),
    support.ratio(rounds, ours, "C", floor, of_c),
    support.ratio(rounds, ours, "aiosqlite", peer, of_peer),
    support.ratio(rounds, floor, "aiosqlite", peer, nil, "C"),
  }
end
support.table({ "workload", "operations/s", "of hand-written C", "of aiosqlite",
  "C of aiosqlite" }, rows)
