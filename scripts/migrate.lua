--- signalbox migrate: the schema of a database, forward, back, and where it stands.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"

local function by_version()
  local steps = {}
  for _, step in ipairs(signalbox.migrations()) do steps[step.version] = step end
  return steps
end

--- What `down` without --to goes to.
local function version_before(schema)
  local before = schema.predecessor
  for _, step in ipairs(signalbox.migrations()) do
    if step.version >= schema.version then break end
    before = step.version
  end
  return before
end

local function print_sql(report)
  local steps = by_version()
  local way = report.down and "down" or "up"
  for _, version in ipairs(report.steps) do
    local step = steps[version]
    print(string.format("-- %04d_%s.%s.sql", version, step.name, way))
    if report.adopted and version == 1002 then
      print "-- not run: the tables are the predecessor's, and stay as they are"
    else
      print(step[way])
    end
  end
end

local function print_report(report, path)
  if #report.steps == 0 then
    print(string.format("%s is at version %d: nothing to do", path, report.to))
    return
  end
  local steps, names = by_version(), {}
  for i, version in ipairs(report.steps) do
    names[i] = string.format("%d %s", version, steps[version].name)
  end
  print(string.format("%s: from version %d to %d (%s)", path, report.from, report.to,
    table.concat(names, ", ")))
end

--- The version to go to; ends the program where that lies the other way.
local function target(args, down, schema)
  local to = args.to or (down and version_before(schema) or schema.newest)
  local lies_up, lies_down = to > schema.version, to < schema.version
  if schema.version <= schema.newest and (down and lies_up or not down and lies_down) then
    cli.usage(string.format("version %d lies the other way: the database is at %d", to,
      schema.version), "signalbox migrate " .. (down and "up" or "down"))
  end
  return to
end

--- The report of a dry run where there is no database yet.
local function report_of_new(to)
  local report = { from = 0, to = 0, down = false, adopted = false, steps = {} }
  for i, step in ipairs(signalbox.migrations()) do
    if to and step.version > to then break end
    report.steps[i], report.to = step.version, step.version
  end
  return report
end

local function plan(args, down)
  local path = cli.database(args)
  local store <close>, problem = signalbox.open(path, { mode = "ro", any_schema = true })
  if not store then
    if problem.code == "not_found" and not down then return report_of_new(args.to) end
    cli.fail(problem)
  end
  local to = target(args, down, cli.check(store:schema()))
  return cli.check(store:migrate { to = to, force = true, dry_run = true })
end

local function move(args, down)
  local store <close> = cli.open(args, { mode = down and "rw" or "rwc", any_schema = true })
  local to = target(args, down, cli.check(store:schema()))
  local report, problem = store:migrate { to = to, force = args.force or false }
  if report then return report end
  cli.fail(problem, problem.code == "conflict" and
    "signalbox export DB FILE keeps them; --force drops them" or nil)
end

-- Status ---------------------------------------------------------------------------------------

--- What the database says of each version: when it was applied, and with which checksum.
local function applied_versions(store, schema)
  local applied, checksums = {}, {}
  if schema.version == 0 then return applied, checksums end
  for row in cli.check(store:rows [[
    SELECT version, applied_at, description
    FROM schema_migrations]])
  do
    applied[row.version] = row
  end
  if schema.version > 1000 then
    for row in cli.check(store:rows "SELECT version, checksum FROM schema_checksums") do
      checksums[row.version] = row.checksum
    end
  end
  return applied, checksums
end

local function state_of(step, row, checksum)
  if not row then return "pending" end
  return checksum and checksum ~= step.checksum and "changed since" or "applied"
end

local function list(store, schema)
  local applied, checksums = applied_versions(store, schema)
  local rows, known = {}, by_version()
  for version, row in pairs(applied) do
    if not known[version] then
      rows[#rows + 1] = {
        version = version, name = row.description, applied_at = row.applied_at,
        state = version > schema.newest and "newer" or "predecessor's",
      }
    end
  end
  for version, step in pairs(known) do
    local row = applied[version]
    rows[#rows + 1] = {
      version = version, name = step.name, applied_at = row and row.applied_at,
      state = state_of(step, row, checksums[version]),
    }
  end
  table.sort(rows, function(a, b) return a.version < b.version end)
  return rows
end

local function status(args)
  local store <close> = cli.open(args, { mode = "ro", any_schema = true })
  local schema = cli.check(store:schema())
  local rows = list(store, schema)
  local pending = 0
  for _, row in ipairs(rows) do
    if row.state == "pending" then pending = pending + 1 end
  end
  if args.json then
    return cli.json {
      version = schema.version, newest = schema.newest, predecessor = schema.predecessor,
      pending = pending, migrations = rows,
    }
  end
  cli.table(rows, { "version", "name", "state", "applied_at" })
  print(string.format("version %d, the newest is %d: %s", schema.version, schema.newest,
    schema.version > schema.newest and "it can be read only, or opened by a newer signalbox" or
    pending == 0 and "nothing to do" or cli.plural(pending, "step") .. " to go"))
end

return cli.command {
  about = "move a database's schema up or down, or say where it stands",
  json = true,
  arguments = function(parser)
    parser:argument("action", "up, down or status"):choices { "up", "down", "status" }
    parser:argument("db", "the database: a path or a URL"):args "?"
    parser:option("--to", "the version to go to; 0 is before the first"):convert(cli.whole)
      :argname "<version>"
    parser:flag("--dry-run", "print the SQL, and change nothing")
    parser:flag("--force", "go down also where that drops rows")
  end,
  notes = [[
All steps are one transaction. A database that holds data is copied before to a file beside it,
which is removed when all went well, and named where not. Every command but list, info, validate
and migrate moves an older schema up when it opens one.

A file of the Python predecessor keeps its tables, and its own versions 1 to 4 beside ours, which
begin at 1001; `down --to 0` takes ours away again.]],
  examples = {
    { "signalbox migrate status signals.db" },
    { "signalbox migrate up signals.db --dry-run", "the SQL that would run" },
    { "signalbox migrate down signals.db --to 1003" },
  },

  run = function(args)
    if args.action == "status" then return status(args) end
    local down = args.action == "down"
    local report = args.dry_run and plan(args, down) or move(args, down)
    if args.json then
      report.dry_run = args.dry_run or false
      report.steps = signalbox.array(report.steps)
      return cli.json(report)
    end
    if args.dry_run and #report.steps > 0 then return print_sql(report) end
    print_report(report, cli.database(args))
  end,
}
