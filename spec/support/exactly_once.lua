--- Runs `process` over and over against a Notion that fails, while workers are killed: at the end
--- each company has exactly one page.
local data = require "spec.support.data"
local notions = require "spec.support.notion"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local M = {}

local KINDS <const> = { "incorporation", "github_spike", "hiring_signal" }

local function fill(db, companies)
  local store <close> = assert(signalbox.open(db))
  local i = -1
  assert(store:save_signals(function()
    i = i + 1
    if i >= companies * #KINDS then return nil end
    local kind = KINDS[i % #KINDS + 1]
    return data.signal { canonical_key = "domain:company-" .. i // #KINDS .. ".ai",
      signal_type = kind, source_api = "source of " .. kind, confidence = 1 }
  end))
end

--- Whether anything is left to do.
local function is_done(db)
  local store <close> = assert(signalbox.open(db))
  local stats = store:get_stats().processing_status
  return stats.pending == 0 and stats.queued == 0
end

--- What is in the store and in Notion.
local function take_stock(db, notion)
  local store <close> = assert(signalbox.open(db))
  local found = { pages = 0, doubled = 0, statuses = store:get_processing_stats(), }
  for _, n in pairs(notion:keys()) do
    found.pages = found.pages + 1
    if n > 1 then found.doubled = found.doubled + 1 end
  end
  found.claims = store:row("SELECT count(*) AS n FROM company_claims").n
  found.unsent = store:row("SELECT count(*) AS n FROM outbox WHERE state <> 'sent'").n
  found.wrong_page = store:row([[
    SELECT count(*) AS n FROM signal_processing p JOIN signals s ON s.id = p.signal_id
    JOIN outbox o ON o.canonical_key = s.canonical_key
    WHERE p.notion_page_id IS NOT o.page_id]]).n
  return found
end

--- Starts workers until all is done, and kills each at a random moment; the last one may end.
---@param options { companies: integer, workers: integer, kills: integer, longest: number,
--- seed: integer }
function M.run(options)
  math.randomseed(options.seed)
  local db = temp.folder() .. "/signals.db"
  fill(db, options.companies)
  local notion <close> = notions.start { fail = 0.1, drop = 0.05, drop_after = 0.05, lag = 0.2,
    seed = options.seed }
  local sleep = require("system").sleep
  local kills = 0

  local function start()
    return run.start { "--db", db, "process", "--sink", "notion", "--as-of", "2026-08-22", "--json",
      env = notion:env { SIGNALBOX_SETTLE = "0.5" } }
  end

  while not is_done(db) do
    local workers = {}
    for i = 1, options.workers do workers[i] = start() end
    for _, worker in ipairs(workers) do
      if kills < options.kills then
        sleep(math.random() * options.longest)
        worker.kill "KILL"
        kills = kills + 1
      end
      worker.wait(120)
    end
  end
  local found = take_stock(db, notion)
  found.kills = kills
  return found
end

return M
