--- signalbox restore: a database from a backup.
local cli <const> = require "signalbox.cli"

--- The folder and the backup that the argument means: of a folder the newest good one.
local function find(path)
  local folders <const> = require "signalbox.backup_folder"
  local snapshots = folders.scan(path)
  if not snapshots then
    local folder, snapshot = folders.find(path)
    if not folder then cli.fail(snapshot) end
    return folder, snapshot
  end
  for i = #snapshots, 1, -1 do
    if snapshots[i].manifest then return path, snapshots[i] end
  end
  cli.fail(string.format("there is no good backup in '%s'", path))
end

--- The database's path without links, in a folder that is there.
local function target(path)
  local vault <const> = require "signalbox.vault"
  if path:find "^%a[%w+.-]*://" then cli.fail "a backup is restored to a file, not to a server" end
  local resolved = vault.resolve(path)
  if resolved then
    if vault.stat(resolved).kind ~= "file" then
      cli.fail(string.format("'%s' is no file", path))
    end
    return resolved
  end
  if vault.stat(path) then cli.fail(string.format("'%s' is a link to nothing", path)) end
  local folder, name = path:match "^(.*)/([^/]+)$"
  folder, name = folder or ".", name or path
  if folder == "" then folder = "/" end
  cli.check(vault.make_folder(folder))
  return (cli.check(vault.resolve(folder)) .. "/" .. name):gsub("^//", "/")
end

return cli.command {
  about = "make a database from a backup, verified before it gets its name",
  json = true,
  notes = [[
The backup is unpacked beside the database, compared with its manifest's checksums and only then put
in its place, at once. A database that is there is replaced with --force alone, never while a
program has it open, and is kept as DB.before-restore until that is done, or for good with
--keep-old. Of a folder the newest good backup is taken.
]],
  examples = {
    { "signalbox restore /srv/backups signals.db --force" },
    { "signalbox restore /srv/backups/signals-20261124T033000Z.db.zst copy.db" },
  },
  arguments = function(parser)
    parser:argument("backup", "a backup, or a folder of them"):argname "BACKUP|DIR"
    parser:argument("db", "the database to make"):argname "DB"
    parser:flag("--force", "replace the database that is there")
    parser:flag("--keep-old", "leave the replaced database as DB.before-restore")
    parser:option("--identity", "age's key file, for backups that it encrypted"):argname "<file>"
  end,

  run = function(args)
    local backup <const> = require "signalbox.backup"
    local folders <const> = require "signalbox.backup_folder"
    local steps <const> = require "signalbox.steps"
    local folder, snapshot = find(args.backup)
    local path = target(args.db)
    local done, problem = backup.restore(folder, snapshot, path, {
      force = args.force, keep = args.keep_old, identity = args.identity, watch = steps.watch,
      note = cli.note,
    })
    if not done then
      cli.fail(problem, problem:find "is there already" and "--force replaces it" or nil)
    end
    local manifest = snapshot.manifest
    if args.json then
      return cli.json { path = path, backup = folders.path_of(folder, snapshot),
        made_at = manifest.made_at, size = manifest.size, counts = manifest.counts }
    end
    print(string.format("%s  as it was at %s: %s", path, manifest.made_at,
      cli.plural(manifest.counts.signals, "signal")))
  end,
}
