--- signalbox import: a document into a database, all of it or nothing.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"
local files <const> = require "signalbox.files"

local MAPPED_SHOWN <const> = 10

local DRY <const> = { mode = "rw", migrate = false }

--- A store for a dry run, which changes no file: what is there, or an empty one.
local function open_dry(path)
  local store, problem = signalbox.open(path, DRY)
  if store then return store, store end
  if problem.code ~= "not_found" then cli.fail(problem) end
  return require("signalbox.scratch").open()
end

--- Whether `path` names a file that is not there.
local function is_new(path)
  return not path:find "^%w+://" and path ~= ":memory:" and not files.stat(path)
end

--- The document stands at a name, or comes from a pipe; it is looked at without opening it.
local function check_document(path)
  if path == "-" then return end
  local status = cli.check(files.stat(path))
  if status.kind == "folder" then cli.fail(path .. " is a folder, not a document") end
end

local function in_order(tables)
  local names = {}
  for name in pairs(tables) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function print_tables(report)
  local rows = {}
  for _, name in ipairs(in_order(report.tables)) do
    local counts = report.tables[name]
    if counts.added + counts.skipped + counts.refused > 0 then
      counts.table = name
      rows[#rows + 1] = counts
    end
  end
  if #rows == 0 then return print "the document has no records" end
  local columns = { "table", { "added", format = cli.thousands },
    { "skipped", format = cli.thousands } }
  if report.refused > 0 then columns[4] = { "refused", format = cli.thousands } end
  cli.table(rows, columns)
end

--- What it says of a number of rows, where there are any.
local NOTES <const> = {
  { "clamped", "%s had a confidence beyond 0 to 1, and has the nearest that may be" },
  { "orphans", "%s left out: their signals are gone" },
  { "reopened", "%s queued there and not in the outbox here: pending again" },
}
local COUNTED <const> = { clamped = "signal", orphans = "processing row", reopened = "signal" }

local function print_mapped(report)
  if report.renumbered == 0 then return end
  print(cli.plural(report.renumbered, "signal") .. " got a new number, for another has theirs:")
  local shown = math.min(#report.mapped, MAPPED_SHOWN)
  for i = 1, shown do
    print(string.format("  %d is %d here", report.mapped[i].from, report.mapped[i].to))
  end
  if report.renumbered > shown then
    print(string.format("  and %d more", report.renumbered - shown))
  end
end

local function print_report(report)
  print_tables(report)
  print_mapped(report)
  for _, note in ipairs(NOTES) do
    local count = report[note[1]]
    if count > 0 then print(note[2]:format(cli.plural(count, COUNTED[note[1]]))) end
  end
  if report.dropped then
    print("keys that are not known were dropped" ..
      (report.checked and "" or ", and its checksum is of more than was read"))
  end
  for _, refusal in ipairs(report.refusals) do print("refused: " .. refusal) end
  if report.refused > #report.refusals then
    print(string.format("  and %d more", report.refused - #report.refusals))
  end
  if report.dry_run then print "a dry run: nothing was written" end
end

--- Fails; what is no export from its first line on is another source's, mostly.
local function fail_to_read(problem)
  cli.fail(problem, tostring(problem):find "^line 1: " and
    "signalbox collect file reads signals of other sources: lines of JSON, CSV" or nil)
end

local function read(store, args)
  local progress <close> = cli.progress "import"
  local report, problem = store:import(args.file, {
    dry_run = args.dry_run or false,
    ignore_unknown = args.ignore_unknown or false,
    progress = function(done, total)
      progress.total = total
      progress:update(done, cli.bytes(done))
    end,
  })
  if not report then fail_to_read(problem) end
  return report
end

--- A database that is not there is made under another name, and has its own when all is in it.
local function read_into_new(path, args)
  local folder = path:match "^(.+)/[^/]*$"
  if folder then cli.check(files.make_folder(folder)) end
  local file <close> = cli.check(require("signalbox.whole_file").reserve(path))
  local store <close> = cli.check(signalbox.open(file.temporary,
    { mode = "rw", unseen = true }))
  local report = read(store, args)
  store:close()
  cli.check(file:keep(true))
  return report
end

local function read_into(path, args)
  if args.dry_run then
    local store, closing <close> = open_dry(path) -- luacheck: ignore closing
    return read(store, args)
  end
  if is_new(path) then return read_into_new(path, args) end
  local store <close> = cli.open(args, { mode = "rwc" })
  return read(store, args)
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
free. Where a record breaks a rule nothing is written, and its line is named; --dry-run names all
of those. Nobody else can write while a document is read: let a slow one come to a file first.]],
  examples = {
    { "signalbox import backup.json signals.db" },
    { "zcat signals.ndjson.gz | signalbox import - signals.db" },
    { "signalbox import backup.json signals.db --dry-run", "what it would add" },
  },

  run = function(args)
    check_document(args.file)
    local report = read_into(cli.database(args), args)
    report.dry_run = args.dry_run or false
    report.mapped = signalbox.array(report.mapped)
    report.refusals = signalbox.array(report.refusals)
    if args.json then cli.json(report) else print_report(report) end
    return report.refused > 0 and cli.FAILED or cli.DONE
  end,
}
