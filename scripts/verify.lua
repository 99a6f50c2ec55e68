--- signalbox verify: whether backups are whole, by restoring them.
local cli <const> = require "signalbox.cli"

--- The folder and the backups that the argument means; fails where there are none.
local function find(path)
  local folders <const> = require "signalbox.backup_folder"
  local vault <const> = require "signalbox.vault"
  local resolved = vault.resolve(path)
  local status = resolved and vault.stat(resolved)
  if not status or status.kind ~= "folder" then
    local folder, snapshot = folders.find(path)
    if not folder then cli.fail(snapshot) end
    return folder, { snapshot }
  end
  local found = {}
  for _, snapshot in ipairs(cli.check(folders.scan(path))) do
    if folders.is_backup(snapshot) then found[#found + 1] = snapshot end
  end
  if #found == 0 then cli.fail(string.format("there is no backup in '%s'", path)) end
  return path, found
end

--- Notes in a database what came of it, for `info` and alert rules.
local function record(path, good, bad)
  local runs <const> = require "signalbox.runs"
  local store <close> = cli.open { db = path }
  local run = runs.begin(store, "verify", "")
  runs.finish(store, run, #bad == 0 and "done" or "failed", { good = good, damaged = #bad },
    #bad > 0 and table.concat(bad, "; ") or nil)
end

return cli.command {
  about = "restore backups to a temporary place and look at all of them there",
  json = true,
  notes = [[
Of each: the manifest's checksum, the checksums of its files, a restore into a temporary folder
($TMPDIR or /tmp, or --temporary), SQLite's integrity check there, and the numbers of rows. One that
is encrypted by age is restored where --identity names the key; else its checksum is compared. Exit
3 where one is damaged, 1 where there is none.
]],
  examples = {
    { "signalbox verify /srv/backups" },
    { "signalbox verify /srv/backups --newest --record signals.db", "weekly, from cron" },
  },
  arguments = function(parser)
    parser:argument("backup", "a backup, or a folder of them"):argname "BACKUP|DIR"
    parser:flag("--newest", "of a folder only the newest")
    parser:option("--identity", "age's key file, for backups that it encrypted"):argname "<file>"
    parser:option("--temporary", "where to restore to"):argname "<folder>"
    parser:option("--record", "a database to note the outcome in"):argname "<db>"
  end,

  run = function(args)
    local backup <const> = require "signalbox.backup"
    local folders <const> = require "signalbox.backup_folder"
    local steps <const> = require "signalbox.steps"
    local folder, found = find(args.backup)
    if args.newest then found = { found[#found] } end
    local results, bad = require("signalbox").array {}, {}
    for i, snapshot in ipairs(found) do
      local ok, problem, depth = backup.verify(folder, snapshot, {
        identity = args.identity, temporary = args.temporary, watch = steps.watch,
      })
      if ok == nil then cli.fail(problem, "--temporary names another place") end
      local path = folders.path_of(folder, snapshot)
      results[i] = { path = path, ok = ok, depth = depth, problem = not ok and problem or nil }
      if not ok then bad[#bad + 1] = path .. ": " .. problem end
      if not args.json then
        print(string.format("%s  %s%s", path, ok and "ok" or "DAMAGED: " .. problem,
          ok and depth == "checksum" and " (encrypted: checksums only)" or ""))
      end
    end
    if args.json then cli.json { backups = results } end
    if args.record then record(args.record, #results - #bad, bad) end
    if #bad > 0 then return cli.FOUND end
  end,
}
