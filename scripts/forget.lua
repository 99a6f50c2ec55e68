--- signalbox forget: removes old backups, or old dated exports, by rules.
local cli <const> = require "signalbox.cli"

return cli.command {
  about = "remove old backups of a folder, keeping what the rules say",
  json = true,
  notes = [[
Each rule keeps the newest of each of the last N hours, days, ISO weeks, months or years that have
any, by the calendar of UTC; --keep-last the last N of all. What one rule keeps is kept. While a
rule has not found its N, the oldest stays too. Backups are taken with their manifests; other files
count where their name has a date, those of each name apart. Damaged ones are neither counted nor
removed, and the newest good one always stays.
]],
  examples = {
    { "signalbox forget /srv/backups --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run" },
    { "signalbox forget /srv/exports --keep-last 4", "a folder of dated exports" },
  },
  arguments = function(parser)
    parser:argument("dir", "the folder"):argname "DIR"
    require("signalbox.retention").arguments(parser, cli.whole)
    parser:flag("--dry-run", "show what stays and why, and remove nothing")
  end,

  run = function(args)
    local policy = require("signalbox.retention").policy(args)
    if not policy then
      cli.usage("forget: no rule says what to keep", "--keep-last 7, --keep-daily 7 ...")
    end
    local retain <const> = require "signalbox.backup_retention"
    local result = cli.check(retain.forget(args.dir, policy, {
      dry_run = args.dry_run, note = cli.note,
    }))
    if args.json then return cli.json(result) end
    retain.print(result)
  end,
}
