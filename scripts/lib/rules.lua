--- Rule files, evaluated in the sandbox.
--
--     local rules <const> = require "signalbox.rules"
--     local session <close> = rules.session { database = path }
--     local report = rules.evaluate(session, rules.files(), { { now = now, stats = figures } })
--
-- One process serves all files until one of them misbehaves; then another takes over, and goes on
-- behind the rule that did.
local answers <const> = require "signalbox.rule_answers"
local limits <const> = require "signalbox.rule_limits"
local rule_files <const> = require "signalbox.rule_files"
local rule_session <const> = require "signalbox.rule_session"
local signalbox <const> = require "signalbox"

local M = {}

local MOST_RESTARTS <const> = 3 -- for the sake of one file

M.files, M.file = rule_files.list, rule_files.at
M.session, M.configured_session = rule_session.open, rule_session.configured

--- What the file declares, from its first answer.
local function take_declared(found, file, answer)
  found.declared = {}
  for i, raw in ipairs(answer.declared) do
    local rule = answers.rule(raw, file)
    if not rule then break end
    found.declared[i] = rule
  end
  for _, raw in ipairs(type(answer.problems) == "table" and answer.problems or {}) do
    if type(raw) == "table" then
      found.problems[#found.problems + 1] = { file = file.label, rule = answers.text(raw.rule),
        problem = answers.text(raw.problem) or "it failed" }
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
  local list = answers.instances(answer.instances, rule, room)
  found.room[moment] = room - #list
  rule.results[moment] = answers.text(answer.problem) and { problem = answer.problem } or
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
    request.text, problem = rule_files.read(file)
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
