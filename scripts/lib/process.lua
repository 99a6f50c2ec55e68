--- The batch run: claim companies, evaluate them, decide, deliver, confirm.
--
-- One transaction a batch holds the confirmation of the deliveries before it, the decisions, and
-- the outbox rows; then the batch is delivered. So each company is decided once and delivered once,
-- whatever is killed in between (see outbox.lua).
local outbox <const> = require "signalbox.outbox"
local signalbox <const> = require "signalbox"

local M = {}

local DECISIONS <const> = { auto_push = true, needs_review = true, hold = true, reject = true }
local DELIVERED <const> = { auto_push = true, needs_review = true }
local BATCH <const> = 50          -- companies a transaction
local BIG_BATCH <const> = 200     -- where a sink takes them all at once
local TASKS <const> = 8           -- deliveries at once, where a sink takes them one by one
M.CLOSED = { Passed = true, Lost = true } -- a page of these is left alone
M.UNSUPPRESSED = { Tracking = true }      -- a watched company can still be lifted by new signals

---@class signalbox.ProcessOptions
---@field sink table a sink's declaration (scripts/sinks/NAME.lua)
---@field sink_name string
---@field sink_options? table handed to its `open`
---@field gate table with `evaluate`
---@field gate_options? table
---@field as_of? string ISO text: evaluate as at that time
---@field limit? integer companies
---@field settle? number seconds before a push of unknown outcome is looked up
---@field hold_for? number seconds a held company waits, unless a signal of it arrives
---@field patience? number seconds that the run waits for what is to be tried again
---@field dry_run? boolean
---@field progress? fun(companies: integer)
---@field decided? fun(company: table) told each decision
---@field run? integer its row of `runs`

local Run = {}
Run.__index = Run

local function new_counts()
  return { companies = 0, auto_push = 0, needs_review = 0, hold = 0, reject = 0, pushed = 0,
    failed = 0, waiting = 0, set_aside = 0 }
end

-- Deciding -------------------------------------------------------------------------------------

--- What the gate says of a company; nil and why where it says nothing sound.
function Run:evaluate(claim)
  local ok, verdict, problem = pcall(self.options.gate.evaluate, claim.signals, self.gate_options)
  if not ok then return nil, "the gate failed: " .. tostring(verdict) end
  if not verdict and problem then return nil, tostring(problem) end
  if type(verdict) ~= "table" or not DECISIONS[verdict.decision] then
    return nil, "the gate gave no decision"
  end
  local score = verdict.score
  if type(score) ~= "number" or score ~= score or math.abs(score) == math.huge then
    return nil, "the gate gave no score"
  end
  return verdict
end

--- Ids of the signals that are to be decided: those that are still pending.
local function pending_ids(claim)
  local ids = {}
  for _, signal in ipairs(claim.signals) do
    if signal.status == "pending" then ids[#ids + 1] = signal.id end
  end
  table.sort(ids)
  return ids
end

local function company_name(signals)
  for _, signal in ipairs(signals) do
    if signal.company_name then return signal.company_name end
  end
end

--- Distinct values of a field, most confident signal first.
local function distinct(signals, field)
  local order = { table.unpack(signals) }
  table.sort(order, function(a, b)
    if a.confidence ~= b.confidence then return a.confidence > b.confidence end
    return a.id < b.id
  end)
  local seen, values = {}, {}
  for _, signal in ipairs(order) do
    local value = signal[field]
    if not seen[value] then seen[value], values[#values + 1] = true, value end
  end
  return values
end

function Run:record(claim, verdict, ids)
  assert(self.store:exec([[
    INSERT INTO decisions(canonical_key, decided_at, as_of, decision, score, verification_status,
      reason, breakdown, signal_ids, run)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)]],
    claim.canonical_key, signalbox.now(), self.as_of, verdict.decision, verdict.score,
    verdict.verification_status, verdict.reason,
    verdict.breakdown and signalbox.json.encode(verdict.breakdown),
    "[" .. table.concat(ids, ",") .. "]", self.options.run))
end

--- What a sink is given; its key is unlike any other decision's, for no fence is given out twice.
function Run:item(claim, verdict, ids)
  return {
    canonical_key = claim.canonical_key,
    company_name = company_name(claim.signals) or claim.canonical_key,
    decision = verdict.decision,
    status = verdict.suggested_status,
    score = verdict.score,
    reason = verdict.reason,
    signal_ids = ids,
    signal_types = distinct(claim.signals, "signal_type"),
    sources = distinct(claim.signals, "source_api"),
    idempotency_key = claim.canonical_key .. "#" .. claim.fence,
    decided_at = self.as_of,
  }
end

--- A company that the gate can't judge: its signals are failed with the reason, for a person.
function Run:set_aside(claim, reason)
  local ok, problem = claim:settle { state = "failed", reason = reason }
  if not ok then return nil, problem end
  self.counts.set_aside = self.counts.set_aside + 1
  self.counts.failed = self.counts.failed + 1
  if self.options.set_aside then self.options.set_aside(claim.canonical_key, reason) end
  return true
end

--- Ends the claim as the verdict says; the first write on a company, so that a claim which was lost
--- changes nothing.
function Run:end_claim(claim, verdict, ids)
  if DELIVERED[verdict.decision] then
    return claim:settle { state = "queued", signal_ids = ids }
  elseif verdict.decision == "hold" then
    return claim:hold { for_ = self.options.hold_for, reason = verdict.reason }
  end
  return claim:settle { state = "rejected", reason = verdict.reason, signal_ids = ids }
end

--- Decides one company within the batch's transaction; gives the delivery it leads to, if any. One
--- whose claim was lost meanwhile is another worker's now.
function Run:decide(claim)
  local counts = self.counts
  local verdict, problem = self:evaluate(claim)
  local ids = verdict and pending_ids(claim)
  local ok, lost
  if verdict then
    ok, lost = self:end_claim(claim, verdict, ids)
  else
    ok, lost = self:set_aside(claim, problem)
  end
  if not ok then
    if lost.code ~= "conflict" then error(lost, 0) end
    return nil
  end
  counts.companies = counts.companies + 1
  if not verdict then return nil end
  counts[verdict.decision] = counts[verdict.decision] + 1
  self:record(claim, verdict, ids)
  if self.options.decided then self.options.decided(claim, verdict) end
  if not DELIVERED[verdict.decision] then return nil end
  return outbox.queue(self.store, self.options.sink_name, self:item(claim, verdict, ids))
end

--- One transaction: what was delivered is confirmed, the claims are decided.
function Run:decide_batch(claims)
  local deliveries = {}
  assert(self.store:transaction(function()
    self:confirm_delivered()
    for _, claim in ipairs(claims) do deliveries[#deliveries + 1] = self:decide(claim) end
    return true
  end))
  return deliveries
end

-- Delivering -----------------------------------------------------------------------------------

--- What the suppression cache knows of a company that isn't from here: its page.
function Run:look_in_cache(delivery)
  if delivery.page_id then return nil end
  local entry = self.store:check_suppression(delivery.canonical_key)
  if not entry then return nil end
  if M.CLOSED[entry.status] then
    return { refused = string.format("in the CRM as %s", entry.status),
      page_id = entry.notion_page_id }
  end
  delivery.item.known_page = entry.notion_page_id
end

--- Takes down what came of a delivery, in the transaction that is open. An outcome is {page_id=}
--- (with `status`, where the page was there before), {refused=reason, page_id=},
--- {again=reason, wait=seconds?}, {unknown=reason}, {failed=reason}, or {lost=true}.
function Run:take_down(delivery, outcome)
  local counts, store = self.counts, self.store
  if outcome.lost then return end
  if outcome.failed then
    if outbox.fail(store, delivery, outcome.failed) then counts.failed = counts.failed + 1 end
  elseif outcome.refused then
    outbox.refuse(store, delivery, outcome.page_id, outcome.refused)
  elseif outcome.page_id then
    local status = outcome.status or delivery.item.status
    if outbox.confirm(store, delivery, outcome.page_id, not M.UNSUPPRESSED[status] and status) then
      counts.pushed = counts.pushed + 1
    end
  else
    local wait = outcome.wait or 0
    if outcome.unknown then wait = math.max(self.settle, wait) end
    if outbox.again(store, delivery, outcome.unknown or outcome.again, wait) == "failed" then
      counts.failed = counts.failed + 1
    end
  end
end

--- The same as a transaction of its own. Tasks take turns at it, for none waits inside.
function Run:take_down_now(delivery, outcome)
  assert(self.store:transaction(function()
    self:take_down(delivery, outcome)
    return true
  end))
end

--- Confirms what was written in a batch, in the transaction that is open.
function Run:confirm_delivered()
  local delivered = self.delivered
  self.delivered = {}
  for _, one in ipairs(delivered) do self:take_down(one.delivery, one.outcome) end
end

--- All at once: what came of them rides with the next batch's decisions.
function Run:deliver_batch(deliveries)
  local ready = {}
  for _, delivery in ipairs(deliveries) do
    local known = self:look_in_cache(delivery)
    if known then
      self.delivered[#self.delivered + 1] = { delivery = delivery, outcome = known }
    else
      ready[#ready + 1] = delivery
    end
  end
  if #ready == 0 then return end
  local outcomes = self.options.sink.deliver_batch(self.sink, ready)
  for i, delivery in ipairs(ready) do
    self.delivered[#self.delivered + 1] = { delivery = delivery, outcome = outcomes[i] }
  end
end

--- What a sink that raised may have done is not known; an interrupt ends the run.
local function outcome_of_failure(raised)
  if type(raised) == "table" and raised.code == "interrupted" then error(raised, 0) end
  return { unknown = "the sink failed: " .. tostring(raised) }
end

--- One by one, several side by side; each is confirmed as soon as it is in.
function Run:deliver_each(deliveries)
  local next_one = 0
  local function work()
    while not self.stopped do
      next_one = next_one + 1
      local delivery = deliveries[next_one]
      if not delivery then break end
      local outcome = self:look_in_cache(delivery)
      if not outcome then
        local ok
        ok, outcome = pcall(self.options.sink.deliver, self.sink, delivery, function()
          return outbox.holds(self.store, delivery)
        end)
        if not ok then outcome = outcome_of_failure(outcome) end
      end
      if outcome.stop then
        self.stopped = outcome.stop
        outbox.put_back(self.store, delivery, outcome.stop)
      else
        self:take_down_now(delivery, outcome)
      end
    end
    return true
  end
  local tasks = {}
  for i = 1, math.min(TASKS, #deliveries) do tasks[i] = signalbox.spawn(work) end
  for _, task in ipairs(tasks) do assert(task:wait()) end
  for i = next_one + 1, #deliveries do
    outbox.put_back(self.store, deliveries[i], self.stopped or "the run ended")
  end
end

function Run:deliver(deliveries)
  if #deliveries == 0 then return end
  if self.options.sink.deliver_batch then
    self:deliver_batch(deliveries)
  else
    self:deliver_each(deliveries)
  end
end

-- The run --------------------------------------------------------------------------------------

--- Delivers what is due of earlier runs and earlier tries. Gives whether there was any.
function Run:deliver_due()
  outbox.rescue(self.store, self.options.sink_name, self.settle)
  local due = outbox.take(self.store, self.options.sink_name, self.batch)
  self:deliver(due)
  return #due > 0
end

--- Claims and decides a batch. Gives whether there was any.
function Run:decide_due()
  local room = self.options.limit and self.options.limit - self.counts.companies or self.batch
  local claims = room > 0
    and assert(self.store:claim { limit = math.min(room, self.batch) }) or {}
  if #claims == 0 and #self.delivered == 0 then return false end
  self:deliver(self:decide_batch(claims))
  if self.options.progress then self.options.progress(self.counts.companies) end
  return #claims > 0
end

--- Waits for the next try, where that is soon. Gives whether it did.
function Run:wait_for_next()
  local _, next_due = outbox.waiting(self.store, self.options.sink_name)
  if not next_due then return false end
  local seconds = math.max(0.01, signalbox.time(next_due) - signalbox.time(signalbox.now()))
  if seconds > self.patience then return false end
  self.patience = self.patience - seconds
  signalbox.sleep(seconds)
  return true
end

function Run:work()
  repeat
    local more = self:deliver_due()
    more = self:decide_due() or more
    if not more and not self.stopped then more = self:wait_for_next() end
  until not more or self.stopped
  assert(self.store:transaction(function()
    self:confirm_delivered()
    return true
  end))
end

--- The whole run, in a transaction that is rolled back: what would be decided.
function Run:dry()
  self.store:transaction(function()
    self.deliver = function(_, deliveries)
      for _, delivery in ipairs(deliveries) do
        local known = self:look_in_cache(delivery)
        if not (known and known.refused) then self.counts.pushed = self.counts.pushed + 1 end
      end
    end
    repeat until not self:decide_due()
    return nil, "dry run"
  end)
end

--- Runs until nothing is due or `limit` companies are decided. Gives the counts, and why it stopped
--- early where it did.
---@param store any
---@param options signalbox.ProcessOptions
function M.run(store, options)
  local self = setmetatable({
    store = store, options = options, counts = new_counts(), delivered = {},
    as_of = options.as_of or signalbox.now(),
    settle = math.min(options.sink.settle or options.settle or 60, options.settle or 60),
    patience = options.patience or 10,
    batch = options.sink.deliver_batch and BIG_BATCH or BATCH,
    gate_options = { now = options.as_of },
  }, Run)
  for name, value in pairs(options.gate_options or {}) do self.gate_options[name] = value end
  if options.dry_run then
    self:dry()
    return self.counts
  end
  local sink, problem = options.sink.open(options.sink_options or {})
  if not sink then return nil, problem end
  self.sink = sink
  local ok, failure = xpcall(self.work, function(raised)
    return type(raised) == "table" and raised or debug.traceback(tostring(raised), 2)
  end, self)
  if options.sink.close then options.sink.close(sink) end
  if not ok then error(failure, 0) end
  self.counts.waiting = outbox.waiting(store, options.sink_name)
  return self.counts, self.stopped
end

return M
