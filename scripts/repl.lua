--- signalbox repl: a Lua prompt with the store open.
local cli <const> = require "signalbox.cli"
local host <const> = require "signalbox.host"
local signalbox <const> = require "signalbox"

local KEPT <const> = 3 -- values before the last: _1, _2, _3

---@class signalbox.Session
---@field store userdata
---@field display? signalbox.Display
---@field path string of the database
---@field mode string
---@field is_terminal boolean
---@field fit boolean to the terminal
---@field last any
---@field timing boolean
---@field ended boolean
---@field environment table
local Session = {}
Session.__index = Session

--- What shows values: loaded when there is one to show, for a prompt should be there at once.
function Session:get_display()
  self.display = self.display or require("signalbox.display").new {
    mode = self.mode, fit = self.fit,
  }
  return self.display
end

--- Shows values and keeps the first as `_`.
function Session:show(...)
  local last = self:get_display():show(...)
  if select("#", ...) == 0 then return end
  for i = KEPT, 2, -1 do _G["_" .. i] = _G["_" .. i - 1] end
  _G._1, _G._, self.last = _G._, last, last
end

--- A function for what was typed: an expression, else statements. nil and "more" where it isn't
--- complete, nil and the message where it is wrong.
local function compile_one(text)
  local expression = text:match "^%s*=(.*)$" or text
  local chunk = load("return " .. expression, "=prompt", "t")
  if chunk then return chunk end
  local problem
  chunk, problem = load(text, "=prompt", "t")
  if chunk then return chunk end
  local is_open = problem:find "<eof>'?$" and not problem:find "unfinished string near"
  return nil, is_open and "more" or problem
end

--- The functions for a text: one where it can be, else one for each of its pieces, as of a paste
--- that ends in an expression.
local function compile(text)
  local chunk, whole = compile_one(text)
  if chunk then return { chunk } end
  local chunks, piece = {}, nil
  for line in text:gmatch "[^\n]+" do
    piece = piece and piece .. "\n" .. line or line
    local problem
    chunk, problem = compile_one(piece)
    if chunk then
      chunks[#chunks + 1], piece = chunk, nil
    elseif problem ~= "more" then
      return nil, whole == "more" and problem or whole
    end
  end
  if piece then return nil, whole end
  return chunks
end

--- The traceback says nothing where all of it is the line that was typed.
local function shorten(message)
  return (message:gsub("\nstack traceback:\n\tprompt:%d+: in main chunk$", ""))
end

--- Runs `f`, shows what it gives; true, or false and what went wrong.
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

--- Evaluates one complete piece of text.
function Session:evaluate(text)
  if text:find "^%s*%.%a" then
    return self:attempt(function() require("signalbox.dot_commands").run(self, text) end)
  end
  local chunks, problem = compile(text)
  if not chunks then return false, problem end
  return self:attempt(function()
    for _, chunk in ipairs(chunks) do self:show(chunk()) end
  end)
end

-- From a file or a pipe ------------------------------------------------------------------------

--- Statements from `input` to its end or the first error.
function Session:run_batch(input)
  local pending, first, number = "", 1, 0
  for line in input:lines() do
    number = number + 1
    local text = pending == "" and line or pending .. "\n" .. line
    local is_dot = pending == "" and line:find "^%s*%.%a"
    if not is_dot and select(2, compile(text)) == "more" then
      pending = text
    else
      local ok, message = self:evaluate(text)
      if not ok then cli.fail(string.format("line %d: %s", first, message)) end
      if self.ended then return end
      pending, first = "", number + 1
    end
  end
  if pending:find "%S" then
    cli.fail(string.format("line %d: the input ends before the statement does", first))
  end
end

-- At a terminal --------------------------------------------------------------------------------

local function history_path()
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:sub(1, 1) == "/" then return state .. "/signalbox/history" end
  return home and home ~= "" and home .. "/.local/state/signalbox/history" or nil
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
      dots = require("signalbox.dot_commands").names(),
    }
    context.width, context.height = host.size()
    return completion.complete(before, context)
  end
end

--- Reads one complete piece of text; nil and why where there is none.
function Session:read(editor)
  local text, why = editor:read(self.prompt)
  if not text then return nil, why end
  while not text:find "^%s*%.%a" do
    local _, problem = compile(text)
    if problem ~= "more" then break end
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

--- Lets tasks go on while nobody types; false where none waits for anything.
local function turn_tasks()
  if not host.has_waits() then return false end
  signalbox.sleep(0.01)
  return true
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
      pcall(signalbox.sleep, 0) -- starts the tasks that it made; refused inside a transaction
      if ok and not hinted and text:find "^%s*local%s" then
        hinted = true
        io.stderr:write "  (a local ends with its line; without `local` it stays)\n"
      end
    end
  end
end

--- One line about the database, and how to get help. With an older schema there are no counts.
local function banner(store, path, writable)
  local stats = store:get_stats()
  print(string.format("signalbox %s  %s (%s)  %s  .help", signalbox.version,
    stats and stats.database_path or path,
    writable and "open for writing" or "read-only; --write to change",
    stats and string.format("%s, %s pending.", cli.plural(stats.total_signals, "signal"),
      cli.thousands(stats.processing_status.pending)) or
      "of an older schema: .sql works; signalbox migrate up brings it up to date."))
end

--- What the user wants to have at each prompt: init.lua in the configuration folder.
local function run_init()
  local folder = host.config_folder()
  local path = folder and folder .. "/init.lua"
  local file <close> = path and io.open(path, "rb")
  if not file then return end
  local chunk, problem = loadfile(path)
  if not chunk then cli.fail(problem) end
  chunk()
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
    run_init()
    if not is_terminal then return session:run_batch(io.stdin) end
    banner(store, cli.database(args), args.write)
    session:run_terminal()
  end,
}
