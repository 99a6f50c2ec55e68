--- signalbox quarantine: what collectors found and could not store.
local cli = require "signalbox.cli"
local quarantine = require "signalbox.quarantine"

local function list(store, args)
  local rows = {}
  for row in quarantine.rows(store, args.collector) do rows[#rows + 1] = row end
  if args.json then return cli.json(require("signalbox").array(rows)) end
  if #rows == 0 then return cli.note "nothing is set aside" end
  cli.table(rows, { "id", "collector", { "last_seen_at", title = "last seen" }, "reason", "item" })
end

local function drop(store, args)
  if #args.id == 0 and not args.all then
    cli.usage("quarantine drop: which?", "their numbers, as the list shows them, or --all")
  end
  local dropped = 0
  for _, id in ipairs(args.id) do
    dropped = dropped + cli.check(quarantine.drop(store, id))
  end
  if args.all then dropped = cli.check(quarantine.drop(store)) end
  if args.json then cli.json { dropped = dropped } end
  if dropped == 0 and not args.all then cli.fail "nothing with these numbers is set aside" end
  if args.json then return end
  print(cli.plural(dropped, "item") .. " dropped")
end

return cli.command {
  about = "show what collectors could not store, and why",
  database = "option",
  json = true,
  arguments = function(parser)
    parser:command_target "action"
    parser:require_command(false)
    local command = parser:command("list", "show it, with its reasons"):add_help(false)
    command:argument("collector", "only this one's"):args "?"
    command = parser:command("drop", "forget items"):add_help(false)
    command:argument("id", "as `list` shows it"):args "*":convert(cli.count)
    command:flag("--all", "all of them")
  end,
  notes = "`signalbox collect NAME --retry` tries again what NAME has set aside.\n",
  examples = {
    { "signalbox quarantine", "all that is set aside" },
    { "signalbox quarantine drop 12 13", "or --all" },
    { "signalbox collect file --retry", "after the reason is gone" },
  },

  run = function(args)
    local store <close> = cli.open(args, { mode = args.action == "drop" and "rw" or "ro" })
    if args.action == "drop" then return drop(store, args) end
    return list(store, args)
  end,
}
