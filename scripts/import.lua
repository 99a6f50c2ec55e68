--- signalbox import: a document into a database, all of it or nothing.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"

local MAPPED_SHOWN <const> = 10

--- Opens the database, which is made where it is not there; a dry run has one for the moment then.
---@return signalbox.Store store, table closing
local function open(args)
  local path = cli.database(args)
  if not args.dry_run then
    local store = cli.open(args, { mode = "rwc" })
    return store, store
  end
  local store, problem = signalbox.open(path, { mode = "rw" })
  if store then return store, store end
  if problem.code ~= "not_found" then cli.fail(problem) end
  return require("signalbox.scratch").open()
end

--- No database is made for a document that is not there.
local function check_document(path)
  if path == "-" then return end
  local file <close>, problem = io.open(path, "rb")
  if not file then cli.fail(problem) end
end

local function in_order(tables)
  local names = {}
  for name in pairs(tables) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function print_report(report, args)
  local rows = {}
  for _, name in ipairs(in_order(report.tables)) do
    local counts = report.tables[name]
    if counts.added + counts.skipped > 0 then
      rows[#rows + 1] = { table = name, added = counts.added, skipped = counts.skipped }
    end
  end
  if #rows > 0 then
    cli.table(rows, {
      "table", { "added", format = cli.thousands }, { "skipped", format = cli.thousands },
    })
  else
    print "the document has no records"
  end
  if report.renumbered > 0 then
    print(cli.plural(report.renumbered, "signal") .. " got a new number, for another has theirs:")
    for i = 1, math.min(#report.mapped, MAPPED_SHOWN) do
      print(string.format("  %d is %d here", report.mapped[i].from, report.mapped[i].to))
    end
  end
  if args.dry_run then print "a dry run: nothing was written" end
end

return cli.command {
  about = "read an export into a database, all of it or nothing",
  json = true,
  arguments = function(parser)
    parser:argument("file", "the document; - is stdin")
    parser:argument("db", "the database: a path or a URL; made where it is not there"):args "?"
    parser:flag("--dry-run", "say what would be added, and write nothing")
    parser:flag("--ignore-unknown", "drop keys that this program doesn't know")
  end,
  notes = [[
Reads signalbox's own JSON and NDJSON and the predecessor's export. What is there already is
skipped, so a second import of a document adds nothing; a signal keeps its number where that is
free. Where a record breaks a rule nothing is written, and its line is named.]],
  examples = {
    { "signalbox import backup.json signals.db" },
    { "zcat signals.ndjson.gz | signalbox import - signals.db" },
    { "signalbox import backup.json signals.db --dry-run", "what it would add" },
  },

  run = function(args)
    check_document(args.file)
    local store, closing <close> = open(args) -- luacheck: ignore closing
    local progress <close> = cli.progress "import"
    local report = cli.check(store:import(args.file, {
      dry_run = args.dry_run or false,
      ignore_unknown = args.ignore_unknown or false,
      progress = function(done, total)
        progress.total = total
        progress:update(done, cli.bytes(done))
      end,
    }))
    progress:close()
    report.dry_run = args.dry_run or false
    report.mapped = signalbox.array(report.mapped)
    if args.json then return cli.json(report) end
    print_report(report, args)
  end,
}
