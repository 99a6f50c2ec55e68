--- What rules would have done, over the figures that the checks have kept: the same evaluation and
-- the same life cycle, under the clock of then. What a rule reads from the store itself is what is
-- there now.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"
local alert_book <const> = require "signalbox.alert_book"
local alert_samples <const> = require "signalbox.alert_samples"
local alert_text <const> = require "signalbox.alert_text"
local figures <const> = require "signalbox.figures"
local rule_tests <const> = require "signalbox.rule_tests"
local rules <const> = require "signalbox.rules"

local M = {}

local AT_ONCE <const> = 500 -- samples of one request

--- Evaluates one batch of samples and notes when alerts began and ceased to fire.
local function step(session, files, samples, book, episodes)
  local moments = {}
  for i, sample in ipairs(samples) do moments[i] = { now = sample.at, stats = sample.figures } end
  local report = rules.evaluate(session, files, moments)
  for i, sample in ipairs(samples) do
    for _, change in ipairs(alert_book.carry(book, report, i, sample.at)) do
      local one = change.instance
      local id = one.name .. one.key
      if change.to == "firing" then
        local episode = { name = one.name, labels = one.labels, from = sample.at, most = one.value,
          summary = one.summary }
        episodes[#episodes + 1], episodes[id] = episode, episode
      elseif change.from == "firing" and episodes[id] then
        episodes[id].to, episodes[id] = sample.at, nil
      end
    end
  end
  return report
end

local function only_named(episodes, words)
  local names, any = {}, false
  for _, word in ipairs(words) do
    if not word:find "[/.]" then names[word], any = true, true end
  end
  local list = {}
  for _, episode in ipairs(episodes) do
    if not any or names[episode.name] or episode.name == alert_book.FAILED then
      list[#list + 1] = episode
    end
  end
  return list
end

local function show(list, count, args)
  if args.json then
    for i, one in ipairs(list) do
      list[i] = { name = one.name, labels = one.labels, from = signalbox.iso(one.from),
        to = one.to and signalbox.iso(one.to) or signalbox.null, summary = one.summary,
        value = one.most or signalbox.null }
    end
    return cli.json { samples = count, episodes = signalbox.array(list) }
  end
  local rows = {}
  for i, one in ipairs(list) do
    rows[i] = { fired = signalbox.iso(one.from):sub(1, 19), summary = one.summary,
      lasted = one.to and cli.span(one.to - one.from) or "to the end",
      alert = one.name .. alert_text.labels(one.labels) }
  end
  if #rows > 0 then
    cli.table(rows, { "fired", { "lasted", align = "right" }, "alert", "summary" })
  end
  print(string.format("%s would have fired, over %s", cli.plural(#rows, "alert"),
    cli.plural(count, "sample")))
end

--- The command; args as scripts/alerts.lua declares them.
function M.run(args)
  local store <close> = cli.open(args, { mode = "ro" })
  local now = signalbox.time(signalbox.now())
  local session <close> = rules.configured_session(store, 10)
  local files, book, episodes = rule_tests.files(args.names), {}, {}
  local batch, count = {}, 0
  local function flush()
    if #batch > 0 then step(session, files, batch, book, episodes) end
    batch = {}
  end
  for sample in alert_samples.between(store, now - args.since, now) do
    batch[#batch + 1], count = sample, count + 1
    if #batch == AT_ONCE then flush() end
  end
  flush()
  if count == 0 then
    cli.fail("no figures were kept in that time", "signalbox alerts check keeps them")
  end
  show(only_named(episodes, args.names), count, args)
end

--- The alerts that `words` name: all, where they name files.
local function is_named(instance, words)
  for _, word in ipairs(words) do
    if word:find "[/.]" or word == instance.name then return true end
  end
  return instance.name == alert_book.FAILED
end

--- `alerts test RULE --at TIME`: what a rule says of the user's own store, as at that time. The
-- figures are those that were noted last before it, where some were.
function M.run_at(args)
  if #args.names == 0 then cli.usage "test --at: name a rule or its file" end
  local store <close> = cli.open(args, { mode = "ro" })
  local now = signalbox.time(args.at)
  local session <close> = rules.configured_session(store)
  session:start()
  local values
  for sample in alert_samples.between(store, now - 3600, now) do values = sample.figures end
  values = values or figures.read(store, now, nil, session.sizes)
  local files = rule_tests.files(args.names)
  local report = rules.evaluate(session, files, { { now = now, stats = values } })

  local book, found = {}, {}
  alert_book.carry(book, report, 1, now)
  for _, instance in ipairs(alert_book.list(book)) do
    if is_named(instance, args.names) then found[#found + 1] = instance end
  end
  if args.json then
    for i, one in ipairs(found) do
      found[i] = { name = one.name, state = one.state, labels = one.labels, summary = one.summary,
        severity = one.severity, value = one.value or signalbox.null }
    end
    cli.json { at = args.at, alerts = signalbox.array(found) }
  else
    if #found == 0 then print("quiet at " .. args.at) end
    for _, one in ipairs(found) do print(one.state .. "  " .. alert_text.line(one)) end
  end
  return #found > 0 and cli.FOUND or cli.DONE
end

return M
