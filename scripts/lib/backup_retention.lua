--- `forget`: the rules of signalbox.retention over a folder of backups or of dated exports.
--
-- The backups of each database are judged apart, and other dated files by their name. What is
-- damaged is never counted, and never removed: it is told. The newest good one always stays.
local changes <const> = require "signalbox.backup_change"
local cli <const> = require "signalbox.cli"
local folders <const> = require "signalbox.backup_folder"
local retention <const> = require "signalbox.retention"
local verifying <const> = require "signalbox.backup_verify"

local M = {}

--- Good snapshots by what they are of, as far as can be seen at a glance; and the others.
local function sort_out(snapshots)
  local groups, bad = {}, {}
  for _, snapshot in ipairs(snapshots) do
    if snapshot.problem then
      bad[#bad + 1] = snapshot
    else
      local name = snapshot.kind .. " " .. snapshot.group
      groups[name] = groups[name] or {}
      table.insert(groups[name], snapshot)
    end
  end
  return groups, bad
end

--- Says of a group's snapshots why they stay.
local function judge(group, policy, just_made)
  retention.apply(group, policy)
  if #group[1].reasons == 0 then group[1].reasons[1] = "newest good" end
  for _, snapshot in ipairs(group) do
    if snapshot.key == just_made and #snapshot.reasons == 0 then
      snapshot.reasons[1] = "just made"
    end
  end
end

local function first_that(group, stays)
  for i, snapshot in ipairs(group) do
    if #snapshot.reasons > 0 == stays then return i, snapshot end
  end
end

--- Judges a group so that the newest that stays is read, and good, before any goes: one that isn't
--- does not count.
local function judge_safely(folder, group, policy, bad, options)
  while #group > 0 do
    judge(group, policy, options.just_made)
    local at, newest = first_that(group, true)
    if newest.kind == "file" or newest.key == options.just_made or not first_that(group, false) then
      return
    end
    local same, problem = verifying.compare_files(folder, newest.manifest, {})
    if same then return end
    newest.problem = problem
    bad[#bad + 1] = table.remove(group, at)
  end
end

local function row_of(folder, snapshot)
  return {
    path = folders.path_of(folder, snapshot),
    time = os.date("!%Y-%m-%dT%H:%M:%SZ", snapshot.time),
    reasons = #snapshot.reasons > 0 and snapshot.reasons or nil,
  }
end

local function newest_first(a, b)
  if a.time ~= b.time then return a.time > b.time end
  return a.path < b.path
end

--- What the policy says of a folder: {kept=, removed=, ignored=, dry_run=}, and what is to go.
local function decide(folder, policy, options)
  local array <const> = require "signalbox".array
  local snapshots, problem = folders.scan(folder)
  if not snapshots then return nil, problem end
  local groups, bad = sort_out(snapshots)
  local result = { kept = array {}, removed = array {}, ignored = array {},
    dry_run = options.dry_run == true }
  local doomed = {}
  for _, group in pairs(groups) do
    judge_safely(folder, group, policy, bad, options)
    for _, snapshot in ipairs(group) do
      local stays = #snapshot.reasons > 0
      table.insert(stays and result.kept or result.removed, row_of(folder, snapshot))
      if not stays then doomed[#doomed + 1] = snapshot end
    end
  end
  for i, snapshot in ipairs(bad) do
    result.ignored[i] = { path = folders.path_of(folder, snapshot),
      problem = tostring(snapshot.problem) }
  end
  table.sort(result.kept, newest_first)
  table.sort(result.removed, newest_first)
  return result, doomed
end

--- Removes what the policy doesn't keep. Gives {kept=, removed=, ignored=, dry_run=}.
---@param folder string
---@param policy table
---@param options { dry_run: boolean?, just_made: string?, note: function? }
---@return table? result
---@return signalbox.Problem? problem
function M.forget(folder, policy, options)
  local lock <close>, locking = folders.lock(folder, options.note)
  if not lock then return nil, locking end
  if not options.dry_run then changes.mend(folder) end
  local result, doomed = decide(folder, policy, options)
  if not result then return nil, doomed end
  if not options.dry_run then
    local removed, removing = changes.remove(folder, doomed)
    if not removed then return nil, removing end
  end
  return result
end

--- Prints what stays and why, and what goes.
function M.print(result)
  local rows = {}
  for _, row in ipairs(result.kept) do
    rows[#rows + 1] = { time = row.time, what = "keep", why = table.concat(row.reasons, ", "),
      path = row.path }
  end
  for _, row in ipairs(result.removed) do
    rows[#rows + 1] = { time = row.time, what = "remove", why = "", path = row.path }
  end
  table.sort(rows, newest_first)
  if #rows > 0 then cli.table(rows, { "time", "what", "why", { "path", title = "file" } }) end
  for _, row in ipairs(result.ignored) do
    cli.note("%s is left alone: %s", row.path, row.problem)
  end
  print(string.format("%d kept, %d %s", #result.kept, #result.removed,
    result.dry_run and "would be removed" or "removed"))
end

return M
