--- What is in a database that was copied: whether it is sound, and holds what it should.
local new_problem <const> = require "signalbox.problem"

local M = {}

--- The rows that a backup must have: from the counters, which cost nothing, or counted one by one.
local COUNTS <const> = {
  signals = { "signals_by_type", "signals" },
  processing = { "processing_status", "signal_processing" },
  suppression_cache = { "suppression_entries", "suppression_cache" },
}

local function corrupt(...) return new_problem("corrupt", string.format(...)) end

--- {signals=, processing=, suppression_cache=}, from the counters.
---@return table<string, integer>? counts
---@return any problem
function M.counts(store)
  local counts = {}
  for name, source in pairs(COUNTS) do
    local row, problem = store:row("SELECT coalesce(sum(n), 0) AS n FROM counters WHERE name = ?",
      source[1])
    if not row then return nil, problem end
    counts[name] = row.n
  end
  return counts
end

---@return integer? version
---@return any problem
function M.schema_version(store)
  local row, problem = store:row "SELECT max(version) AS version FROM schema_migrations"
  return row and row.version, problem
end

--- Checks the pages of a copy.
---@param pragma "quick_check"|"integrity_check"
---@return true? sound
---@return any problem
function M.check(store, pragma)
  local row, problem = store:row("PRAGMA " .. pragma .. "(1)")
  if not row then return nil, problem or corrupt "it can't be read" end
  if row[pragma] ~= "ok" then return nil, corrupt("%s", row[pragma]) end
  return true
end

--- Compares the rows of a table, as they are counted and as they are, with what there should be.
local function compare_count(store, name, counted, expected)
  if counted ~= expected then
    return nil, corrupt("it has counted %s of %s instead of %d", counted, name, expected)
  end
  local row, problem = store:row("SELECT count(*) AS n FROM " .. COUNTS[name][2])
  if not row then return nil, problem end
  if row.n == expected then return true end
  return nil, corrupt("it has %d rows of %s instead of %d", row.n, name, expected)
end

local function compare_counts(store, expected)
  local counts, problem = M.counts(store)
  if not counts then return nil, problem end
  for name in pairs(COUNTS) do
    local same, wrong = compare_count(store, name, counts[name], expected[name])
    if not same then return nil, wrong end
  end
  return true
end

--- Compares what a restored database holds with its manifest.
---@param manifest signalbox.Manifest
---@return true? same
---@return any problem
function M.compare(store, manifest)
  local orphan, problem = store:row "SELECT 1 AS n FROM pragma_foreign_key_check LIMIT 1"
  if orphan then return nil, corrupt "a row refers to one that is not there" end
  if problem then return nil, problem end
  local version, reading = M.schema_version(store)
  if not version and reading then return nil, reading end
  if version ~= manifest.schema_version then
    return nil, corrupt("its schema is %s instead of %d", version, manifest.schema_version)
  end
  return compare_counts(store, manifest.counts)
end

return M
