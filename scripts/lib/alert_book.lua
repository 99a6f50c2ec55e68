--- All alerts there are: the results of an evaluation, carried into the instances. Pure.
local signalbox <const> = require "signalbox"
local cycle <const> = require "signalbox.alert_cycle"

local M = {}

M.FAILED = "RuleFailed"

-- The one alert that no file declares: a rule that can't be read or run.
local FAILED_RULE <const> = { name = M.FAILED, for_ = 0, severity = "warning", labels = {} }

--- Labels as one text: the same for the same labels.
---@param labels table<string, string>
function M.key_of(labels)
  return signalbox.json.encode(labels)
end

--- What one rule saw, by key: nil where nothing may be concluded from it.
local function seen_by(rule, result)
  local seen = {}
  if result.problem then return nil end
  if result.nothing and rule.no_data == "keep" then return nil end
  if result.nothing and rule.no_data == "alert" then
    seen[M.key_of(rule.labels)] = { labels = rule.labels, summary = rule.name .. ": no data" }
  end
  for _, instance in ipairs(result.instances) do seen[M.key_of(instance.labels)] = instance end
  return seen
end

--- Every file or rule that failed, as instances of RuleFailed.
local function failures(report, moment)
  local seen = {}
  local function add(file, rule, problem)
    local labels = { file = file, rule = rule }
    seen[M.key_of(labels)] = { labels = labels, value = 1,
      summary = problem:find(file, 1, true) and problem or file .. ": " .. problem }
  end
  for _, problem in ipairs(report.problems) do add(problem.file, problem.rule, problem.problem) end
  for _, rule in ipairs(report.rules) do
    local result = rule.results[moment]
    if result and result.problem then add(rule.file, rule.name, result.problem) end
  end
  return seen
end

local function instance_of(name, labels)
  return { name = name, labels = labels, key = M.key_of(labels), state = "inactive" }
end

--- Steps every instance of one alert. `known` is by key; what is over leaves it.
local function step_alert(known, rule, seen, clear, now, changes)
  for key, one in pairs(seen) do
    known[key] = known[key] or instance_of(rule.name, one.labels)
  end
  for key, instance in pairs(known) do
    local before = instance.state
    local lives = cycle.step(instance, rule, seen[key], clear, now)
    if instance.state ~= before then
      changes[#changes + 1] = { instance = instance, from = before, to = instance.state }
    end
    if not lives then known[key] = nil end
  end
end

--- Carries the results of one moment into `book`, which is by name, then by key. Alerts that no
-- rule declares any more are over; those of a rule or a file that failed stay as they are. Gives
-- the changes of state, {instance=, from=, to=}.
---@param book table<string, table<string, table>>
---@param report table as signalbox.rules gives it
---@param moment integer
---@param now number
---@return table[]
function M.carry(book, report, moment, now)
  local changes, done = {}, {}
  local function carry(rule, seen, clear)
    book[rule.name] = book[rule.name] or {}
    step_alert(book[rule.name], rule, seen, clear, now, changes)
    if not next(book[rule.name]) then book[rule.name] = nil end
  end

  for _, rule in ipairs(report.rules) do
    local result = rule.results[moment]
    local seen = result and seen_by(rule, result)
    if seen then carry(rule, seen, result.clear) end
    done[rule.name] = true
  end
  carry(FAILED_RULE, failures(report, moment), true)
  done[M.FAILED] = true

  local failed = {} -- files of which nothing is known now
  for _, problem in ipairs(report.problems) do
    if problem.rule then done[problem.rule] = true else failed[problem.file] = true end
  end
  local names = {}
  for name in pairs(book) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    local _, instance = next(book[name])
    local lost = failed[instance.file] or not instance.file and next(failed)
    if not done[name] and not lost then carry({ name = name, for_ = 0 }, {}, true) end
  end
  return changes
end

--- Instances in the order in which people look at them: firing first, then by name and labels.
---@return table[]
function M.list(book)
  local order <const> = { firing = 1, pending = 2, resolved = 3, inactive = 4 }
  local list = {}
  for _, known in pairs(book) do
    for _, instance in pairs(known) do list[#list + 1] = instance end
  end
  table.sort(list, function(a, b)
    if a.state ~= b.state then return order[a.state] < order[b.state] end
    if a.name ~= b.name then return a.name < b.name end
    return a.key < b.key
  end)
  return list
end

--- Whether people are told of it: not what is quiet, nor what resolved a while ago.
---@param now number
function M.is_shown(instance, now)
  return instance.state == "pending" or instance.state == "firing" or
    instance.state == "resolved" and now - instance.resolved_at <= cycle.RESOLVED_SHOWN
end

return M
