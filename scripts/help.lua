--- signalbox help: what there is, and a page for each command.
local cli <const> = require "signalbox.cli"
local host <const> = require "signalbox.host"

--- The commands by what people come for; those that no group names are shown last.
local GROUPS <const> = {
  { "Look into a database", { "repl", "stats", "info", "list", "explain", "validate" } },
  { "Collect and process", { "collect", "quarantine", "sync", "process", "alerts" } },
  { "Keep it", { "backup", "verify", "restore", "forget", "export", "import", "migrate",
    "maintain" } },
  { "Your own scripts", { "run", "new", "config", "doctor", "help", "version" } },
}

local USAGE <const> = [[
usage: signalbox [OPTIONS] COMMAND [ARGS]

Options before the command:
  --db PATH_OR_URL        the database; else $SIGNALBOX_DB, else signals.db
  --log-format text|json  of the lines on stderr
  --log-level LEVEL       the least that is logged: debug, info, warning, error
  --version, --help]]

local function list_group(title, names, abouts)
  local lines = {}
  for _, name in ipairs(names) do
    if abouts[name] then
      lines[#lines + 1] = string.format("  %-10s %s", name, abouts[name])
      abouts[name] = nil
    end
  end
  if #lines > 0 then print(string.format("\n%s:\n%s", title, table.concat(lines, "\n"))) end
end

local function list_all()
  local abouts = {}
  for _, script in ipairs(host.list "") do
    local command, comment = cli.describe(script.name)
    abouts[script.name] = command and command.about or comment or "(says nothing about itself)"
  end
  print(USAGE)
  for _, group in ipairs(GROUPS) do list_group(group[1], group[2], abouts) end
  local rest = {}
  for name in pairs(abouts) do rest[#rest + 1] = name end
  table.sort(rest)
  list_group("Others", rest, abouts)
  print "\nsignalbox help COMMAND, or signalbox COMMAND --help, says more about one."
end

return cli.command {
  about = "this list, or the page of a command",
  arguments = function(parser)
    parser:argument("command", "whose page; of some, commands have their own"):args "*"
    parser:option("--completion", "print a shell's completion of all commands")
      :choices { "bash", "zsh" }
  end,
  examples = {
    { "signalbox help process" },
    { "signalbox help alerts silence" },
    { "source <(signalbox help --completion bash)", "in ~/.bashrc" },
  },

  run = function(args)
    if args.completion then
      local parser = cli.whole_parser()
      io.write(parser["get_" .. args.completion .. "_complete"](parser), "\n")
      return
    end
    local name = table.remove(args.command, 1)
    if not name then return list_all() end
    if name:find "/" or not host.find(name) then cli.unknown("command", name, cli.names "") end
    local command, comment = cli.describe(name)
    print(command and cli.help(command, name, args.command) or comment or
      name .. " says nothing about itself")
  end,
}
