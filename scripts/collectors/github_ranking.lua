--- Daily snapshots of the most starred repositories (github.com/EvanLi/Github-Ranking): what gained
--- many stars since the snapshot before is a spike of its owner's, and where somebody worked on it
--- within a day, an activity as well.
local signalbox = require "signalbox"
local cli = require "signalbox.cli"
local csv = require "signalbox.csv"
local input = require "signalbox.input"

local DAY <const> = 86400
local LEAST, MOST <const> = 100, 1000     -- stars a day
local SURE, SUREST <const> = 0.60, 0.95   -- confidence at these

local function day_of(path)
  return path:match "[^/]*$":match "^.*(%d%d%d%d%-%d%d%-%d%d)"
end

--- Rises with the logarithm of the stars.
local function confidence_of(gained)
  local share = math.log(gained / LEAST) / math.log(MOST / LEAST)
  return math.max(0, math.min(SUREST, SURE + (SUREST - SURE) * share))
end

--- The files in the order of their days; each has one.
local function by_day(context, paths)
  if #paths == 0 then context:fail("name the files of the snapshots") end
  local files = {}
  for i, path in ipairs(paths) do
    local day = day_of(path)
    local ok, problem = input.check(path)
    if not ok then context:fail(problem) end
    if not day or not signalbox.time(day) then
      context:fail("%s: its name has no day in it, as in github-ranking-2026-08-22.csv.gz", path)
    end
    files[i] = { path = path, day = day }
  end
  table.sort(files, function(a, b)
    if a.day ~= b.day then return a.day < b.day end
    return a.path < b.path
  end)
  return files
end

--- Its repositories, one row each: one that is on several lists is there several times.
local function read_snapshot(context, path)
  local repositories, list = {}, {}
  for row in csv.rows(input.lines(path, true)) do
    local stars = math.tointeger(tonumber(row.stars))
    if row.repo_url and row.username and stars then
      local id = row.repo_url:lower()
      if not repositories[id] then
        repositories[id] = stars
        list[#list + 1] = { id = id, stars = stars, row = row }
      end
    else
      context:set_aside(signalbox.json.encode(row) or path,
        "the row has no repo_url, no username or no number of stars")
    end
  end
  return { stars = repositories, list = list }
end

--- Keeps the one of an owner that gained most; of equals the first by name, whatever the order of
--- the file.
local function keep_best(best, find)
  local owner = find.row.username:lower()
  local other = best[owner]
  if not other then
    best[#best + 1] = owner
  elseif other.gained > find.gained or other.gained == find.gained and other.id < find.id then
    return
  end
  best[owner] = find
end

local function signal_of(find, kind, confidence, detected_at)
  local row = find.row
  return {
    signal_type = kind,
    confidence = confidence,
    refs = { github_org = row.username },
    company_name = row.username,
    detected_at = detected_at,
    raw_data = {
      repo = row.username .. "/" .. row.repo_name, url = row.repo_url, stars = find.stars,
      gained = find.gained, since = find.since, forks = math.tointeger(tonumber(row.forks)),
      language = row.language ~= "" and row.language or nil, last_commit = row.last_commit,
      description = row.description,
    },
  }
end

--- What a snapshot shows beside the one before it.
local function compare(context, before, now, least)
  local spikes, activities = {}, {}
  local detected = signalbox.time(now.day)
  for _, find in ipairs(now.list) do
    local known = before.stars[find.id]
    find.gained, find.since = known and find.stars - known, before.day
    if known and find.gained >= least then
      local commit = signalbox.time(find.row.last_commit or "")
      keep_best(spikes, find)
      if commit and detected - commit <= DAY then keep_best(activities, find) end
    end
  end
  local at = signalbox.iso(now.day)
  for _, owner in ipairs(spikes) do
    local find = spikes[owner]
    context:signal(signal_of(find, "github_spike", confidence_of(find.gained), at))
  end
  for _, owner in ipairs(activities) do
    context:signal(signal_of(activities[owner], "github_activity", SUREST, at))
  end
end

return {
  about = "repositories that gained stars, from daily snapshots of a ranking",
  signals = { "github_spike", "github_activity" },
  manual = true,

  arguments = function(parser)
    parser:argument("path", "a snapshot, the day in its name: github-ranking-2026-08-22.csv.gz")
      :args "*"
    parser:option("--min-stars", "what a repository has to gain", LEAST):convert(cli.count)
  end,

  --- The last snapshot is kept: a file a run, or all in one, find the same.
  collect = function(context)
    local least = context.args.min_stars or LEAST
    local kept = context:recall "snapshot"
    local before
    for _, file in ipairs(by_day(context, context.args.path)) do
      local now = read_snapshot(context, file.path)
      now.day = file.day
      if kept and kept.day < now.day and (not before or before.day < kept.day) then
        before = kept
      end
      if before and before.day < now.day then compare(context, before, now, least) end
      before = now
      if not kept or kept.day <= now.day then
        context:remember("snapshot", { day = now.day, stars = now.stars })
        kept = now
      end
      context.cursor = kept.day
    end
  end,
}
