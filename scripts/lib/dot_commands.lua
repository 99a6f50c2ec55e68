--- The commands of the prompt that begin with a dot. Each gets the session and the words behind it.
local cli <const> = require "signalbox.cli"
local display_lib <const> = require "signalbox.display"
local host <const> = require "signalbox.host"

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

--- Sorts the columns of rows as the statement names them; `*` as the tables have them.
local function order_of(store, sql)
  local lower, known = sql:lower(), {}
  for row in assert(store:rows [[
    SELECT c.name, min(s.rowid * 1000 + c.cid) AS place
    FROM sqlite_schema AS s, pragma_table_info(s.name) AS c
    GROUP BY c.name]])
  do
    known[row.name] = row.place
  end
  local function place(name)
    local at = lower:find("%f[%w_]" .. name:lower():gsub("%W", "%%%0") .. "%f[^%w_]")
    return at or #lower + (known[name] or 1000000)
  end
  return function(names)
    table.sort(names, function(a, b)
      local place_a, place_b = place(a), place(b)
      if place_a ~= place_b then return place_a < place_b end
      return a < b
    end)
  end
end

--- Shows what `sql` gives, in the order of its columns.
local function show_sql(session, sql, ...)
  local display = session:get_display()
  display.order = order_of(session.store, sql)
  local undo <close> = setmetatable({}, { __close = function() display.order = nil end })
  local _ = undo
  return session:show(assert(session.store:rows(sql, ...)))
end

define(".help", "", "this list", function()
  local names, width = M.names(), 0
  for _, name in ipairs(names) do width = math.max(width, #name + #commands[name].usage + 1) end
  for _, name in ipairs(names) do
    local command = commands[name]
    print(string.format("  %-" .. width .. "s  %s", name .. " " .. command.usage, command.about))
  end
  print [[

  Anything else is Lua: an expression shows its value, a statement runs. `store` is the open
  database, `signalbox` the module, `_` the last value (`_1` to `_3` those before).
  store:signals{status = "pending"}      store:get_signals_for_company "domain:acme.ai"
  Tab completes; Ctrl-C breaks off; Ctrl-D leaves.]]
end)

define(".tables", "", "the tables of the database, and how many rows each has", function(session)
  local rows = {}
  for row in assert(session.store:rows [[
    SELECT name
    FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
    ORDER BY name]])
  do
    local quoted = '"' .. row.name:gsub('"', '""') .. '"'
    rows[#rows + 1] = { table = row.name,
      rows = assert(session.store:row("SELECT count(*) AS n FROM " .. quoted)).n }
  end
  local display = session:get_display()
  display.order = function(names) names[1], names[2] = "table", "rows" end
  session:show(rows)
  display.order = nil
end)

define(".schema", "[TABLE]", "how the tables and indexes were made", function(session, words)
  local found = false
  for row in assert(session.store:rows([[
    SELECT sql
    FROM sqlite_schema
    WHERE sql IS NOT NULL AND (?1 = '' OR tbl_name = ?1)
    ORDER BY tbl_name, type DESC, name]], words))
  do
    found = true
    print(row.sql .. ";")
  end
  if not found then cli.fail(string.format("there is no table '%s'", words)) end
end)

define(".stats", "", "totals by type and by state", function(session)
  session:show(assert(session.store:get_stats()))
end)

define(".sql", "SELECT ...", "what a statement gives", function(session, words)
  if words == "" then cli.fail ".sql: no statement" end
  show_sql(session, words)
end)

local STATEMENTS <const> = { select = true, with = true, values = true, insert = true,
  update = true, delete = true }

define(".explain", "SELECT ... | store:...", "how the database finds what that asks for",
  function(session, words)
    local query = words
    if not STATEMENTS[(words:match "^%a+" or ""):lower()] then
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

define(".local", "on|off", "times in this machine's zone in place of UTC", function(session, words)
  session:get_display().local_time = on_off(words, session:get_display().local_time)
end)

--- A display that cuts nothing.
local function uncut(session, mode)
  return display_lib.new { mode = mode, local_time = session:get_display().local_time }
end

--- Runs `write` with the standard output going to `file`.
local function redirected(file, write)
  local before = io.output()
  local back <close> = setmetatable({}, { __close = function() io.output(before) end })
  local _ = back
  io.output(file)
  write()
end

define(".last", "", "the last value, uncut, in a pager", function(session)
  local file <close> = cli.check(io.tmpfile())
  redirected(file, function()
    local display = uncut(session, session:get_display().mode)
    if display.mode == "table" then
      display:show(session.last)
    else
      display:write(table.pack(session.last), file)
    end
  end)
  file:seek "set"
  host.page(os.getenv "PAGER" or "less -SRFX", file:read "a")
end)

define(".save", "FILE", "the last value to a file: as .json, .csv or .lua, else as it is shown",
  function(session, words)
    if words == "" then cli.fail ".save: no file" end
    local mode = words:match "%.(%a+)$"
    if not display_lib.is_mode(mode or "") then mode = session:get_display().mode end
    local file <close> = cli.check(io.open(words, "w"))
    local display = uncut(session, mode)
    if mode == "table" then
      redirected(file, function() display:show(session.last) end)
    else
      display:write(table.pack(session.last), file)
    end
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

--- Runs the line, which begins with a dot.
function M.run(session, line)
  local name, words = line:match "^%s*(%.%S*)%s*(.-)%s*$"
  if name == ".exit" then name = ".quit" end
  local command = commands[name]
  if not command then
    local meant = cli.closest(name, M.names())
    cli.fail(string.format("there is no %s%s", name,
      meant and string.format("; did you mean %s?", meant) or "; .help lists what there is"))
  end
  command.run(session, words)
end

return M
