--- signalbox process: the batch run, and what a person does about what it couldn't finish.
local cli <const> = require "signalbox.cli"
local config <const> = require "signalbox.config"
local signalbox <const> = require "signalbox"

local HOLD_DAYS <const> = 7
local WATCH_SECONDS <const> = 60
local COUNTS <const> = { "companies", "auto_push", "needs_review", "hold", "reject", "pushed",
  "failed", "waiting", "set_aside" }

config.declare("gate.file", { about = "a gate of one's own: a file that returns `evaluate`" })
config.declare("gate.options", { kind = "table", about = "numbers of the gate" })
config.declare("process.hold_days", { kind = "number", default = HOLD_DAYS,
  about = "days that a held company waits, unless a signal of it arrives" })

-- What it works with ---------------------------------------------------------------------------

local function load_gate(path)
  if not path then return require "signalbox.gate" end
  local chunk, problem = loadfile(path, "t")
  if not chunk then cli.fail(problem, "a gate is a Lua file that returns { evaluate = ... }") end
  local gate = chunk()
  if type(gate) ~= "table" or type(gate.evaluate) ~= "function" then
    cli.fail(path .. ": it returns no table with a function `evaluate`")
  end
  return gate
end

--- The gate's options, which it may look at before the first company (see signalbox.gate).
local function gate_options_for(gate)
  local options = config.get "gate.options"
  if options and gate.check then
    local ok, fine, problem = pcall(gate.check, options)
    if not ok or not fine then cli.fail("gate.options: " .. tostring(ok and problem or fine)) end
  end
  return options
end

local function load_sink(name)
  local host <const> = require "signalbox.host"
  if not host.find("sinks/" .. name) then cli.unknown("sink", name, cli.names "sinks") end
  return cli.check(host.load("sinks/" .. name))()
end

local function options_of(args)
  local gate = load_gate(args.gate or config.get "gate.file")
  return {
    sink_name = args.sink, sink = load_sink(args.sink), sink_options = { out = args.out },
    gate = gate, gate_options = gate_options_for(gate),
    as_of = args.as_of, limit = args.limit, settle = config.get "settle",
    hold_for = config.get "process.hold_days" * 86400, dry_run = args.dry_run,
  }
end

-- Showing --------------------------------------------------------------------------------------

local function print_summary(counts, seconds, dry_run)
  local parts = {}
  for _, name in ipairs { "auto_push", "needs_review", "hold", "reject" } do
    if counts[name] > 0 then parts[#parts + 1] = name .. " " .. cli.thousands(counts[name]) end
  end
  print(string.format("%s decided in %s%s", cli.plural(counts.companies, "company", "companies"),
    cli.span(seconds), #parts > 0 and ": " .. table.concat(parts, ", ") or ""))
  if dry_run then return print "nothing was written (--dry-run)" end
  print(string.format("%s pushed, %s waiting, %s failed", cli.thousands(counts.pushed),
    cli.thousands(counts.waiting), cli.thousands(counts.failed)))
end

local function print_decisions(rows)
  if #rows == 0 then return end
  cli.table(rows, { "company", "decision", { "score", format = function(score)
    return string.format("%.3f", score)
  end }, "signals", "reason" })
  print()
end

local function exit_code(counts)
  return counts.failed > 0 and cli.FAILED or cli.DONE
end

-- Running --------------------------------------------------------------------------------------

local function run_alone(store, args, options)
  local process <const> = require "signalbox.process"
  local runs <const> = require "signalbox.runs"
  local rows, bar = {}, cli.progress("processing", args.limit)
  options.progress = function(companies) bar:update(companies) end
  options.set_aside = function(key, reason)
    bar:close()
    cli.note("%s set aside: %s", key, reason)
  end
  if args.dry_run then
    options.decided = function(claim, verdict)
      rows[#rows + 1] = { company = claim.canonical_key, decision = verdict.decision,
        score = verdict.score, signals = #claim.signals, reason = verdict.reason }
    end
    local counts = process.run(store, options)
    bar:close()
    return counts, nil, rows
  end
  options.run = runs.begin(store, "process", args.sink)
  local ok, counts, stopped = pcall(process.run, store, options)
  bar:close()
  local problem = not ok and counts or stopped
  runs.finish(store, options.run, problem and "failed" or "done", ok and counts or nil,
    type(problem) == "table" and problem.message or problem)
  if not ok then error(problem, 0) end
  if not counts then cli.fail(problem) end
  return counts, stopped, rows
end

--- The command line of one of several workers.
local function worker_words(args, share)
  local words = { "/proc/self/exe", "--db", cli.database(args), "process", "--json", "--sink",
    args.sink }
  for flag, value in pairs { ["--out"] = args.out or false, ["--as-of"] = args.as_of or false,
    ["--gate"] = args.gate or false, ["--limit"] = share or false } do
    if value then
      words[#words + 1] = flag
      words[#words + 1] = tostring(value)
    end
  end
  return words
end

--- Several processes, each a worker with claims of its own; their counts are added up.
local function run_workers(args)
  local sum, tasks, failed = {}, {}, nil
  for _, name in ipairs(COUNTS) do sum[name] = 0 end
  for i = 1, args.workers do
    local share = args.limit and args.limit // args.workers
      + (i <= args.limit % args.workers and 1 or 0)
    if share ~= 0 then
      tasks[#tasks + 1] = signalbox.spawn(function()
        return signalbox.run(worker_words(args, share))
      end)
    end
  end
  for _, task in ipairs(tasks) do
    local result = cli.check(task:wait())
    io.stderr:write(result.stderr or "")
    local ok, counts = pcall(signalbox.json.decode, result.stdout)
    if not ok or type(counts) ~= "table" then
      failed = "a worker ended without a result (exit " .. tostring(result.status) .. ")"
    else
      for name, count in pairs(counts) do
        sum[name] = name == "waiting" and math.max(sum[name], count) or (sum[name] or 0) + count
      end
    end
  end
  return sum, failed
end

local function process_once(args)
  local begun = signalbox.time(signalbox.now())
  local options = options_of(args)
  local counts, stopped, rows
  if args.workers > 1 and not args.dry_run then
    cli.open(args):close() -- what is wrong with the database is said once
    counts, stopped = run_workers(args)
    rows = {}
  else
    local store <close> = cli.open(args)
    counts, stopped, rows = run_alone(store, args, options)
  end
  if args.json then
    cli.json(counts)
  else
    print_decisions(rows)
    print_summary(counts, signalbox.time(signalbox.now()) - begun, args.dry_run)
  end
  if stopped then cli.fail(stopped) end
  return exit_code(counts)
end

-- What a person does ---------------------------------------------------------------------------

local function watch(args)
  while true do
    local ok, problem = pcall(process_once, args)
    if not ok then
      if type(problem) == "table" and problem.code == "interrupted" then error(problem, 0) end
      cli.note("%s", type(problem) == "table" and problem.message or tostring(problem))
    end
    io.stdout:flush()
    signalbox.sleep(args.every)
  end
end

local function retry(args)
  local store <close> = cli.open(args)
  local outbox <const> = require "signalbox.outbox"
  local count = outbox.retry(store, args.company)
  for signal in assert(store:signals { status = "failed", canonical_key = args.company }) do
    cli.check(store:reopen(signal.id))
    count = count + 1
  end
  if args.json then return cli.json { retried = count } end
  if count == 0 then cli.fail("nothing that failed is there to be tried again") end
  print(string.format("%s to be tried again by the next process", cli.plural(count, "item")))
end

local function reject(args)
  local store <close> = cli.open(args)
  local count = cli.check(store:transaction(function()
    local rejected = 0
    for _, signal in ipairs(assert(store:get_signals_for_company(args.company))) do
      if signal.status ~= "pushed" and signal.status ~= "rejected" then
        assert(store:mark_rejected(signal.id, args.reason))
        rejected = rejected + 1
      end
    end
    assert(store:exec([[
      UPDATE outbox SET state = 'refused', last_error = ?, updated_at = ?
      WHERE canonical_key = ? AND state IN ('ready', 'failed')]],
      args.reason, signalbox.now(), args.company))
    return rejected
  end))
  if args.json then return cli.json { rejected = count } end
  if count == 0 then cli.fail(args.company .. " has no signal that could be rejected") end
  print(string.format("%s of %s rejected: %s", cli.plural(count, "signal"), args.company,
    args.reason))
end

return cli.command {
  about = "the batch run: claim companies, evaluate, queue, deliver, confirm",
  database = "option",
  json = true,
  examples = {
    { "signalbox process", "until nothing is due, into pushed.ndjson" },
    { "signalbox process --dry-run", "what would be decided, as a table" },
    { "signalbox process --sink notion --workers 2" },
    { "signalbox process watch --every 5m --sink notion", "keeps going" },
    { "signalbox process retry", "what failed for good, once its cause is mended" },
    { 'signalbox process reject domain:acme.ai --reason "a competitor"' },
  },

  arguments = function(parser)
    parser:option("--limit", "how many companies at most"):convert(cli.count)
    parser:option("--workers", "how many processes work side by side"):convert(cli.count)
      :default(1)
    parser:option("--sink", "where companies go: file, notion, webhook or one's own")
      :default "file"
    parser:option("--out", "the file of the sink `file`"):argname "<file>"
    parser:option("--as-of", "evaluate as at that time"):convert(cli.time):argname "<time>"
    parser:option("--gate", "a file with a gate of one's own"):argname "<file>"
    parser:flag("--dry-run", "show what would be decided, and write nothing")
    parser:option("--every", "of watch: how long to wait between runs"):convert(cli.seconds)
      :default(WATCH_SECONDS)
    parser:option("--reason", "of reject: why"):default "rejected by hand"
    parser:argument("action", "watch, retry or reject; nothing for one run"):args "?"
      :choices { "watch", "retry", "reject" }
    parser:argument("company", "of retry and reject: its canonical key"):args "?"
  end,

  run = function(args)
    if args.action == "watch" then return watch(args) end
    if args.action == "retry" then return retry(args) end
    if args.action == "reject" then
      if not args.company then cli.usage("process reject: which company?") end
      return reject(args)
    end
    return process_once(args)
  end,
}
