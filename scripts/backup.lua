--- signalbox backup: a checked, compressed copy of a database, and how old the last one is.
local cli <const> = require "signalbox.cli"

local function describe(manifest)
  return string.format("%s  %s, %s compressed, %s", manifest.path, cli.bytes(manifest.size),
    cli.bytes(manifest.data.size), cli.plural(manifest.counts.signals, "signal"))
end

local function report(manifest)
  return {
    path = manifest.path, made_at = manifest.made_at, size = manifest.size,
    packed_size = manifest.data.size, sha256 = manifest.data.sha256, counts = manifest.counts,
    schema_version = manifest.schema_version, seconds = manifest.seconds,
  }
end

--- The record of this run in the database. It waits for other writers, but not for ever, and no
--- backup is lost for want of it.
local function recorder(store)
  local runs <const> = require "signalbox.runs"
  local id
  local function try(write, ...)
    local ok, value, problem = pcall(write, store, ...)
    if not (ok and value) then
      cli.note("the database could not record the backup: %s", tostring(ok and problem or value))
    end
    return ok and value or nil
  end
  local record = {}
  function record.begin() id = try(runs.begin, "backup", "") end
  function record.finish(...)
    if not id then record.begin() end
    if id then try(runs.finish, id, ...) end
  end
  return record
end

local function forget(args, policy, just_made)
  return cli.check(require("signalbox.backup_retention").forget(args.dir, policy, {
    just_made = just_made, dry_run = args.dry_run, note = cli.note,
  }))
end

--- With --dry-run: only what --keep would remove of what is there.
local function show(args, policy)
  if not policy then
    cli.usage("backup: --dry-run shows what the --keep options would remove, and none is given",
      "--keep-last 7, --keep-daily 7 ...")
  end
  local result = forget(args, policy)
  if args.json then return cli.json { forgotten = result } end
  require("signalbox.backup_retention").print(result)
end

local function make(args, policy)
  local steps <const> = require "signalbox.steps"
  local store <close> = cli.open(args, { busy_timeout = 2 }) -- only the record has to wait
  local record = recorder(store)
  local manifest, problem = require "signalbox.backup_make"(store, args.dir, {
    recipient = args.encrypt_to,
    export = args.with_export,
    temporary = args.temporary,
    copied = record.begin, -- it is not to be in the copy
    watch = steps.watch,
    note = cli.note,
  })
  if not manifest then
    record.finish("failed", nil, problem)
    cli.fail(problem, problem.code == "full" and "--temporary names another place for the copy"
      or nil)
  end
  local result = report(manifest)
  record.finish("done", { path = manifest.path, size = manifest.size,
    packed_size = manifest.data.size, sha256 = manifest.data.sha256,
    signals = manifest.counts.signals })
  result.forgotten = policy and forget(args, policy, manifest.key)
  if args.json then return cli.json(result) end
  print(describe(manifest))
  if result.forgotten then require("signalbox.backup_retention").print(result.forgotten) end
end

-- backup status ----------------------------------------------------------------------------------

--- The newest good backup of each database, and whether it is new enough.
local function ages(backups, max_age)
  local folders <const> = require "signalbox.backup_folder"
  local signalbox <const> = require "signalbox"
  local now = signalbox.time(signalbox.now())
  local rows = folders.newest(backups, function(snapshot)
    return not snapshot.problem and not folders.is_ahead(snapshot)
  end)
  for _, snapshot in ipairs(rows) do
    snapshot.age = math.max(0, now - snapshot.time)
    snapshot.ok = snapshot.age <= max_age
  end
  table.sort(rows, function(a, b) return a.age > b.age end)
  return rows
end

--- Those that a clock made which was ahead: nothing that is newer would be seen for their age.
local function ahead_of(backups)
  local folders <const> = require "signalbox.backup_folder"
  local found = {}
  for _, snapshot in ipairs(backups) do
    if snapshot.manifest and folders.is_ahead(snapshot) then found[#found + 1] = snapshot end
  end
  return found
end

local function status_row(folder, snapshot)
  local manifest = snapshot.manifest
  return {
    database = manifest.database, age_seconds = snapshot.age, ok = snapshot.ok,
    path = require("signalbox.backup_folder").path_of(folder, snapshot),
    made_at = manifest.made_at, size = manifest.size, packed_size = manifest.data.size,
    counts = manifest.counts,
  }
end

--- The oldest of the rows, which decides; and all of them.
local function print_status(rows, ok, json)
  local signalbox <const> = require "signalbox"
  if json then
    local result = { backups = signalbox.array(rows) }
    for name, value in pairs(rows[1]) do result[name] = value end
    result.ok = ok
    return cli.json(result)
  end
  for _, row in ipairs(rows) do row.signals = row.counts.signals end
  cli.table(rows, {
    { "database" }, { "path", title = "backup" },
    { "age_seconds", title = "age", format = cli.span }, { "size", format = cli.bytes },
    { "packed_size", title = "compressed", format = cli.bytes },
    { "signals", format = cli.thousands },
  })
end

local function status(args)
  local folders <const> = require "signalbox.backup_folder"
  local backups = cli.check(folders.backups(args.dir))
  local ahead, rows, ok = ahead_of(backups), {}, true
  for i, snapshot in ipairs(ages(backups, args.max_age)) do
    rows[i] = status_row(args.dir, snapshot)
    ok = ok and snapshot.ok
  end
  for _, snapshot in ipairs(ahead) do
    cli.note("%s was made by a clock that was ahead, at %s", folders.path_of(args.dir, snapshot),
      snapshot.manifest.made_at)
  end
  ok = ok and #ahead == 0
  if #rows == 0 then
    if args.json then cli.json { ok = false, path = require "signalbox".null } end
    cli.fail(string.format("there is no good backup in '%s'", args.dir), nil,
      #ahead > 0 and cli.FOUND or nil)
  end
  print_status(rows, ok, args.json)
  if not ok then return cli.FOUND end
end

return cli.command {
  about = "a checked, compressed copy of a database while it is in use",
  json = true,
  notes = [[
`backup status DIR` tells the newest good backup of each database in a folder: exit 3 where one is
older than --max-age or of a clock that was ahead, 1 where there is none.

A backup is DIR/NAME-TIME.db.zst, which `zstd -d` opens too, beside its manifest. It is made of a
copy beside the database (or in --temporary), which needs room for a moment; DIR may be on any file
system. Any --keep option has others of the same database removed afterwards as `signalbox forget`
does; the one just made and the newest good one always stay. --encrypt-to takes a recipient of age
(age1..., ssh-...) or of gpg, and their tools.
]],
  examples = {
    { "signalbox backup signals.db /srv/backups --keep-daily 7 --keep-weekly 5", "from cron" },
    { "signalbox backup status /srv/backups --json", "for a monitor" },
  },
  arguments = function(parser)
    parser:argument("db", "the database: a path"):argname "DB"
    parser:argument("dir", "the folder of backups, made where it isn't there"):argname "DIR"
    parser:flag("--with-export", "add the JSON document that `export` writes")
    parser:option("--encrypt-to", "encrypt for this recipient, with age or gpg")
      :argname "<recipient>"
    parser:option("--temporary", "where the copy is made"):argname "<folder>"
    require("signalbox.retention").arguments(parser, cli.whole)
    parser:flag("--dry-run", "make none: show what --keep would remove")
    parser:option("--max-age", "of `status`: how old the newest may be (26h)"):argname "<span>"
      :convert(cli.seconds):default "26h"
  end,

  run = function(args)
    if args.db == "status" then return status(args) end
    local policy = require("signalbox.retention").policy(args)
    if args.dry_run then return show(args, policy) end
    return make(args, policy)
  end,
}
