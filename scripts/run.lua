--- signalbox run: its page of help; the program runs scripts itself.
local cli <const> = require "signalbox.cli"

return cli.command {
  about = "run a script of your own",
  notes = [[
The script finds its words in `arg` and `...`, and the module by `require "signalbox"`. A file whose
first line is `#!/usr/bin/env signalbox` is a program of its own. It ends when its tasks have; the
exit code is 1 where it raised. Ctrl-C breaks off a query, a loop or a wait.
]],
  examples = {
    { "signalbox run nightly.lua --since 7d", "a file, with arguments" },
    { "signalbox run -e 'print(require \"signalbox\".now())'", "a line of code" },
    { "generate | signalbox run - 2026-08-22", "a script from standard input" },
  },
  arguments = function(parser)
    parser:argument("script", "the file; - for standard input"):args "?"
    parser:option("-e", "code to run in place of a file"):argname "<code>"
    parser:argument("arguments", "for the script"):args "*"
  end,

  run = function()
    cli.usage "run: the program runs scripts itself"
  end,
}
