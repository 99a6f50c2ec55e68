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

local function make(args)
  local backup <const> = require "signalbox.backup"
  local retain <const> = require "signalbox.backup_retention"
  local runs <const> = require "signalbox.runs"
  local steps <const> = require "signalbox.steps"
  local policy = require("signalbox.retention").policy(args)
  local store <close> = cli.open(args)
  local run
  local manifest, problem = backup.make(store, args.dir, {
    recipient = args.encrypt_to,
    export = args.with_export,
    copied = function() run = runs.begin(store, "backup", "") end, -- it is not to be in the copy
    watch = steps.watch,
    note = cli.note,
  })
  run = run or runs.begin(store, "backup", "")
  if not manifest then
    runs.finish(store, run, "failed", nil, problem)
    cli.fail(problem)
  end
  local result = report(manifest)
  runs.finish(store, run, "done", { path = manifest.path, size = manifest.size,
    packed_size = manifest.data.size, sha256 = manifest.data.sha256,
    signals = manifest.counts.signals })
  if policy then
    result.forgotten = cli.check(retain.forget(args.dir, policy, {
      just_made = manifest.key, dry_run = args.dry_run, note = cli.note,
    }))
  end
  if args.json then return cli.json(result) end
  print(describe(manifest))
  if result.forgotten then retain.print(result.forgotten) end
end

local function status(args)
  local folders <const> = require "signalbox.backup_folder"
  local signalbox <const> = require "signalbox"
  local newest
  for _, snapshot in ipairs(cli.check(folders.scan(args.dir))) do
    if snapshot.manifest then newest = snapshot end
  end
  if not newest then
    if args.json then cli.json { ok = false, path = signalbox.null } end
    cli.fail(string.format("there is no good backup in '%s'", args.dir))
  end
  local age = signalbox.time(signalbox.now()) - newest.time
  local manifest = newest.manifest
  local result = {
    path = folders.path_of(args.dir, newest), made_at = manifest.made_at, age_seconds = age,
    size = manifest.size, packed_size = manifest.data.size, counts = manifest.counts,
    ok = age <= args.max_age,
  }
  if args.json then
    cli.json(result)
  else
    cli.table({ {
      backup = result.path, age = cli.span(math.max(0, age)), size = cli.bytes(manifest.size),
      compressed = cli.bytes(manifest.data.size), signals = cli.thousands(manifest.counts.signals),
    } }, { "backup", "age", "size", "compressed", "signals" })
  end
  if not result.ok then return cli.FOUND end
end

return cli.command {
  about = "a checked, compressed copy of a database while it is in use",
  json = true,
  notes = [[
`backup status DIR` tells the newest good backup of a folder: exit 3 where it is older than
--max-age, 1 where there is none.

A backup is DIR/NAME-TIME.db.zst, which `zstd -d` opens too, beside its manifest. Any --keep option
has others removed afterwards as `signalbox forget` does; the one just made and the newest good one
always stay. --encrypt-to takes a recipient of age (age1..., ssh-...) or of gpg, and their tools.
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
    require("signalbox.retention").arguments(parser, cli.whole)
    parser:flag("--dry-run", "show what --keep would remove, and remove nothing")
    parser:option("--max-age", "of `status`: how old the newest may be (26h)"):argname "<span>"
      :convert(cli.seconds):default "26h"
  end,

  run = function(args)
    if args.db == "status" then return status(args) end
    return make(args)
  end,
}
