--- signalbox version: which program this is.
local cli <const> = require "signalbox.cli"

return cli.command {
  about = "the program's version",
  json = true,

  run = function(args)
    local signalbox <const> = require "signalbox"
    local version = { version = signalbox.version, lua = _VERSION:match "%S+$" }
    if args.json then return cli.json(version) end
    print("signalbox " .. signalbox.version)
  end,
}
