--- The batch run by several processes side by side, each a worker with claims of its own.
local config <const> = require "signalbox.config"
local host <const> = require "signalbox.host"
local outbox <const> = require "signalbox.outbox"
local process <const> = require "signalbox.process"
local signalbox <const> = require "signalbox"

local M = {}

local LOOK <const> = 0.2 -- seconds between two looks at how far they are

--- The command line of one of them, which decides `share` companies, or all that are due.
local function words_of(database, args, share)
  local words = { host.again(), "--db", database, "process", "--json", "--sink", args.sink }
  for flag, value in pairs { ["--out"] = args.out or false, ["--as-of"] = args.as_of or false,
    ["--gate"] = args.gate or false, ["--limit"] = share or false } do
    if value then
      words[#words + 1] = flag
      words[#words + 1] = tostring(value)
    end
  end
  -- What a server allows is allowed to all of them together.
  words.env = { NOTION_RATE = string.format("%.9g", config.get "notion.rate" / args.workers) }
  return words
end

--- Starts them; gives their tasks.
local function start(database, args)
  local tasks = {}
  for i = 1, args.workers do
    local share = args.limit and args.limit // args.workers
      + (i <= args.limit % args.workers and 1 or 0)
    if share ~= 0 then
      tasks[#tasks + 1] = signalbox.spawn(signalbox.run, words_of(database, args, share))
    end
  end
  return tasks
end

--- Shows on the bar how many companies were decided since it began, until it is cancelled.
local function watch(store, bar)
  local last = assert(store:row "SELECT coalesce(max(id), 0) AS id FROM decisions").id
  while true do
    signalbox.sleep(LOOK)
    bar:update(assert(store:row("SELECT count(*) AS n FROM decisions WHERE id > ?", last)).n)
  end
end

--- Adds up what a worker came to, and passes on what it noted; gives why it ended early, where it
--- did.
local function add(sum, result)
  local counts = signalbox.json.decode(result.stdout)
  local stopped = type(counts) == "table" and counts.stopped
  for line in result.stderr:gmatch "[^\n]+" do
    if line ~= "signalbox: " .. (stopped or "") then io.stderr:write(line, "\n") end
  end
  if type(counts) ~= "table" then
    return string.format("a worker ended without a result (exit %s)", result.status)
  end
  for _, name in ipairs(process.COUNTS) do sum[name] = sum[name] + counts[name] end
  return stopped
end

--- Runs them all. Gives the counts of all, and why any of them ended early.
---@param store any for what is left in the end
---@param database string path or URL
---@param args table the command's
---@param bar signalbox.Progress
function M.run(store, database, args, bar)
  local sum, stopped = process.new_counts(), nil
  local tasks = start(database, args)
  local watcher = bar.shown and signalbox.spawn(watch, store, bar)
  for _, task in ipairs(tasks) do
    local result, problem = task:wait()
    stopped = not result and tostring(problem) or result and add(sum, result) or stopped
  end
  if watcher then watcher:cancel() end
  sum.waiting = outbox.waiting(store, args.sink)
  return sum, stopped
end

return M
