--- signalbox list: the migrations that a database has.
local cli <const> = require "signalbox.cli"

return cli.command {
  about = "the migrations that were applied to a database",
  database = "argument",
  json = true,
  examples = { { "signalbox list signals.db" } },

  run = function(args)
    local store <close> = cli.open(args, { mode = "ro", any_schema = true })
    local list = require("signalbox").array {}
    if cli.check(store:schema()).version > 0 then
      for row in cli.check(store:rows [[
        SELECT version, applied_at, description
        FROM schema_migrations
        ORDER BY version]])
      do
        list[#list + 1] = row
      end
    end
    if args.json then return cli.json { migrations = list } end
    cli.table(list, { "version", "applied_at", "description" })
  end,
}
