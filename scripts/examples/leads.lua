-- leads.lua FILE.csv: saves a spreadsheet's companies as signals. Its first line names the columns,
-- of which name, website and date are used; a line that was saved before is left as it is.
--
--     signalbox --db signals.db run scripts/examples/leads.lua leads.csv
local signalbox = require "signalbox"
local canonical_key = require "signalbox.canonical_key"
local csv = require "signalbox.csv"

local path = assert(..., "usage: leads.lua FILE.csv")
local file <close> = assert(io.open(path))

--- One signal a row, made as the store asks for it.
local signals = coroutine.wrap(function()
  for row in csv.rows(file:lines "L") do
    local refs = { domain_or_website = row.website, fallback_company_name = row.name }
    coroutine.yield {
      signal_type = "lead",
      source_api = "spreadsheet",
      canonical_key = canonical_key.build(refs),
      company_name = row.name,
      confidence = 0.5,
      detected_at = row.date,
      raw_data = row,
    }
  end
end)

local store <close> = assert(signalbox.open())
local result = assert(store:save_signals(signals))
print(string.format("%d saved, %d were there", result.saved, result.duplicates))
