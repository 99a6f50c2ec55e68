--- `forget`: the rules of signalbox.retention over a folder of backups or of dated exports.
--
-- Things of different names are judged apart. What is damaged is never counted, and never removed:
-- it is told. The newest good one always stays.
local cli <const> = require "signalbox.cli"
local folders <const> = require "signalbox.backup_folder"
local retention <const> = require "signalbox.retention"

local M = {}

--- Good snapshots by group, and what is wrong with the others.
local function sort_out(folder, snapshots)
  local groups, ignored = {}, {}
  for _, snapshot in ipairs(snapshots) do
    if snapshot.problem then
      ignored[#ignored + 1] = { path = folders.path_of(folder, snapshot),
        problem = snapshot.problem }
    else
      local group = groups[snapshot.group] or {}
      groups[snapshot.group] = group
      group[#group + 1] = snapshot
    end
  end
  return groups, ignored
end

local function row_of(folder, snapshot)
  return {
    path = folders.path_of(folder, snapshot),
    time = os.date("!%Y-%m-%dT%H:%M:%SZ", snapshot.time),
    reasons = snapshot.reasons,
  }
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

local function remove_all(folder, snapshots)
  for _, snapshot in ipairs(snapshots) do
    local removed, problem = folders.remove(folder, snapshot)
    if not removed then return nil, problem end
  end
  return true
end

--- Removes what the policy doesn't keep. Gives {kept=, removed=, ignored=, dry_run=}.
---@param folder string
---@param policy table
---@param options { dry_run: boolean?, just_made: string?, note: function? }
---@return table? result
---@return string? problem
function M.forget(folder, policy, options)
  local lock <close>, locking = folders.lock(folder, options.note)
  if not lock then return nil, locking end
  if not options.dry_run then folders.mend(folder) end
  local snapshots, problem = folders.scan(folder)
  if not snapshots then return nil, problem end
  local groups, ignored = sort_out(folder, snapshots)
  local result = { kept = {}, removed = {}, ignored = ignored, dry_run = options.dry_run == true }
  local doomed = {}
  for _, group in pairs(groups) do
    judge(group, policy, options.just_made)
    for _, snapshot in ipairs(group) do
      local stays = #snapshot.reasons > 0
      local list = stays and result.kept or result.removed
      list[#list + 1] = row_of(folder, snapshot)
      if not stays then doomed[#doomed + 1] = snapshot end
    end
  end
  for _, list in ipairs { result.kept, result.removed } do
    table.sort(list, function(a, b)
      if a.time ~= b.time then return a.time > b.time end
      return a.path < b.path
    end)
  end
  if not options.dry_run then
    local removed, removing = remove_all(folder, doomed)
    if not removed then return nil, removing end
  end
  local array = require("signalbox").array
  for _, row in ipairs(result.removed) do row.reasons = nil end
  result.kept, result.removed = array(result.kept), array(result.removed)
  result.ignored = array(result.ignored)
  return result
end

--- Prints what stays and why, and what goes.
function M.print(result)
  local rows = {}
  for _, row in ipairs(result.kept) do
    rows[#rows + 1] = { time = row.time, what = "keep", why = table.concat(row.reasons, ", "),
      file = row.path }
  end
  for _, row in ipairs(result.removed) do
    rows[#rows + 1] = { time = row.time, what = "remove", why = "", file = row.path }
  end
  table.sort(rows, function(a, b)
    if a.time ~= b.time then return a.time > b.time end
    return a.file < b.file
  end)
  if #rows > 0 then cli.table(rows, { "time", "what", "why", "file" }) end
  for _, row in ipairs(result.ignored) do
    cli.note("%s is left alone: %s", row.path, row.problem)
  end
  print(string.format("%d kept, %d %s", #result.kept, #result.removed,
    result.dry_run and "would be removed" or "removed"))
end

return M
