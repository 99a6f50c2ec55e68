--- What every collector stands on: keys, suppression, duplicates, batches, the cursor, the record.
--
-- A collector is a file that returns a table with a function `collect(context)`. It finds things
-- out and says what it found with `context:signal{...}`; all that is hard is done here.
--
-- Signals wait until there are enough of them, or the collector has moved its cursor, and are then
-- saved in one transaction with the cursor and with what the collector remembers. So a run that is
-- broken off, by a limit, a crash or a person, leaves the state of its last transaction; the next
-- goes on there, finds again what was not covered, and the store's unique key drops what it has.
local signalbox = require "signalbox"
local collect_item = require "signalbox.collect_item"
local fetch = require "signalbox.fetch"
local problem = require "signalbox.problem"
local runs = require "signalbox.runs"

local M = {}

local BATCH <const> = 1000  -- signals a transaction, where the cursor moves often enough
local MOST <const> = 10000  -- signals a transaction, for a collector whose cursor does not
local PATIENCE <const> = 2  -- seconds until a cursor that has moved is saved, even with few
local CURSOR <const> = ""   -- the stream that it is stored under
local PAUSE <const> = 400   -- of the garbage collector: items are many, short-lived and small

---@class signalbox.Collector
---@field about string one line
---@field collect fun(context: signalbox.CollectContext)
---@field needs? string[] what must be set: names of settings, or of variables
---@field signals? string[] the types it gives
---@field arguments? fun(parser: table) its own words on the command line, read in `context.args`
---@field manual? boolean not part of `collect all`: it has to be told what to read
---@field skip_known? boolean a company that has any signal already is a duplicate
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

-- What is remembered ---------------------------------------------------------------------------

--- Raises what a store's call gave in place of a result.
local function must(value, trouble)
  if value == nil and trouble ~= nil then error(trouble, 0) end
  return value
end

function Run:recall(stream)
  local known = self.state[stream]
  if known then return known.value end
  local row
  if self.store and self.has_tables and not self.options.reset then
    row = must(self.store:row(
      "SELECT value FROM collector_state WHERE collector = ? AND stream = ?", self.name, stream))
  end
  local value = row and row.value and signalbox.json.decode(row.value)
  self.state[stream] = { value = value }
  return value
end

function Run:remember(stream, value)
  self.state[stream] = { value = value }
  self.dirty[stream] = true
end

--- A run that began later has taken the cursor over: writing on would undo what that one does.
function Run:hold_cursor()
  local held = must(self.store:exec(
    "UPDATE collector_state SET run = run WHERE collector = ? AND stream = ? AND run = ?",
    self.name, CURSOR, self.id))
  if held == 0 then
    error(problem("conflict", "another run of this collector has begun since"), 0)
  end
end

function Run:save_state()
  if next(self.dirty) == nil then return end
  self:hold_cursor()
  local now = signalbox.now()
  for stream in pairs(self.dirty) do
    local value = self.state[stream].value
    must(self.store:exec([[
      INSERT INTO collector_state(collector, stream, value, run, updated_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT(collector, stream) DO UPDATE SET
        value = excluded.value, run = excluded.run, updated_at = excluded.updated_at]],
      self.name, stream, value ~= nil and must(signalbox.json.encode(value)) or nil, self.id, now))
  end
end

-- What is set aside ----------------------------------------------------------------------------

function Run:set_aside(text, reason)
  self.counts.quarantined = self.counts.quarantined + 1
  self.aside[#self.aside + 1] = { text = text, reason = tostring(reason) }
end

--- An item as text that `retry` can read again; raw_data that is text stays text.
local function text_of(item)
  local text = signalbox.json.encode(item)
  if text then return text end
  local shown = {}
  for name, value in pairs(item) do
    shown[tostring(name)] = signalbox.json.encode(value) and value or tostring(value)
  end
  return signalbox.json.encode(shown) or "{}"
end

function Run:save_aside()
  local now = signalbox.now()
  for _, item in ipairs(self.aside) do
    must(self.store:exec([[
      INSERT INTO quarantine(collector, item, reason, first_seen_at, last_seen_at)
      VALUES (?, ?, ?, ?, ?)
      ON CONFLICT(collector, item) DO UPDATE SET
        reason = excluded.reason, last_seen_at = excluded.last_seen_at]],
      self.name, item.text, item.reason, now, now))
  end
end

-- Suppression ----------------------------------------------------------------------------------

local CHUNK <const> = 200 -- keys a statement
local SUPPRESSED <const> = ([[
  SELECT canonical_key FROM suppression_cache
  WHERE expires_at > ? AND canonical_key IN (%s)]]):format(("?, "):rep(CHUNK - 1) .. "?")

--- Which of the keys the suppression cache has, as a set.
local function suppressed_keys(store, keys)
  local found, now = {}, signalbox.now()
  for from = 1, #keys, CHUNK do
    for row in assert(store:rows(SUPPRESSED, now, table.unpack(keys, from, from + CHUNK - 1))) do
      found[row.canonical_key] = true
    end
  end
  return found
end

local function any_in(set, keys)
  for i = 1, #keys do
    if set[keys[i]] then return true end
  end
  return false
end

--- Takes out of what waits the companies that are in the cache under any of their keys.
function Run:drop_suppressed()
  local all, n = {}, 0
  for _, keys in ipairs(self.keys) do
    for i = 1, #keys do all[n + i] = keys[i] end
    n = n + #keys
  end
  local set = suppressed_keys(self.store, all)
  if next(set) == nil then return 0 end
  local pending, texts, dropped = {}, {}, 0
  for i, signal in ipairs(self.pending) do
    if any_in(set, self.keys[i]) then
      dropped = dropped + 1
    else
      pending[#pending + 1], texts[#pending + 1] = signal, self.texts[i]
    end
  end
  self.pending, self.texts = pending, texts
  return dropped
end

-- Saving ---------------------------------------------------------------------------------------

--- One by one, for a batch with a signal that the store refuses: the others are saved.
function Run:save_singly()
  local saved, duplicates = 0, 0
  for i = 1, #self.pending do
    local signal = self.pending[i]
    local id, trouble = self.store:save_signal(signal)
    if id then
      saved = saved + 1
    elseif trouble.code == "duplicate" then
      duplicates = duplicates + 1
    elseif trouble.code == "invalid" then
      self:set_aside(self.texts[i] or text_of(signal), trouble)
    else
      error(trouble, 0)
    end
  end
  return saved, duplicates
end

function Run:save_pending()
  local result, trouble = self.store:save_signals(self.pending)
  if result then return result.saved, result.duplicates end
  if trouble.code ~= "invalid" then error(trouble, 0) end
  return self:save_singly()
end

--- What saving would come to, without it.
function Run:try_pending()
  local saved, duplicates = 0, 0
  for _, signal in ipairs(self.pending) do
    local trouble = collect_item.bounds(signal)
    if trouble then
      self:set_aside("", trouble)
    elseif self:is_stored(signal) then
      duplicates = duplicates + 1
    else
      saved = saved + 1
    end
  end
  return saved, duplicates
end

--- In the store, or in this run before.
function Run:is_stored(signal)
  if not signal.detected_at then return false end
  local at = signalbox.iso(signal.detected_at)
  local identity = table.concat(
    { signal.canonical_key, signal.signal_type, signal.source_api, at }, "\0")
  if self.found[identity] then return true end
  self.found[identity] = true
  return self.store ~= nil and must(self.store:row([[
    SELECT id FROM signals
    WHERE canonical_key = ? AND signal_type = ? AND source_api = ? AND detected_at = ?]],
    signal.canonical_key, signal.signal_type, signal.source_api, at)) ~= nil
end

--- What saving came to. In a dry run nothing is written.
local function write(run)
  local saved, duplicates, suppressed = 0, 0, 0
  if #run.pending > 0 then
    if run.store then suppressed = run:drop_suppressed() end
    if run.options.dry_run then saved, duplicates = run:try_pending()
    else saved, duplicates = run:save_pending() end
  end
  if not run.options.dry_run then
    run:save_aside()
    run:save_state()
  end
  return saved, duplicates, suppressed
end

--- Saves what waits, all of it or nothing.
function Run:flush()
  if #self.pending == 0 and #self.aside == 0 and next(self.dirty) == nil then return end
  local counts = self.counts
  local saved, duplicates, suppressed
  if self.options.dry_run then
    saved, duplicates, suppressed = write(self)
  else
    saved, duplicates, suppressed = self.store:transaction(write, self)
    if not saved then error(duplicates, 0) end
  end
  counts.saved = counts.saved + saved
  counts.duplicates = counts.duplicates + duplicates
  counts.suppressed = counts.suppressed + suppressed
  self.pending, self.keys, self.texts, self.aside, self.dirty = {}, {}, {}, {}, {}
  self.moved, self.flushed_at = false, os.time()
  if not self.options.dry_run then self.state = {} end -- the store has it now
  if self.options.progress then self.options.progress(self.counts) end
end

-- An item's way --------------------------------------------------------------------------------

--- By --since; what has no time is new.
function Run:is_too_old(signal)
  local at = signal.detected_at and signalbox.time(signal.detected_at)
  return at ~= nil and at < signalbox.time(self.options.since)
end

function Run:admit(item, text)
  local counts, pending = self.counts, self.pending
  counts.seen = counts.seen + 1
  local keys, trouble = collect_item.keys(item)
  local signal
  if keys then signal, trouble = collect_item.signal(item, self.source, keys[1]) end
  if not signal then return self:set_aside(text or text_of(item), trouble) end
  if self.collector.skip_known and self.store and must(self.store:is_duplicate(keys[1])) then
    counts.duplicates = counts.duplicates + 1
    return
  end
  if self.options.since and self:is_too_old(signal) then
    counts.seen = counts.seen - 1
    return
  end
  local n = #pending + 1
  pending[n], self.keys[n], self.texts[n] = signal, keys, text or false
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
  self.uses_cursor, self.moved = true, true
  self:remember(CURSOR, value)
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

--- Saves at once what was found, with the cursor and what is remembered: for a collector that is
--- going to wait long.
function methods:commit()
  self.run:flush()
end

--- What `remember` was given for this name, in this run or an earlier one.
function methods:recall(name)
  return self.run:recall("." .. name)
end

--- Keeps a value (anything that JSON can hold; nil forgets it), from the next transaction on.
function methods:remember(name, value)
  self.run:remember("." .. name, value)
end

--- The pages of an API that names the next one in a Link header: each decoded, with its response.
---@param client signalbox.Client
---@param url string
---@param query? table
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

function Context.__index(context, name)
  if name == "cursor" then return rawget(context, "run"):recall(CURSOR) end
end

function Context.__newindex(context, name, value)
  if name == "cursor" then rawget(context, "run"):move_cursor(value)
  else rawset(context, name, value) end
end

-- Running it -----------------------------------------------------------------------------------

local function new_run(collector, name, store, options)
  return setmetatable({
    collector = collector, name = name, source = name, store = store, options = options,
    counts = { seen = 0, saved = 0, duplicates = 0, suppressed = 0, quarantined = 0 },
    pending = {}, keys = {}, texts = {}, aside = {}, state = {}, dirty = {}, found = {},
    flushed_at = os.time(), has_tables = true,
    limit_reached = setmetatable({}, { __tostring = function() return "limit reached" end }),
  }, Run)
end

local function new_context(run)
  local context = {
    run = run, args = run.options.args or {}, since = run.options.since,
    dry_run = run.options.dry_run or false,
  }
  for name, method in pairs(methods) do context[name] = method end
  return setmetatable(context, Context)
end

--- The run's row, and the cursor's: from here on earlier runs of the collector can't write it.
local function begin(run)
  return run.store:transaction(function()
    must(run.store:exec([[
      UPDATE runs SET status = 'failed', error = 'killed, or still at work'
      WHERE command = 'collect' AND name = ? AND status = 'running']], run.name))
    run.id = runs.begin(run.store, "collect", run.name)
    if run.options.reset then
      must(run.store:exec("DELETE FROM collector_state WHERE collector = ?", run.name))
    end
    return must(run.store:exec([[
      INSERT INTO collector_state(collector, stream, run, updated_at) VALUES (?, ?, ?, ?)
      ON CONFLICT(collector, stream) DO UPDATE SET run = excluded.run]],
      run.name, CURSOR, run.id, signalbox.now()))
  end)
end

--- The error with a traceback where it is a mistake in the collector, not something it met.
local function explain(trouble)
  return type(trouble) == "string" and debug.traceback(trouble, 2) or trouble
end

--- Runs `work` to its end or its limit. What was found before an error is saved as well: it was
--- found, and the cursor is no further than what is saved.
local function carry_out(run, work)
  local context = new_context(run)
  local ok, trouble = xpcall(work, explain, context)
  if not ok and trouble == run.limit_reached then ok = true end
  local interrupted = not ok and type(trouble) == "table" and trouble.code == "interrupted"
  if not interrupted then
    local saved, failure = pcall(run.flush, run)
    if ok and not saved and failure ~= run.limit_reached then ok, trouble = false, failure end
  end
  return ok, trouble
end

local function work_with(collector, name, store, options, work)
  local run = new_run(collector, name, store, options)
  if not options.dry_run then must(begin(run)) end
  local pause = collectgarbage("setpause", PAUSE)
  local ok, trouble = carry_out(run, work)
  collectgarbage("setpause", pause)
  if not options.dry_run then
    runs.finish(store, run.id, ok and "done" or "failed", run.counts, trouble)
  end
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

--- Tries again what a collector had set aside; what is stored now, or known or suppressed, leaves
--- the quarantine.
---@return table counts
---@return any trouble
function M.retry(collector, name, store, options)
  local rows = {}
  for row in assert(store:rows(
      "SELECT id, item FROM quarantine WHERE collector = ? ORDER BY id", name)) do
    rows[#rows + 1] = row
  end
  return work_with(collector, name, store, options, function(context)
    for _, row in ipairs(rows) do
      must(store:exec("DELETE FROM quarantine WHERE id = ?", row.id))
      if collector.retry then
        collector.retry(context, row.item)
      else
        local item, trouble = signalbox.json.decode(row.item)
        if item then context:signal(item) else context:set_aside(row.item, trouble) end
      end
      context:commit() -- the row is gone only together with what became of it
    end
  end)
end

return M
