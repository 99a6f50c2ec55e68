--- signalbox collect: runs collectors, each a file of scripts/collectors.
local cli = require "signalbox.cli"
local collector = require "signalbox.collector"
local config = require "signalbox.config"
local host = require "signalbox.host"
local signalbox = require "signalbox"

-- The collectors -------------------------------------------------------------------------------

--- All that can be loaded, and what is wrong with the others.
local function load_collectors()
  local found, broken = {}, {}
  for _, name in ipairs(cli.names "collectors") do
    local chunk, problem = host.load("collectors/" .. name)
    local ok, description = pcall(chunk or error, chunk and name or problem)
    if ok and type(description) == "table" and type(description.collect) == "function" then
      found[#found + 1] = name
      found[name] = description
    else
      broken[name] = ok and "it returns no table with a function `collect`" or tostring(description)
    end
  end
  return found, broken
end

--- What a collector needs that is not there: a setting, or a variable of the environment.
local function lacking(description)
  for _, name in ipairs(description.needs or {}) do
    if name:find "^[%u%d_]+$" then
      if (os.getenv(name) or "") == "" then
        return require "signalbox.problem"("invalid", name .. " is not set")
      end
    else
      local ok, trouble = pcall(config.need, name)
      if not ok then return trouble end
    end
  end
end

--- Those of `collect all`: not those that must be told what to read, or that are not set up.
local function configured(collectors)
  local names = {}
  for _, name in ipairs(collectors) do
    local description = collectors[name]
    local missing = lacking(description)
    if missing and not description.manual then
      cli.note("%s is not set up: %s", name, missing.message)
    elseif not description.manual then
      names[#names + 1] = name
    end
  end
  if #names == 0 then cli.fail("no collector is set up", "signalbox help collect") end
  return names
end

-- The words ------------------------------------------------------------------------------------

--- A time, or how long ago: 2026-08-01, 7d.
local function since(text)
  local time = cli.time(text)
  if time then return time end
  local span = not tonumber(text) and cli.seconds(text)
  if span then return signalbox.iso(signalbox.time(signalbox.now()) - span) end
  return nil, string.format("'%s' is neither a time nor a span: 2026-08-01, 7d", text)
end

local CANNOT_LOAD <const> = "the collector %s cannot be loaded: %s"

local collectors, broken

local function declare(parser)
  collectors, broken = load_collectors()
  parser:command_target "collector"
  parser:require_command(true)
  parser:flag("--dry-run", "say what would be saved, and save nothing")
  parser:option("--limit", "stop after so many new signals"):argname("<n>"):convert(cli.count)
  parser:option("--since", "only what is newer: a time, or a span as 7d"):argname("<time>")
    :convert(since)
  parser:flag("--reset", "forget where the last run came to")
  parser:flag("--retry", "try again what was set aside, and nothing else")
  for _, name in ipairs(collectors) do
    local command = parser:command(name, collectors[name].about):add_help(false)
    command:flag("-h --help", "show this help")
    if collectors[name].arguments then collectors[name].arguments(command) end
  end
  for name in pairs(broken) do
    parser:command(name, "cannot be loaded"):add_help(false):argument("words"):args "*"
  end
  parser:command("all", "all that are set up, at once"):add_help(false)
end

-- The store ------------------------------------------------------------------------------------

--- A dry run reads what is there, and makes nothing.
local function open_store(args)
  if not args.dry_run then return cli.open(args, { mode = "rwc", busy_timeout = 30 }) end
  local store, problem = signalbox.open(cli.database(args), { mode = "ro" })
  if store or problem.code == "not_found" then return store end
  cli.fail(problem)
end

-- Running and telling --------------------------------------------------------------------------

local function summary(counts)
  return string.format("%s, %s, %s suppressed, %s set aside",
    cli.plural(counts.saved, "signal"), cli.plural(counts.duplicates, "duplicate"),
    cli.thousands(counts.suppressed), cli.thousands(counts.quarantined))
end

local function run_one(name, store, args)
  local description = collectors[name]
  local missing = lacking(description)
  if missing then return nil, missing end
  local progress <close> = cli.progress(name)
  local work = args.retry and collector.retry or collector.run
  local counts, problem = work(description, name, store, {
    args = args, dry_run = args.dry_run, limit = args.limit, since = args.since, reset = args.reset,
    progress = function(counts) progress:update(counts.seen, summary(counts)) end,
  })
  return counts, problem
end

local function message_of(problem)
  return type(problem) == "table" and problem.message or tostring(problem)
end

--- Cancels what is still at work when it goes out of scope.
local function new_tasks()
  return setmetatable({}, { __close = function(tasks)
    for _, task in ipairs(tasks) do task:cancel() end
  end })
end

--- At once, a task each; one that fails leaves the others alone.
local function run_all(names, store, args)
  local results, tasks <close> = {}, new_tasks()
  for i, name in ipairs(names) do
    tasks[i] = signalbox.spawn(run_one, name, store, args)
  end
  for i, name in ipairs(names) do
    local counts, problem = tasks[i]:wait()
    results[i] = { name = name, counts = counts, problem = problem }
  end
  return results
end

local function totals(results)
  local sum = { seen = 0, saved = 0, duplicates = 0, suppressed = 0, quarantined = 0 }
  for _, result in ipairs(results) do
    for name, number in pairs(result.counts or {}) do sum[name] = sum[name] + number end
  end
  return sum
end

local function report_json(args, results)
  local document = totals(results)
  document.dry_run = args.dry_run or nil
  if args.collector == "all" then
    document.collectors = {}
    for _, result in ipairs(results) do
      document.collectors[result.name] = result.counts or {}
      document.collectors[result.name].error = result.problem and message_of(result.problem)
    end
  elseif results[1].problem then
    document.error = message_of(results[1].problem)
  end
  cli.json(document)
end

local function report(args, results)
  local prefix = args.dry_run and "would be saved: " or ""
  for _, result in ipairs(results) do
    if result.counts then
      print(string.format("%-16s %s%s", result.name, prefix, summary(result.counts)))
    end
  end
  if totals(results).quarantined > 0 and not args.dry_run then
    cli.note("signalbox quarantine shows what was set aside, and why")
  end
end

return cli.command {
  about = "find signals and save them",
  database = "option",
  json = true,
  arguments = declare,
  commands_are = "collector",
  notes = [[
A company that the suppression cache has, under any of its keys, is skipped; a signal that is there
already is a duplicate. What a collector cannot store it sets aside, for `signalbox quarantine`.
A run goes on where the last one came to.
]],
  examples = {
    { "signalbox collect github_ranking days/*.csv.gz", "snapshots of rankings" },
    { "generate | signalbox collect file -", "lines of JSON, a signal each" },
    { "signalbox collect all --since 7d", "all that are set up" },
    { "signalbox collect github --dry-run", "what it would save" },
  },

  run = function(args)
    local name = args.collector
    if broken[name] then cli.fail(string.format(CANNOT_LOAD, name, broken[name])) end
    for other, problem in pairs(broken) do
      cli.note(CANNOT_LOAD, other, problem)
    end
    local names = name == "all" and configured(collectors) or { name }
    local store <close> = open_store(args)
    local results
    if name == "all" then
      results = run_all(names, store, args)
    else
      local counts, problem = run_one(name, store, args)
      results = { { name = name, counts = counts, problem = problem } }
    end
    for _, result in ipairs(results) do
      local problem = result.problem
      if type(problem) == "table" and problem.code == "interrupted" then error(problem, 0) end
    end
    if args.json then report_json(args, results) else report(args, results) end
    local failed = false
    for _, result in ipairs(results) do
      if result.problem then
        failed = true
        cli.note("%s: %s", result.name, message_of(result.problem))
      end
    end
    return failed and cli.FAILED or cli.DONE
  end,
}
