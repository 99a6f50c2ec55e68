--- The schema that a database has, held against the one that its migrations make.
--
-- What is expected is built: a scratch database is moved to the same version, and the definitions
-- of the two are compared, without comments and white space. In a file of the predecessor's the
-- seed's tables are its own, and are only asked for the columns and indexes that we rest on.
local scratch <const> = require "signalbox.scratch"

local M = {}

--- The tables that a predecessor's file has of its own.
local SEED <const> = {
  signals = true, signal_processing = true, suppression_cache = true, schema_migrations = true,
}
local FIRST <const>, SEED_VERSION <const> = 1001, 1002

--- A definition without comments, and with one space where there was any.
local function normal(sql)
  return (sql:gsub("%-%-[^\n]*", ""):gsub("%s+", " "):gsub("%s*([(),])%s*", "%1"):gsub('"', "")
    :gsub(" $", ""))
end

local function objects(store)
  local found = {}
  for row in assert(store:rows [[
    SELECT type, name, tbl_name, sql
    FROM sqlite_schema
    WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'
      AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')]])
  do
    found[row.name] = row
  end
  return found
end

local function columns(store, name)
  local found = {}
  for row in assert(store:rows("SELECT name FROM pragma_table_xinfo(?)", name)) do
    found[row.name] = true
  end
  return found
end

--- A definition's parts, a line each: what stands between its outer commas.
local function parts(sql)
  local list, depth, begun = {}, 0, 1
  for at, mark in sql:gmatch "()([(),])" do
    if mark == "(" then depth = depth + 1 elseif mark == ")" then depth = depth - 1 end
    if depth == 1 and mark ~= ")" or depth == 0 then
      list[#list + 1] = sql:sub(begun, depth == 1 and mark == "(" and at or at - 1)
      begun = at + 1
    end
  end
  list[#list + 1] = begun <= #sql and sql:sub(begun) or nil
  return list
end

--- Lines of `- expected` and `+ found`.
local function difference(expected, found)
  local lines, theirs, ours = {}, {}, {}
  for _, part in ipairs(parts(found)) do theirs[part] = true end
  for _, part in ipairs(parts(expected)) do
    ours[part] = true
    if not theirs[part] then lines[#lines + 1] = "- " .. part end
  end
  for _, part in ipairs(parts(found)) do
    if not ours[part] then lines[#lines + 1] = "+ " .. part end
  end
  return #lines > 0 and lines or { "- " .. expected, "+ " .. found }
end

---@class signalbox.Drift
---@field message string
---@field diff? string[]
---@field object table the expected definition, where that can be made again
---@field found? table the one that is there

--- What the tables of a predecessor's file must have for ours to work.
local function compare_seed_table(report, store, model, name)
  local have = columns(store, name)
  for column in pairs(columns(model, name)) do
    if not have[column] then
      report.findings[#report.findings + 1] = {
        message = string.format("table %s has no column %s", name, column),
        diff = { "- " .. column },
      }
    end
  end
end

local function compare_object(report, store, model, expected, found, adopted)
  if not found then
    report.findings[#report.findings + 1] = {
      message = string.format("%s %s is missing", expected.type, expected.name),
      diff = { "- " .. normal(expected.sql) },
      object = expected.type ~= "table" and expected or nil,
    }
  elseif adopted and SEED[expected.name] and expected.type == "table" then
    compare_seed_table(report, store, model, expected.name)
  elseif normal(expected.sql) ~= normal(found.sql) and
    not (adopted and expected.type == "index" and expected.by_seed) then
    report.findings[#report.findings + 1] = {
      message = string.format("%s %s is not as its migration makes it", expected.type,
        expected.name),
      diff = difference(normal(expected.sql), normal(found.sql)),
      object = expected.type ~= "table" and expected or nil,
      found = found,
    }
  end
end

local function judge_extra(report, object, expected, adopted)
  local ours = expected[object.tbl_name]
  if object.type == "table" or object.type == "view" then
    report.notes[#report.notes + 1] = string.format("%s %s is not signalbox's", object.type,
      object.name)
  elseif ours and adopted and object.type == "index" then
    report.notes[#report.notes + 1] = string.format("index %s on %s is the predecessor's",
      object.name, object.tbl_name)
  elseif ours then
    report.findings[#report.findings + 1] = {
      message = string.format("%s %s on %s is not signalbox's", object.type, object.name,
        object.tbl_name),
      diff = { "+ " .. normal(object.sql) },
    }
  end
end

--- A scratch store at the version; where the predecessor's alone is there, with the seed's tables.
local function move_model(model, schema)
  local seed = assert(model:migrate { to = SEED_VERSION }) and objects(model)
  if schema.version > SEED_VERSION then assert(model:migrate { to = schema.version }) end
  return seed
end

local function sorted(by_name)
  local list = {}
  for _, object in pairs(by_name) do list[#list + 1] = object end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- Compares the whole schema.
---@param store signalbox.Store
---@param schema table as of store:schema()
---@return { findings: signalbox.Drift[], notes: string[] }
function M.compare(store, schema)
  local report = { findings = {}, notes = {} }
  if schema.version > schema.newest then
    report.notes[1] = string.format("version %d is newer than this program's %d: its schema is " ..
      "not known here", schema.version, schema.newest)
    return report
  end
  local model, closing <close> = scratch.open() -- luacheck: ignore closing
  local seed = move_model(model, schema)
  local expected, found, adopted = objects(model), objects(store), schema.predecessor > 0
  if schema.version < FIRST then expected.schema_checksums = nil end
  for _, object in ipairs(sorted(expected)) do
    object.by_seed = seed[object.name] ~= nil
    compare_object(report, store, model, object, found[object.name], adopted)
  end
  for _, object in ipairs(sorted(found)) do
    if not expected[object.name] then judge_extra(report, object, expected, adopted) end
  end
  return report
end

--- A name as an identifier: definitions have no parameters, and it is one of our own.
local function quoted(name)
  return '"' .. name:gsub('"', '""') .. '"'
end

--- Makes an index or a trigger again that is missing or altered.
function M.repair(store, drift)
  if drift.found then
    assert(store:exec("DROP " .. drift.found.type:upper() .. " " .. quoted(drift.found.name)))
  end
  assert(store:exec(drift.object.sql))
end

return M
