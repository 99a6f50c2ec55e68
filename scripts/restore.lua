--- signalbox restore: a database from a backup.
local cli <const> = require "signalbox.cli"

--- Of a folder the newest good backup of the database at `path`, or of the only one there is.
local function choose(folder, backups, path)
  local folders <const> = require "signalbox.backup_folder"
  for _, snapshot in ipairs(backups) do
    if not snapshot.problem and folders.is_ahead(snapshot) then
      cli.note("%s is left out: it was made by a clock that was ahead, at %s",
        folders.path_of(folder, snapshot), snapshot.manifest.made_at)
    end
  end
  local newest = folders.newest(backups, function(snapshot)
    return not snapshot.problem and not folders.is_ahead(snapshot)
  end)
  local databases = {}
  for i, snapshot in ipairs(newest) do
    if snapshot.group == path then return snapshot end
    databases[i] = string.format("%s (%s)", snapshot.group, folders.path_of(folder, snapshot))
  end
  if #newest == 0 then cli.fail(string.format("there is no good backup in '%s'", folder)) end
  if #newest > 1 then
    cli.fail(string.format("'%s' has backups of several databases, none of them '%s': %s", folder,
      path, table.concat(databases, ", ")), "name the backup itself")
  end
  return newest[1]
end

--- The folder and the backup that the argument means.
local function find(argument, path)
  local folders <const> = require "signalbox.backup_folder"
  local backups = folders.backups(argument)
  if backups then return argument, choose(argument, backups, path) end
  local folder, snapshot = folders.find(argument)
  if not folder then cli.fail(snapshot) end
  return folder, snapshot
end

--- The database's path without links, in a folder that is there.
local function target(path)
  local files <const> = require "signalbox.files"
  if path:find "^%a[%w+.-]*://" then cli.fail "a backup is restored to a file, not to a server" end
  local resolved = files.resolve(path)
  if resolved then
    if files.stat(resolved).kind ~= "file" then
      cli.fail(string.format("'%s' is no file", path))
    end
    return resolved
  end
  if files.stat(path) then cli.fail(string.format("'%s' is a link to nothing", path)) end
  local folder, name = path:match "^(.*)/([^/]+)$"
  folder, name = folder or ".", name or path
  if folder == "" then folder = "/" end
  cli.check(files.make_folder(folder))
  return (cli.check(files.resolve(folder)) .. "/" .. name):gsub("^//", "/")
end

return cli.command {
  about = "make a database from a backup, verified before it gets its name",
  json = true,
  notes = [[
The backup is unpacked beside the database, compared with its manifest's checksums and only then put
in its place, at once, with the mode and the owner of the database that it replaces. One that is
there is replaced with --force alone, never while a program has it open, and is kept as
DB.before-restore until that is done, or for good with --keep-old. Of a folder the newest good
backup of that database is taken.
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
    local folders <const> = require "signalbox.backup_folder"
    local path = target(args.db)
    local folder, snapshot = find(args.backup, path)
    local done, problem = require "signalbox.backup_restore"(folder, snapshot, path, {
      force = args.force, keep = args.keep_old, identity = args.identity,
      watch = require("signalbox.steps").watch, note = cli.note,
    })
    if not done then
      cli.fail(problem, problem.code == "conflict" and "--force replaces it" or nil)
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
