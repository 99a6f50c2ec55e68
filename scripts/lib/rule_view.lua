--- What a rule looks at: the present, `stats` over time, the runs of commands. Part of the
-- sandbox; see rule_worker.lua.
local env <const>, words <const> = ...

local assert <const>, error <const> = assert, error
local ipairs <const>, pairs <const> = ipairs, pairs
local tostring <const>, type <const>, huge <const> = tostring, type, math.huge
local gmatch <const>, gsub <const>, concat <const> = string.gmatch, string.gsub, table.concat
local store <const>, tools <const>, seconds <const> = env.store, words.tools, words.check.seconds

env.seconds = seconds
env.time, env.iso = tools.time, tools.iso

--- The present, in epoch seconds; in a test or a backtest that of the moment.
function env.now() return words.now end

--- Hours since the newest signal of a type (of any, without one) was detected; huge where none was.
function env.hours_since_last(signal_type)
  local seen = env.stats.last_signal or {}
  local newest
  if signal_type then
    newest = seen[signal_type]
  else
    for _, at in pairs(seen) do newest = newest and newest > at and newest or at end
  end
  return newest and (words.now - newest) / 3600 or huge
end

--- `value` where it is over the limit, else false; nil (no data) where it is nil.
function env.above(value, limit)
  if value == nil then return nil end
  return value > limit and value
end

function env.below(value, limit)
  if value == nil then return nil end
  return value < limit and value
end

--- One instance for each entry of a table for which `judge(value, key)` gives a number or true; its
-- label `name` is the key.
function env.each(name, entries, judge)
  local list = {}
  for key, entry in pairs(entries or {}) do
    local value = judge(entry, key)
    if value then list[#list + 1] = { labels = { [name] = tostring(key) }, value = value } end
  end
  return list
end

--- The parts of a figure's name, which is dotted, or a list where a part has a dot in it.
local function parts_of(name)
  if type(name) == "table" then return name end
  local parts = {}
  for part in gmatch(name, "[^.]+") do parts[#parts + 1] = part end
  return parts
end

--- One of the figures by the parts of its name.
local function figure(figures, parts)
  local value = figures
  for _, part in ipairs(parts) do
    if type(value) ~= "table" then return nil end
    value = value[part]
  end
  return type(value) == "number" and value or nil
end

--- The path of a figure in a sample, for json_extract.
local function path_of(parts)
  local quoted = {}
  for i, part in ipairs(parts) do quoted[i] = '"' .. gsub(tostring(part), '"', "") .. '"' end
  return "$." .. concat(quoted, ".")
end

--- The samples of a figure from `from` up to the last moment of the request, oldest first. They are
-- read once, for a backtest asks again at every moment.
local function samples_of(path, from)
  local known = words.samples[path]
  if known and known.from <= from then return known end
  local samples = { from = from }
  for row in assert(store:rows([[
      SELECT at, json_extract(figures, ?) AS value FROM stat_samples
      WHERE at >= ? AND at < ? ORDER BY at]],
      path, tools.iso(from), tools.iso(words.last))) do
    if type(row.value) == "number" then
      samples[#samples + 1] = { at = tools.time(row.at), value = row.value }
    end
  end
  words.samples[path] = samples
  return samples
end

--- The place of the first sample at `at` or later.
local function place_of(samples, at)
  local low, high = 1, #samples + 1
  while low < high do
    local middle = (low + high) // 2
    if samples[middle].at < at then low = middle + 1 else high = middle end
  end
  return low
end

--- What the store noted of a figure during the last `span`, oldest first, and what it is now:
-- array of {at=, value=}.
function env.history(name, span)
  local from, parts = words.now - seconds(span), parts_of(name)
  local samples = samples_of(path_of(parts), from)
  local list = {}
  for i = place_of(samples, from), #samples do
    if samples[i].at >= words.now then break end
    list[#list + 1] = samples[i]
  end
  local current = figure(env.stats, parts)
  if current then list[#list + 1] = { at = words.now, value = current } end
  return list
end

--- The first sample at `from` or later, whole, or nil; read once a moment.
local function first_sample(from)
  local known = words.firsts[from]
  if known == nil then
    local row = assert(store:rows([[
      SELECT at, figures FROM stat_samples WHERE at >= ? AND at < ? ORDER BY at LIMIT 1]],
      tools.iso(from), tools.iso(words.now)))()
    known = row and { at = tools.time(row.at), figures = tools.json.decode(row.figures) } or false
    words.firsts[from] = known
  end
  return known or nil
end

--- By how much a figure has grown since the first sample of the last `span` that has it, and the
-- seconds since then; nil where there is none.
local function growth(name, span)
  local from, parts = words.now - seconds(span), parts_of(name)
  local current, first = figure(env.stats, parts), first_sample(from)
  if not current or not first then return nil end
  local value = figure(first.figures, parts)
  if value then return current - value, words.now - first.at end
  local list = env.history(name, span)
  if #list < 2 then return nil end
  return current - list[1].value, words.now - list[1].at
end

--- By how much a figure has grown during the last `span`; nil before there is a sample.
function env.change(name, span)
  return (growth(name, span))
end

--- The same an hour.
function env.per_hour(name, span)
  local grown, took = growth(name, span)
  return grown and took > 0 and grown / took * 3600 or nil
end

local function over(fold)
  return function(name, span)
    local list = env.history(name, span)
    if #list == 0 then return nil end
    local result = list[1].value
    for i = 2, #list do result = fold(result, list[i].value, i) end
    return result
  end
end

--- Least, largest and mean value of a figure during the last `span`, the present one included.
env.least = over(function(a, b) return a < b and a or b end)
env.most = over(function(a, b) return a > b and a or b end)
env.mean = over(function(a, b, i) return a + (b - a) / i end)

local function run_of(row)
  local ended = row.finished_at or row.started_at
  return {
    command = row.command, name = row.name, status = row.status, error = row.error,
    started_at = tools.time(row.started_at), finished_at = row.finished_at and
      tools.time(row.finished_at) or nil,
    age = words.now - tools.time(ended),
    counts = row.counts and tools.json.decode(row.counts) or {},
  }
end

--- The runs of a command ("collect", "sync", "process", "backup") that began during the last
-- `span`, newest first: {command=, name=, status=, started_at=, finished_at=, age=, counts=,
-- error=}; age is in seconds since it ended.
function env.runs(command, span)
  local list = {}
  local rows = assert(store:rows([[
    SELECT command, name, started_at, finished_at, status, counts, error FROM runs
    WHERE command = ? AND started_at >= ? AND started_at <= ? ORDER BY started_at DESC]],
    command, tools.iso(words.now - seconds(span)), tools.iso(words.now)))
  for row in rows do list[#list + 1] = run_of(row) end
  return list
end

--- The last run of a command, of a name and with a status ("done", "failed", "running") where they
-- are given, or nil.
function env.last_run(command, name, status)
  local row, problem = store:row([[
    SELECT command, name, started_at, finished_at, status, counts, error FROM runs
    WHERE command = ?1 AND (?2 IS NULL OR name = ?2) AND (?3 IS NULL OR status = ?3) AND
      started_at <= ?4
    ORDER BY started_at DESC LIMIT 1]], command, name, status, tools.iso(words.now))
  if problem then error(tostring(problem), 2) end
  return row and run_of(row)
end

--- The runs of a command that began during the last `span`, by name: {runs=, first_at=, last_at=,
-- failed_in_row=}, the last being how many failed since one was done. One query, however many there
-- were.
function env.run_totals(command, span)
  local totals = {}
  for row in assert(store:rows([[
      SELECT name, runs, first_at, last_at, (
          SELECT count(*) FROM runs
          WHERE command = ?1 AND name = every.name AND status = 'failed' AND started_at <= ?3 AND
            started_at > coalesce((
              SELECT started_at FROM runs
              WHERE command = ?1 AND name = every.name AND status = 'done' AND started_at <= ?3
              ORDER BY started_at DESC LIMIT 1), ?2)) AS failed_in_row
      FROM (
        SELECT name, count(*) AS runs, min(started_at) AS first_at, max(started_at) AS last_at
        FROM runs WHERE command = ?1 AND started_at >= ?2 AND started_at <= ?3
        GROUP BY name) AS every]],
      command, tools.iso(words.now - seconds(span)), tools.iso(words.now))) do
    totals[row.name] = { runs = row.runs, first_at = tools.time(row.first_at),
      last_at = tools.time(row.last_at), failed_in_row = row.failed_in_row }
  end
  return totals
end

--- What the runs of a command counted under `count` ("saved", "duplicates" ...) during the last
-- `span`, in all.
function env.run_sum(command, count, span)
  local row, problem = store:row([[
    SELECT total(json_extract(counts, ?2)) AS n FROM runs
    WHERE command = ?1 AND started_at >= ?3 AND started_at <= ?4]],
    command, path_of { count }, tools.iso(words.now - seconds(span)), tools.iso(words.now))
  if problem then error(tostring(problem), 2) end
  return row.n
end
