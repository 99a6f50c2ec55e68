--- Runs `process` over and over against a sink that fails, while workers are killed and paused and
--- signals arrive: at the end each company is there exactly once.
local data = require "spec.support.data"
local notions = require "spec.support.notion"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"
local assert = require "luassert"

local sleep = require("system").sleep

local M = {}

local KINDS <const> = { "incorporation", "github_spike", "hiring_signal" }
local LATE <const> = 10 -- every so many companies get a signal more while it is at work

local function key_of(company) return "domain:company-" .. company .. ".ai" end

local function fill(db, companies)
  local store <close> = assert(signalbox.open(db))
  local i = -1
  assert(store:save_signals(function()
    i = i + 1
    if i >= companies * #KINDS then return nil end
    local kind = KINDS[i % #KINDS + 1]
    return data.signal { canonical_key = key_of(i // #KINDS), signal_type = kind,
      source_api = "source of " .. kind, confidence = 1 }
  end))
end

--- Signals that arrive meanwhile, of companies `from` to before `to`. Gives how many.
local function add_late(db, from, to)
  local store <close> = assert(signalbox.open(db, { busy_timeout = 60 }))
  local late = {}
  for company = from, to - 1 do
    if company % LATE == 0 then
      late[#late + 1] = data.signal { canonical_key = key_of(company), confidence = 1,
        signal_type = "funding_event", source_api = "news" }
    end
  end
  return assert(store:save_signals(late)).saved
end

--- Whether anything is left to do.
local function is_done(db)
  local store <close> = assert(signalbox.open(db, { busy_timeout = 60 }))
  local stats = store:get_stats().processing_status
  return stats.pending == 0 and stats.queued == 0
end

-- Sinks ----------------------------------------------------------------------------------------

local SINKS <const> = {}

--- A Notion that refuses, loses requests and answers, makes pages and answers that it failed,
--- answers too late, and finds new pages only after a while.
function SINKS.notion(options)
  local notion = notions.start { fail = 0.1, drop = 0.05, drop_after = 0.03, fail_after = 0.08,
    hang_after = 0.02, lag = 0.2, seed = options.seed }
  return {
    words = { "--sink", "notion" },
    env = notion:env { SIGNALBOX_SETTLE = "0.5", SIGNALBOX_HTTP_TIMEOUT = "1" },
    counts = function() return notion:keys() end,
    close = function() notion:stop() end,
  }
end

--- A file; a company that got signals late has a line for each decision, and those differ.
function SINKS.file(_, folder)
  local path = folder .. "/pushed.ndjson"
  return {
    words = { "--sink", "file", "--out", path },
    env = {},
    counts = function()
      local counts, seen = {}, {}
      for line in temp.read(path):gmatch "[^\n]+" do
        local item = signalbox.json.decode(line)
        if item then
          counts[item.canonical_key] = counts[item.canonical_key] or 1
          if seen[item.idempotency_key] then counts[item.canonical_key] = 2 end
          seen[item.idempotency_key] = true
        end
      end
      return counts
    end,
    close = function() end,
  }
end

-- Taking stock ---------------------------------------------------------------------------------

--- What is in the store and in the sink.
local function take_stock(db, sink)
  local store <close> = assert(signalbox.open(db))
  local function count(sql) return store:row(sql).n end
  local found = { pages = 0, doubled = 0, statuses = store:get_processing_stats() }
  for _, n in pairs(sink.counts()) do
    found.pages = found.pages + 1
    if n > 1 then found.doubled = found.doubled + 1 end
  end
  found.claims = count "SELECT count(*) AS n FROM company_claims"
  found.rows = count "SELECT count(*) AS n FROM outbox"
  found.unsent = count "SELECT count(*) AS n FROM outbox WHERE state <> 'sent'"
  found.wrong_page = count [[
    SELECT count(*) AS n FROM signal_processing p JOIN signals s ON s.id = p.signal_id
    LEFT JOIN outbox o ON o.canonical_key = s.canonical_key
    WHERE p.notion_page_id IS NULL OR (o.sink = 'notion' AND p.notion_page_id <> o.page_id)]]
  return found
end

--- Starts workers until all is done, and kills or pauses each at a random moment; the last one may
--- end.
---@param options { sink: "notion"|"file", companies: integer, workers: integer, kills: integer,
--- longest: number, seed: integer }
function M.run(options)
  math.randomseed(options.seed)
  local folder = temp.folder()
  local db = folder .. "/signals.db"
  fill(db, options.companies)
  local sink = SINKS[options.sink](options, folder)
  local kills, pauses, late, from, rounds = 0, 0, 0, 0, 0

  local function start()
    local words = { "--db", db, "process", "--as-of", "2026-08-22", "--json",
      table.unpack(sink.words) }
    words.env = sink.env
    return run.start(words)
  end

  local function disturb(worker)
    sleep(math.random() * options.longest)
    if math.random() < 0.2 then
      worker.kill "STOP"
      sleep(math.random() * options.longest)
      worker.kill "CONT"
      pauses = pauses + 1
    end
    worker.kill "KILL"
    kills = kills + 1
  end

  while from < options.companies or not is_done(db) do
    rounds = rounds + 1
    local workers = {}
    for i = 1, options.workers do workers[i] = start() end
    local to = kills >= options.kills and options.companies or math.min(options.companies,
      from + math.ceil(options.companies * options.workers / options.kills))
    late, from = late + add_late(db, from, to), to
    for _, worker in ipairs(workers) do
      if kills < options.kills then disturb(worker) end
      worker.wait(300)
    end
  end
  local found = take_stock(db, sink)
  sink.close()
  found.kills, found.pauses, found.late = kills, pauses, late
  return found
end

--- What was found, on one line.
function M.tell(found)
  return string.format("%d kills, %d pauses, %d signals late: %d companies in the sink, "
    .. "%d doubled, %d signals pushed, %d outbox rows of which %d not sent, %d claims left",
    found.kills, found.pauses, found.late, found.pages, found.doubled, found.statuses.pushed,
    found.rows, found.unsent, found.claims)
end

--- Asserts that each company is there exactly once and nothing is left behind.
function M.check(found, companies)
  assert.equal(companies, found.pages)
  assert.equal(0, found.doubled)
  assert.equal(#KINDS * companies + found.late, found.statuses.pushed)
  assert.equal(companies, found.rows, "outbox rows lost")
  assert.equal(0, found.unsent, "outbox rows not sent")
  assert.equal(0, found.claims, "claims left")
  assert.equal(0, found.wrong_page, "signals with no page, or another than their company's")
end

return M
