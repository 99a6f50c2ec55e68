--- signalbox info: a database on a page.
local cli <const> = require "signalbox.cli"

local function one(store, sql)
  local row = cli.check(store:row(sql))
  return select(2, next(row))
end

--- The counts of one column's values, as they are now.
local function count_by(store, sql, counts)
  for row in assert(store:rows(sql)) do counts[row.value] = row.n end
  return counts
end

--- get_stats of a database with an older schema, which has no counters: all rows are counted.
local function count_all(store)
  return {
    database_path = one(store, "SELECT file FROM pragma_database_list WHERE name = 'main'"),
    total_signals = one(store, "SELECT count(*) FROM signals"),
    signals_by_type = count_by(store,
      "SELECT signal_type AS value, count(*) AS n FROM signals GROUP BY signal_type", {}),
    processing_status = count_by(store,
      "SELECT status AS value, count(*) AS n FROM signal_processing GROUP BY status", {}),
    active_suppression_entries = one(store, "SELECT count(*) FROM suppression_cache"),
    held = 0,
  }
end

local function gather(store)
  local stats, problem = store:get_stats()
  if not stats and problem.code == "sql" then stats = count_all(store) end
  cli.check(stats, problem)
  local span = cli.check(store:row [[
    SELECT min(detected_at) AS oldest, max(detected_at) AS newest
    FROM signals]])
  local pages = cli.check(store:row [[
    SELECT page_count * page_size AS size, freelist_count * page_size AS free
    FROM pragma_page_count, pragma_page_size, pragma_freelist_count]])
  return {
    database_path = stats.database_path,
    schema_version = one(store, "SELECT max(version) FROM schema_migrations"),
    size = pages.size,
    free = pages.free,
    total_signals = stats.total_signals,
    companies = one(store, "SELECT count(DISTINCT canonical_key) FROM signals"),
    oldest_signal = span.oldest,
    newest_signal = span.newest,
    signals_by_type = stats.signals_by_type,
    processing_status = stats.processing_status,
    held = stats.held,
    active_suppression_entries = stats.active_suppression_entries,
  }
end

--- {b = 2, a = 1} -> "a 1, b 2"; what is 0 is left out.
local function counts_text(counts)
  local parts = {}
  for name, count in pairs(counts) do
    if count > 0 then parts[#parts + 1] = name .. " " .. cli.thousands(count) end
  end
  table.sort(parts)
  return #parts > 0 and table.concat(parts, ", ") or "none"
end

return cli.command {
  about = "a database on a page: its schema, its size, what it holds",
  database = "argument",
  json = true,
  examples = { { "signalbox info signals.db" } },

  run = function(args)
    local store <close> = cli.open(args, { mode = "ro", any_schema = true })
    local info = gather(store)
    if args.json then return cli.json(info) end

    local lines = {
      { "database", info.database_path },
      { "schema", string.format("version %d", info.schema_version) },
      { "size", string.format("%s, %s of it free", cli.bytes(info.size), cli.bytes(info.free)) },
      { "signals", string.format("%s of %s", cli.thousands(info.total_signals),
        cli.plural(info.companies, "company", "companies")) },
      { "detected", info.oldest_signal and info.oldest_signal .. " to " .. info.newest_signal },
      { "by state", counts_text(info.processing_status) },
      { "by type", counts_text(info.signals_by_type) },
      { "held", cli.plural(info.held, "company", "companies") },
      { "suppressed", cli.plural(info.active_suppression_entries, "entry", "entries") },
    }
    for _, line in ipairs(lines) do
      if line[2] then print(string.format("%-12s%s", line[1], line[2])) end
    end
  end,
}
