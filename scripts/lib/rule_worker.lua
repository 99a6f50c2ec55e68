--- How a rule file is run and evaluated: the first thing in a Lua state of the sandbox
-- (host/program/sandbox), which then runs the file. Nothing that it answers is trusted by
-- signalbox.rules, which asks.
--
-- A request: {text=, name=} or {embedded=}; seconds=; first= (rules before it are passed over);
-- moments = {{now=, stats=?}, ...}: the file is run anew for each, as if that were the present; one
-- without figures goes on with those before it. tests= asks for those alone.
--
-- Answers: {declared=, problems=, tests=} after the file has run the first time, then for each
-- moment and rule {moment=, rule=, instances=, nothing=?, clear=?} or {moment=, rule=, problem=}.
local env <const>, tools <const>, request <const> = ...

local error <const>, ipairs <const>, next <const>, pcall <const> = error, ipairs, next, pcall
local tostring <const>, type <const> = tostring, type
local huge <const>, math_type <const> = math.huge, math.type
local concat <const>, sort <const>, format <const> = table.concat, table.sort, string.format
local find <const>, gsub <const>, match <const> = string.find, string.gsub, string.match
local utf8_len <const> = utf8.len

--- What the parts of the sandbox share: the present moment and the last, what the file has
-- declared, samples that were read.
local words <const> = { tools = tools, samples = {}, tests_wanted = request.tests }
words.limits = tools.load_embedded "lib/rule_limits" ()
words.check = tools.load_embedded "lib/rule_check" (words)
for _, part in ipairs { "lib/rule_alert", "lib/rule_view", "lib/rule_test" } do
  tools.load_embedded(part)(env, words)
end
local limits <const> = words.limits
local check <const> = words.check
local fail <const>, line_of <const> = check.fail, check.line_of

-- Texts ----------------------------------------------------------------------------------------

local function shown(value)
  if value == nil then return "∞" end
  if math_type(value) == "float" and value % 1 == 0 and value > -1e15 and value < 1e15 then
    return format("%d", value)
  end
  return math_type(value) == "float" and format("%.4g", value) or tostring(value)
end

--- `{value}`, `{NAME}` and `{labels.NAME}` in a text. One that fails says so and loses no alert.
local function render(text, value, labels)
  if text == nil then return nil end
  if type(text) == "function" then
    local ok, made = pcall(text, value, labels)
    if not ok or type(made) ~= "string" or not utf8_len(made) or find(made, "\0", 1, true) then
      return ok and "(its text is no text)" or "(its text failed: " .. line_of(made, "") .. ")"
    end
    return check.cut(made)
  end
  return check.cut((gsub(text, "{([%w_.]+)}", function(name)
    if name == "value" then return shown(value) end
    return labels[name] or labels[match(name, "^labels%.(.+)$") or ""]
  end)))
end

-- Evaluating -----------------------------------------------------------------------------------

--- nil for "more than can be counted", as hours_since_last gives it of what was never seen.
local function sound_value(value)
  if value == nil or value == true then return 1 end
  if type(value) ~= "number" then fail("its value is a %s, and must be a number", type(value)) end
  if value ~= value then fail "its value is NaN (0/0?)" end
  if value == -huge then fail "its value is infinite, and less than nothing" end
  if value == huge then return nil end
  return value
end

local function label_key(labels)
  local names = {}
  for name in next, labels do names[#names + 1] = name end
  sort(names)
  for i, name in ipairs(names) do names[i] = name .. "\1" .. labels[name] end
  return concat(names, "\2")
end

--- One instance of a rule, complete. `own` is a summary in place of the rule's.
local function instance_of(rule, given, value, own)
  local labels = {}
  for name, text in next, rule.labels do labels[name] = text end
  for name, text in next, check.labels(given, "labels") do labels[name] = text end
  value = sound_value(value)
  if own ~= nil then own = check.text(own, "summary", limits.LONGEST_TEXT) end
  return { labels = labels, value = value,
    summary = render(own or rule.summary, value, labels) or rule.name,
    description = render(rule.description, value, labels),
    runbook = render(rule.runbook, value, labels) }
end

local function size_of(instance)
  local size = #instance.summary + #(instance.description or "") + #(instance.runbook or "")
  for name, text in next, instance.labels do size = size + #name + #text end
  return size
end

--- The item of a list, as an instance.
local function read_item(rule, i, item)
  if type(item) ~= "table" then
    fail("item %d of its list is a %s, and must be {labels=, value=}", i, type(item))
  end
  for field in next, item do
    if field ~= "labels" and field ~= "value" and field ~= "summary" then
      fail("item %d of its list has the field '%s', and may have labels, value and summary", i,
        tostring(field))
    end
  end
  return instance_of(rule, item.labels, item.value, item.summary)
end

--- How many items the list has that `when` gave.
local function check_list(list)
  local count = #list
  if count > limits.MOST_INSTANCES then
    fail("it gives %d instances, and %d are allowed", count, limits.MOST_INSTANCES)
  end
  for key in next, list do
    if math_type(key) ~= "integer" or key < 1 or key > count then
      fail("its list has the field '%s'; it is a list of {labels=, value=}", tostring(key))
    end
  end
  return count
end

local function instances_of(rule, list)
  if list.labels ~= nil or list.value ~= nil then list = { list } end
  local instances, seen = {}, {}
  for i = 1, check_list(list) do
    local instance = read_item(rule, i, list[i])
    local key = label_key(instance.labels)
    if seen[key] then fail("items %d and %d of its list have the same labels", seen[key], i) end
    seen[key], instances[i] = i, instance
  end
  return instances
end

--- What `when` says: instances, and whether that was nothing at all.
local function judge_when(rule)
  local given, problem = rule.when()
  if given == nil and problem ~= nil then error(problem, 0) end -- as the store's calls fail
  if not given then return {}, given == nil end
  if given == true or type(given) == "number" then return { instance_of(rule, nil, given) } end
  if type(given) == "table" then return instances_of(rule, given) end
  fail("`when` gave a %s, and may give false, true, a number or a list", type(given))
end

--- Counts the instances against what the file has left; raises where it is less.
local function take_share(left, instances)
  local size = 0
  for _, instance in ipairs(instances) do size = size + size_of(instance) end
  if #instances > left.instances then
    fail("with it the file gives more than %d instances", limits.MOST_INSTANCES)
  end
  if size > left.bytes then
    fail("with it the file's labels and texts are longer than %d bytes", limits.MOST_BYTES)
  end
  left.instances, left.bytes = left.instances - #instances, left.bytes - size
end

local function judge(rule, left)
  local instances, nothing = judge_when(rule)
  local clear = rule.resolve_when and rule.resolve_when() and true or nil
  take_share(left, instances)
  return { instances = tools.array(instances), nothing = nothing or nil, clear = clear }
end

--- Why a rule failed. Of a query that the deadline has ended the store says only that.
local function reason_of(problem, rule)
  local late = format("it takes longer than %g s", request.seconds)
  return (gsub(line_of(problem, rule.place), "interrupted$", late))
end

local function evaluate(moment, first)
  local left = { instances = limits.MOST_INSTANCES, bytes = limits.MOST_BYTES }
  for i = first, #words.declared do
    local rule = words.declared[i]
    local ok, answer = pcall(judge, rule, left)
    if not ok then answer = { problem = reason_of(answer, rule) } end
    answer.moment, answer.rule = moment, i
    tools.reply(answer)
  end
end

-- The request ----------------------------------------------------------------------------------

--- The table of figures stays the same one, for a rule file may have kept it in a local.
local function set_stats(values)
  for name in next, env.stats do env.stats[name] = nil end
  for name, value in next, values do env.stats[name] = value end
end

--- Runs the file; its alerts and tests are declared from here on.
local function run_file(chunk)
  words.declared, words.places, words.problems, words.tests = {}, {}, {}, {}
  words.firsts = {}
  local ok, problem = pcall(chunk)
  if not ok then
    words.problems[#words.problems + 1] = { problem = line_of(problem, tools.place()) }
  end
end

--- What the asker may know of a rule: no functions.
local function description_of(rule)
  return { name = rule.name, place = rule.place, for_ = rule.for_, severity = rule.severity,
    keep_firing_for = rule.keep_firing_for, n_of_m = rule.n_of_m, no_data = rule.no_data,
    has_resolve_when = rule.resolve_when ~= nil, labels = rule.labels,
    inhibits = rule.inhibits, depends_on = rule.depends_on,
    summary = type(rule.summary) == "string" and rule.summary or rule.name }
end

local function declare()
  local list = {}
  for i, rule in ipairs(words.declared) do list[i] = description_of(rule) end
  local answer = { declared = tools.array(list), problems = tools.array(words.problems) }
  if request.tests then answer.tests = tools.array(words.tests) end
  local ok, problem = pcall(tools.reply, answer)
  if not ok then -- a test has something in it that is no data
    tools.reply { declared = tools.array(list), problems = { { problem = line_of(problem, "") } } }
  end
end

local function main()
  tools.deadline(request.seconds)
  local chunk, problem
  if request.embedded then
    chunk, problem = tools.load_embedded(request.embedded)
  else
    chunk, problem = tools.load_text(request.text, request.name)
  end
  env.stats = {}
  if not chunk then
    problem = line_of(problem, "")
    return tools.reply { declared = tools.array {}, problems = { { problem = problem } } }
  end
  words.last = request.moments[#request.moments].now
  for i, moment in ipairs(request.moments) do
    if moment.stats then set_stats(moment.stats) end
    words.now = moment.now
    run_file(chunk)
    if i == 1 then declare() end
    if not request.tests then evaluate(i, i == 1 and request.first or 1) end
  end
end

main()
