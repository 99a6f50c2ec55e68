--- signalbox version: which program this is.
local cli <const> = require "signalbox.cli"

return cli.command {
  about = "the program's version",
  json = true,

  run = function(args)
    local signalbox <const> = require "signalbox"
    if args.json then return cli.json { version = signalbox.version, lua = _VERSION:match "%S+$" } end
    print("signalbox " .. signalbox.version)
  end,
}
