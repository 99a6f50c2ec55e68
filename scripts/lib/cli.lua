--- What all commands share: how arguments are declared, how results and failures look.
--
--     local cli <const> = require "signalbox.cli"
--
--     return cli.command {
--       about = "totals by type and by state",
--       database = "option",                 -- --db; "argument": a positional DB
--       json = true,                         -- --json
--       arguments = function(parser)         -- an argparse parser
--         parser:option("--limit", "how many companies at most"):convert(cli.count)
--       end,
--       examples = { { "signalbox stats --json", "for a script" } },
--       run = function(args)
--         local store <close> = cli.open(args)
--         ...
--       end,
--     }
--
-- `run` gives nothing (exit 0), an exit code, or nil and what went wrong. A script without
-- cli.command is a command too: it is run with its words as `...`.
local M = {}

M.DONE, M.FAILED, M.USAGE, M.FOUND, M.INTERRUPTED = 0, 1, 2, 3, 130

local command_class <const> = {}

--- The program's own help to scripts; a stock lua5.4 has none.
local has_host, host = pcall(require, "signalbox.host")
if not has_host then host = { flags = {} } end

---@class signalbox.Command
---@field about string one line, begins in lower case
---@field run fun(args: table): integer|nil, any
---@field arguments? fun(parser: table) declares arguments on an argparse parser
---@field commands_are? string what those of its parser are, where not commands: "collector"
---@field database? "option"|"argument" by --db alone, or by its place as well
---@field json? boolean whether it has --json
---@field examples? string[][] command lines, each with what it is for
---@field notes? string paragraphs for its page of help

--- Declares a command; a command's script returns what this gives.
---@param description signalbox.Command
---@return signalbox.Command
function M.command(description)
  assert(type(description.run) == "function", "a command has a function `run`")
  assert(type(description.about) == "string", "a command says what it is about")
  return setmetatable(description, command_class)
end

---@return boolean
function M.is_command(value)
  return getmetatable(value) == command_class
end

-- Failing --------------------------------------------------------------------------------------

--- Ends the command: `signalbox: WHAT` on stderr, with the hint below it. Does not return.
---@param what string|table a sentence, or an error of the store's
---@param hint? string the way out
---@param status? integer exit code, 1 by default
function M.fail(what, hint, status)
  local known = type(what) == "table" and what or {}
  error(require "signalbox.problem"(known.code or "invalid", tostring(what),
    { hint = hint or known.hint, status = status or M.FAILED }), 0)
end

--- The same for words that can't be meant: exit 2.
function M.usage(what, hint)
  M.fail(what, hint, M.USAGE)
end

--- `value`, or the command fails with the error beside it: `assert` for what a person did.
function M.check(value, problem, ...)
  if not value then M.fail(problem) end
  return value, problem, ...
end

--- A line for people, on stderr.
function M.note(format, ...)
  require("signalbox.log").note(select("#", ...) > 0 and format:format(...) or format)
end

-- Arguments ------------------------------------------------------------------------------------

--- Converters for `parser:option(...):convert(...)`.

--- A whole number from 1 up.
function M.count(text)
  local number = math.tointeger(tonumber(text))
  if number and number >= 1 then return number end
  return nil, string.format("'%s' is no whole number from 1 up", text)
end

--- A whole number from 0 up.
function M.whole(text)
  local number = math.tointeger(tonumber(text))
  if number and number >= 0 then return number end
  return nil, string.format("'%s' is no whole number from 0 up", text)
end

--- A number.
function M.number(text)
  local number = tonumber(text)
  if number and number == number then return number end
  return nil, string.format("'%s' is no number", text)
end

--- Seconds from `90`, `2s`, `10m`, `1h`, `7d`, `2w`, or several of them: `1h30m`.
---@param text string|number
---@return number|nil seconds
---@return string? problem
function M.seconds(text)
  local seconds = require "signalbox.span"(text)
  if seconds then return seconds end
  return nil, string.format("'%s' is no time span: 90, 2s, 10m, 1h or 7d", text)
end

local SHORTEST_PAUSE <const> = 0.01

--- The same, for what goes on for ever: without a pause it would do nothing else.
function M.pause(text)
  local seconds, problem = M.seconds(text)
  if seconds and seconds < SHORTEST_PAUSE then
    return nil, string.format("'%s' is no pause: %g s at the least", text, SHORTEST_PAUSE)
  end
  return seconds, problem
end

local EARLIEST <const> = 1e8 -- in 1973: a smaller number is a day or a year without its dashes

--- A time, as the store writes it: from ISO text or epoch seconds.
function M.time(text)
  local signalbox <const> = require "signalbox"
  local number = tonumber(text)
  if number and math.abs(number) < EARLIEST then
    return nil, string.format("'%s' is no time: write 2026-08-22, or 2026-08-22T14:30", text)
  end
  local iso, problem = signalbox.iso(number or text)
  if iso then return iso end
  return nil, (tostring(problem):gsub("^text is", "that is"))
end

--- Declares what a command understands on an argparse parser.
local function declare(parser, command)
  parser:add_help(false)
  if command.database == "argument" then
    parser:argument("db", "the database: a path or a URL"):args "?"
  end
  if command.arguments then command.arguments(parser) end
  if command.database then
    parser:option("--db", "the database: a path or a URL"):argname "<path-or-url>":target "named_db"
  end
  if command.json then parser:flag("--json", "print one JSON document") end
  parser:flag("-h --help", "show this help")
  return parser
end

--- The argparse parser of a command.
---@param command signalbox.Command
---@param name string
function M.parser(command, name)
  return declare(require "argparse"("signalbox " .. name, command.about), command)
end

--- The declaration of a script that is looked up by name, and its path where it is the user's; of a
--- plain script nil and the first line of its comment. A user's script is only run to learn what
--- it declares where it looks as if it declared something.
---@param name string
---@return signalbox.Command? command
---@return string? comment
function M.describe(name)
  local path = host.find(name)
  if type(path) == "string" then
    local file <close> = io.open(path, "rb")
    local text = file and file:read "a" or ""
    if not text:find("cli.command", 1, true) then
      return nil, text:gsub("^#![^\n]*\n", ""):match "^%-%-+%s*([^\n]-)%s*\n"
    end
  end
  local chunk, problem = host.load(name)
  if not chunk then return nil, problem end
  local ok, command = pcall(chunk)
  if ok and M.is_command(command) then return command end
  return nil, not ok and tostring(command) or nil
end

--- One argparse parser for the whole program, as completion needs it.
function M.whole_parser()
  local root = require "argparse"("signalbox", "a store of signals"):add_help(false)
  root:option("--db", "the database: a path or a URL")
  root:option("--log-format", "of the lines on stderr"):choices { "text", "json" }
  root:option("--log-level", "the least that is logged")
    :choices { "debug", "info", "warning", "error" }
  root:flag("--version", "say the version")
  root:flag("-h --help", "list the commands")
  for _, name in ipairs(M.names "") do
    local command, comment = M.describe(name)
    local parser = root:command(name, command and command.about or comment or "")
    if command then declare(parser, command) end
  end
  return root
end

--- The parser of the innermost command that the words name: in "silence NAME --help", silence's.
local function innermost(parser, words)
  for _, word in ipairs(words) do
    for _, below in ipairs(parser._commands) do
      if below._name == word then return innermost(below, table.move(words, 2, #words, 1, {})) end
    end
    if word:sub(1, 1) ~= "-" then break end
  end
  return parser
end

--- A page of help, from the same declaration that reads the arguments.
---@param command signalbox.Command
---@param name string
---@param words? string[] that follow: where they name a command of the command's, its own page
function M.help(command, name, words)
  local whole = M.parser(command, name)
  local parser = innermost(whole, words or {})
  local page = { parser:get_help() }
  if parser ~= whole then return page[1] end
  if command.notes then page[#page + 1] = (command.notes:gsub("%s+$", "")) end
  if command.examples then
    local width, lines = 0, { "Examples:" }
    for _, example in ipairs(command.examples) do width = math.max(width, #example[1]) end
    for _, example in ipairs(command.examples) do
      lines[#lines + 1] = ("   %-" .. width .. "s   %s"):format(example[1], example[2] or "")
        :gsub("%s+$", "")
    end
    page[#page + 1] = table.concat(lines, "\n")
  end
  return table.concat(page, "\n\n")
end

local function asks_help(words)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word == "-h" or word == "--help" then return true end
  end
  return false
end

--- Ends the command for words that it doesn't understand. Below that stand the words that it would,
--- where one of a few was meant, else its usage.
local function refuse(command, name, parser, problem)
  local what = problem:gsub("\nDid you mean (.-)%?", "; did you mean %1?")
  local hint = parser:get_usage():gsub("%s*\n%s*", " "):gsub("^Usage", "usage")
  if what:find "^unknown command" or what == "a command is required" then
    what = what:gsub("command", command.commands_are or "%0", 1)
    local names = {}
    for i, below in ipairs(parser._commands) do names[i] = below._name end
    hint = "there are: " .. table.concat(names, ", ")
  end
  M.usage(string.format("%s: %s", name, what), hint)
end

--- What stands before the command has to be right, also where nothing will be logged.
local function check_flags()
  for _, name in ipairs { "log-format", "log-level" } do
    if host.flags[name] then
      local ok, problem = pcall(require("signalbox.config").get, (name:gsub("-", ".")))
      if not ok then M.usage(tostring(problem)) end
    end
  end
end

--- Runs a command with its words; gives the exit code. The program calls this.
function M.main(command, name, ...)
  if not M.is_command(command) then return M.DONE end
  check_flags()
  local words = { ... }
  if asks_help(words) then
    print(M.help(command, name, words))
    return M.DONE
  end
  local parser = M.parser(command, name)
  local ok, args = parser:pparse(words)
  if not ok then
    refuse(command, name, innermost(parser, words), args)
  end
  args.db = args.db or args.named_db -- by its place, or by its flag
  local results = table.pack(command.run(args))
  if results.n == 0 or results[1] == true then return M.DONE end
  if not results[1] and results[2] ~= nil then M.fail(results[2]) end
  return math.tointeger(results[1]) or M.DONE
end

-- Names of scripts ------------------------------------------------------------------------------

--- For a word that is none of `names`: fails with exit 2, and what may have been meant.
---@param kind string "command", "collector" ...
function M.unknown(kind, word, names)
  local meant = require("signalbox.spelling").closest(word, names)
  M.usage(string.format("there is no %s '%s'", kind, word),
    meant and string.format("did you mean '%s'?", meant)
      or (#names > 0 and "there are: " .. table.concat(names, ", ") or nil))
end

--- Names of scripts of a kind ("collectors"; "" for commands), sorted.
---@param kind string
---@return string[]
function M.names(kind)
  local names = {}
  for _, script in ipairs(host.list(kind)) do names[#names + 1] = script.name end
  table.sort(names)
  return names
end

--- What the program does about a command that it doesn't know: a script, mostly.
function M.missing(name)
  for _, path in ipairs { name, name .. ".lua" } do
    local file = host.file(path)
    if file and file.kind ~= "folder" or path == name and name:find "%.lua$" then
      M.usage(string.format("there is no command '%s'", name), "signalbox run " .. path)
    end
  end
  M.unknown("command", name, M.names "")
end

-- The database ---------------------------------------------------------------------------------

--- The database that the arguments, the program's --db, the environment or the configuration name.
function M.database(args)
  return args and args.db or require("signalbox.config").get "database"
end

--- Opens the command's database; the command fails where that can't be done.
-- `options.mode` is "rw" by default: only few commands make a file that is not there.
---@param args? table the command's arguments
---@param options? table as those of signalbox.open
function M.open(args, options)
  local settings = { mode = "rw" }
  for name, value in pairs(options or {}) do settings[name] = value end
  local path = M.database(args)
  local store, problem = require("signalbox").open(path, settings)
  if store then return store end
  local is_missing = problem.code == "not_found" and settings.mode ~= "rwc"
  M.fail(problem, is_missing and not path:find "://" and
    "signalbox collect, import or migrate up make one; --db or SIGNALBOX_DB name another" or nil)
end

local ONLY_TO_READ <const> = { readonly = true, schema = true }

--- The same for a command that writes nothing: also one that may not be written to, or is newer
--- than the program.
---@param args? table
function M.open_to_read(args)
  local store, problem = require("signalbox").open(M.database(args), { mode = "rw" })
  if store then return store end
  return M.open(args, { mode = ONLY_TO_READ[problem.code] and "ro" or "rw" })
end

-- Results --------------------------------------------------------------------------------------

--- Prints one JSON document.
function M.json(value)
  local text = M.check(require("signalbox").json.encode(require "signalbox.plain"(value)))
  io.stdout:write(text, "\n")
end

--- Prints an aligned table; see signalbox.layout for columns and options.
function M.table(rows, columns, options)
  local lines = require("signalbox.layout").table(rows, columns, options)
  io.stdout:write(table.concat(lines, "\n"), "\n")
end

--- 1094 -> "1,094".
function M.thousands(number)
  return require("signalbox.layout").thousands(number)
end

--- "1 company", "2 companies".
function M.plural(number, one, many)
  return string.format("%s %s", M.thousands(number), number == 1 and one or many or one .. "s")
end

--- 1536 -> "1.5 KiB".
function M.bytes(number)
  local units <const> = { "B", "KiB", "MiB", "GiB", "TiB" }
  local unit = 1
  while number >= 1024 and unit < #units do number, unit = number / 1024, unit + 1 end
  return string.format(unit == 1 and "%d %s" or "%.1f %s", number, units[unit])
end

--- Seconds for people: "0.02 s", "3 min 20 s", "7 d 4 h".
function M.span(seconds)
  if seconds < 10 then return string.format("%.2g s", seconds) end
  if seconds < 120 then return string.format("%.0f s", seconds) end
  local larger <const> = {
    { 86400, "d", 3600, "h" }, { 3600, "h", 60, "min" }, { 60, "min", 1, "s" },
  }
  for _, unit in ipairs(larger) do
    if seconds >= unit[1] then
      local whole, rest = seconds // unit[1], seconds % unit[1] // unit[3]
      return string.format(rest > 0 and "%d %s %d %s" or "%d %s", whole, unit[2], rest, unit[4])
    end
  end
end

-- The terminal ---------------------------------------------------------------------------------

--- Whether `stream` ("stdout", "stderr", "stdin") is a terminal.
function M.is_terminal(stream)
  local descriptors <const> = { stdin = 0, stdout = 1, stderr = 2 }
  return host.is_terminal ~= nil and host.is_terminal(descriptors[stream])
end

--- Whether colour may be used there: on a terminal that knows it, unless NO_COLOR is set.
function M.has_colour(stream)
  local no_colour = os.getenv "NO_COLOR"
  local term = os.getenv "TERM"
  return (no_colour == nil or no_colour == "") and term ~= nil and term ~= "dumb" and
    M.is_terminal(stream)
end

local COLOURS <const> = { red = 31, green = 32, yellow = 33, blue = 34, bold = 1, dim = 2 }

--- `text` in a colour ("red", "green", "yellow", "blue", "bold", "dim"), or as it is where `stream`
--- shows none.
function M.colour(text, colour, stream)
  if not M.has_colour(stream or "stdout") then return text end
  return string.format("\27[%dm%s\27[0m", COLOURS[colour], text)
end

local BAR_WIDTH <const> = 24
local REDRAW <const> = 0.1 -- seconds

---@class signalbox.Progress
local Progress = {}
Progress.__index = Progress

function Progress:draw()
  local bar = ""
  if self.total and self.total > 0 then
    local share = math.min(1, self.done / self.total)
    local full = math.floor(share * BAR_WIDTH)
    bar = string.rep("█", full) .. string.rep("░", BAR_WIDTH - full) .. "  "
  end
  io.stderr:write("\r\27[K", self.label, "  ", bar, self.detail or M.thousands(self.done))
  io.stderr:flush()
end

--- Says how far it is; cheap to call often.
---@param done number
---@param detail? string in place of the number
function Progress:update(done, detail)
  self.done, self.detail = done, detail
  local now = require("signalbox").time(require("signalbox").now())
  if self.shown and now - self.drawn >= REDRAW then
    self.drawn = now
    self:draw()
  end
end

--- Takes the bar away; also at the end of a <close> variable.
function Progress:close()
  if self.shown then io.stderr:write "\r\27[K" end
  self.shown = false
end
Progress.__close = Progress.close

--- A progress bar on stderr, silent where that is no terminal.
---@param label string
---@param total? number what `update` counts up to
---@return signalbox.Progress
function M.progress(label, total)
  return setmetatable({
    label = label, total = total, done = 0, drawn = 0,
    shown = M.is_terminal "stderr" and os.getenv "TERM" ~= "dumb",
  }, Progress)
end

return M
