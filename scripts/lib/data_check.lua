--- The rows of a database, held against what the store promises of them.
local signalbox <const> = require "signalbox"

local M = {}

local SHOWN <const> = 5 -- rows that a finding names
local PLAIN_TIME <const> = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%d%+00:00$"

--- Rows with one fault: how many, and the numbers of the first few.
local Fault = {}
Fault.__index = Fault

function Fault:add(id)
  self.count = self.count + 1
  if #self.ids < SHOWN then self.ids[#self.ids + 1] = tostring(id) end
end

local function new_fault(text)
  return setmetatable({ text = text, count = 0, ids = {} }, Fault)
end

local function fault_text(fault)
  return string.format("%s: %d (id %s%s)", fault.text, fault.count, table.concat(fault.ids, ", "),
    fault.count > #fault.ids and " ..." or "")
end

local function report_faults(report, findings, notes)
  for _, fault in ipairs(findings) do
    if fault.count > 0 then report:find(fault_text(fault)) end
  end
  for _, fault in ipairs(notes or {}) do
    if fault.count > 0 then report:note(fault_text(fault)) end
  end
end

-- Texts ----------------------------------------------------------------------------------------

local function is_text(value)
  return value == nil or type(value) == "string" and utf8.len(value) ~= nil and
    not value:find("\0", 1, true)
end

--- Looks at a JSON text that SQLite finds nothing in: the predecessor's NaN is no fault.
local function judge_json(text, id, bad, lenient)
  local fine = type(text) == "string" and
    select(2, signalbox.json.decode(text, { lenient = true })) == nil
  local fault = fine and lenient or bad
  fault:add(id)
end

--- A time that says no offset is UTC: the predecessor's.
local function judge_time(text, id, bad, naive)
  if text == nil or type(text) == "string" and text:find(PLAIN_TIME) then return end
  if type(text) ~= "string" or not signalbox.time(text) then
    bad:add(id)
  elseif not text:find "[+-]%d%d:?%d%d$" and not text:find "[Zz]$" then
    naive:add(id)
  end
end

local function check_signals(store, report)
  local text, json = new_fault "signals with bytes that are no text (UTF-8 without NUL)",
    new_fault "signals whose raw_data is no JSON"
  local name, confidence = new_fault "signals with an empty type, source or key",
    new_fault "signals whose confidence is not from 0 to 1"
  local time = new_fault "signals with a detected_at or created_at that is no time"
  local lenient, naive = new_fault "signals with NaN or Infinity in raw_data",
    new_fault "signals with a time that names no offset (UTC)"
  for row in assert(store:rows [[
    SELECT id, signal_type, source_api, canonical_key, company_name, raw_data, detected_at,
      created_at, json_valid(raw_data) AS valid,
      typeof(confidence) IN ('real', 'integer') AND confidence BETWEEN 0 AND 1 AS confident
    FROM signals]])
  do
    local id = row.id
    if not (is_text(row.signal_type) and is_text(row.source_api) and is_text(row.canonical_key) and
      is_text(row.company_name) and is_text(row.raw_data))
    then
      text:add(id)
    elseif row.signal_type == "" or row.source_api == "" or row.canonical_key == "" then
      name:add(id)
    end
    if row.valid ~= 1 then judge_json(row.raw_data, id, json, lenient) end
    if row.confident ~= 1 then confidence:add(id) end
    judge_time(row.detected_at, id, time, naive)
    judge_time(row.created_at, id, time, naive)
  end
  report_faults(report, { text, name, confidence, json, time }, { lenient, naive })
end

local STATES <const> = {
  pending = true, queued = true, pushed = true, rejected = true, failed = true,
}

local function check_processing(store, report)
  local state, json = new_fault "processing rows in a state that there is not",
    new_fault "processing rows whose metadata is no JSON"
  local text, time = new_fault "processing rows with bytes that are no text",
    new_fault "processing rows with a time that is none"
  local lenient, naive = new_fault "processing rows with NaN or Infinity in metadata",
    new_fault "processing rows with a time that names no offset (UTC)"
  for row in assert(store:rows [[
    SELECT id, status, notion_page_id, processed_at, error_message, metadata, created_at,
      metadata IS NULL OR json_valid(metadata) AS valid
    FROM signal_processing]])
  do
    if not STATES[row.status] then state:add(row.id) end
    if not (is_text(row.notion_page_id) and is_text(row.error_message)) then text:add(row.id) end
    if row.valid ~= 1 then judge_json(row.metadata, row.id, json, lenient) end
    judge_time(row.processed_at, row.id, time, naive)
    judge_time(row.created_at, row.id, time, naive)
  end
  report_faults(report, { state, text, json, time }, { lenient, naive })
end

local function check_suppression(store, report)
  local json, time = new_fault "suppression entries whose metadata is no JSON",
    new_fault "suppression entries with a time that is none"
  local lenient, naive = new_fault "suppression entries with NaN or Infinity in metadata",
    new_fault "suppression entries with a time that names no offset (UTC)"
  for row in assert(store:rows [[
    SELECT id, cached_at, expires_at, metadata, metadata IS NULL OR json_valid(metadata) AS valid
    FROM suppression_cache]])
  do
    if row.valid ~= 1 then judge_json(row.metadata, row.id, json, lenient) end
    judge_time(row.cached_at, row.id, time, naive)
    judge_time(row.expires_at, row.id, time, naive)
  end
  report_faults(report, { json, time }, { lenient, naive })
end

-- The file -------------------------------------------------------------------------------------

local function check_integrity(store, report)
  for row in assert(store:rows "SELECT integrity_check AS line FROM pragma_integrity_check") do
    if row.line ~= "ok" then
      report:find(row.line, row.line:find "index" and "reindex" or nil)
    end
  end
  for row in assert(store:rows [[
    SELECT "table" AS name, rowid AS id, parent, count(*) AS n
    FROM pragma_foreign_key_check
    GROUP BY 1, 3]])
  do
    report:find(string.format("%s of %s refer to no row of %s (the first: %s)", row.n, row.name,
      row.parent, row.id))
  end
end

-- Counters and copies --------------------------------------------------------------------------

local COUNTS <const> = [[
  SELECT 'signals_by_type' AS name, signal_type AS value, count(*) AS n FROM signals GROUP BY 2
  UNION ALL
  SELECT 'processing_status', status, count(*) FROM signal_processing GROUP BY 2
  UNION ALL
  SELECT 'suppression_entries', '', count(*) FROM suppression_cache
  UNION ALL
  SELECT 'company_holds', '', count(*) FROM company_holds]]

local function check_counters(store, report)
  local counted = {}
  for row in assert(store:rows [[
    SELECT name, value, n
    FROM counters
    WHERE name IN ('signals_by_type', 'processing_status', 'suppression_entries',
      'company_holds')]])
  do
    counted[row.name .. "\0" .. row.value] = row.n
  end
  local function compare(name, value, n, count)
    if n ~= count then
      report:find(string.format("the counter %s %s says %d, and there are %d", name, value, n,
        count), "counters")
    end
  end
  for row in assert(store:rows(COUNTS)) do
    local key = row.name .. "\0" .. row.value
    compare(row.name, row.value, counted[key] or 0, row.n)
    counted[key] = nil
  end
  for key, n in pairs(counted) do
    local name, value = key:match "^(.-)%z(.*)$"
    compare(name, value, n, 0)
  end
end

local function check_copies(store, report)
  local row = assert(store:row [[
    SELECT count(*) AS n, min(p.id) AS first
    FROM signal_processing p
    JOIN signals s ON s.id = p.signal_id
    WHERE p.detected_at IS NOT s.detected_at OR p.available_at IS NULL]])
  if row.n > 0 then
    report:find(string.format("processing rows whose copy of detected_at or available_at is not " ..
      "what it should be: %d (id %d%s)", row.n, row.first, row.n > 1 and " ..." or ""), "copies")
  end
end

-- All of it ------------------------------------------------------------------------------------

local WITH_COUNTERS <const> = 1003

--- Looks at every row. `report:find(message, repair)` and `report:note(message)` are told.
---@param store signalbox.Store
---@param schema table as of store:schema()
---@param report table
function M.check(store, schema, report)
  local checks = { check_integrity, check_signals, check_processing, check_suppression }
  if schema.version >= WITH_COUNTERS then
    checks[#checks + 1] = check_counters
    checks[#checks + 1] = check_copies
  end
  for _, check in ipairs(checks) do
    local fine, problem = pcall(check, store, report)
    if not fine then
      if type(problem) == "table" and problem.code == "interrupted" then error(problem, 0) end
      report:find(tostring(problem)) -- a damaged page, a missing table: told, and the rest goes on
    end
  end
end

M.repairs = {
  reindex = function(store) assert(store:exec "REINDEX") end,

  counters = function(store)
    assert(store:exec [[
      DELETE FROM counters
      WHERE name IN ('signals_by_type', 'processing_status', 'suppression_entries',
        'company_holds')]])
    assert(store:exec("INSERT INTO counters(name, value, n) " .. COUNTS))
  end,

  copies = function(store)
    assert(store:exec [[
      UPDATE signal_processing SET
        available_at = coalesce(available_at, created_at),
        detected_at = (SELECT s.detected_at FROM signals s WHERE s.id = signal_id)
      WHERE available_at IS NULL OR detected_at IS NOT
        (SELECT s.detected_at FROM signals s WHERE s.id = signal_id)]])
  end,
}

return M
