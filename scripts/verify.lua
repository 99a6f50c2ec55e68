--- signalbox verify: whether backups are whole, by restoring them.
local cli <const> = require "signalbox.cli"

--- Why one can't be verified, though there would be room and leave to.
local OF_THE_BACKUP <const> = { schema = true, unavailable = true }

local function always() return true end

--- The folder and the backups that the argument means; fails where there are none.
local function find(path, newest)
  local files <const> = require "signalbox.files"
  local folders <const> = require "signalbox.backup_folder"
  local resolved = files.resolve(path)
  local status = resolved and files.stat(resolved)
  if not status or status.kind ~= "folder" then
    local folder, snapshot = folders.find(path)
    if not folder then cli.fail(snapshot) end
    return folder, { snapshot }
  end
  local found = cli.check(folders.backups(path))
  if #found == 0 then cli.fail(string.format("there is no backup in '%s'", path)) end
  return path, newest and folders.newest(found, always) or found
end

local function describe(row)
  if row.ok == false then return "DAMAGED: " .. row.problem end
  if not row.ok then return "could not be verified: " .. row.problem end
  return row.depth == "checksum" and "ok (encrypted: checksums only)" or "ok"
end

--- Verifies each; gives {path=, ok=, depth=, problem=} of those that were not removed meanwhile.
local function verify_all(folder, found, args)
  local folders <const> = require "signalbox.backup_folder"
  local verifying <const> = require "signalbox.backup_verify"
  local results = {}
  for _, snapshot in ipairs(found) do
    local ok, problem, depth = verifying.verify(folder, snapshot, {
      identity = args.identity, temporary = args.temporary,
      watch = require("signalbox.steps").watch,
    })
    local row = { path = folders.path_of(folder, snapshot), ok = ok, depth = depth,
      problem = problem and tostring(problem), code = problem and problem.code }
    if depth == "gone" then
      cli.note("%s: %s", row.path, row.problem)
    else
      results[#results + 1] = row
      if not args.json then print(row.path .. "  " .. describe(row)) end
    end
  end
  return results
end

--- {"backups":[...]}, `ok` null where it could not be found out.
local function print_json(results)
  local signalbox <const> = require "signalbox"
  local rows = signalbox.array {}
  for i, row in ipairs(results) do
    rows[i] = { path = row.path, ok = row.ok, depth = row.depth, problem = row.problem }
    if row.ok == nil then rows[i].ok = signalbox.null end
  end
  cli.json { backups = rows }
end

--- Notes in a database what came of it, for `info` and alert rules.
local function record(path, results, bad)
  local runs <const> = require "signalbox.runs"
  local store, problem = require("signalbox").open(path, { mode = "rw" })
  if not store then return nil, problem end
  local closing <close> = store -- luacheck: ignore 211
  local ok, id = pcall(runs.begin, store, "verify", "")
  if not ok then return nil, id end
  return runs.finish(store, id, #bad == 0 and "done" or "failed",
    { good = #results - #bad, damaged = #bad }, #bad > 0 and table.concat(bad, "; ") or nil)
end

return cli.command {
  about = "restore backups to a temporary place and look at all of them there",
  json = true,
  notes = [[
Of each: the manifest's checksum, the checksums of its files, a restore into a temporary folder
($TMPDIR or /tmp, or --temporary), SQLite's integrity check there, and the numbers of rows. One that
is encrypted is restored where there is a key (--identity for age, gpg's own keys); else its
checksums are compared. Exit 3 where one is damaged; 1 where there is none, or one could not be
verified, for want of room perhaps.
]],
  examples = {
    { "signalbox verify /srv/backups" },
    { "signalbox verify /srv/backups --newest --record signals.db", "weekly, from cron" },
  },
  arguments = function(parser)
    parser:argument("backup", "a backup, or a folder of them"):argname "BACKUP|DIR"
    parser:flag("--newest", "of a folder only the newest of each database")
    parser:option("--identity", "age's key file, for backups that it encrypted"):argname "<file>"
    parser:option("--temporary", "where to restore to"):argname "<folder>"
    parser:option("--record", "a database to note the outcome in"):argname "<db>"
  end,

  run = function(args)
    local folder, found = find(args.backup, args.newest)
    local results = verify_all(folder, found, args)
    local bad, unknown = {}, nil
    for _, row in ipairs(results) do
      if row.ok == false then bad[#bad + 1] = row.path .. ": " .. row.problem end
      unknown = unknown or row.ok == nil and row or nil
    end
    if args.json then print_json(results) end
    local recorded, problem = true, nil
    if args.record and not (unknown and #bad == 0) then
      recorded, problem = record(args.record, results, bad)
    end
    if not recorded then cli.note("the outcome could not be recorded: %s", tostring(problem)) end
    if #bad > 0 then return cli.FOUND end
    if #results == 0 then cli.fail(string.format("there is no backup in '%s'", folder)) end
    if unknown then
      cli.fail(string.format("%s could not be verified: %s", unknown.path, unknown.problem),
        not OF_THE_BACKUP[unknown.code] and "--temporary names another place to restore to" or nil)
    end
    if not recorded then return cli.FAILED end
  end,
}
