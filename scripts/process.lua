--- signalbox process: the batch run, and what a person does about what it couldn't finish.
local cli <const> = require "signalbox.cli"
local config <const> = require "signalbox.config"
local signalbox <const> = require "signalbox"

local HOLD_DAYS <const> = 7
local WATCH_SECONDS <const> = 60
local DECISIONS <const> = { "auto_push", "needs_review", "hold", "reject", "set_aside" }

config.declare("process.hold_days", { kind = "number", default = HOLD_DAYS,
  about = "days that a held company waits, unless a signal of it arrives" })

local function options_of(args)
  local gate = require("signalbox.gate_choice").choose(args.gate, args.as_of)
  return {
    sink_name = args.sink, sink = require("signalbox.sink").load(args.sink),
    sink_options = { out = args.out, statuses = gate.statuses }, gate = gate,
    as_of = args.as_of, limit = args.limit, settle = config.get "settle",
    hold_for = config.get "process.hold_days" * 86400,
  }
end

-- Showing --------------------------------------------------------------------------------------

local function print_summary(counts, seconds, dry_run)
  local parts = {}
  for _, name in ipairs(DECISIONS) do
    if counts[name] > 0 then
      parts[#parts + 1] = name:gsub("set_aside", "set aside") .. " " .. cli.thousands(counts[name])
    end
  end
  print(string.format("%s decided in %s%s", cli.plural(counts.companies, "company", "companies"),
    cli.span(seconds), #parts > 0 and ": " .. table.concat(parts, ", ") or ""))
  if dry_run then return print "nothing was written (--dry-run)" end
  print(string.format("%s pushed, %s waiting, %s failed%s", cli.thousands(counts.pushed),
    cli.thousands(counts.waiting), cli.thousands(counts.failed), counts.refused > 0
      and string.format(", %s left alone (Passed or Lost)", cli.thousands(counts.refused)) or ""))
end

local function print_decisions(rows)
  if #rows == 0 then return end
  cli.table(rows, { "company", "decision", { "score", format = function(score)
    return score and string.format("%.3f", score) or ""
  end }, "signals", "reason" })
  print()
end

--- What keeps companies from being delivered, since the run began.
local function note_undelivered(args, began)
  local undelivered <const> = require "signalbox.undelivered"
  local store <close> = cli.open(args, { mode = "ro" })
  for _, why in ipairs(undelivered.reasons(store, args.sink, signalbox.iso(began))) do
    cli.note("%s %s: %s", cli.plural(why.companies, "company", "companies"),
      why.state == "failed" and "failed (process retry tries again)" or "to be tried again",
      why.reason)
  end
  for _, other in ipairs(undelivered.elsewhere(store, args.sink)) do
    cli.note("%s for another sink: signalbox process --sink %s",
      cli.plural(other.companies, "company waits", "companies wait"), other.sink)
  end
end

-- Running --------------------------------------------------------------------------------------

--- What would be decided: reads only.
local function preview(args)
  local store <close> = cli.open(args, { mode = "ro" })
  local rows = {}
  local counts = require("signalbox.process_preview").run(store, options_of(args),
    function(key, signals, verdict, problem)
      rows[#rows + 1] = { company = key, signals = signals, score = verdict and verdict.score,
        decision = verdict and verdict.decision or "set aside",
        reason = verdict and verdict.reason or problem }
    end)
  return counts, nil, rows
end

--- The record of a run is kept also where it fails.
local function recorded(store, sink, work)
  local runs <const> = require "signalbox.runs"
  local run = runs.begin(store, "process", sink)
  local ok, counts, stopped = pcall(work, run)
  local problem = not ok and counts or stopped
  runs.finish(store, run, problem and "failed" or "done", ok and counts or nil, problem)
  if not ok then error(counts, 0) end
  if not counts then cli.fail(stopped) end
  return counts, stopped
end

local function run_alone(args)
  local store <close> = cli.open(args)
  local options = options_of(args)
  local bar <close> = cli.progress("processing", args.limit)
  options.progress = function(companies) bar:update(companies) end
  options.set_aside = function(key, reason)
    bar:close()
    cli.note("%s set aside: %s", key, reason)
  end
  options.doubled = function(key, pages)
    bar:close()
    cli.note("%s has %d pages in the CRM: %s", key, #pages, table.concat(pages, ", "))
  end
  return recorded(store, args.sink, function(run)
    options.run = run
    return require("signalbox.process").run(store, options)
  end)
end

local function run_workers(args)
  options_of(args) -- what is wrong with them is said once
  local store <close> = cli.open(args)
  local bar <close> = cli.progress("processing", args.limit)
  return require("signalbox.process_workers").run(store, cli.database(args), args, bar)
end

local function process_once(args)
  local begun = signalbox.time(signalbox.now())
  local way = args.dry_run and preview or args.workers > 1 and run_workers or run_alone
  local counts, stopped, rows = way(args)
  if args.json then
    counts.stopped = stopped and tostring(stopped)
    cli.json(counts)
  else
    print_decisions(rows or {})
    print_summary(counts, signalbox.time(signalbox.now()) - begun, args.dry_run)
    if not args.dry_run then note_undelivered(args, begun) end
  end
  if stopped then cli.fail(stopped) end
  return counts.failed > 0 and cli.FAILED or cli.DONE
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

--- Deliveries that failed are due again, and so are signals that were set aside.
local function retry_all(store, company)
  local count = require("signalbox.outbox").retry(store, company)
  for signal in assert(store:signals { status = "failed", canonical_key = company }) do
    cli.check(store:reopen(signal.id))
    count = count + 1
  end
  return count
end

--- Nothing of the company could be changed: because nobody knows it, or nothing of it is open.
local function fail_for_company(store, company, sentence)
  cli.fail(company .. sentence, store:is_duplicate(company)
    and "signalbox explain " .. company .. " shows where it is"
    or require("signalbox.company_word").hint(store, company))
end

local function retry(args)
  local store <close> = cli.open(args)
  local count = retry_all(store, args.company)
  if args.json then
    cli.json { retried = count }
  elseif count > 0 then
    print(string.format("%s to be tried again by the next process", cli.plural(count, "item")))
  elseif not args.company then
    print "nothing failed that could be tried again"
  end
  if count == 0 and args.company then
    fail_for_company(store, args.company, " has nothing that failed and could be tried again")
  end
end

--- Rejects what is not decided yet of a company, on its way to a sink or not. Gives how many
--- signals.
local function reject_all(store, company, reason)
  return cli.check(store:transaction(function()
    local rejected = 0
    for _, signal in ipairs(assert(store:get_signals_for_company(company))) do
      if signal.status ~= "pushed" and signal.status ~= "rejected" then
        assert(store:mark_rejected(signal.id, reason))
        rejected = rejected + 1
      end
    end
    require("signalbox.outbox").withdraw(store, company, reason, config.get "settle")
    return rejected
  end))
end

local function reject(args)
  if not args.company then cli.usage "process reject: which company?" end
  local store <close> = cli.open(args)
  local count = reject_all(store, args.company, args.reason)
  if args.json then cli.json { rejected = count } end
  if count == 0 then
    fail_for_company(store, args.company, " has no signal that could be rejected")
  end
  if args.json then return end
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
    parser:option("--every", "of watch: how long to wait between runs"):convert(cli.pause)
      :default(WATCH_SECONDS)
    parser:option("--reason", "of reject: why"):default "rejected by hand"
    parser:argument("action", "watch, retry or reject; nothing for one run"):args "?"
      :choices { "watch", "retry", "reject" }
    parser:argument("company", "of retry and reject: its canonical key"):args "?"
  end,

  run = function(args)
    if args.action == "watch" and args.company then
      cli.usage "process watch: it watches all companies, and takes none"
    end
    if args.action == "watch" then return watch(args) end
    if args.action == "retry" then return retry(args) end
    if args.action == "reject" then return reject(args) end
    return process_once(args)
  end,
}
