--- Rule files, evaluated in the sandbox.
--
--     local rules <const> = require "signalbox.rules"
--     local session <close> = rules.session { database = path }
--     local report = rules.evaluate(session, rules.files(), { { now = now, stats = figures } })
--
-- One process serves all files until one of them misbehaves; then another takes over, and goes on
-- behind the rule that did. What comes out of it is checked here, for a stranger's code has run
-- there.
local host <const> = require "signalbox.host"
local limits <const> = require "signalbox.rule_limits"
local signalbox <const> = require "signalbox"

local M = {}

local GRACE <const> = 0.1              -- seconds for an answer to arrive
local START_SECONDS <const> = 10       -- for the process to open the database
local MOST_RESTARTS <const> = 3        -- for the sake of one file
local LATE <const> = "it takes longer than %g s"

-- Files ----------------------------------------------------------------------------------------

---@class signalbox.RuleFile
---@field label string how people know it: its path
---@field path? string
---@field embedded? string of one that the program carries

--- The user's rule files and those that the program carries, as the search path has them.
---@return signalbox.RuleFile[]
function M.files()
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
  local label = path
  if not utf8.len(path) then
    label = path:gsub("[\128-\255]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
  end
  return { label = label, path = path }
end

--- The text of a file, or nil and what is wrong with it.
local function read_text(file)
  if file.label ~= file.path then return nil, file.label .. ": its name is not UTF-8" end
  local found, missing = host.file(file.path)
  if not found then return nil, missing end
  if found.kind ~= "file" then return nil, file.label .. ": it is no plain file" end
  local stream <close>, problem = io.open(file.path, "rb")
  if not stream then return nil, problem end
  local text, why = stream:read(limits.LARGEST_FILE + 1)
  if not text and why then return nil, file.label .. ": " .. why end
  text = text or ""
  if #text > limits.LARGEST_FILE then
    return nil, string.format("%s: it is larger than %d KiB", file.label,
      limits.LARGEST_FILE >> 10)
  end
  if not utf8.len(text) then return nil, file.label .. ": it is not UTF-8" end
  return (text:gsub("^\239\187\191", ""):gsub("^#[^\n]*", ""))
end

-- Checking what the sandbox answers -------------------------------------------------------------

local function text(value)
  return type(value) == "string" and #value <= limits.LONGEST_TEXT and value or nil
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

--- At most `room` instances of a rule.
local function instances(value, rule, room)
  local sound = {}
  for i, raw in ipairs(type(value) == "table" and value or {}) do
    if i > room or type(raw) ~= "table" then break end
    sound[i] = { labels = labels(raw.labels), value = number(raw.value),
      summary = text(raw.summary) or rule.name,
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

--- One answer, decoded, and as third its bytes; nil and why there is none.
function Session:receive(seconds)
  local answer, problem = self.worker:receive(seconds)
  if not answer then
    self.worker = nil
    return nil, problem
  end
  local ok, value = pcall(signalbox.json.decode, answer)
  if ok and type(value) == "table" then return value, nil, #answer end
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

--- Puts one request, as JSON, and hands each answer to `take`; true, or nil and how the file ended
-- it: by taking longer than the session's time, by saying more than `most` bytes, or otherwise.
function Session:ask(request, most, take)
  self:start()
  local clock, seconds = signalbox.time, self.seconds
  local ends = clock(signalbox.now()) + seconds + GRACE
  local sent, problem = self.worker:send(request)
  if not sent then
    self.worker = nil
    return nil, problem
  end
  while true do
    local answer, size
    answer, problem, size = self:receive(math.max(0, ends - clock(signalbox.now())))
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
    most = most - size
    if most < 0 then
      self:close()
      return nil, "it answers with more than it may"
    end
    take(answer)
  end
end

-- Evaluating -----------------------------------------------------------------------------------

--- What the file declares, from its first answer.
local function take_declared(found, file, answer)
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
end

--- What one rule says of one moment of the piece.
local function take_result(found, piece, answer)
  local rule = found.declared and found.declared[answer.rule]
  local moment = math.tointeger(answer.moment)
  if not rule or not moment or moment < 1 or moment > piece.count then return end
  moment = piece.before + moment
  if rule.results[moment] then return end
  local room = found.room[moment] or limits.MOST_INSTANCES
  local list = instances(answer.instances, rule, room)
  found.room[moment] = room - #list
  rule.results[moment] = text(answer.problem) and { problem = answer.problem } or
    { instances = list, nothing = answer.nothing == true, clear = answer.clear == true }
  found.last = answer.rule
end

--- The moments as JSON in pieces that a request has room for: array of {before=, count=, json=}. A
-- moment without figures goes on with those before it, also at the head of a piece.
local function pieces_of(moments)
  local encode <const> = signalbox.json.encode
  local pieces, list, size, stats = {}, {}, 0, nil
  local function cut(before)
    if #list == 0 then return end
    pieces[#pieces + 1] = { before = before - #list, count = #list,
      json = table.concat(list, ",") }
    list, size = {}, 0
  end
  for i, moment in ipairs(moments) do
    stats = moment.stats or stats
    local text_of = encode(moment)
    if size + #text_of > limits.LARGEST_REQUEST then
      cut(i - 1)
      if not moment.stats then text_of = encode { now = moment.now, stats = stats } end
    end
    list[#list + 1], size = text_of, size + #text_of
  end
  cut(#moments)
  return pieces
end

--- The request, but for its moments.
local function request_of(session, file, first, options)
  local request = { embedded = file.embedded, name = file.path and "@" .. file.path,
    seconds = session.seconds, first = first, tests = options.tests }
  if file.path then
    local problem
    request.text, problem = read_text(file)
    if not request.text then return nil, problem end
  end
  return request
end

--- Runs one file over one piece; nil and what went wrong.
local function run_piece(session, file, request, piece, found)
  local json = string.format('%s,"moments":[%s]}', signalbox.json.encode(request):sub(1, -2),
    piece.json)
  return session:ask(json, limits.LARGEST_ANSWERS * piece.count, function(answer)
    if type(answer.declared) ~= "table" then return take_result(found, piece, answer) end
    if not found.declared then take_declared(found, file, answer) end
  end)
end

--- Runs one file. Where one of its rules ends the process, that is the rule's failure, and the rest
-- is asked again behind it.
local function run_file(session, file, pieces, options)
  local found = { problems = {}, room = {}, last = 0 }
  local function complain(problem)
    found.problems[#found.problems + 1] = { file = file.label, problem = problem }
  end
  local request, unreadable = request_of(session, file, 1, options)
  if not request then
    complain(unreadable)
    return found
  end

  local one_moment = #pieces == 1 and pieces[1].count == 1
  local restarts = 0
  local function run(piece)
    local done, problem = run_piece(session, file, request, piece, found)
    if done then return true end
    local guilty = found.declared and found.declared[found.last + 1]
    if not guilty or not one_moment then
      complain(problem)
      return false
    end
    if not problem:find "^[^:]+:%d+: " then problem = guilty.place .. ": " .. problem end
    guilty.results[1] = { problem = problem }
    found.last = found.last + 1
    request.first, restarts = found.last + 1, restarts + 1
    if request.first > #found.declared then return true end
    if restarts <= MOST_RESTARTS then return run(piece) end
    complain "it has ended the sandbox too often; the rest of its rules were not evaluated"
  end
  for _, piece in ipairs(pieces) do
    if not run(piece) then break end
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

local function run_all(session, files, moments, options)
  local report, seen = { rules = {}, problems = {}, tests = {} }, {}
  local pieces = pieces_of(moments)
  for _, file in ipairs(files) do
    join(report, run_file(session, file, pieces, options), seen)
  end
  return report
end

-- Asking ---------------------------------------------------------------------------------------

--- A session: the process is started at its first use and ends with it.
---@param options { database: string, seconds?: number, memory?: integer }
function M.session(options)
  return setmetatable({ database = options.database, seconds = options.seconds or limits.SECONDS,
    memory = options.memory or limits.MEMORY }, Session)
end

--- One on the database of `store`, with the configuration's limits of a rule file, or with `least`
-- seconds where that is more.
function M.configured_session(store, least)
  local settings = require("signalbox.alert_settings").get()
  local parse_span <const> = require "signalbox.span"
  return M.session {
    database = assert(store:get_stats()).database_path,
    seconds = math.max(parse_span(settings.seconds) or limits.SECONDS, least or 0),
    memory = settings.memory_mib and settings.memory_mib << 20,
  }
end

--- Evaluates the rules of `files` at each of `moments` ({now=, stats=?}).
-- Gives {rules=, problems=, tests=}: each rule with its `results` by moment, {instances=, nothing=,
-- clear=} or {problem=}; problems are {file=, rule=?, problem=}. Raises where the database can't be
-- read.
---@param session signalbox.RuleSession
---@param files signalbox.RuleFile[]
---@param moments table[]
function M.evaluate(session, files, moments)
  return run_all(session, files, moments, {})
end

--- The same of what the files declare at one moment, with their unit tests; no rule is evaluated.
---@param moment table
function M.declared(session, files, moment)
  return run_all(session, files, { moment }, { tests = true })
end

return M
