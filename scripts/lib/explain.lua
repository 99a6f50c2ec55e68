--- How the database finds what a statement, or a call of the store's, asks for.
--
--     print(signalbox.explain "SELECT * FROM signals WHERE canonical_key = 'domain:acme.ai'")
--     print(signalbox.explain(function(store) return store:get_pending_signals { limit = 50 } end))
local excerpt <const> = require "signalbox.excerpt"
local signalbox = require "signalbox"

local M = {}

--- What the driver runs for itself, and what has no plan.
local OWN <const> = { BEGIN = true, COMMIT = true, ROLLBACK = true, SAVEPOINT = true,
  RELEASE = true, PRAGMA = true, EXPLAIN = true }

--- As many nils as the statement has parameters by number; a table where it has names.
local function parameters_of(sql)
  local bare = sql:gsub("'[^']*'", "''"):gsub("%-%-[^\n]*", "")
  if bare:find "[:@$][%a_]" then return { {}, n = 1 } end
  local most = 0
  for number in bare:gmatch "%?(%d+)" do most = math.max(most, tonumber(number)) end
  local _, unnumbered = bare:gsub("%?%d+", ""):gsub("%?", "")
  return { n = most + unnumbered }
end

--- The plan of one statement as lines, each step below the one that it serves.
local function plan_lines(store, sql)
  local parameters = parameters_of(sql)
  local rows, problem, state, closing = store:rows("EXPLAIN QUERY PLAN " .. sql,
    table.unpack(parameters, 1, parameters.n))
  if not rows then return nil, problem end
  local depths, lines = {}, {}
  for row in rows, problem, state, closing do
    local depth = (depths[row.parent] or 0) + 1
    depths[row.id] = depth
    lines[#lines + 1] = string.rep("  ", depth) .. row.detail
  end
  return lines
end

--- The statement on one line, without what it would take to read it all.
local function headline(sql)
  local text = sql:gsub("%s+", " "):gsub("^ ", "")
  return #text <= 96 and text or excerpt(text, 95) .. "…"
end

--- Those of the statements that ran that are not the driver's own, each once.
local function distinct(traced)
  local list, seen = {}, {}
  for _, sql in ipairs(traced) do
    local verb = sql:match "^%s*(%a+)"
    if verb and not OWN[verb:upper()] and not seen[sql] then
      seen[sql] = true
      list[#list + 1] = sql
    end
  end
  return list
end

--- The statements that `call` has a store run, opened as `options` say; what it writes is undone.
local function statements_of(call, path, options)
  options.trace = true
  local store, problem = signalbox.open(path, options)
  if not store then return nil, problem end
  local closing <close> = store
  local undoing <close> = options.mode == "rw" and assert(closing:begin()) or nil
  local _ = undoing
  store:traced()
  local results = table.pack(call(store))
  if results[1] == nil and results[2] ~= nil then return nil, results[2] end
  if results.n == 4 and type(results[1]) == "function" then
    local ending <close> = results[4]
    results[1](ending)
  end
  return distinct(store:traced())
end

--- The statements of a call. One that writes is run again where it may, and rolled back.
local function trace(call, path)
  local list, problem = statements_of(call, path, { mode = "ro", any_schema = true })
  if list or problem.code ~= "readonly" then return list, problem end
  return statements_of(call, path, { mode = "rw", migrate = false })
end

--- The plan of `query`, SQL or a function that gets a store opened for that, as text.
---@param query string|fun(store: signalbox.Store): any
---@param path? string the database; signalbox.open's default
---@return string? plan
---@return table? err
function M.plan(query, path)
  local statements, problem = { query }
  if type(query) == "function" then
    statements, problem = trace(query, path)
    if not statements then return nil, problem end
  end
  local store
  store, problem = signalbox.open(path, { mode = "ro", any_schema = true })
  if not store then return nil, problem end
  local closing <close> = store
  local lines = {}
  for _, sql in ipairs(statements) do
    local steps
    steps, problem = plan_lines(closing, sql)
    if not steps then return nil, problem end
    lines[#lines + 1] = headline(sql)
    table.move(steps, 1, #steps, #lines + 1, lines)
  end
  return table.concat(lines, "\n")
end

return M
