--- What every collector stands on: keys, suppression, duplicates, batches, the cursor, the record.
--
-- A collector is a file that returns a table with a function `collect(context)`. It finds things
-- out and says what it found with `context:signal{...}`; all that is hard is done here.
--
-- Signals wait until there are enough of them, or the collector has moved its cursor, and are then
-- saved in one transaction with the cursor and with what the collector remembers. So a run that is
-- broken off, by a limit, a crash or a person, leaves the state of its last transaction; the next
-- goes on there, finds again what was not covered, and the store's unique key drops what it has.
--
-- What becomes of the signals is collect_batch's; what is kept from run to run, collector_state's.
-- A dry run is a run into a store that goes with it, which looks into the real one.
local collect_batch = require "signalbox.collect_batch"
local collect_item = require "signalbox.collect_item"
local collector_state = require "signalbox.collector_state"
local fetch = require "signalbox.fetch"
local problem = require "signalbox.problem"
local quarantine = require "signalbox.quarantine"
local runs = require "signalbox.runs"
local signalbox = require "signalbox"

local M = {}

local BATCH <const> = 1000  -- signals a transaction, where the cursor moves often enough
local MOST <const> = 10000  -- signals a transaction, for a collector whose cursor does not
local PATIENCE <const> = 2  -- seconds until a cursor that has moved is saved, even with few
local PAUSE <const> = 400   -- of the garbage collector: items are many, short-lived and small

---@class signalbox.Collector
---@field about string one line
---@field collect fun(context: signalbox.CollectContext)
---@field needs? string[] what must be set: names of settings, or of variables
---@field signals? string[] the types it gives
---@field arguments? fun(parser: table) its own words on the command line, read in `context.args`
---@field manual? boolean not part of `collect all`: it has to be told what to read
---@field skip_known? boolean a company that has any signal already is a duplicate
---@field take? fun(context: signalbox.CollectContext, record: any) what it makes of one record
---@field retry? fun(context: signalbox.CollectContext, text: string) for what it set aside as text

---@class signalbox.CollectOptions
---@field dry_run? boolean
---@field limit? integer new signals, at most
---@field since? string ISO time
---@field reset? boolean forget the cursor and what was remembered
---@field args? table
---@field progress? fun(counts: table)

---@class signalbox.CollectRun
local Run = {}
Run.__index = Run

-- Saving ---------------------------------------------------------------------------------------

--- All that a transaction does: what it came to, with what is set aside.
local function write(run)
  local outcome = collect_batch.save(run.stores, run.pending, run.collector.skip_known)
  local aside = table.move(run.aside, 1, #run.aside, 1, {})
  for _, refused in ipairs(outcome.refused) do
    local origin = refused.signal.origin
    aside[#aside + 1] = { reason = refused.reason,
      text = type(origin) == "string" and origin or collect_item.text(origin) }
  end
  for _, text in ipairs(run.retried) do quarantine.remove(run.stores[1], run.name, text) end
  quarantine.add(run.stores[1], run.name, aside)
  run.state:save()
  return outcome, aside
end

--- Notes what has been committed.
function Run:wrote(outcome, aside)
  local counts = self.counts
  for _, name in ipairs { "saved", "duplicates", "suppressed" } do
    counts[name] = counts[name] + outcome[name]
  end
  counts.quarantined = counts.quarantined + #aside
  for _, item in ipairs(aside) do
    if item.text == self.retrying then self.stays = true end
  end
  self.pending, self.aside, self.retried = {}, {}, {}
  self.state:saved()
  self.flushed_at = os.time()
  if self.options.progress then self.options.progress(counts) end
end

--- Saves what waits, all of it or nothing.
function Run:flush()
  if #self.pending == 0 and #self.aside == 0 and #self.retried == 0
    and not self.state:is_changed() then
    return
  end
  local outcome, aside = self.stores[1]:transaction(write, self)
  if not outcome then error(aside, 0) end
  self:wrote(outcome, aside)
end

-- An item's way --------------------------------------------------------------------------------

function Run:set_aside(text, reason)
  self.aside[#self.aside + 1] = { text = text, reason = tostring(reason) }
end

--- By --since; what has no time is new.
function Run:is_too_old(signal)
  local at = signal.detected_at and signalbox.time(signal.detected_at)
  return at ~= nil and at < signalbox.time(self.options.since)
end

function Run:admit(item, text)
  local counts = self.counts
  counts.seen = counts.seen + 1
  local signal, reason = collect_item.signal(item, self.name)
  if not signal then return self:set_aside(text or collect_item.text(item), reason) end
  if self.options.since and self:is_too_old(signal) then
    counts.seen = counts.seen - 1
    self.state.keeps_cursor = true -- what is left out now must be found by a later run
    return
  end
  signal.origin = text or item
  self.pending[#self.pending + 1] = signal
end

--- After an item: whether it is time to save. A limit is reached only by what was really new.
function Run:settle()
  local waiting = #self.pending
  local limit = self.options.limit
  if limit and self.counts.saved + waiting >= limit then
    self:flush()
    if self.counts.saved >= limit then error(self.limit_reached, 0) end
  elseif waiting >= (self.uses_cursor and MOST or BATCH) or #self.aside >= BATCH then
    self:flush()
  end
end

function Run:move_cursor(value)
  self.uses_cursor = true
  self.state:set(collector_state.CURSOR, value)
  if #self.pending >= BATCH or os.time() - self.flushed_at >= PATIENCE then self:flush() end
end

-- What a collector sees ------------------------------------------------------------------------

local Context = {}

---@class signalbox.CollectContext
---@field cursor any where the last run came to; it is saved with all signals before it
---@field args table its words on the command line
---@field since string|nil ISO time, from --since
---@field dry_run boolean
local methods = {}

--- Hands a find on: fields as save_signal's, but `refs` may stand for canonical_key, and source_api
--- is the collector's name where it is left out. `text` is what it was read from, kept where it
--- has to be set aside.
function methods:signal(item, text)
  local run = self.run
  run:admit(item, text)
  run:settle()
end

--- Puts something aside that is not even a signal, as text, with a reason.
function methods:set_aside(text, reason)
  local run = self.run
  run.counts.seen = run.counts.seen + 1
  run:set_aside(text, reason)
  run:settle()
end

--- Has the collector's `take` look at one record of its source. A record that is not what it takes
--- it for, and so makes it raise, is set aside as JSON, and the others go on; problems, of a server
--- or of the store, are the run's.
function methods:take(record)
  local ok, trouble = pcall(self.run.collector.take, self, record)
  if ok then return end
  if type(trouble) ~= "string" then error(trouble, 0) end
  self:set_aside(collect_item.text(record), trouble)
end

--- Saves at once what was found, with the cursor and what is remembered: for a collector that is
--- going to wait long.
function methods:commit()
  self.run:flush()
end

--- What `remember` was given for this name, in this run or an earlier one.
function methods:recall(name)
  return self.run.state:get("." .. name)
end

--- Keeps a value (anything that JSON can hold; nil forgets it), from the next transaction on.
function methods:remember(name, value)
  self.run.state:set("." .. name, value)
end

--- The pages of an API that names the next one in a Link header: each decoded, with its response.
---@param url string
---@param query? table
---@param client? signalbox.Client
function methods:pages(url, query, client) -- luacheck: no self
  client = client or fetch.client { name = url:match "^%a+://([^/]*)" or url }
  local address = fetch.url(url, query)
  return function()
    if not address then return nil end
    local page, response = client:json { url = address }
    if page == nil then error(response, 0) end
    address = fetch.next_link(response)
    return page, response
  end
end

--- Fails the run, with a line for people.
function methods:fail(format, ...) -- luacheck: no self
  error(problem("invalid", select("#", ...) > 0 and format:format(...) or format), 0)
end

function Context:__index(name)
  if name == "cursor" then return self.run.state:get(collector_state.CURSOR) end
  return methods[name]
end

function Context:__newindex(name, value)
  if name == "cursor" then self.run:move_cursor(value) else rawset(self, name, value) end
end

-- Running it -----------------------------------------------------------------------------------

local function new_run(collector, name, stores, options)
  return setmetatable({
    collector = collector, name = name, stores = stores, options = options,
    counts = { seen = 0, saved = 0, duplicates = 0, suppressed = 0, quarantined = 0 },
    pending = {}, aside = {}, retried = {}, state = collector_state.new(name, stores),
    flushed_at = os.time(),
    limit_reached = setmetatable({}, { __tostring = function() return "limit reached" end }),
  }, Run)
end

local function new_context(run)
  return setmetatable({
    run = run, args = run.options.args or {}, since = run.options.since,
    dry_run = run.options.dry_run or false,
  }, Context)
end

--- The run's row, and the cursor's: from here on earlier runs of the collector can't write it.
local function begin(run)
  local store = run.stores[1]
  return store:transaction(function()
    assert(store:exec([[
      UPDATE runs SET status = 'failed', error = 'killed, or still at work'
      WHERE command = 'collect' AND name = ? AND status = 'running']], run.name))
    local id = runs.begin(store, "collect", run.name)
    run.state:begin(id, run.options.reset)
    return id
  end)
end

--- The error with a traceback where it is a mistake in the collector, not something it met.
local function explain(trouble)
  return type(trouble) == "string" and debug.traceback(trouble, 2) or trouble
end

--- Runs `work` to its end or its limit. What was found before an error is saved as well: it was
--- found, and the cursor is no further than what is saved.
local function carry_out(run, work)
  local ok, trouble = xpcall(work, explain, new_context(run))
  if not ok and trouble == run.limit_reached then ok = true end
  local interrupted = not ok and type(trouble) == "table" and trouble.code == "interrupted"
  if not interrupted then
    local saved, failure = pcall(run.flush, run)
    if ok and not saved then ok, trouble = false, failure end
  end
  return ok, trouble
end

--- The stores of a run: where it saves, and where it looks beside; a closing value for a dry run's.
local function stores_of(store, options)
  if not options.dry_run then return { store } end
  local target, closing = require("signalbox.scratch").open()
  return { target, store }, closing
end

local function work_with(collector, name, store, options, work)
  local stores, closing = stores_of(store, options)
  local _ <close> = closing
  local run = new_run(collector, name, stores, options)
  local id, failure = begin(run)
  if not id then error(failure, 0) end
  local record <close> = runs.held(stores[1], id)
  local pause = collectgarbage("setpause", PAUSE)
  local ok, trouble = carry_out(run, work)
  collectgarbage("setpause", pause)
  local noted, unnoted = record:finish(ok and "done" or "failed", run.counts, trouble)
  if ok and not noted then ok, trouble = false, unnoted end
  return run.counts, not ok and trouble or nil
end

--- Runs a collector: what it came to, and with it an error where it did not come to its end.
---@param collector signalbox.Collector
---@param name string
---@param store table|nil nil only for a dry run without a database
---@param options signalbox.CollectOptions
---@return table counts seen, saved, duplicates, suppressed, quarantined
---@return any trouble
function M.run(collector, name, store, options)
  return work_with(collector, name, store, options, collector.collect)
end

local function again(context, collector, text)
  if collector.retry then return collector.retry(context, text) end
  local item, reason = collect_item.object(text)
  if not item then
    context:set_aside(text, reason)
  elseif item.signal_type == nil and collector.take then
    context:take(item)
  else
    context:signal(item, text)
  end
end

--- Tries again what a collector had set aside. What is stored now, or known or suppressed, leaves
--- the quarantine, in the transaction of what became of it; what is set aside again stays.
---@return table counts
---@return any trouble
function M.retry(collector, name, store, options)
  local once <const> = { args = options.args, dry_run = options.dry_run, limit = options.limit,
    progress = options.progress }
  return work_with(collector, name, store, once, function(context)
    local run = context.run
    if not store then return end -- a dry run without a database
    for row in quarantine.rows(store, name) do
      run.retrying, run.stays = row.item, false
      again(context, collector, row.item)
      if not run.stays then run.retried[#run.retried + 1] = row.item end
    end
  end)
end

return M
