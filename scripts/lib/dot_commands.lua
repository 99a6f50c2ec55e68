--- The commands of the prompt that begin with a dot. Each gets the session and the words behind it.
local cli <const> = require "signalbox.cli"
local display_lib <const> = require "signalbox.display"
local rows <const> = require "signalbox.rows"

local M = {}

--- name -> { usage, about, run }
local commands = {}

local function define(name, usage, about, run)
  commands[name] = { usage = usage, about = about, run = run }
end

local function on_off(words, current)
  if words == "on" then return true end
  if words == "off" then return false end
  if words == "" then return not current end
  cli.fail(string.format("'%s' is neither on nor off", words))
end

define(".help", "", "this list", function()
  local names, width = M.names(), 0
  for _, name in ipairs(names) do width = math.max(width, #name + #commands[name].usage + 1) end
  for _, name in ipairs(names) do
    local command = commands[name]
    print(string.format("  %-" .. width .. "s  %s", name .. " " .. command.usage, command.about))
  end
  print [[

  Anything else is Lua: an expression shows its value, a statement runs.
  `store` is the open database, `signalbox` the module, `_` the last value
  (of an iterator the rows that were shown), `_2` and `_3` those before.
    store:signals { status = "pending" }
    store:get_signals_for_company "domain:acme.ai"
  Tab completes; Ctrl-C breaks off; Ctrl-D leaves.]]
end)

define(".tables", "", "the tables, and how many rows each has", function(session)
  local list = {}
  for row in assert(session.store:rows [[
    SELECT name
    FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    ORDER BY name]])
  do
    local quoted = '"' .. row.name:gsub('"', '""') .. '"'
    list[#list + 1] = { table = row.name,
      rows = assert(session.store:row("SELECT count(*) AS n FROM " .. quoted)).n }
  end
  session:get_display():show_rows(rows.list(list, { "table", "rows" }))
end)

define(".schema", "[TABLE]", "how the tables and indexes were made", function(session, words)
  local found = false
  for row in assert(session.store:rows([[
    SELECT sql
    FROM sqlite_schema
    WHERE sql IS NOT NULL AND (?1 = '' OR tbl_name = ?1)
    ORDER BY tbl_name, CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 ELSE 3 END, name]], words))
  do
    found = true
    print(row.sql .. ";")
  end
  if not found then cli.fail(string.format("there is no table '%s'", words)) end
end)

define(".stats", "", "totals by type and by state", function(session)
  session:show(function() return assert(session.store:get_stats()) end)
end)

--- The rows of a statement. What SQLite takes for a column because of its quotes is mostly a text.
local function rows_of(store, sql)
  local step, problem, state, closing = store:rows(sql)
  if step then return step, problem, state, closing end
  local name = problem.message:match "no such column: ([^\n]*)$"
  cli.fail(name and sql:find('"' .. name .. '"', 1, true) and
    string.format("%s (a text is in single quotes: '%s')", problem.message, name) or problem)
end

define(".sql", "SELECT ...", "what a statement gives", function(session, words)
  if words == "" then cli.fail ".sql: no statement" end
  session:show(function() return rows_of(session.store, words) end)
end)

--- Verbs of SQL, and whether a statement of theirs has a plan.
local VERBS <const> = { select = true, with = true, values = true, insert = true, replace = true,
  update = true, delete = true, explain = false, pragma = false, create = false, alter = false,
  drop = false, analyze = false, vacuum = false, reindex = false }

define(".explain", "SQL | store:...", "how the database finds what that asks for",
  function(session, words)
    local query, verb = words, (words:match "^%a+%f[%s\0]" or ""):lower()
    if VERBS[verb] == false then cli.fail(".explain: " .. verb:upper() .. " has no plan") end
    if not VERBS[verb] then
      local environment = setmetatable({}, { __index = _G })
      local chunk = cli.check(load("return " .. words, "=prompt", "t", environment))
      query = function(store)
        environment.store = store
        return chunk()
      end
    end
    print((cli.check(require("signalbox.explain").plan(query, session.path))))
  end)

define(".mode", "table|json|csv|lua", "how values are shown", function(session, words)
  if words == "" then return print(session:get_display().mode) end
  if not display_lib.is_mode(words) then
    cli.fail(string.format("'%s' is no mode: table, json, csv or lua", words))
  end
  session:get_display().mode = words
end)

define(".time", "on|off", "say how long each took", function(session, words)
  session.timing = on_off(words, session.timing)
end)

define(".local", "on|off", "times in this machine's zone, not UTC", function(session, words)
  session:get_display().local_time = on_off(words, session:get_display().local_time)
end)

--- Shows the last value once more, uncut, into `file`; the number of its rows.
local function show_again(session, file, mode)
  if not session.again then cli.fail "nothing has been shown yet" end
  local display = display_lib.new { mode = mode, out = file, whole = true,
    local_time = session:get_display().local_time }
  local _, count = display:show(table.pack(session.again()))
  return count
end

--- The user's pager over a file; false where there is no such program.
local function page(path)
  local pager = os.getenv "PAGER"
  if not pager or pager == "" then pager = "less -SRFX" end
  local _, _, status = os.execute(string.format("%s <'%s'", pager, path))
  return status ~= 127 -- a shell's "command not found"
end

define(".last", "", "the last value, uncut, in a pager", function(session)
  local path = os.tmpname()
  local removing <close> = setmetatable({}, { __close = function() os.remove(path) end })
  local _ = removing
  local file <close> = cli.check(io.open(path, "w+"))
  show_again(session, file, session:get_display().mode)
  cli.check(file:flush())
  if session.is_terminal and page(path) then return end
  file:seek "set"
  for line in file:lines "L" do io.write(line) end
end)

define(".save", "FILE", "that to a file: .json, .csv, .lua, or as shown", function(session, words)
  if words == "" then cli.fail ".save: no file" end
  local mode = words:match "%.(%a+)$"
  if not display_lib.is_mode(mode or "") then mode = session:get_display().mode end
  local whole_file <const> = require "signalbox.whole_file"
  local file <close> = cli.check(whole_file.create(words))
  local count = show_again(session, file.stream, mode)
  cli.check(file:keep())
  cli.note("%s to %s", count and cli.plural(count, "row") or "the last value", words)
end)

define(".quit", "", "leave (so does Ctrl-D)", function(session)
  session.ended = true
end)

--- The names, sorted.
---@return string[]
function M.names()
  local names = {}
  for name in pairs(commands) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local ALIASES <const> = { [".exit"] = ".quit" }

--- The command that was meant by a line without a dot, where its name alone is there; nil for any
--- other, and for what is the name of a value.
function M.meant(line)
  local word = line:match "^%s*(%a+)%s*%(?%)?%s*$"
  if not word or _G[word] ~= nil then return nil end
  local name = ALIASES["." .. word] or "." .. word
  return commands[name] and name
end

--- Whether a text that isn't Lua looks like SQL.
function M.is_sql(text)
  local verb = text:match "^%s*(%a+)%s"
  return verb ~= nil and VERBS[verb:lower()] ~= nil
end

--- Runs the line, which begins with a dot.
function M.run(session, line)
  local name, words = line:match "^%s*(%.%S*)%s*(.-)%s*$"
  name = ALIASES[name] or name
  local command = commands[name]
  if not command then
    local meant = require("signalbox.spelling").closest(name, M.names())
    cli.fail(string.format("there is no %s%s", name,
      meant and string.format("; did you mean %s?", meant) or "; .help lists what there is"))
  end
  command.run(session, words)
end

return M
