--- The rows of a database, held against what the store promises of them.
local M = {}

-- Values ---------------------------------------------------------------------------------------

--- What store:check_rows finds, in words.
local FINDINGS <const> = {
  text = "%s holds bytes that are no text (UTF-8 without NUL)",
  empty = "%s is empty",
  missing = "%s is missing",
  type = "%s is of another type than its column",
  word = "%s is in a state that there is not",
  id = "%s is not from 1 to 2^53",
  share = "%s is not from 0 to 1",
  time = "%s is no time",
  order = "%s is a time whose text does not sort as times do (not UTC, or written otherwise)",
  json = "%s is no JSON",
  ids = "%s is no list of signals' numbers",
}

--- What a predecessor may have written.
local NOTES <const> = {
  nan = "%s has NaN or Infinity",
  naive = "%s is a time that names no offset (UTC)",
}

local SHOWN <const> = 5 -- rows that a finding names

local function rows_text(count, keys)
  return string.format("%d (%s%s)", count, keys, count > SHOWN and ", ..." or "")
end

local function check_values(store, report)
  for _, found in ipairs(assert(store:check_rows())) do
    if found.fault == "unreadable" then
      report:find(string.format("%s can't be read: %s", found.table, found.keys))
    else
      local name = found.table .. "." .. found.column
      local keys = found.keys ~= "" and found.keys or "unnamed"
      local text = FINDINGS[found.fault] or NOTES[found.fault]
      local message = text:format(name) .. ": " .. rows_text(found.count, keys)
      if NOTES[found.fault] then report:note(message) else report:find(message) end
    end
  end
end

-- States ---------------------------------------------------------------------------------------

--- `sql` gives how many there are and the first one.
local function note_some(store, report, text, sql)
  local row = assert(store:row(sql))
  if row.n > 0 then
    report:note(string.format("%s: %d (id %d%s)", text, row.n, row.first,
      row.n > 1 and ", ..." or ""))
  end
end

local function note_stateless(store, report)
  note_some(store, report, "signals without a processing row, which no claim gives", [[
    SELECT count(*) AS n, min(s.id) AS first
    FROM signals s
    WHERE NOT EXISTS (SELECT 1 FROM signal_processing p WHERE p.signal_id = s.id)]])
end

local function note_stranded(store, report)
  note_some(store, report, "queued signals that no row of the outbox delivers", [[
    SELECT count(*) AS n, min(signal_id) AS first
    FROM signal_processing
    WHERE status = 'queued' AND signal_id NOT IN (
      SELECT ids.value FROM outbox, json_each(outbox.signal_ids) ids
      WHERE json_valid(outbox.signal_ids))]])
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

local WITH_COUNTERS <const>, WITH_OUTBOX <const> = 1003, 1006

--- Looks at every row. `report:find(message, repair)` and `report:note(message)` are told.
---@param store signalbox.Store
---@param schema table as of store:schema()
---@param report table
function M.check(store, schema, report)
  local checks = { check_integrity, check_values, note_stateless }
  if schema.version >= WITH_COUNTERS then
    table.move({ check_counters, check_copies }, 1, 2, #checks + 1, checks)
  end
  if schema.version >= WITH_OUTBOX then checks[#checks + 1] = note_stranded end
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
