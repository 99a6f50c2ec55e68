--- signalbox validate: whether a database is what it should be.
local cli <const> = require "signalbox.cli"
local data_check <const> = require "signalbox.data_check"
local schema_check <const> = require "signalbox.schema_check"
local signalbox <const> = require "signalbox"

--- What was found. `repair` is the name of what mends it, or a drift to be made again.
local Report = {}
Report.__index = Report

local function new_report()
  return setmetatable({ findings = {}, notes = {} }, Report)
end

function Report:find(message, repair, diff)
  self.findings[#self.findings + 1] = { message = message, repair = repair, diff = diff }
end

function Report:note(message)
  self.notes[#self.notes + 1] = message
end

local function check_versions(store, schema, report)
  if schema.version < 1001 or schema.version > schema.newest then return end
  local checksums, seen = {}, {}
  for _, step in ipairs(signalbox.migrations()) do checksums[step.version] = step.checksum end
  for row in cli.check(store:rows "SELECT version, checksum FROM schema_checksums") do
    seen[row.version] = true
    if checksums[row.version] ~= row.checksum then
      report:find(string.format("migration %d was another when it was applied", row.version))
    end
  end
  for _, step in ipairs(signalbox.migrations()) do
    if step.version <= schema.version and not seen[step.version] then
      report:find(string.format("migration %d is not recorded, and later ones are", step.version))
    end
  end
  if schema.version < schema.newest then
    report:note(string.format("the schema is version %d, the newest is %d: the next opening or " ..
      "migrate up moves it", schema.version, schema.newest))
  end
end

local function inspect(store)
  local report = new_report()
  local schema = cli.check(store:schema())
  if schema.version == 0 then
    report:note "the database is empty: it has no schema yet"
    return report
  end
  local fine, problem = pcall(check_versions, store, schema, report)
  if not fine then report:find(tostring(problem)) end
  local drift = schema_check.compare(store, schema)
  for _, found in ipairs(drift.findings) do
    report:find(found.message, found.object and found or nil, found.diff)
  end
  for _, note in ipairs(drift.notes) do report:note(note) end
  data_check.check(store, schema, report)
  return report
end

--- Mends what can be rebuilt; gives what was.
local function mend(store, report)
  local repaired, done = {}, {}
  for _, finding in ipairs(report.findings) do
    local how = finding.repair
    if type(how) == "table" then
      schema_check.repair(store, how)
    elseif how and not done[how] then
      data_check.repairs[how](store)
      done[how] = true
    end
    if how then repaired[#repaired + 1] = finding.message end
  end
  return repaired
end

--- Finds and mends in one transaction: what others write meanwhile is no finding.
---@return table report of what is left, string[] repaired
local function repair(store)
  local report, repaired
  cli.check(store:transaction(function()
    report = inspect(store)
    repaired = mend(store, report)
    if #repaired > 0 then report = inspect(store) end
    return true
  end))
  return report, repaired
end

local function print_report(report, repaired)
  for _, message in ipairs(repaired) do print("repaired: " .. message) end
  for _, finding in ipairs(report.findings) do
    print(finding.message .. (finding.repair and " (--repair mends it)" or ""))
    for _, line in ipairs(finding.diff or {}) do
      print("  " .. cli.colour(line, line:sub(1, 1) == "-" and "red" or "green"))
    end
  end
  for _, note in ipairs(report.notes) do print("note: " .. note) end
  print(#report.findings == 0 and "sound" or cli.plural(#report.findings, "finding"))
end

local function json_report(report, repaired)
  local findings = signalbox.array {}
  for i, finding in ipairs(report.findings) do
    findings[i] = {
      message = finding.message, repairable = finding.repair ~= nil,
      diff = finding.diff,
    }
  end
  return {
    valid = #findings == 0, findings = findings, notes = signalbox.array(report.notes),
    repaired = signalbox.array(repaired),
  }
end

--- A file that is too damaged to be opened is a finding, too.
local function open(args)
  local store, problem = signalbox.open(cli.database(args),
    { mode = args.repair and "rw" or "ro", any_schema = true, snapshot = not args.repair })
  if store or problem.code ~= "corrupt" then return store or cli.fail(problem) end
  return nil, problem
end

return cli.command {
  about = "check a database: its schema, its file, its rows, its counters",
  database = "argument",
  json = true,
  arguments = function(parser)
    parser:flag("--repair", "rebuild what can be: indexes, triggers, counters, copies")
  end,
  notes = [[
The exit code is 3 where something was found. Tables of other programs and what a file of the
predecessor's brings along are notes, not findings. Without --repair nothing is changed.]],
  examples = {
    { "signalbox validate signals.db" },
    { "signalbox validate signals.db --repair", "after a backup" },
  },

  run = function(args)
    local store <close>, problem = open(args)
    local report, repaired = new_report(), {}
    if store then
      if args.repair then report, repaired = repair(store) else report = inspect(store) end
    else
      report:find(tostring(problem))
    end
    if args.json then
      cli.json(json_report(report, repaired))
    else
      print_report(report, repaired)
    end
    return #report.findings > 0 and cli.FOUND or cli.DONE
  end,
}
