--- signalbox help: what there is, and a page for each command.
local cli <const> = require "signalbox.cli"
local host <const> = require "signalbox.host"

--- The commands by what people come for; those that no group names are shown last.
local GROUPS <const> = {
  { "Look into a database", { "repl", "stats", "info", "list", "explain", "validate" } },
  { "Collect and process", { "collect", "sync", "process", "alerts" } },
  { "Keep it", { "backup", "verify", "restore", "forget", "export", "import", "migrate",
    "maintain" } },
  { "Your own scripts", { "run", "new", "config", "doctor", "help", "version" } },
}

--- The first line of a script's opening comment, for one that declares nothing.
local function opening_comment(path)
  local file <close> = io.open(path, "rb")
  for line in file and file:lines() or function() end do
    local text = line:match "^%-%-+%s*(.-)%s*$"
    if text and text ~= "" then return text end
    if not line:find "^#!" then return nil end
  end
end

--- The declaration of a command; of a plain script nil and its comment. A user's script is only
--- run to learn what it declares where it looks as if it declared something.
local function describe(name, path)
  if path then
    local file <close> = io.open(path, "rb")
    local text = file and file:read "a" or ""
    if not text:find("cli.command", 1, true) then return nil, opening_comment(path) end
  end
  local chunk, problem = host.load(name)
  if not chunk then return nil, problem end
  local ok, command = pcall(chunk)
  if ok and cli.is_command(command) then return command end
  return nil, not ok and tostring(command) or nil
end

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
    local command, comment = describe(script.name, script.path)
    abouts[script.name] = command and command.about or comment or "(says nothing about itself)"
  end
  print "usage: signalbox [--db PATH_OR_URL] COMMAND [ARGS]"
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
    parser:argument("command", "whose page"):args "?"
  end,

  run = function(args)
    local name = args.command
    if not name then return list_all() end
    local found = host.find(name)
    if not found then cli.unknown("command", name, cli.names "") end
    local command, comment = describe(name, type(found) == "string" and found or nil)
    print(command and cli.help(command, name) or comment or name .. " says nothing about itself")
  end,
}
