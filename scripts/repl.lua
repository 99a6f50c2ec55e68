--- signalbox repl: a Lua prompt with the store open.
local cli <const> = require "signalbox.cli"
local host <const> = require "signalbox.host"
local signalbox <const> = require "signalbox"

--- What is needed only once something was typed, for a prompt should be there at once.
local later <const> = setmetatable({}, { __index = function(self, name)
  self[name] = require("signalbox." .. name)
  return self[name]
end })

local KEPT <const> = 3 -- values before the last: _1, _2, _3

---@class signalbox.Session
---@field store userdata
---@field display? signalbox.Display
---@field path string of the database
---@field mode string
---@field is_terminal boolean
---@field fit boolean to the terminal
---@field again? fun(): ... what was shown last
---@field timing boolean
---@field ended boolean
local Session = {}
Session.__index = Session

--- What shows values.
function Session:get_display()
  self.display = self.display or later.display.new {
    mode = self.mode, fit = self.fit,
  }
  return self.display
end

--- Shows what `make` gives, and keeps its first value as `_`. For `.last` and `.save` an iterator
--- is made again; other values are kept.
---@param make fun(): ...
function Session:show(make)
  local values = table.pack(make())
  if values.n == 0 then return end
  local is_iterator = later.rows.is_iterator(values)
  self.again = is_iterator and make or function() return table.unpack(values, 1, values.n) end
  local last = self:get_display():show(values)
  for i = KEPT, 2, -1 do _G["_" .. i] = _G["_" .. i - 1] end
  _G._1, _G._ = last, last
end

--- The traceback says nothing where all of it is the line that was typed.
local function shorten(message)
  return (message:gsub("\nstack traceback:\n\tprompt:%d+: in main chunk$", ""))
end

--- Runs `f`; true, or false and what went wrong.
function Session:attempt(f, ...)
  local started = signalbox.time(signalbox.now())
  local ok, problem, interrupted = host.attempt(f, ...)
  io.stdout:flush()
  if self.timing then
    io.stderr:write(string.format("  %.1f ms\n",
      1000 * (signalbox.time(signalbox.now()) - started)))
  end
  if ok then return true end
  if interrupted and not self.is_terminal then cli.fail("interrupted", nil, cli.INTERRUPTED) end
  return false, interrupted and "interrupted" or shorten(problem)
end

function Session:run_dot(text)
  return self:attempt(later.dot_commands.run, self, text)
end

local SQL_HINT <const> = "\n  SQL goes behind .sql: .sql SELECT ..."

--- What is wrong with a text that doesn't compile.
local function not_lua(text, problem)
  return problem .. (later.dot_commands.is_sql(text) and SQL_HINT or "")
end

--- Evaluates one complete piece of text.
function Session:evaluate(text)
  if later.statements.is_dot(text) then return self:run_dot(text) end
  local meant = later.dot_commands.meant(text)
  if meant then return false, string.format("did you mean %s?", meant) end
  local chunks, problem = later.statements.pieces(text)
  if not chunks then return false, not_lua(text, problem) end
  return self:attempt(function()
    for _, chunk in ipairs(chunks) do self:show(chunk) end
  end)
end

-- From a file or a pipe ------------------------------------------------------------------------

local INCOMPLETE <const> = "the input ends before the statement does"

--- The lines of `input`, each as it comes.
local function lines_of(input)
  return function()
    local line, problem = input:read "l"
    if problem then cli.fail("the input cannot be read: " .. problem) end
    return line
  end
end

--- Statements from `input` to its end or the first error.
function Session:run_batch(input)
  for text, chunk, line, problem in later.statements.each(lines_of(input)) do
    local ok, message = false, nil
    if problem then message = problem == "more" and INCOMPLETE or not_lua(text, problem) end
    if later.statements.is_dot(text) then
      ok, message = self:run_dot(text)
    elseif chunk then
      ok, message = self:attempt(self.show, self, chunk)
    end
    if not ok then cli.fail(string.format("line %d: %s", line, message)) end
    if self.ended then return end
  end
end

-- At a terminal --------------------------------------------------------------------------------

--- The file of the history, in a folder that is there; nil where there is no place for one.
local function history_path()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if not (state and state:sub(1, 1) == "/") then
    if not home or home == "" then return nil end
    state = home .. "/.local/state"
  end
  return host.make_folders(state .. "/signalbox") and state .. "/signalbox/history" or nil
end

--- Names of the columns of all tables, for completion.
local function column_names(store)
  local ok, names = pcall(function()
    local list = {}
    for row in assert(store:rows [[
      SELECT DISTINCT c.name
      FROM sqlite_schema AS s, pragma_table_info(s.name) AS c
      WHERE s.type = 'table'
      UNION
      SELECT name FROM sqlite_schema WHERE type = 'table']])
    do
      list[#list + 1] = row.name
    end
    return list
  end)
  return ok and names or {}
end

function Session:completer()
  local completion, context
  return function(before)
    completion = completion or require "signalbox.completion"
    context = context or {
      columns = column_names(self.store),
      dots = later.dot_commands.names(),
    }
    context.width, context.height = host.size()
    return completion.complete(before, context)
  end
end

--- Reads one complete piece of text; nil and why where there is none.
function Session:read(editor)
  local text, why = editor:read(self.prompt)
  if not text then return nil, why end
  while not later.statements.is_dot(text) and select(2, later.statements.pieces(text)) == "more" do
    local line
    line, why = editor:read(">> ")
    if not line then return nil, why == "end" and "interrupt" or why end
    text = text .. "\n" .. line
  end
  return text
end

local function report(problem)
  io.stdout:flush()
  io.stderr:write(cli.colour(problem, "red", "stderr"), "\n")
end

--- Lets tasks go on while nobody types: false where none waits for anything, nil after Ctrl-C.
local function turn_tasks()
  if not host.has_waits() then return false end
  local ok, _, interrupted = host.attempt(signalbox.sleep, 0.01)
  if interrupted then return nil end
  return ok -- inside a transaction nothing may wait
end

function Session:run_terminal()
  local editor <close> = require("signalbox.edit").open(history_path())
  editor:completer(self:completer())
  editor:idle(turn_tasks)
  local hinted = false
  while not self.ended do
    local text, why = self:read(editor)
    if why == "end" then return end
    if text and text:find "%S" then
      editor:remember(text)
      local ok, problem = self:evaluate(text)
      if not ok then report(problem) end
      if select(3, host.attempt(signalbox.sleep, 0)) then report "interrupted" end -- of its tasks
      if ok and not hinted and text:find "^%s*local%s" then
        hinted = true
        io.stderr:write "  (a local ends with its line; without `local` it stays)\n"
      end
    end
  end
end

--- What is open, and how to get help. With an older schema there are no counts.
local function banner(store, path, writable)
  local stats = store:get_stats()
  print(string.format("signalbox %s  %s\n%s; %s; .help", signalbox.version,
    stats and stats.database_path or path,
    stats and string.format("%s, %s pending", cli.plural(stats.total_signals, "signal"),
      cli.thousands(stats.processing_status.pending)) or
      "an older schema (signalbox migrate up): .sql works",
    writable and "open for writing" or "read-only (--write to change)"))
end

--- What the user wants to have at each prompt: init.lua in the configuration folder. At a terminal
--- a mistake in it is told, and the prompt comes all the same.
function Session:run_init()
  local folder = host.config_folder()
  local path = folder and folder .. "/init.lua"
  if not path or not host.file(path) then return end
  local chunk, problem = loadfile(path)
  local ok = chunk ~= nil
  if chunk then ok, problem = self:attempt(chunk) end
  if ok then return end
  if not self.is_terminal then cli.fail(problem) end
  report(problem)
end

return cli.command {
  about = "a Lua prompt with the database open",
  database = "argument",
  notes = [[
`store` is open for reading only unless --write is given. What is typed is Lua; an expression shows
its value. `.help` lists the commands that begin with a dot. From a file or a pipe it reads
statements without a prompt, and stops at the first error with exit 1.

`~/.config/signalbox/init.lua` is run first.
]],
  examples = {
    { "signalbox repl signals.db" },
    { "echo 'store:get_stats().total_signals' | signalbox repl signals.db" },
    { "echo '.sql SELECT * FROM signals' | signalbox repl --mode csv signals.db", "all as CSV" },
  },
  arguments = function(parser)
    parser:flag("--write", "open the database for writing")
    parser:option("--mode", "how values are shown"):choices { "table", "json", "csv", "lua" }
  end,

  run = function(args)
    local is_terminal = cli.is_terminal "stdin"
    local store <close> = cli.open(args,
      { mode = args.write and "rw" or "ro", any_schema = not args.write })
    local session = setmetatable({
      store = store, path = cli.database(args), timing = false, ended = false,
      prompt = args.write and "write> " or "> ",
      is_terminal = is_terminal, mode = args.mode or "table",
      fit = is_terminal and cli.is_terminal "stdout",
    }, Session)
    _G.store, _G.signalbox = store, signalbox
    session:run_init()
    if not is_terminal then return session:run_batch(io.stdin) end
    banner(store, cli.database(args), args.write)
    session:run_terminal()
  end,
}
