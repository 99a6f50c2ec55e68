--- signalbox explain: why a company is where it is.
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"

local STATES <const> = { "pushed", "queued", "failed", "rejected", "pending" }

-- Gathering ------------------------------------------------------------------------------------

local function decisions_of(store, key)
  local decisions = {}
  for row in assert(store:rows([[
    SELECT decided_at, as_of, decision, score, reason, breakdown, signal_ids FROM decisions
    WHERE canonical_key = ? ORDER BY id]], key)) do
    row.breakdown = row.breakdown and signalbox.json.decode(row.breakdown)
    row.signal_ids = signalbox.json.decode(row.signal_ids)
    decisions[#decisions + 1] = row
  end
  return decisions
end

local function deliveries_of(store, key)
  local deliveries = {}
  for row in assert(store:rows([[
    SELECT sink, state, page_id, attempts, not_before, last_error, updated_at FROM outbox
    WHERE canonical_key = ? ORDER BY sink]], key)) do
    deliveries[#deliveries + 1] = row
  end
  return deliveries
end

--- What the gate of `process` says of it now: a verdict, or nil and why it says none.
local function judge(signals, gate)
  if #signals == 0 then return nil end
  local verdict, problem = require("signalbox.verdict").of(signals, gate)
  if verdict and verdict.breakdown then
    verdict.breakdown = signalbox.json.decode(verdict.breakdown)
  end
  return verdict, problem
end

local function gather(store, key, gate)
  local signals = cli.check(store:get_signals_for_company(key))
  local verdict, problem = judge(signals, gate)
  return { canonical_key = key, signals = signals, verdict = verdict, problem = problem,
    decisions = decisions_of(store, key), deliveries = deliveries_of(store, key),
    hold = store:row("SELECT until, reason FROM company_holds WHERE canonical_key = ?", key),
    suppression = store:check_suppression(key) }
end

-- Showing --------------------------------------------------------------------------------------

--- "2026-08-22 23:00" of a stored time.
local function short(time)
  return time and time:sub(1, 16):gsub("T", " ") or ""
end

local function fixed(digits)
  return function(number) return number and string.format("%." .. digits .. "f", number) or "" end
end

local function states_text(signals)
  local counts, parts = {}, {}
  for _, signal in ipairs(signals) do
    local status = signal.status or "without a state"
    counts[status] = (counts[status] or 0) + 1
  end
  for _, state in ipairs(STATES) do
    if counts[state] then parts[#parts + 1] = counts[state] .. " " .. state end
  end
  return table.concat(parts, ", ")
end

local function print_head(known)
  local verdict, judged = known.verdict, "no signals"
  if verdict then
    judged = string.format("%s %.3f", verdict.decision, verdict.score)
  elseif known.problem then
    judged = "can't be judged"
  end
  print(string.format("%s   %s   %s", cli.colour(known.canonical_key, "bold"), judged,
    states_text(known.signals)))
  if known.problem then print("\n  " .. known.problem) end
end

--- What each signal does in the arithmetic, by its id.
local function parts_of(breakdown)
  local parts = {}
  for _, one in ipairs(breakdown.evidence or {}) do
    one.counts = fixed(3)(one.contribution)
    parts[one.id] = one
  end
  for _, one in ipairs(breakdown.superseded or {}) do
    one.counts = "superseded"
    parts[one.id] = one
  end
  for _, one in ipairs(breakdown.negatives or {}) do
    one.counts = string.format("x %g", one.multiplier)
    parts[one.id] = one
  end
  if breakdown.hard_kill then breakdown.hard_kill.counts = "ends it" end
  if breakdown.hard_kill then parts[breakdown.hard_kill.id] = breakdown.hard_kill end
  return parts
end

--- Evidence first, what weighs most at the top.
local function by_weight(a, b)
  if a.order ~= b.order then return a.order > b.order end
  return a.id > b.id
end

local function print_signals(known)
  if #known.signals == 0 then return end
  local parts = parts_of(known.verdict and known.verdict.breakdown or {})
  local rows = {}
  for i, signal in ipairs(known.signals) do
    local part = parts[signal.id] or {}
    rows[i] = { id = signal.id, evidence = signal.signal_type, source = signal.source_api,
      confidence = signal.confidence, detected = (signal.detected_at or ""):sub(1, 10),
      age = part.age_days, weight = part.weight, half_life = part.half_life_days,
      counts = part.counts, state = signal.status,
      order = part.counts ~= "superseded" and part.contribution or -1 }
  end
  table.sort(rows, by_weight)
  local function days(number) return number and string.format("%g d", number) or "" end
  print()
  cli.table(rows, {
    "id", "evidence", "source", "detected", { "age", format = days },
    { "confidence", format = fixed(2) }, { "weight", format = fixed(2) },
    { "half_life", title = "half-life", format = days }, { "counts", align = "right" }, "state",
  }, { indent = "  " })
end

--- The steps from the evidence to the score, each with what it comes to.
local function steps(breakdown)
  local list = { { "sum of the evidence", "", breakdown.evidence_score } }
  local total = breakdown.evidence_score
  local function times(text, factor)
    total = total * factor
    list[#list + 1] = { text, string.format("x %g", factor), total }
  end
  for _, one in ipairs(breakdown.negatives or {}) do times(one.signal_type, one.multiplier) end
  if breakdown.multi_source_boost ~= 1 then
    times(cli.plural(breakdown.sources_checked, "source"), breakdown.multi_source_boost)
  end
  if breakdown.convergence_boost ~= 1 then
    times(cli.plural(breakdown.signals_contributing, "kind") .. " of evidence",
      breakdown.convergence_boost)
  end
  for _, boost in ipairs { { "founders", breakdown.founder_boost },
    { "growth", breakdown.velocity_boost } } do
    if boost[2] > 0 then
      total = total + boost[2]
      list[#list + 1] = { boost[1], string.format("+ %g", boost[2]), total }
    end
  end
  if breakdown.uncapped_score > 1 then list[#list + 1] = { "at most", "", 1 } end
  return list
end

--- The missing piece: what one more source, or one more kind of evidence, would do.
local function print_chances(breakdown, options)
  local defaults <const> = require("signalbox.gate").defaults
  for _, chance in ipairs {
    { "source", breakdown.sources_checked, "source_boosts" },
    { "kind of evidence", breakdown.signals_contributing, "convergence_boosts" },
  } do
    local boosts = options[chance[3]] or defaults[chance[3]]
    local here = boosts[math.min(math.max(chance[2], 1), #boosts)]
    local factor = boosts[math.min(chance[2] + 1, #boosts)] / here
    if factor > 1 then
      print(string.format("    one more %s would give x %.3g at the least, and reach %.3f",
        chance[1], factor, math.min(1, breakdown.uncapped_score * factor)))
    end
  end
end

--- The way to the score, where the gate broke it down as ours does.
local function print_arithmetic(verdict, options)
  local breakdown = verdict.breakdown
  if type(breakdown) ~= "table" or not breakdown.uncapped_score then
    return print("\n    " .. verdict.reason)
  elseif breakdown.hard_kill then
    return print(string.format("\n  %s ends it (signal %s)", breakdown.hard_kill.signal_type,
      breakdown.hard_kill.id))
  end
  print()
  for _, step in ipairs(steps(breakdown)) do
    print(string.format("    %-28s %8s %9.3f", step[1], step[2], step[3]))
  end
  print(string.format("    %s: below %.3f held, from %.3f to be reviewed, from %.3f pushed",
    verdict.decision, breakdown.review_threshold, breakdown.review_threshold,
    breakdown.auto_push_threshold))
  if verdict.decision ~= "auto_push" then print_chances(breakdown, options) end
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
    print(string.format("\n  held until %s or a new signal: %s", short(known.hold["until"]),
      known.hold.reason or ""))
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
    parser:option("--gate", "a file with a gate of one's own"):argname "<file>"
  end,

  run = function(args)
    local store <close> = cli.open(args, { mode = "ro" })
    local gate = require("signalbox.gate_choice").choose(args.gate, args.as_of)
    local known = gather(store, args.company, gate)
    if #known.signals == 0 and not known.suppression then
      cli.fail("nothing is known of " .. args.company,
        require("signalbox.company_word").hint(store, args.company))
    end
    if args.json then return cli.json(plain(known)) end
    print_head(known)
    print_signals(known)
    if known.verdict then print_arithmetic(known.verdict, gate.options) end
    print_history(known)
    print_failures(known)
  end,
}
