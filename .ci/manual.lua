-- Writes the manual pages from what the program itself reads: commands and settings from their
-- declarations, the module's reference from bindings/meta, which editors read as well.
--
--   build/signalbox run .ci/manual.lua 1 [SECONDS] > signalbox.1
--   cat bindings/meta/*.lua | build/signalbox run .ci/manual.lua 3 SECONDS LIBRARY.lua ... > ...
--
-- SECONDS since 1970 is the day that the pages bear; a library's own file documents it.
local cli = require "signalbox.cli"
local config = require "signalbox.config"
local signalbox = require "signalbox"

local out = {}

local function write(...)
  out[#out + 1] = table.concat({ ... })
end

--- Text for a line of man(7): nothing in it is a request or an escape.
local function plain(text)
  text = text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^[.']", "\\&%0")
  return (text:gsub("\n([.'])", "\n\\&%1"))
end

local function title(name, section)
  local seconds = math.tointeger(tonumber(arg[2])) or os.time()
  write(string.format('.TH %s %d "%s" "signalbox %s"', name, section, os.date("!%Y-%m-%d", seconds),
    signalbox.version))
end

local function section(name) write('.SH "', name:upper(), '"') end

local function paragraphs(text)
  for paragraph in (text .. "\n\n"):gmatch "(.-)\n\n+" do
    if paragraph:find "^    " then
      write(".PP\n.EX\n", plain(paragraph), "\n.EE")
    elseif paragraph:find "%S" then
      write(".PP\n", plain((paragraph:gsub("`", ""))))
    end
  end
end

local function item(term, text)
  write(".TP\n\\fB", plain(term), "\\fR\n", plain(text))
end

-- signalbox(1) ---------------------------------------------------------------------------------

--- What an argparse parser reads, and below it the commands that it has.
local function parser_page(name, about, parser)
  write('.SS "', plain(name), '"')
  write(plain(about:sub(1, 1):upper() .. about:sub(2)) .. ".")
  local usage, rest = parser:get_help():match "^Usage: (.-)\n\n(.*)$"
  write(".PP\n.EX\n", plain(usage), "\n.EE")
  rest = rest:gsub("^.-\n\n", "", 1) -- the line of what it is about
  if rest:find "%S" then write(".PP\n.EX\n", plain(rest), "\n.EE") end
end

local function command_page(name, command)
  local parser = cli.parser(command, name)
  parser_page(name, command.about, parser)
  for _, below in ipairs(parser._commands) do
    parser_page(name .. " " .. below._name, below._description or below._name, below)
  end
  if command.notes then paragraphs(command.notes) end
  for _, example in ipairs(command.examples or {}) do
    write(".PP\n.RS\n.EX\n", plain(example[1]), "\n.EE\n.RE")
  end
end

local function settings()
  section "environment"
  write "A flag goes before the environment, that before the configuration files, these"
  write "before the default. The name in parentheses is that of the setting in a file."
  for _, setting in ipairs(config.all()) do
    if setting.variable then
      item(setting.variable, string.format("%s (%s).", setting.about, setting.name))
    end
  end
  item("NO_COLOR", "no colours, where it is set to anything.")
end

local function program_page()
  title("SIGNALBOX", 1)
  section "name"
  write "signalbox \\- a Lua\\-scriptable host for a store of signals about companies"
  section "synopsis"
  write ".B signalbox\n[\\fB\\-\\-db\\fR \\fIPATH_OR_URL\\fR]"
  write "[\\fB\\-\\-log\\-format\\fR text|json]"
  write "[\\fB\\-\\-log\\-level\\fR debug|info|warning|error]"
  write "\\fICOMMAND\\fR [\\fIARGS\\fR]"
  section "description"
  write "A signal is something that a collector noticed about a company. signalbox keeps"
  write "signals, decides what is worth a page in the CRM, delivers it once, and remembers"
  write "what became of it. Every command is a Lua script; so are collectors, rules and"
  write "sinks, and all can be replaced."
  section "commands"
  for _, name in ipairs(cli.names "") do
    local command = cli.describe(name)
    if command then command_page(name, command) end
  end
  settings()
  section "files"
  item("signalbox.lua", "settings, in the current folder: Lua that assigns.")
  item("~/.config/signalbox/config.lua", "settings of the user's.")
  item("~/.config/signalbox/init.lua", "run before each prompt.")
  item("~/.config/signalbox/scripts/",
    "commands, collectors/, rules/, sinks/ and lib/ of the user's.")
  item("~/.local/state/signalbox/history", "what was typed at the prompt.")
  section "exit status"
  item("0", "done.")
  item("1", "failed.")
  item("2", "the words on the command line make no sense.")
  item("3", "a check found something (validate, alerts check, verify, doctor).")
  item("130", "ended by Ctrl-C.")
  section "see also"
  write ".BR signalbox\\-lua (3),\n.BR lua5.4 (1),\n.BR sqlite3 (1)"
end

-- signalbox-lua(3) -----------------------------------------------------------------------------

--- Takes the lines of one file: what stands above a declaration is gathered until it comes.
-- `signature_of(line)` gives what is declared there, if anything is.
local function reference(lines, signature_of)
  local doc, fields = {}, {}

  local function flush(term)
    if term then
      item(term, table.concat(doc, "\n"))
      if #fields > 0 then
        write ".RS"
        for _, field in ipairs(fields) do item(field[1], field[2]) end
        write ".RE"
      end
    end
    doc, fields = {}, {}
  end

  for line in lines do
    local heading = line:match "^%-%- %-%-%-%- (.-) %-+$"
    local class, about = line:match "^%-%-%-@class (%S+)%s*(.*)$"
    local field, meaning = line:match "^%-%-%-@field (%S+) (.*)$"
    local parameter, kind = line:match "^%-%-%-@param (%S+) (.*)$"
    local result = line:match "^%-%-%-@return (.*)$"
    local text = line:match "^%-%-%- ?([^@].*)$"
    if heading then
      flush(fields.class)
      section(heading)
    elseif class then
      if about ~= "" then doc[#doc + 1] = about end
      fields.class = class
    elseif field then
      fields[#fields + 1] = { field, meaning }
    elseif parameter then
      fields[#fields + 1] = { parameter, kind }
    elseif result then
      fields[#fields + 1] = { "gives", result }
    elseif text then
      doc[#doc + 1] = text
    else
      flush(signature_of(line) or fields.class)
    end
  end
  flush(fields.class)
end

--- A library of scripts, from the comments in its own file; what is above its functions, not above
--- those that it keeps to itself.
local function library(path)
  local name = path:match "([%w_]+)%.lua$"
  local file <close> = assert(io.open(path))
  section("signalbox." .. name)
  write(".EX\n", plain(string.format('local %s = require "signalbox.%s"', name, name)),
    "\n.EE")
  local text = file:read "a":gsub("^.-\n\n", "", 1):gsub("\n%-%- [^\n]- %-%-+\n", "\n")
  reference(text:gmatch "([^\n]*)\n", function(line)
    local module, signature = line:match "^function ([%w_]+)%.(.*)$"
    return (module == "M" or module == name) and name .. "." .. signature or nil
  end)
end

local function module_page()
  title("SIGNALBOX-LUA", 3)
  section "name"
  write "signalbox\\-lua \\- the Lua module signalbox"
  section "synopsis"
  write '.EX\nlocal signalbox = require "signalbox"'
  write "local store <close> = assert(signalbox.open(\\(dqsignals.db\\(dq))\n.EE"
  section "description"
  reference(io.lines(), function(line)
    return line:match "^function (.-) end$" or line:match "^([%a_]+) = {}$"
  end)
  for i = 3, #arg do library(arg[i]) end
  section "see also"
  write ".BR signalbox (1)"
end

if arg[1] == "3" then module_page() else program_page() end
print(table.concat(out, "\n"))
