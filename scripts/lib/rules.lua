--- Rule files, evaluated in the sandbox.
--
--     local rules <const> = require "signalbox.rules"
--     local report = rules.evaluate { database = path, files = rules.files(), moments = ... }
--
-- One process serves all files until one of them misbehaves; then another takes over, and goes on
-- behind the rule that did. What comes out of it is checked here, for a stranger's code has run
-- there.
local signalbox <const> = require "signalbox"

local M = {}

local SECONDS <const> = 1              -- that a file has
local MEMORY <const> = 32 << 20        -- bytes that a file has
local GRACE <const> = 0.1              -- seconds for an answer to arrive
local START_SECONDS <const> = 10       -- for the process to open the database
local LARGEST_FILE <const> = 64 << 10
local MOST_RESTARTS <const> = 3        -- for the sake of one file
local LONGEST_TEXT <const> = 20000
local MOST_INSTANCES <const> = 1000
local LATE <const> = "it takes longer than %g s"

-- Files ----------------------------------------------------------------------------------------

---@class signalbox.RuleFile
---@field label string how people know it: its path
---@field path? string
---@field embedded? string of one that the program carries

--- The user's rule files and those that the program carries, as the search path has them.
---@return signalbox.RuleFile[]
function M.files()
  local host <const> = require "signalbox.host"
  local files = {}
  for i, script in ipairs(host.list "rules") do
    files[i] = script.path and M.file(script.path) or
      { label = "scripts/rules/" .. script.name .. ".lua", embedded = "rules/" .. script.name }
  end
  table.sort(files, function(a, b) -- the user's first: of two alerts with a name the first counts
    if (a.path ~= nil) ~= (b.path ~= nil) then return a.path ~= nil end
    return a.label < b.label
  end)
  return files
end

---@return signalbox.RuleFile
function M.file(path)
  return { label = path, path = path }
end

--- The text of a file, or nil and what is wrong with it.
local function read_text(file)
  local stream <close>, problem = io.open(file.path, "rb")
  if not stream then return nil, problem end
  local text, why = stream:read(LARGEST_FILE + 1)
  if not text and why then return nil, file.path .. ": " .. why end
  text = text or ""
  if #text > LARGEST_FILE then
    return nil, string.format("%s: it is larger than %d KiB", file.path, LARGEST_FILE >> 10)
  end
  if not utf8.len(text) then return nil, file.path .. ": it is not UTF-8" end
  return (text:gsub("^\239\187\191", ""):gsub("^#[^\n]*", ""))
end

-- Checking what the sandbox answers -------------------------------------------------------------

local function text(value)
  return type(value) == "string" and #value <= LONGEST_TEXT and value or nil
end

local function number(value)
  return type(value) == "number" and value == value and math.abs(value) < math.huge and value or nil
end

local function span(value)
  value = number(value)
  return value and value >= 0 and value or nil
end

local function labels(value)
  local sound = {}
  for name, label in pairs(type(value) == "table" and value or {}) do
    local plain = type(name) == "string" and name:find "^[%a_][%w_]*$"
    if plain and text(label) then sound[name] = label end
  end
  return sound
end

local function names(value)
  local sound = {}
  for _, name in ipairs(type(value) == "table" and value or {}) do
    sound[#sound + 1] = text(name)
  end
  return sound
end

local function instances(value)
  local sound = {}
  for i, raw in ipairs(type(value) == "table" and value or {}) do
    if i > MOST_INSTANCES or type(raw) ~= "table" then break end
    sound[i] = { labels = labels(raw.labels), value = number(raw.value),
      summary = text(raw.summary),
      description = text(raw.description), runbook = text(raw.runbook) }
  end
  return sound
end

local function rule_of(raw, file)
  local window = type(raw.n_of_m) == "table" and raw.n_of_m or {}
  local n, m = math.tointeger(window[1]), math.tointeger(window[2])
  return {
    name = text(raw.name), place = text(raw.place), file = file.label,
    for_ = span(raw.for_) or 0, keep_firing_for = span(raw.keep_firing_for),
    n_of_m = n and m and m <= 60 and { n, m } or nil,
    no_data = text(raw.no_data) or "ok", severity = text(raw.severity) or "warning",
    has_resolve_when = raw.has_resolve_when == true, labels = labels(raw.labels),
    inhibits = names(raw.inhibits), depends_on = names(raw.depends_on),
    summary = text(raw.summary) or text(raw.name), results = {},
  }
end

-- The process ----------------------------------------------------------------------------------

---@class signalbox.RuleSession
local Session = {}
Session.__index = Session

function Session:close()
  if self.worker then self.worker:close() end
  self.worker = nil
end
Session.__close = Session.close

--- One answer, decoded; nil and why there is none.
function Session:receive(seconds)
  local answer, problem = self.worker:receive(seconds)
  if not answer then
    self.worker = nil
    return nil, problem
  end
  local ok, value = pcall(signalbox.json.decode, answer)
  if ok and type(value) == "table" then return value end
  self:close()
  return nil, "it answered with nonsense"
end

--- Starts the process where none runs. Raises where the database can't be read.
function Session:start()
  if self.worker then return end
  local worker = require "signalbox.rule_worker"
  self.worker = assert(worker.start(self.database, { memory = self.memory }))
  local hello, problem = self:receive(START_SECONDS)
  if not hello or hello.refused then
    self:close()
    error("rules can't be run: " .. (hello and text(hello.refused) or problem), 0)
  end
  self.sizes = {
    database_bytes = number(hello.database_bytes), wal_bytes = number(hello.wal_bytes),
    disk_free_bytes = number(hello.disk_free_bytes), disk_bytes = number(hello.disk_bytes),
  }
end

--- Puts one request and hands each answer to `take`; true, or nil and how the file ended it.
function Session:ask(request, seconds, take)
  self:start()
  local clock = signalbox.time
  local ends = clock(signalbox.now()) + seconds + GRACE
  local sent, problem = self.worker:send(signalbox.json.encode(request))
  if not sent then
    self.worker = nil
    return nil, problem
  end
  while true do
    local answer
    answer, problem = self:receive(math.max(0, ends - clock(signalbox.now())))
    if not answer then
      return nil, problem == "timeout" and LATE:format(seconds) or problem
    end
    if answer.done then return true end
    if answer.failed then return nil, text(answer.failed) or "it failed" end
    if answer.expired then
      self:close() -- it has ended itself
      local place = text(answer.expired) or ""
      return nil, place .. (place ~= "" and ": " or "") .. LATE:format(seconds)
    end
    take(answer)
  end
end

-- Evaluating -----------------------------------------------------------------------------------

--- What one file has said so far.
local function take_answer(found, file, moments)
  return function(answer)
    if type(answer.declared) == "table" then
      if found.declared then return end
      found.declared = {}
      for i, raw in ipairs(answer.declared) do
        local rule = type(raw) == "table" and rule_of(raw, file)
        if not rule or not rule.name then break end
        found.declared[i] = rule
      end
      for _, raw in ipairs(type(answer.problems) == "table" and answer.problems or {}) do
        if type(raw) == "table" then
          found.problems[#found.problems + 1] = { file = file.label, rule = text(raw.rule),
            problem = text(raw.problem) or "it failed" }
        end
      end
      found.tests = type(answer.tests) == "table" and answer.tests or nil
      return
    end
    local rule = found.declared and found.declared[answer.rule]
    local moment = math.tointeger(answer.moment)
    if not rule or not moment or moment < 1 or moment > moments then return end
    if rule.results[moment] then return end
    rule.results[moment] = text(answer.problem) and { problem = answer.problem } or
      { instances = instances(answer.instances), nothing = answer.nothing == true,
        clear = answer.clear == true }
    found.last, found.answered = answer.rule, found.answered + 1
  end
end

--- How many moments a list of them stands for.
local function count_moments(moments)
  local count = 0
  for _, moment in ipairs(moments) do
    count = count + (moment.every and (moment.to - moment.now) // moment.every + 1 or 1)
  end
  return math.tointeger(count)
end

--- Runs one file. Where one of its rules ends the process, that is the rule's failure, and the rest
-- is asked again behind it.
local function run_file(session, file, moments, options)
  local found = { problems = {}, answered = 0, last = 0 }
  local function complain(problem, rule)
    found.problems[#found.problems + 1] = { file = file.label, rule = rule, problem = problem }
  end
  local request = { embedded = file.embedded, name = file.path and "@" .. file.path,
    seconds = session.seconds, first = 1, moments = moments, tests = options.tests }
  if file.path then
    local problem
    request.text, problem = read_text(file)
    if not request.text then
      complain(problem)
      return found
    end
  end

  local count = count_moments(moments)
  local take = take_answer(found, file, count)
  for attempt = 0, MOST_RESTARTS do
    local done, problem = session:ask(request, session.seconds, take)
    if done then break end
    local guilty = found.declared and found.declared[found.last + 1]
    if not guilty or count > 1 then
      complain(problem)
      break
    end
    if not problem:find "^[^:]+:%d+: " then problem = guilty.place .. ": " .. problem end
    guilty.results[1] = { problem = problem }
    found.last = found.last + 1
    request.first = found.last + 1
    if request.first > #found.declared then break end
    if attempt == MOST_RESTARTS then
      complain "it has ended the sandbox too often; the rest of its rules were not evaluated"
    end
  end
  return found
end

--- One list of all files' rules. Of two with the same name the first counts.
local function join(report, found, seen)
  for _, rule in ipairs(found.declared or {}) do
    local other = seen[rule.name]
    if other then
      report.problems[#report.problems + 1] = { file = rule.file, rule = rule.name, problem =
        string.format("%s: there are two alerts '%s' (the other at %s)", rule.place, rule.name,
          other) }
    else
      seen[rule.name] = rule.place
      report.rules[#report.rules + 1] = rule
    end
  end
  table.move(found.problems, 1, #found.problems, #report.problems + 1, report.problems)
  for _, test in ipairs(found.tests or {}) do report.tests[#report.tests + 1] = test end
end

--- A session: the process is started at its first use and ends with it.
---@param options { database: string, seconds?: number, memory?: integer }
function M.session(options)
  return setmetatable({ database = options.database, seconds = options.seconds or SECONDS,
    memory = options.memory or MEMORY }, Session)
end

--- Evaluates the rules of `files` at each of `moments` ({now=, stats=, to=?, every=?}).
-- Gives {rules=, problems=, tests=}: each rule with its `results` by moment, {instances=, nothing=,
-- clear=} or {problem=}; problems are {file=, rule=?, problem=}. With options.tests the rules are
-- only declared, and their tests are given. Raises where the database can't be read.
---@param session signalbox.RuleSession
---@param files signalbox.RuleFile[]
---@param moments table[]
---@param options? { tests?: boolean }
function M.evaluate(session, files, moments, options)
  local report, seen = { rules = {}, problems = {}, tests = {} }, {}
  for _, file in ipairs(files) do
    join(report, run_file(session, file, moments, options or {}), seen)
  end
  return report
end

return M
