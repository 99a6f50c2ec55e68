--- signalbox alerts: evaluates the rules, keeps what they found, and tells whoever wants to know.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"
local alert_book <const> = require "signalbox.alert_book"
local alert_check <const> = require "signalbox.alert_check"
local alert_receivers <const> = require "signalbox.alert_receivers"
local alert_samples <const> = require "signalbox.alert_samples"
local alert_store <const> = require "signalbox.alert_store"
local alert_text <const> = require "signalbox.alert_text"
local figures <const> = require "signalbox.figures"
local match <const> = require "signalbox.alert_match"
local rules <const> = require "signalbox.rules"
local show <const> = require "signalbox.alert_show"

local function clock()
  return signalbox.time(signalbox.now())
end

local function iso(at)
  return at and signalbox.iso(at) or nil
end

-- check, watch ---------------------------------------------------------------------------------

local function show_check(result, args)
  if args.nagios then return show.nagios(result) end
  if args.json then
    cli.json { alerts = show.json_list(result.alerts), rules = result.rules,
      notices = { sent = result.sent, waiting = result.waiting, refused = result.refused } }
  elseif not args.quiet then
    if #result.alerts > 0 then show.alerts(result.alerts, result.now) end
    print(show.summary(result))
  end
  return result.firing > 0 and cli.FOUND or cli.DONE
end

local function check(args)
  local store <close> = cli.open(args)
  return show_check(alert_check.run(store, alert_receivers.list()), args)
end

--- As Nagios wants to hear of it when the check itself fails.
local function nagios_check(args)
  local ok, result = pcall(check, args)
  if ok then return result end
  print("SIGNALBOX UNKNOWN - " ..
    tostring(type(result) == "table" and result.message or result):gsub("[\n|]", " "))
  return 3
end

local function watch(args)
  local store <close> = cli.open(args)
  local receivers = alert_receivers.list()
  while true do
    local began = clock()
    local ok, result = pcall(alert_check.run, store, receivers)
    if ok then
      show_check(result, args)
    elseif type(result) == "table" and result.code == "interrupted" then
      error(result, 0)
    else
      cli.note("%s", tostring(type(result) == "table" and result.message or result))
    end
    io.stdout:flush()
    signalbox.sleep(math.max(0, args.every - (clock() - began)))
  end
end

-- list, history --------------------------------------------------------------------------------

--- What the last check found, by the silences of now.
local function told_of(store, now)
  local silences, shown = alert_store.silences(store, now), {}
  for _, instance in ipairs(alert_book.list(alert_store.load_book(store))) do
    instance.silenced = match.silence_of(silences, instance, now)
    if alert_book.is_shown(instance, now) then shown[#shown + 1] = instance end
  end
  return shown
end

--- The rules of which nothing is told, each with its file; and the files that can't be read.
local function quiet_rules(store, shown, now)
  local told, quiet = {}, {}
  for _, instance in ipairs(shown) do told[instance.name] = true end
  local session <close> = rules.configured_session(store)
  local report = rules.declared(session, rules.files(),
    { now = now, stats = alert_samples.last(store) or figures.read(store, now) })
  for _, rule in ipairs(report.rules) do
    if not told[rule.name] then
      quiet[#quiet + 1] = { name = rule.name, state = "quiet", severity = rule.severity,
        file = rule.file }
    end
  end
  for _, problem in ipairs(report.problems) do
    quiet[#quiet + 1] = { name = problem.rule or "?", state = "failed", severity = "",
      file = problem.file, problem = problem.problem }
  end
  return quiet
end

local function list(args)
  local store <close> = cli.open_to_read(args)
  local now = clock()
  local shown = told_of(store, now)
  local quiet = args.all and quiet_rules(store, shown, now) or {}
  if args.json then
    return cli.json { alerts = show.json_list(shown), rules = args.all and
      signalbox.array(quiet) or nil }
  end
  if #shown > 0 then show.alerts(shown, now) else print "no alert is pending or firing" end
  if args.all then
    print()
    cli.table(quiet, { "state", "severity", { "name", title = "alert" }, "file" })
  end
end

local function history(args)
  local store <close> = cli.open_to_read(args)
  local events = alert_store.events(store, clock() - args.since, args.limit, args.name)
  if args.json then return cli.json { events = signalbox.array(events) } end
  for _, event in ipairs(events) do
    event.time, event.alert = event.at:sub(1, 19), event.name .. alert_text.labels(event.labels)
  end
  cli.table(events, { "time", "event", "alert", "value", "detail" })
end

-- silences, acknowledgement --------------------------------------------------------------------

local function read_matchers(words)
  local matchers, named = {}, false
  for i, word in ipairs(words) do
    local matcher, problem = match.parse(word)
    if not matcher then cli.usage(problem) end
    local names = matcher[1] == "alertname" and matcher[2] == "="
    if names and named then
      cli.usage("all matchers must fit, and an alert has one name", "alertname=~A.* fits several")
    end
    matchers[i], named = matcher, named or names
  end
  return matchers
end

local function show_matchers(matchers)
  local words = {}
  for i, matcher in ipairs(matchers) do words[i] = match.show(matcher) end
  return table.concat(words, " ")
end

local function silence_row(silence)
  return { id = silence.id, matchers = show_matchers(silence.matchers),
    starts_at = iso(silence.starts_at), ends_at = iso(silence.ends_at),
    comment = silence.comment, author = silence.author }
end

local function silence(args)
  local now = clock()
  local ends = args.till and signalbox.time(args.till) or args["for"] and now + args["for"]
  if not ends then cli.usage("silence: say how long", "--for 1h, or --until TIME") end
  if ends <= now then cli.usage "silence: its end has passed" end
  local store <close> = cli.open(args)
  local one = { matchers = read_matchers(args.matchers), comment = args.comment,
    author = os.getenv "USER", starts_at = now, ends_at = ends }
  one.id = alert_store.add_silence(store, one)
  if args.json then return cli.json(silence_row(one)) end
  print(string.format("silence %d: %s until %s", one.id, show_matchers(one.matchers), iso(ends)))
end

local function silences(args)
  local store <close> = cli.open_to_read(args)
  local rows = {}
  for i, one in ipairs(alert_store.silences(store, clock())) do rows[i] = silence_row(one) end
  if args.json then return cli.json { silences = signalbox.array(rows) } end
  if #rows == 0 then return print "nothing is silenced" end
  cli.table(rows, { "id", "matchers", { "ends_at", title = "until" }, "author", "comment" })
end

local function silence_number(text)
  local number = cli.count(text)
  if number then return number end
  return nil, string.format("'%s' is no silence's number; signalbox alerts silences has them", text)
end

local function unsilence(args)
  local store <close> = cli.open(args)
  if not alert_store.end_silence(store, args.id, clock()) then
    cli.fail(string.format("there is no silence %d", args.id),
      "signalbox alerts silences lists them")
  end
end

local function ack(args)
  local store <close> = cli.open(args)
  local matchers, now = read_matchers(args.matchers), clock()
  local count = alert_store.update(store, function(book)
    local found = 0
    for _, instance in ipairs(alert_book.list(book)) do
      local active = instance.state == "firing" or instance.state == "pending"
      if active and match.fits(matchers, instance) then
        instance.acked = { at = iso(now), by = os.getenv "USER", comment = args.comment }
        alert_store.add_event(store, instance, "acknowledged", now, args.comment)
        found = found + 1
      end
    end
    return found
  end)
  if count == 0 then
    cli.fail("no alert that fits is pending or firing", "signalbox alerts list shows them")
  end
  if args.json then return cli.json { acknowledged = count } end
  print(cli.plural(count, "alert") .. " acknowledged, until resolved")
end

-- test, backtest, metrics ----------------------------------------------------------------------

local function test(args)
  if args.at then return require("signalbox.alert_backtest").run_at(args) end
  return require("signalbox.rule_tests").run(args.names, args.json)
end

local function backtest(args)
  return require("signalbox.alert_backtest").run(args)
end

local function metrics(args)
  return require("signalbox.alert_metrics").run(args)
end

-- The command ----------------------------------------------------------------------------------

local ACTIONS <const> = {
  check = function(args)
    if args.nagios then return nagios_check(args) end
    return check(args)
  end,
  watch = watch, list = list, history = history, silence = silence, silences = silences,
  unsilence = unsilence, ack = ack, test = test, backtest = backtest, metrics = metrics,
}

local function matchers_argument(command)
  command:argument("matchers", "an alert's name, or label=value (=, !=, =~, !~)"):args "+"
end

return cli.command {
  about = "evaluates rules, keeps their alerts, and sends notices",
  database = "option",
  json = true,

  arguments = function(parser)
    parser:require_command(true):command_target "action"
    local one = parser:command("check", "evaluate all rules once; exit 3 when something fires")
    one:flag("--nagios", "one line and the exit codes of Nagios")
    one:flag("-q --quiet", "print nothing")
    one = parser:command("watch", "check again and again")
    one:option("--every", "time between two checks"):convert(cli.pause):default "60"
    one:flag("-q --quiet", "print nothing")
    parser:command("list", "alerts as the last check found them")
      :flag("--all", "the rules that are quiet, too, with their files")
    one = parser:command("history", "what became of alerts, newest first")
    one:argument("name", "of one alert alone"):args "?"
    one:option("--since", "how far back"):convert(cli.seconds):default "7d"
    one:option("--limit", "how many at most"):convert(cli.count):default "100"
    one = parser:command("silence", "hold notices back")
    matchers_argument(one)
    one:option("--for", "how long, as 2h"):convert(cli.seconds)
    one:option("--until", "till when"):target("till"):convert(cli.time)
    one:option("--comment", "why")
    parser:command("silences", "what is silenced")
    parser:command("unsilence", "end a silence"):argument("id", "its number")
      :convert(silence_number)
    one = parser:command("ack", "acknowledge: no more notices until it has resolved")
    matchers_argument(one)
    one:option("--comment", "what is being done")
    one = parser:command("test", "run the tests in rule files, or a rule as at a time")
    one:argument("names", "rule files, or names of rules; all without"):args "*"
    one:option("--at", "evaluate as at this time"):convert(cli.time)
    one = parser:command("backtest", "what would have fired, over the figures that were kept")
    one:argument("names", "rule files, or names of rules; all without"):args "*"
    one:option("--since", "how far back"):convert(cli.seconds):default "7d"
    one = parser:command("metrics", "figures and alerts in Prometheus' text format")
    one:option("--out", "write to this file, for node_exporter's textfile collector")
  end,

  notes = [[
Rules are Lua files in rules/ of the script folders (signalbox new rule NAME makes one); signalbox
alerts list --all names them. The configuration file says who is told, in `alerts`:

  alerts = {
    notify = { { "slack" }, { "smtp", url =, from =, to = }, { "webhook", url = }, ... },
    repeat_interval = "4h",  group_by = { "alertname" },  group_wait = 0,  group_interval = 0,
    inhibit = { { source = { severity = "critical" }, target = { severity = "warning" },
      equal = { "team" } } },             -- what fits both is never held back by such
    seconds = 1,  memory_mib = 32,        -- what a rule file has
  }

Each notifier is a file in notifiers/ whose head says what it takes. Any of them can have `name`,
`match = { severity = "critical" }`, `resolved = false`, `each = true` (a notice an alert), a
`timeout` and intervals of its own.
]],

  examples = {
    { "signalbox alerts check", "from cron, every minute or five" },
    { "signalbox alerts silence HighPending --for 2h --comment 'import runs'" },
    { "signalbox alerts test rules/quiet.lua", "its unit tests" },
    { "signalbox alerts backtest rules/quiet.lua --since 30d" },
  },

  run = function(args) return ACTIONS[args.action](args) end,
}
