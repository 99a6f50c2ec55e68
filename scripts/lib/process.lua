--- The batch run: claim companies, evaluate them, decide, deliver, confirm.
--
-- One transaction a batch holds the confirmation of the deliveries before it, the decisions, and
-- the outbox rows; then the batch is delivered. So each company is decided once and delivered once,
-- whatever is killed in between (see outbox.lua). What is not writing is done outside of it, for
-- other workers wait meanwhile.
local crm <const> = require "signalbox.crm"
local outbox <const> = require "signalbox.outbox"
local signalbox <const> = require "signalbox"
local sinks <const> = require "signalbox.sink"
local verdicts <const> = require "signalbox.verdict"

local M = {}

local DELIVERED <const> = verdicts.DELIVERED
local BATCH <const> = 50          -- companies a transaction
local BIG_BATCH <const> = 500     -- where a sink takes them all at once
local TASKS <const> = 8           -- deliveries at once, where a sink takes them one by one
local GC_PAUSE <const> = 400      -- a batch is small and soon over: a tenth of the time is saved
local PATIENCE <const> = 10       -- seconds that a run waits for what is to be tried again

---@class signalbox.ProcessOptions
---@field sink table a sink's declaration (see sink.lua)
---@field sink_name string
---@field sink_options? table handed to its `open`
---@field gate signalbox.GateChoice
---@field as_of? string ISO text: evaluate as at that time
---@field limit? integer companies
---@field settle? number seconds before a push of unknown outcome is looked up
---@field hold_for? number seconds a held company waits, unless a signal of it arrives
---@field progress? fun(companies: integer)
---@field set_aside? fun(key: string, reason: string) told of each company that can't be judged
---@field doubled? fun(key: string, pages: string[]) told of each that has several pages
---@field run? integer its row of `runs`

local Run = {}
Run.__index = Run

M.COUNTS = { "companies", "auto_push", "needs_review", "hold", "reject", "pushed", "refused",
  "failed", "waiting", "set_aside", "doubled" }

function M.new_counts()
  local counts = {}
  for _, name in ipairs(M.COUNTS) do counts[name] = 0 end
  return counts
end

function Run:count(name) self.counts[name] = self.counts[name] + 1 end

-- Deciding -------------------------------------------------------------------------------------

local DECISION <const> = [[
  INSERT INTO decisions(canonical_key, decided_at, as_of, decision, score, verification_status,
    reason, breakdown, signal_ids, run)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)]]

local NONE <const>, NULL <const> = {}, signalbox.null
local DECIDED_AT <const>, SIGNAL_IDS <const> = 2, 9 -- columns that are known last

--- The row of the decision that is prepared.
function Run:row_of(prepared)
  local verdict = prepared.verdict or NONE
  return { prepared.claim.canonical_key, NULL, self.as_of, verdict.decision or "set_aside",
    verdict.score or NULL, verdict.verification_status or NULL,
    verdict.reason or prepared.problem, verdict.breakdown or NULL, NULL, self.options.run or NULL }
end

--- Writes down what was decided.
function Run:record(decided, now)
  local rows = {}
  for i, prepared in ipairs(decided) do
    local row = prepared.row
    row[DECIDED_AT], row[SIGNAL_IDS] = now, prepared.ids_text
    rows[i] = row
  end
  assert(self.store:exec_many(DECISION, rows))
end

--- Ends the claim as the verdict says; the first write on a company, so that a claim which was lost
--- changes nothing. Gives the signals that were decided: what a person said of one since it was
--- claimed stays. A company that the gate can't judge is set aside: failed, for a person.
function Run:end_claim(prepared)
  local claim, verdict, ids = prepared.claim, prepared.verdict, prepared.ids
  if not verdict then
    return claim:settle { state = "failed", reason = prepared.problem, signal_ids = ids }
  elseif DELIVERED[verdict.decision] then
    return claim:settle { state = "queued", signal_ids = ids }
  elseif verdict.decision == "reject" then
    return claim:settle { state = "rejected", reason = verdict.reason, signal_ids = ids }
  end
  local ok, lost = claim:hold { for_ = self.options.hold_for, reason = verdict.reason }
  return ok, ok and ids or lost
end

--- Ends the claims within the batch's transaction. Gives those that are decided by it.
function Run:end_claims(batch)
  local decided = {}
  for _, prepared in ipairs(batch) do
    local ok, ids = self:end_claim(prepared)
    if not ok and ids.code ~= "conflict" then error(ids, 0) end
    if ok and #ids > 0 then -- else it is another worker's now, or a person was quicker
      if #ids < #prepared.ids then verdicts.restrict(prepared, ids) end
      decided[#decided + 1] = prepared
    end
  end
  return decided
end

--- Counts what was decided, once it is committed.
function Run:count_decided(decided)
  for _, prepared in ipairs(decided) do
    self:count "companies"
    if prepared.verdict then
      self:count(prepared.verdict.decision)
    else
      self:count "set_aside"
      self:count "failed"
      if self.options.set_aside then
        self.options.set_aside(prepared.claim.canonical_key, prepared.problem)
      end
    end
  end
end

--- One transaction: what was delivered is confirmed, the claims are decided. Gives deliveries.
function Run:decide_batch(claims)
  local batch, decided, deliveries = {}, nil, nil
  for i, claim in ipairs(claims) do
    batch[i] = verdicts.prepare(claim, self.options.gate, self.as_of)
    batch[i].row = self:row_of(batch[i])
  end
  assert(self.store:transaction(function()
    local now, told = signalbox.now(), {}
    self:confirm_delivered(now)
    decided = self:end_claims(batch)
    self:record(decided, now)
    for _, prepared in ipairs(decided) do
      if prepared.item then told[#told + 1] = prepared end
    end
    deliveries = outbox.queue(self.store, self.options.sink_name, told, now)
    return true
  end))
  self:count_decided(decided)
  return deliveries
end

-- Delivering -----------------------------------------------------------------------------------

--- What the CRM has already, by the suppression cache: deliveries to closed pages come to nothing;
--- another page is told to the sink as the item's `known_page`, unless it is a line of our own.
--- Gives the outcomes that are certain.
function Run:look_in_cache(deliveries)
  local keys, outcomes = {}, {}
  for i, delivery in ipairs(deliveries) do keys[i] = delivery.canonical_key end
  local known = crm.known(self.store, keys)
  for _, delivery in ipairs(deliveries) do
    local entry = known[delivery.canonical_key]
    if entry and crm.is_closed(entry.status) then
      outcomes[delivery] = { refused = "in the CRM as " .. entry.status,
        page_id = entry.notion_page_id }
    elseif entry and entry.notion_page_id:sub(1, #delivery.canonical_key + 1)
      ~= delivery.canonical_key .. "#" then
      delivery.item.known_page = entry.notion_page_id
    end
  end
  return outcomes
end

--- Takes down what came of a delivery (see sink.lua) that was not made, in the transaction that is
--- open.
function Run:take_down(delivery, outcome)
  local store = self.store
  if outcome.lost then
    return
  elseif outcome.failed then
    if outbox.fail(store, delivery, outcome.failed) then self:count "failed" end
  elseif outcome.refused then
    if outbox.refuse(store, delivery, outcome.page_id, outcome.refused) then
      self:count "refused"
    end
  elseif outcome.stop then
    self.stopped = outcome.stop
    outbox.put_back(store, delivery, outcome.stop)
  elseif outbox.again(store, delivery, outcome.unknown or outcome.busy or outcome.again, {
    wait = outcome.wait, busy = outcome.busy ~= nil, settle = outcome.unknown and self.settle,
  }) == "failed" then
    self:count "failed"
  end
end

--- Takes down those that were made, and tells the suppression cache.
function Run:take_down_made(made, now)
  local confirmed, entries = outbox.confirm(self.store, made, now), {}
  for _, one in ipairs(made) do
    if confirmed[one.delivery] then
      self:count "pushed"
      local item = one.delivery.item
      entries[#entries + 1] = { canonical_key = item.canonical_key, notion_page_id = one.page_id,
        status = one.status or item.status, company_name = item.company_name }
    end
  end
  if #entries > 0 then crm.remember(self.store, entries) end
end

local function was_made(outcome)
  return outcome.page_id and not (outcome.lost or outcome.failed or outcome.refused)
end

--- Takes down what came of them all.
function Run:take_down_all(list, now)
  local made = {}
  for _, one in ipairs(list) do
    if was_made(one.outcome) then
      made[#made + 1] = { delivery = one.delivery, page_id = one.outcome.page_id,
        status = one.outcome.status }
    else
      self:take_down(one.delivery, one.outcome)
    end
  end
  if #made > 0 then self:take_down_made(made, now) end
end

--- Confirms what was written in a batch, in the transaction that is open.
function Run:confirm_delivered(now)
  local delivered = self.delivered
  self.delivered = {}
  self:take_down_all(delivered, now)
end

--- A transaction for what came of one delivery. Tasks take turns at it, for none waits inside.
function Run:take_down_now(delivery, outcome)
  assert(self.store:transaction(function()
    self:take_down_all({ { delivery = delivery, outcome = outcome } }, signalbox.now())
    return true
  end))
  if outcome.doubled then
    self:count "doubled"
    if self.options.doubled then
      self.options.doubled(delivery.canonical_key, outcome.doubled)
    end
  end
end

--- All at once: what came of them rides with the next batch's decisions.
function Run:deliver_batch(deliveries)
  local certain, ready = self:look_in_cache(deliveries), {}
  for _, delivery in ipairs(deliveries) do
    if certain[delivery] then
      self.delivered[#self.delivered + 1] = { delivery = delivery, outcome = certain[delivery] }
    else
      ready[#ready + 1] = delivery
    end
  end
  if #ready == 0 then return end
  local outcomes = sinks.deliver_batch(self.options.sink, self.sink, ready, function()
    return outbox.held(self.store, self.options.sink_name, ready)
  end)
  for i, delivery in ipairs(ready) do
    self.delivered[#self.delivered + 1] = { delivery = delivery, outcome = outcomes[i] }
    self.stopped = self.stopped or outcomes[i].stop
  end
end

--- One by one, several side by side; each is confirmed as soon as it is in.
function Run:deliver_each(deliveries)
  local certain, next_one = self:look_in_cache(deliveries), 0
  local function work()
    while not self.stopped do
      next_one = next_one + 1
      local delivery = deliveries[next_one]
      if not delivery then break end
      self:take_down_now(delivery, certain[delivery]
        or sinks.deliver(self.options.sink, self.sink, delivery, function()
          return outbox.renew(self.store, delivery)
        end))
    end
    return true
  end
  local tasks = {}
  for i = 1, math.min(TASKS, #deliveries) do tasks[i] = signalbox.spawn(work) end
  for _, task in ipairs(tasks) do assert(task:wait()) end
  assert(self.store:transaction(function()
    for i = next_one + 1, #deliveries do
      outbox.put_back(self.store, deliveries[i], self.stopped or "the run ended")
    end
    return true
  end))
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
  local claims = room > 0 and not self.stopped
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
  if #self.delivered == 0 then return end
  assert(self.store:transaction(function()
    self:confirm_delivered(signalbox.now())
    return true
  end))
end

local function explain(raised)
  return type(raised) == "table" and raised or debug.traceback(tostring(raised), 2)
end

--- Runs until nothing is due or `limit` companies are decided. Gives the counts, and why it stopped
--- early where it did; nil and why it could not begin.
---@param store any
---@param options signalbox.ProcessOptions
function M.run(store, options)
  local settle = options.settle or 60
  local self = setmetatable({
    store = store, options = options, counts = M.new_counts(), delivered = {},
    as_of = options.as_of or signalbox.now(), patience = PATIENCE,
    settle = math.min(options.sink.settle or settle, settle),
    batch = options.sink.deliver_batch and BIG_BATCH or BATCH,
  }, Run)
  local problem
  self.sink, problem = sinks.open(options.sink, options.sink_options or {})
  if not self.sink then return nil, problem end
  collectgarbage("incremental", GC_PAUSE)
  local ok, failure = xpcall(self.work, explain, self)
  sinks.close(options.sink, self.sink)
  if not ok then error(failure, 0) end
  self.counts.waiting = outbox.waiting(store, options.sink_name)
  return self.counts, self.stopped
end

return M
