--- signalbox sync: the suppression cache, filled from the CRM.
local cli = require "signalbox.cli"
local config = require "signalbox.config"
local crm = require "signalbox.crm"
local doubled_pages = require "signalbox.doubled_pages"
local notion = require "signalbox.notion"
local problem = require "signalbox.problem"
local runs = require "signalbox.runs"
local signalbox = require "signalbox"

local NO_STATUS <const> = "(none)" -- of a page whose status is empty, which suppresses as others do

--- One entry for each key of a page, unless its status lets new signals through. `began` is when
--- they were seen, whatever the clock does meanwhile.
local function entries_of(deals, pages, began, counts)
  local entries = {}
  for _, page in ipairs(pages) do
    counts.pages = counts.pages + 1
    local status = notion.value(deals, page, "status") or NO_STATUS
    if crm.is_watched(status) then
      counts.watched = counts.watched + 1
    else
      for _, key in ipairs(notion.keys(deals, page)) do
        entries[#entries + 1] = {
          canonical_key = key, notion_page_id = page.id, status = status, cached_at = began,
          company_name = notion.value(deals, page, "company_name"),
        }
      end
    end
  end
  return entries
end

--- Writes them, but for those that the store refuses: a page may carry anything.
local function write(store, entries)
  while true do
    local written, trouble = store:update_suppression_cache(entries)
    if written then return written end
    local entry = trouble.code == "invalid" and table.remove(entries, trouble.detail.index)
    if not entry then error(trouble, 0) end
    cli.note("sync: left out a key of page %s: %s", entry.notion_page_id, trouble.message)
  end
end

--- What this sync did not see is gone from the CRM, or watched now. A page that was delivered a
--- moment before it began, or since, may not have been listed yet, and stays.
local GONE <const> = [[
  DELETE FROM suppression_cache
  WHERE cached_at <> :began AND NOT (cached_at >= :settled AND notion_page_id IN
    (SELECT page_id FROM outbox WHERE page_id IS NOT NULL))]]

local function forget(store, began)
  local settled = signalbox.iso(signalbox.time(began) - config.get "settle")
  return cli.check(store:exec(GONE, { began = began, settled = settled }))
end

local MOST_NOTES <const> = 20

--- Says which pages have a key that an older one has.
local function report(doubled, archived)
  for i = 1, math.min(#doubled, MOST_NOTES) do
    local one = doubled[i]
    cli.note("%s has another page in Notion: %s, beside the older %s%s", one.key, one.id,
      one.oldest, archived and " (put in the bin)" or "")
  end
  if #doubled > MOST_NOTES then cli.note("and %d more", #doubled - MOST_NOTES) end
end

--- What the sweep found; pages that are in the bin now are doubled no more.
local function end_sweep(sweep, counts)
  local archived = cli.check(sweep:archive())
  report(sweep.doubled, archived > 0)
  counts.doubled, counts.archived = #sweep.doubled - archived, archived
end

--- Changes the cache, unless a sync that began later does: of two, one would remove what the other
--- has seen.
local function change(store, run, work, ...)
  return cli.check(store:transaction(function(...)
    if cli.check(store:row([[
        SELECT count(*) AS n FROM runs WHERE command = 'sync' AND name = 'notion' AND id > ?]],
        run)).n > 0 then
      return nil, problem("conflict", "another sync has begun since")
    end
    return work(store, ...)
  end, ...))
end

local function refresh(store, run, counts, progress)
  local began = signalbox.now()
  local deals, trouble = notion.open()
  if not deals then error(trouble, 0) end
  local sweep = doubled_pages.sweep(deals)
  for pages in deals:batches() do
    for _, page in ipairs(pages) do sweep:see(page) end
    local entries = entries_of(deals, pages, began, counts)
    counts.entries = counts.entries + change(store, run, write, entries)
    progress:update(counts.pages, cli.plural(counts.pages, "page"))
  end
  counts.removed = change(store, run, forget, began)
  end_sweep(sweep, counts)
end

--- What is left after a sync that failed: the entries of earlier ones, until they expire.
local function age(store)
  local last = runs.last_done(store, "sync", "notion")
  if not last then return "there was no whole sync yet" end
  local seconds = signalbox.time(signalbox.now()) - signalbox.time(last.finished_at)
  return string.format("what the cache had stays in use; the last whole sync was %s ago",
    cli.span(seconds))
end

local function explain(trouble)
  return type(trouble) == "string" and debug.traceback(trouble, 2) or trouble
end

return cli.command {
  about = "fill the suppression cache from Notion",
  database = "option",
  json = true,
  notes = [[
Every live page suppresses its company, under each key that it carries, unless its status is one of
notion.watched (Tracking): such a company can still be lifted by new signals. A sync that fails
half-way leaves the entries of earlier ones.

Pages that carry a key which an older page has are named, and counted as doubled; the rule
PagesDoubled fires. notion.archive_doubled = "yes" puts them in the bin, all but the oldest.
]],
  examples = { { "signalbox sync" } },

  run = function(args)
    config.need "notion.api_key"
    config.need "notion.database_id"
    local store <close> = cli.open(args, { mode = "rwc", busy_timeout = 30 })
    local run = runs.begin(store, "sync", "notion")
    local counts = { pages = 0, entries = 0, watched = 0, removed = 0, doubled = 0,
      archived = 0 }
    local progress <close> = cli.progress "sync"
    local ok, trouble = xpcall(refresh, explain, store, run, counts, progress)
    progress:close()
    cli.check(runs.finish(store, run, ok and "done" or "failed", counts, trouble))
    if not ok then
      if type(trouble) == "table" and trouble.code == "interrupted" then error(trouble, 0) end
      cli.fail(trouble, age(store))
    end
    if args.json then return cli.json(counts) end
    print(string.format("%s, %s, %s watched, %s removed%s", cli.plural(counts.pages, "page"),
      cli.plural(counts.entries, "entry", "entries"), cli.thousands(counts.watched),
      cli.thousands(counts.removed), counts.doubled > 0
        and ", " .. cli.plural(counts.doubled, "page") .. " doubled" or ""))
  end,
}
