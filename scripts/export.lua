--- signalbox export: a database as one document.
local cli <const> = require "signalbox.cli"

--- CSV is of one table; a document has all.
local function check_format(args)
  if args.format == "csv" and not args.table then
    cli.usage("csv is one table: name it with --table", "signalbox export DB FILE --format csv "
      .. "--table signals")
  elseif args.table and args.format ~= "csv" then
    cli.usage("--table is for --format csv: a document has all tables")
  end
  if args.json and args.file == "-" then
    cli.usage "--json reports on a file: standard output is the document's"
  end
end

--- A file that can't be written can be read; an older schema in it can't be moved up first.
local function open(args)
  local store, problem = require("signalbox").open(cli.database(args), { mode = "rw" })
  if store or problem.code ~= "readonly" then return store or cli.open(args) end
  return cli.open(args, { mode = "ro" })
end

local function write(store, stream, args)
  local progress <close> = cli.progress("export", cli.check(store:get_stats()).total_signals)
  return store:export(stream, {
    format = args.format,
    table = args.table,
    progress = function(rows) progress:update(rows, cli.plural(rows, "row")) end,
  })
end

local function write_file(store, args)
  local file <close> = cli.check(require("signalbox.whole_file").create(args.file))
  local rows = cli.check(write(store, file.stream, args))
  cli.check(file:keep())
  return rows
end

--- Tables that a document doesn't have, for they are another module's.
local function left_behind(store)
  local names, own = require("signalbox").array {}, {}
  for _, step in ipairs(require("signalbox").migrations()) do
    local sql = step.up:gsub("IF NOT EXISTS ", "")
    for name in sql:gmatch "CREATE TABLE ([%w_]+)" do own[name] = true end
  end
  for row in cli.check(store:rows [[
    SELECT name
    FROM pragma_table_list
    WHERE schema = 'main' AND type <> 'shadow' AND type <> 'view'
      AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    ORDER BY name]])
  do
    if not own[row.name] then names[#names + 1] = row.name end
  end
  return names
end

local function report(args, rows, left)
  if args.json then
    return cli.json { path = args.file, format = args.format, rows = rows, left_behind = left }
  end
  if args.file ~= "-" then cli.note("%s to %s", cli.plural(rows, "row"), args.file) end
  if #left > 0 then
    cli.note("left behind, for they are another program's: %s", table.concat(left, ", "))
  end
end

return cli.command {
  about = "write a database as one document, as one moment has it",
  json = true,
  arguments = function(parser)
    parser:argument("db", "the database: a path or a URL")
    parser:argument("file", "the document; - is stdout, as is none"):args "?"
    parser:option("--format", "json (one document), ndjson (a line a record) or csv (one table)")
      :choices { "json", "ndjson", "csv" }:default "json"
    parser:option "--table":description "which table, of csv":argname "<name>"
  end,
  notes = [[
Others go on writing meanwhile. The document has every row that is needed to rebuild the store,
counts, and a checksum that `import` looks at; not the records of runs. A file appears under its
name when it is whole, readable for its owner alone, and takes the place of an older one.]],
  examples = {
    { "signalbox export signals.db backup.json" },
    { "signalbox export signals.db - --format ndjson | gzip >signals.ndjson.gz" },
    { "signalbox export signals.db signals.csv --format csv --table signals" },
  },

  run = function(args)
    args.file = args.file or "-"
    check_format(args)
    local store <close> = open(args)
    local rows
    if args.file == "-" then
      rows = cli.check(write(store, io.stdout, args))
    else
      rows = write_file(store, args)
    end
    report(args, rows, args.table and {} or left_behind(store))
  end,
}
