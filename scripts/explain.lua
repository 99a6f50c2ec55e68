--- signalbox explain: why a company is where it is.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"

local STATES <const> = { "pushed", "queued", "failed", "rejected", "pending" }

-- Gathering ------------------------------------------------------------------------------------

local function gather(store, key, as_of)
  local signals = cli.check(store:get_signals_for_company(key))
  local decisions, deliveries = {}, {}
  for row in assert(store:rows([[
    SELECT decided_at, as_of, decision, score, reason, breakdown, signal_ids FROM decisions
    WHERE canonical_key = ? ORDER BY id]], key)) do
    row.breakdown = row.breakdown and signalbox.json.decode(row.breakdown)
    row.signal_ids = signalbox.json.decode(row.signal_ids)
    decisions[#decisions + 1] = row
  end
  for row in assert(store:rows([[
    SELECT sink, state, page_id, attempts, not_before, last_error, updated_at FROM outbox
    WHERE canonical_key = ? ORDER BY sink]], key)) do
    deliveries[#deliveries + 1] = row
  end
  local hold = store:row("SELECT until, reason FROM company_holds WHERE canonical_key = ?", key)
  local verdict
  if #signals > 0 then
    verdict = require("signalbox.gate").evaluate(signals, { now = as_of })
  end
  return { canonical_key = key, signals = signals, verdict = verdict, decisions = decisions,
    deliveries = deliveries, hold = hold, suppression = store:check_suppression(key) }
end

-- Showing --------------------------------------------------------------------------------------

--- "2026-08-22 23:00" of a stored time.
local function short(time)
  return time and time:sub(1, 16):gsub("T", " ") or ""
end

local function fixed(digits)
  return function(number) return string.format("%." .. digits .. "f", number) end
end

local function print_head(known)
  local counts, parts = {}, {}
  for _, signal in ipairs(known.signals) do
    local status = signal.status or "without a state"
    counts[status] = (counts[status] or 0) + 1
  end
  for _, state in ipairs(STATES) do
    if counts[state] then parts[#parts + 1] = counts[state] .. " " .. state end
  end
  local verdict = known.verdict
  print(string.format("%s   %s   %s", cli.colour(known.canonical_key, "bold"),
    verdict and string.format("%s %.3f", verdict.decision, verdict.score) or "no signals",
    table.concat(parts, ", ")))
end

local function print_evidence(breakdown)
  local rows = {}
  for _, one in ipairs(breakdown.evidence or {}) do
    rows[#rows + 1] = { evidence = one.signal_type, source = one.source_api,
      confidence = one.confidence, age = one.age_days, weight = one.weight,
      half_life = one.half_life_days, counts = one.contribution }
  end
  table.sort(rows, function(a, b) return a.counts > b.counts end)
  if #rows == 0 then return end
  print()
  cli.table(rows, {
    "evidence", "source", { "confidence", format = fixed(2) },
    { "age", format = function(days) return string.format("%d d", days) end },
    { "weight", format = fixed(2) },
    { "half_life", title = "half-life", format = function(days) return days .. " d" end },
    { "counts", format = fixed(3) },
  }, { indent = "  " })
end

--- The steps from the evidence to the score, each with what it comes to.
local function steps(breakdown)
  local list, total = {}, 0
  local function step(text, effect) list[#list + 1] = { text, effect, total } end
  for _, one in ipairs(breakdown.evidence) do total = total + one.contribution end
  step("sum of the evidence", "")
  for _, negative in ipairs(breakdown.negatives or {}) do
    total = total * negative.multiplier
    step(negative.signal_type, string.format("x %g", negative.multiplier))
  end
  if breakdown.multi_source_boost ~= 1 then
    total = total * breakdown.multi_source_boost
    step(cli.plural(breakdown.sources_checked, "source"),
      string.format("x %g", breakdown.multi_source_boost))
  end
  if breakdown.convergence_boost ~= 1 then
    total = total * breakdown.convergence_boost
    step(cli.plural(breakdown.signals_contributing, "kind") .. " of evidence",
      string.format("x %g", breakdown.convergence_boost))
  end
  for _, boost in ipairs { { "founders", breakdown.founder_boost },
    { "growth", breakdown.velocity_boost } } do
    if boost[2] > 0 then
      total = total + boost[2]
      step(boost[1], string.format("+ %g", boost[2]))
    end
  end
  return list
end

--- The missing piece: what one more source, or one more kind of evidence, would do.
local function print_chances(breakdown)
  local gate <const> = require "signalbox.gate"
  local function next_boost(boosts, n)
    local here = boosts[math.min(math.max(n, 1), #boosts)] or 1
    return (boosts[math.min(n + 1, #boosts)] or 1) / here
  end
  local total = 0
  for _, step in ipairs(steps(breakdown)) do total = step[3] end
  for _, chance in ipairs {
    { "source", breakdown.sources_checked, gate.defaults.source_boosts },
    { "kind of evidence", breakdown.signals_contributing, gate.defaults.convergence_boosts },
  } do
    local factor = next_boost(chance[3], chance[2])
    if factor > 1 then
      print(string.format("    one more %s would give x %.3g at the least, and reach %.3f",
        chance[1], factor, math.min(1, total * factor)))
    end
  end
end

local function print_arithmetic(verdict)
  local breakdown = verdict.breakdown
  if breakdown.hard_kill then
    print(string.format("\n  %s ends it (signal %s)", breakdown.hard_kill.signal_type,
      breakdown.hard_kill.id))
    return
  elseif not breakdown.evidence then
    return
  end
  print_evidence(breakdown)
  print()
  for _, step in ipairs(steps(breakdown)) do
    print(string.format("    %-28s %8s %9.3f", step[1], step[2], step[3]))
  end
  print(string.format("    %s: below %.3f held, from %.3f to be reviewed, from %.3f pushed",
    verdict.decision, breakdown.review_threshold, breakdown.review_threshold,
    breakdown.auto_push_threshold))
  if verdict.decision ~= "auto_push" then print_chances(breakdown) end
end

local function delivery_text(delivery)
  local text = string.format("%s %s", delivery.sink, delivery.state)
  if delivery.page_id then text = text .. ", page " .. delivery.page_id end
  if delivery.attempts > 0 then
    text = text .. ", " .. cli.plural(delivery.attempts, "attempt")
  end
  if delivery.state == "ready" then text = text .. ", due " .. short(delivery.not_before) end
  if delivery.last_error then text = text .. ": " .. delivery.last_error end
  return text
end

local function print_history(known)
  if #known.decisions > 0 then
    local rows = {}
    for i, one in ipairs(known.decisions) do
      rows[i] = { decided = short(one.decided_at), as_of = short(one.as_of),
        decision = one.decision, score = one.score, reason = one.reason }
    end
    print()
    cli.table(rows, { "decided", { "as_of", title = "as of" }, "decision",
      { "score", format = fixed(3) }, "reason" }, { indent = "  " })
  end
  for _, delivery in ipairs(known.deliveries) do
    print(string.format("\n  %s   %s", short(delivery.updated_at), delivery_text(delivery)))
  end
  if known.hold then
    print(string.format("\n  held until %s or a new signal: %s", short(known.hold.until_ or
      known.hold["until"]), known.hold.reason or ""))
  end
  local entry = known.suppression
  if entry then
    print(string.format("\n  in the CRM as %s (page %s), known until %s", entry.status,
      entry.notion_page_id, short(entry.expires_at)))
  end
end

--- Why signals were rejected or failed: each reason once, with how many of which type.
local function print_failures(known)
  local reasons, types = {}, {}
  for _, signal in ipairs(known.signals) do
    if signal.error_message and (signal.status == "failed" or signal.status == "rejected") then
      local reason = signal.status .. ": " .. signal.error_message
      if not types[reason] then reasons[#reasons + 1], types[reason] = reason, {} end
      types[reason][signal.signal_type] = (types[reason][signal.signal_type] or 0) + 1
    end
  end
  for _, reason in ipairs(reasons) do
    local counts = {}
    for name, count in pairs(types[reason]) do counts[#counts + 1] = count .. " " .. name end
    table.sort(counts)
    print(string.format("\n  %s   (%s)", reason, table.concat(counts, ", ")))
  end
end

--- What `--json` prints: without the raw data, which `get_signals_for_company` has.
local function plain(known)
  local signals = signalbox.array {}
  for i, signal in ipairs(known.signals) do
    signals[i] = { id = signal.id, signal_type = signal.signal_type, status = signal.status,
      source_api = signal.source_api, confidence = signal.confidence,
      detected_at = signal.detected_at, error_message = signal.error_message }
  end
  known.signals = signals
  known.decisions = signalbox.array(known.decisions)
  known.deliveries = signalbox.array(known.deliveries)
  return known
end

return cli.command {
  about = "why a company is where it is: its evidence, score and decisions",
  database = "option",
  json = true,
  examples = { { "signalbox explain github_org:openai" } },

  arguments = function(parser)
    parser:argument("company", "its canonical key, as github_org:openai")
    parser:option("--as-of", "the score at that time"):convert(cli.time):argname "<time>"
  end,

  run = function(args)
    local store <close> = cli.open(args, { mode = "ro" })
    local known = gather(store, args.company, args.as_of)
    if #known.signals == 0 and not known.suppression then
      cli.fail("nothing is known of " .. args.company,
        "keys look like domain:acme.ai or github_org:openai")
    end
    if args.json then return cli.json(plain(known)) end
    print_head(known)
    if known.verdict then print_arithmetic(known.verdict) end
    print_history(known)
    print_failures(known)
  end,
}
