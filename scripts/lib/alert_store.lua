--- Where alerts are kept between two checks: the tables of migration 1005.
local signalbox <const> = require "signalbox"

local M = {}

local EVENT_DAYS <const> = 400
local NOTICE_DAYS <const> = 7
local DAY <const> = 86400
local MINUTE_SAMPLES <const> = 7 * DAY -- seconds that a sample a minute is kept; then one an hour
local HOUR_SAMPLES <const> = 400 * DAY

local encode <const>, decode <const> = signalbox.json.encode, signalbox.json.decode

local function iso(at) return at and signalbox.iso(at) or nil end
local function time(text) return text and signalbox.time(text) or nil end

-- Samples --------------------------------------------------------------------------------------

--- The figures that were noted last, or nil.
function M.last_sample(store)
  local row = store:row "SELECT figures FROM stat_samples ORDER BY at DESC LIMIT 1"
  return row and decode(row.figures)
end

--- Notes the figures, at most one set a minute, and forgets old ones.
function M.save_sample(store, figures, now)
  local minute = iso(now - now % 60)
  assert(store:exec("INSERT INTO stat_samples(at, figures) VALUES (?, ?) ON CONFLICT DO NOTHING",
    minute, encode(figures)))
  assert(store:exec([[
    DELETE FROM stat_samples WHERE at < ?1 OR
      (at < ?2 AND at >= ?3 AND substr(at, 15, 2) <> '00')]],
    iso(now - HOUR_SAMPLES), iso(now - MINUTE_SAMPLES), iso(now - MINUTE_SAMPLES - DAY)))
end

--- Samples from `since` to `till` (epoch seconds), oldest first: an iterator of {at=, figures=}.
function M.samples(store, since, till)
  local rows = assert(store:rows(
    "SELECT at, figures FROM stat_samples WHERE at >= ? AND at <= ? ORDER BY at",
    iso(since), iso(till)))
  return function()
    local row = rows()
    return row and { at = time(row.at), figures = decode(row.figures) }
  end
end

-- Instances ------------------------------------------------------------------------------------

-- What is in an instance beside the columns.
local MEMORY <const> = {
  "seen_at", "description", "runbook", "window", "turns", "flapping", "acked",
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

-- Groups ---------------------------------------------------------------------------------------

--- What a receiver was told, by group.
local function load_groups(store, receiver)
  local told = {}
  for row in assert(store:rows(
      "SELECT group_key, told FROM alert_groups WHERE receiver = ?", receiver)) do
    told[row.group_key] = decode(row.told)
  end
  return told
end

local function save_groups(store, receiver, told, before)
  for key, log in pairs(told) do
    assert(store:exec([[INSERT INTO alert_groups(receiver, group_key, told) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET told = excluded.told WHERE told <> excluded.told]],
      receiver, key, encode(log)))
  end
  for _, key in ipairs(before) do
    if not told[key] then
      assert(store:exec("DELETE FROM alert_groups WHERE receiver = ? AND group_key = ?", receiver,
        key))
    end
  end
end

--- Runs `fn(told)` with what the receiver was told, and keeps what it made of it.
function M.with_groups(store, receiver, fn)
  local told = load_groups(store, receiver)
  local before = {}
  for key in pairs(told) do before[#before + 1] = key end
  local result = fn(told)
  save_groups(store, receiver, told, before)
  return result
end

-- Notices --------------------------------------------------------------------------------------

--- Puts a notice into the queue; one that repeats the last only where that isn't waiting still.
function M.add_notice(store, notice, now)
  if notice.reason == "repeated" and assert(store:row([[
      SELECT count(*) AS n FROM alert_notices
      WHERE receiver = ? AND group_key = ? AND status = 'waiting']],
      notice.receiver, notice.group_key)).n > 0 then
    return
  end
  assert(store:exec([[
    INSERT INTO alert_notices(receiver, group_key, notice, status, created_at, next_at)
    VALUES (?, ?, ?, 'waiting', ?4, ?4)]],
    notice.receiver, notice.group_key, encode(notice), iso(now)))
end

--- The receiver's waiting notices, oldest first.
function M.waiting(store, receiver)
  local list = {}
  for row in assert(store:rows([[
      SELECT id, group_key, notice, attempts, created_at, next_at FROM alert_notices
      WHERE receiver = ? AND status = 'waiting' ORDER BY id]], receiver)) do
    row.notice = decode(row.notice)
    list[#list + 1] = row
  end
  return list
end

--- Takes a notice to send it: true where nobody else has. It is ours until `lost_at`.
function M.take_notice(store, row, lost_at)
  return assert(store:exec([[
    UPDATE alert_notices SET attempts = attempts + 1, next_at = ?
    WHERE id = ? AND status = 'waiting' AND next_at = ?]], iso(lost_at), row.id, row.next_at)) > 0
end

--- It was sent; or it failed and waits until `next_at`; or, without that, it is given up.
function M.settle_notice(store, id, problem, next_at)
  local status = not problem and "sent" or next_at and "waiting" or "failed"
  assert(store:exec(
    "UPDATE alert_notices SET status = ?, error = ?, next_at = coalesce(?, next_at) WHERE id = ?",
    status, problem, iso(next_at), id))
end

--- How many notices there are by status.
function M.count_notices(store)
  local counts = { waiting = 0, sent = 0, failed = 0 }
  for row in assert(store:rows "SELECT status, count(*) AS n FROM alert_notices GROUP BY status") do
    counts[row.status] = row.n
  end
  return counts
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
  assert(store:exec("DELETE FROM alert_notices WHERE status <> 'waiting' AND created_at < ?",
    iso(now - NOTICE_DAYS * DAY)))
end

return M
