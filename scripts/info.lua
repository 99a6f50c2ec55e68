--- signalbox info: a database on a page.
local cli <const> = require "signalbox.cli"

local function one(store, sql)
  local row = cli.check(store:row(sql))
  return select(2, next(row))
end

--- {[value] = n} of a query's columns `value` and `n`.
local function counts(store, sql)
  local found = {}
  for row in cli.check(store:rows(sql)) do found[row.value] = row.n end
  return found
end

--- What get_stats tells, counted: an older schema has no counters.
local function count_rows(store)
  return {
    database_path = one(store, "SELECT file FROM pragma_database_list WHERE name = 'main'"),
    total_signals = one(store, "SELECT count(*) FROM signals"),
    signals_by_type = counts(store,
      "SELECT signal_type AS value, count(*) AS n FROM signals GROUP BY 1"),
    processing_status = counts(store,
      "SELECT status AS value, count(*) AS n FROM signal_processing GROUP BY 1"),
    active_suppression_entries = cli.check(store:row(
      "SELECT count(*) AS n FROM suppression_cache WHERE expires_at > ?",
      require("signalbox").now())).n,
    held = 0,
  }
end

--- Bytes by table, its indexes included; largest first.
local function table_sizes(store)
  local sizes = require("signalbox").array {}
  for row in cli.check(store:rows [[
    SELECT s.tbl_name AS name, sum(d.pgsize) AS size,
      sum(CASE WHEN s.type = 'index' THEN d.pgsize ELSE 0 END) AS indexes
    FROM dbstat d
    JOIN sqlite_schema s ON s.name = d.name
    WHERE d.aggregate = TRUE
    GROUP BY 1
    ORDER BY 2 DESC, 1]])
  do
    sizes[#sizes + 1] = row
  end
  return sizes
end

--- What came of the last backup, and when one last was good: {status=, at=, error=, path=, size=,
--- packed_size=, good_at=}. One that is "running" still may have been killed.
local function last_backup(store)
  local known = cli.check(store:row [[
    SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table' AND name = 'runs']])
  if known.n == 0 then return nil end
  local last = store:row [[
    SELECT status, coalesce(finished_at, started_at) AS at, error
    FROM runs
    WHERE command = 'backup'
    ORDER BY id DESC
    LIMIT 1]]
  if not last then return nil end
  local good = require("signalbox.runs").last_done(store, "backup", "")
  if good then
    last.good_at = good.finished_at
    for _, name in ipairs { "path", "size", "packed_size" } do last[name] = good.counts[name] end
  end
  return last
end

local function backup_text(last)
  if not last then return "none" end
  local good = last.good_at and string.format("%s, %s, %s compressed", last.good_at,
    cli.bytes(last.size), cli.bytes(last.packed_size))
  if last.status == "done" then return good end
  local outcome = last.status == "running" and "not ended" or last.error or "no reason given"
  return string.format("%s at %s: %s; the last good one: %s", last.status, last.at, outcome,
    good or "none")
end

local function gather(store)
  local schema = cli.check(store:schema())
  local info = { schema_version = schema.version, newest_version = schema.newest }
  local pages = cli.check(store:row [[
    SELECT page_count, page_size, freelist_count
    FROM pragma_page_count, pragma_page_size, pragma_freelist_count]])
  info.size = pages.page_count * pages.page_size
  info.free = pages.freelist_count * pages.page_size
  info.free_pages = pages.freelist_count
  info.journal_mode = cli.check(store:row "PRAGMA journal_mode").journal_mode
  info.tables = table_sizes(store)
  if schema.version == 0 then return info end

  info.predecessor_version = schema.predecessor > 0 and schema.predecessor or nil
  local stats = schema.version >= schema.newest and cli.check(store:get_stats()) or
    count_rows(store)
  for name, value in pairs(stats) do info[name] = value end
  local span = cli.check(store:row [[
    SELECT min(detected_at) AS oldest, max(detected_at) AS newest
    FROM signals]])
  info.oldest_signal, info.newest_signal = span.oldest, span.newest
  info.companies = one(store, "SELECT count(DISTINCT canonical_key) FROM signals")
  info.last_backup = last_backup(store)
  return info
end

--- {b = 2, a = 1} -> "a 1, b 2"; what is 0 is left out.
local function counts_text(values)
  local parts = {}
  for name, count in pairs(values) do
    if count > 0 then parts[#parts + 1] = name .. " " .. cli.thousands(count) end
  end
  table.sort(parts)
  return #parts > 0 and table.concat(parts, ", ") or "none"
end

local function schema_text(info)
  local text = string.format("version %d", info.schema_version)
  if info.schema_version < info.newest_version then
    text = text .. string.format(" of %d", info.newest_version)
  end
  return info.predecessor_version and
    string.format("%s, on the predecessor's %d", text, info.predecessor_version) or text
end

local function lines_of(info)
  local lines = {
    { "database", info.database_path },
    { "schema", schema_text(info) },
    { "size", string.format("%s, %s of it free (%s)", cli.bytes(info.size), cli.bytes(info.free),
      cli.plural(info.free_pages, "page")) },
    { "journal", info.journal_mode },
  }
  if info.total_signals then
    for _, line in ipairs {
      { "signals", string.format("%s of %s", cli.thousands(info.total_signals),
        cli.plural(info.companies, "company", "companies")) },
      { "detected", info.oldest_signal and info.oldest_signal .. " to " .. info.newest_signal },
      { "by state", counts_text(info.processing_status) },
      { "by type", counts_text(info.signals_by_type) },
      { "held", cli.plural(info.held, "company", "companies") },
      { "suppressed", cli.plural(info.active_suppression_entries, "entry", "entries") },
      { "last backup", backup_text(info.last_backup) },
    } do
      lines[#lines + 1] = line
    end
  end
  return lines
end

return cli.command {
  about = "a database on a page: its schema, its size, what it holds",
  database = "argument",
  json = true,
  examples = { { "signalbox info signals.db" } },

  run = function(args)
    local store <close> = cli.open(args, { mode = "ro", any_schema = true })
    local info = gather(store)
    info.database_path = info.database_path or cli.database(args)
    if args.json then return cli.json(info) end
    for _, line in ipairs(lines_of(info)) do
      if line[2] then print(string.format("%-12s%s", line[1], line[2])) end
    end
    if #info.tables == 0 then return end
    print()
    cli.table(info.tables, {
      { "name", title = "table" }, { "size", format = cli.bytes },
      { "indexes", title = "of it indexes", format = cli.bytes },
    })
  end,
}
