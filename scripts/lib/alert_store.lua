--- Where alerts are kept between two checks: what they are, what became of them, what is silenced,
-- and when the last check was.
local signalbox <const> = require "signalbox"

local M = {}

local EVENT_DAYS <const> = 400
local DAY <const> = 86400

local encode <const>, decode <const> = signalbox.json.encode, signalbox.json.decode

local function iso(at) return at and signalbox.iso(at) or nil end
local function time(text) return text and signalbox.time(text) or nil end

-- Instances ------------------------------------------------------------------------------------

-- What is in an instance beside the columns.
local MEMORY <const> = {
  "seen_at", "description", "runbook", "window", "turns", "flapping", "acked", "file", "held_by",
}

local function memory_of(instance)
  local memory = {}
  for _, field in ipairs(MEMORY) do memory[field] = instance[field] end
  return encode(memory)
end

--- All instances, by name, then by key.
function M.load_book(store)
  local book = {}
  for row in assert(store:rows "SELECT * FROM alert_instances") do
    local instance = decode(row.memory)
    instance.name, instance.key, instance.labels = row.name, row.labels, decode(row.labels)
    instance.state, instance.severity, instance.summary = row.state, row.severity, row.summary
    instance.value = row.value
    instance.active_at, instance.fired_at = time(row.active_at), time(row.fired_at)
    instance.resolved_at = time(row.resolved_at)
    instance.stored = row
    book[row.name] = book[row.name] or {}
    book[row.name][row.labels] = instance
  end
  return book
end

local function is_unchanged(instance, memory)
  local row = instance.stored
  return row and row.state == instance.state and row.value == instance.value and
    row.summary == instance.summary and row.severity == instance.severity and
    row.memory == memory and row.active_at == iso(instance.active_at) and
    row.fired_at == iso(instance.fired_at) and row.resolved_at == iso(instance.resolved_at)
end

local function save_instance(store, instance)
  local memory = memory_of(instance)
  if is_unchanged(instance, memory) then return end
  assert(store:exec([[
    INSERT INTO alert_instances(name, labels, state, severity, summary, value, active_at, fired_at,
      resolved_at, memory) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET state = excluded.state, severity = excluded.severity,
      summary = excluded.summary, value = excluded.value, active_at = excluded.active_at,
      fired_at = excluded.fired_at, resolved_at = excluded.resolved_at, memory = excluded.memory]],
    instance.name, instance.key, instance.state, instance.severity, instance.summary,
    instance.value, iso(instance.active_at), iso(instance.fired_at), iso(instance.resolved_at),
    memory))
end

--- Writes what differs from `before`, the names and keys that were loaded.
local function save_book(store, book, before)
  for _, known in pairs(book) do
    for _, instance in pairs(known) do save_instance(store, instance) end
  end
  for _, at in ipairs(before) do
    if not (book[at.name] and book[at.name][at.key]) then
      assert(store:exec("DELETE FROM alert_instances WHERE name = ? AND labels = ?", at.name,
        at.key))
    end
  end
end

--- What there was, for save_book.
local function places_of(book)
  local places = {}
  for name, known in pairs(book) do
    for key in pairs(known) do places[#places + 1] = { name = name, key = key } end
  end
  return places
end

-- Events ---------------------------------------------------------------------------------------

--- Notes that something happened to an alert.
function M.add_event(store, alert, event, now, detail)
  assert(store:exec(
    "INSERT INTO alert_events(at, name, labels, event, value, detail) VALUES (?, ?, ?, ?, ?, ?)",
    iso(now), alert.name, alert.key or encode(alert.labels or {}), event, alert.value, detail))
end

--- Events since a time, newest first: array of {at=, name=, labels=, event=, value=, detail=}.
function M.events(store, since, limit, name)
  local list = {}
  for row in assert(store:rows([[
      SELECT at, name, labels, event, value, detail FROM alert_events
      WHERE at >= ?1 AND (?2 IS NULL OR name = ?2) ORDER BY at DESC, id DESC LIMIT ?3]],
      iso(since), name, limit)) do
    row.labels = decode(row.labels)
    list[#list + 1] = row
  end
  return list
end

-- Silences -------------------------------------------------------------------------------------

--- Silences that have not ended, oldest first.
function M.silences(store, now)
  local list = {}
  for row in assert(store:rows(
      "SELECT * FROM alert_silences WHERE ends_at > ? ORDER BY id", iso(now))) do
    list[#list + 1] = { id = row.id, matchers = decode(row.matchers), comment = row.comment,
      author = row.author, starts_at = time(row.starts_at), ends_at = time(row.ends_at) }
  end
  return list
end

--- Adds one; gives its id.
function M.add_silence(store, silence)
  local row = assert(store:row([[
    INSERT INTO alert_silences(matchers, comment, author, starts_at, ends_at)
    VALUES (?, ?, ?, ?, ?) RETURNING id]],
    encode(silence.matchers), silence.comment, silence.author, iso(silence.starts_at),
    iso(silence.ends_at)))
  return row.id
end

--- Ends one now; false where there is none that lasts.
function M.end_silence(store, id, now)
  return assert(store:exec("UPDATE alert_silences SET ends_at = ?1 WHERE id = ?2 AND ends_at > ?1",
    iso(now), id)) > 0
end

-- All of it ------------------------------------------------------------------------------------

--- Loads the book, runs `fn(book)` and keeps what it made of it, in one transaction; gives what fn
-- returned.
function M.update(store, fn)
  return assert(store:transaction(function()
    local book = M.load_book(store)
    local before = places_of(book)
    local result = fn(book)
    save_book(store, book, before)
    return result
  end))
end

--- Forgets what is older than its retention.
function M.prune(store, now)
  assert(store:exec("DELETE FROM alert_events WHERE at < ?", iso(now - EVENT_DAYS * DAY)))
  assert(store:exec("DELETE FROM alert_silences WHERE ends_at < ?", iso(now - EVENT_DAYS * DAY)))
end

-- Checks ---------------------------------------------------------------------------------------

--- When the check began whose results are in the book, or nil.
---@return number|nil
function M.last_check(store)
  local row = store:row [[
    SELECT started_at FROM runs WHERE command = 'alerts' AND name = 'check'
    ORDER BY started_at DESC LIMIT 1]]
  return row and time(row.started_at)
end

--- Notes that the results of the check that began at `began` are in the book. There is one record
-- of a run for it, for a row a minute would say nothing more.
function M.note_check(store, began, now)
  if assert(store:exec([[
      UPDATE runs SET started_at = ?, finished_at = ?
      WHERE command = 'alerts' AND name = 'check']], iso(began), iso(now))) == 0 then
    assert(store:exec([[
      INSERT INTO runs(command, name, started_at, finished_at, status)
      VALUES ('alerts', 'check', ?, ?, 'done')]], iso(began), iso(now)))
  end
end

return M
