--- Runs the unit tests that stand in rule files: real rules on a real, small store, under a clock
-- that is turned by hand.
--
--     test "NoIncorporations fires after two quiet days" {
--       at "0h"  { signal "incorporation" },
--       at "47h" { expect "quiet" },
--       at "49h" { expect "firing" },
--     }
--
-- Between the steps the rules are evaluated too, once a minute (`every`), as cron would. Figures
-- come from the store that the steps have filled; `figures {...}` and `series = {...}` lay others
-- over them. A series has one value an evaluation; the last one stays (see rule_series).
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"
local alert_book <const> = require "signalbox.alert_book"
local alert_samples <const> = require "signalbox.alert_samples"
local alert_text <const> = require "signalbox.alert_text"
local rule_fixture <const> = require "signalbox.rule_fixture"
local rule_series <const> = require "signalbox.rule_series"
local rules <const> = require "signalbox.rules"

local M = {}

local START <const> = "2026-01-05T00:00:00Z" -- of a test that doesn't say
local EVERY <const> = 60
local MOST_EVALUATIONS <const> = 20000
local A_SECOND <const> = 500 -- evaluations that a file gets a second for

-- One test -------------------------------------------------------------------------------------

--- The moments from behind `from` up to `to`, in evaluations, with their figures. Between two steps
-- only the series change.
local function moments_between(fixture, test, from, to)
  local moments = {}
  local first = from and (from - test.start) // test.every + 1 or 0
  for index = first, (to - test.start) // test.every do
    local now = test.start + index * test.every
    if now < to then moments[#moments + 1] = { now = now, index = math.tointeger(index) + 1 } end
  end
  if not moments[1] then return moments end
  moments[1].stats = fixture:figures(moments[1].now)
  if next(test.series) then
    local values = moments[1].stats
    for _, moment in ipairs(moments) do
      moment.stats = rule_series.overlaid(values, rule_series.at(test.series, moment.index))
    end
  end
  return moments
end

--- Notes the figures of the moments, for the rules' history.
local function note_samples(fixture, moments)
  local values
  assert(fixture.store:transaction(function()
    for _, moment in ipairs(moments) do
      values = moment.stats or values
      alert_samples.save(fixture.store, values, moment.now)
    end
    return true
  end))
end

--- Evaluates the moments and carries their results; raises what a rule had to complain of.
local function evaluate(fixture, test, moments)
  if #moments == 0 then return end
  note_samples(fixture, moments)
  local sent = {}
  for i, moment in ipairs(moments) do sent[i] = { now = moment.now, stats = moment.stats } end
  local session <close> = rules.session { database = fixture.path,
    seconds = math.max(1, #sent / A_SECOND) }
  local report = rules.evaluate(session, { test.file }, sent)
  if report.problems[1] then error(report.problems[1].problem, 0) end
  for i, moment in ipairs(moments) do
    for _, rule in ipairs(report.rules) do
      local result = rule.results[i]
      if result and result.problem then error(result.problem, 0) end
    end
    alert_book.carry(test.book, report, i, moment.now)
  end
  test.rules = report.rules
end

--- The alert that an expectation is about: named, or the only one, or the one the test begins with.
local function subject(test, expectation)
  if expectation.name then
    for _, rule in ipairs(test.rules) do
      if rule.name == expectation.name then return rule.name end
    end
    error(string.format("there is no alert '%s' in this file", expectation.name), 0)
  end
  if #test.rules == 1 then return test.rules[1].name end
  for _, rule in ipairs(test.rules) do
    local behind = test.name:sub(#rule.name + 1, #rule.name + 1)
    if test.name:sub(1, #rule.name) == rule.name and not behind:find "%w" then return rule.name end
  end
  error("which alert is meant? expect(\"NAME\", \"firing\")", 0)
end

local function count_states(instances, now)
  local counts = { pending = 0, firing = 0, resolved = 0 }
  for _, instance in pairs(instances) do
    if alert_book.is_shown(instance, now) then
      counts[instance.state] = counts[instance.state] + 1
    end
  end
  return counts
end

local function found_state(counts)
  for _, state in ipairs { "firing", "pending", "resolved" } do
    if counts[state] > 0 then return state end
  end
  return "quiet"
end

--- Whether the instances in `state` are exactly those that were expected; nil and what differs.
local function compare_instances(wanted, instances, state)
  local left = {}
  for key, instance in pairs(instances) do
    if instance.state == state then left[key] = instance end
  end
  for _, one in ipairs(wanted) do
    local key = alert_book.key_of(one.labels or {})
    local found = left[key]
    if not found then
      return nil, "there is none with the labels " .. alert_text.labels(one.labels or {})
    end
    for _, field in ipairs { "value", "summary", "severity" } do
      if one[field] ~= nil and one[field] ~= found[field] then
        return nil, string.format("its %s is %s, not %s", field, tostring(found[field]),
          tostring(one[field]))
      end
    end
    left[key] = nil
  end
  local _, extra = next(left)
  if extra then
    return nil, "there is one more, " .. extra.name .. alert_text.labels(extra.labels)
  end
  return true
end

local function check_expectation(test, expectation, now)
  local name = subject(test, expectation)
  local instances = test.book[name] or {}
  local counts = count_states(instances, now)
  local state = found_state(counts)
  local fits = state == expectation.state or (counts[expectation.state] or 0) > 0 or
    expectation.state == "quiet" and state == "resolved"
  if not fits then
    error(string.format("%s: at %s %s is %s, and should be %s", expectation.place,
      test.clock, name, state, expectation.state), 0)
  end
  if expectation.instances then
    local ok, problem = compare_instances(expectation.instances, instances, expectation.state)
    if not ok then
      error(string.format("%s: at %s %s: %s", expectation.place, test.clock, name, problem), 0)
    end
  end
end

local function shown_clock(seconds)
  return seconds % 3600 == 0 and string.format("%dh", seconds // 3600) or
    string.format("%dh%02dm", seconds // 3600, seconds % 3600 // 60)
end

--- Runs one test; raises where it fails.
local function run_test(test)
  table.sort(test.steps, function(a, b) return a.at < b.at end)
  test.start = signalbox.time(test.start or START)
  test.every = test.every or EVERY
  test.book, test.rules = {}, {}
  local series = {}
  for name, text in pairs(test.series or {}) do series[name] = rule_series.expand(text) end
  test.series = series
  local last = test.steps[#test.steps]
  if not last then error(test.place .. ": it has no steps", 0) end
  if last.at / test.every > MOST_EVALUATIONS then
    error(test.place .. ": it is too long for its steps; give it `every = \"1h\"` or so", 0)
  end

  local fixture <close> = rule_fixture.open()
  local before
  for _, step in ipairs(test.steps) do
    local now = test.start + step.at
    evaluate(fixture, test, moments_between(fixture, test, before, now))
    fixture:apply(step.actions, now)
    local index = math.tointeger(step.at // test.every) + 1
    local stats = rule_series.overlaid(fixture:figures(now), rule_series.at(series, index))
    evaluate(fixture, test, { { now = now, stats = stats } })
    test.clock = shown_clock(step.at)
    for _, action in ipairs(step.actions) do
      if action.act == "expect" then check_expectation(test, action, now) end
    end
    before = now
  end
end

-- All tests ------------------------------------------------------------------------------------

--- What a file declares, on an empty store.
local function declare(file)
  local fixture <close> = rule_fixture.open()
  local session <close> = rules.session { database = fixture.path }
  local now = signalbox.time(START)
  return rules.declared(session, { file }, { now = now, stats = fixture:figures(now) })
end

--- Rule files by what people name: paths, or names of rules or files on the search path.
---@param words string[]
function M.files(words)
  local known = rules.files()
  if #words == 0 then return known end
  local files = {}
  for i, word in ipairs(words) do
    if word:find "[/.]" then
      files[i] = rules.file(word)
    else
      for _, file in ipairs(known) do
        if file.label:match "([^/]+)%.lua$" == word then files[i] = file end
      end
      files[i] = files[i] or M.file_of_rule(known, word)
    end
  end
  return files
end

--- The file that declares the alert `name`; fails where there is none.
function M.file_of_rule(files, name)
  local names = {}
  for _, file in ipairs(files) do
    for _, rule in ipairs(declare(file).rules) do
      if rule.name == name then return file end
      names[#names + 1] = rule.name
    end
  end
  cli.unknown("rule", name, names)
end

local function print_result(result)
  if result.problem then
    print(string.format("%s %s\n    %s", cli.colour("✗", "red"), result.test, result.problem))
  else
    print(string.format("%s %s", cli.colour("✓", "green"), result.test))
  end
end

--- Runs the tests of the files that `words` name; the exit code is 1 where one fails.
---@param words string[]
---@param json boolean
function M.run(words, json)
  local results, failed = {}, 0
  local function add(file, name, problem)
    local result = { file = file.label, test = name, problem = problem }
    results[#results + 1] = result
    if problem then failed = failed + 1 end
    if not json then print_result(result) end
  end
  for _, file in ipairs(M.files(words)) do
    local report = declare(file)
    for _, problem in ipairs(report.problems) do add(file, file.label, problem.problem) end
    for _, test in ipairs(report.tests) do
      test.file = file
      local ok, problem = pcall(run_test, test)
      add(file, test.name, not ok and tostring(problem) or nil)
    end
  end
  if json then
    cli.json { tests = signalbox.array(results), passed = #results - failed, failed = failed }
  else
    print(string.format("%d passed, %d failed", #results - failed, failed))
    if #results == 0 then
      cli.note "no rule here has a test; signalbox alerts check evaluates the rules themselves"
    end
  end
  return failed > 0 and cli.FAILED or cli.DONE
end

return M
