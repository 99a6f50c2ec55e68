--- Which gate judges companies, and with which numbers: the one of a file (--gate, gate.file) or
--- signalbox.gate, with gate.options of the configuration. `process` and `explain` ask here.
local cli <const> = require "signalbox.cli"
local config <const> = require "signalbox.config"

config.declare("gate.file", { about = "a gate of one's own: a file that returns `evaluate`" })
config.declare("gate.options", { kind = "table", about = "numbers of the gate" })

local M = {}

local function load_gate(path)
  if not path then return require "signalbox.gate" end
  local chunk, problem = loadfile(path, "t")
  if not chunk then cli.fail(problem, "a gate is a Lua file that returns { evaluate = ... }") end
  local ok, gate = pcall(chunk)
  if not ok then cli.fail(tostring(gate)) end
  if type(gate) ~= "table" or type(gate.evaluate) ~= "function" then
    cli.fail(path .. ": it returns no table with a function `evaluate`")
  end
  return gate
end

--- What a gate says of its options, without the call it was asked by; and, of ours, which option
--- was meant.
local function complaint(gate, problem)
  local text = tostring(problem):gsub("^bad argument #%d+ to '[%w_]+' %((.*)%)$", "%1")
  local unknown = text:match 'there is no option "([%w_]+)"'
  local names = {}
  for name in pairs(unknown and gate.defaults or {}) do names[#names + 1] = name end
  local meant = unknown and require("signalbox.spelling").closest(unknown, names)
  return text, meant and string.format("did you mean '%s'?", meant)
end

--- The options, with `as_of` as their `now`; the gate may look at them before the first company.
local function options_for(gate, as_of)
  local options = {}
  for name, value in pairs(config.get "gate.options" or {}) do options[name] = value end
  if gate.check and next(options) then
    local ok, fine, problem = pcall(gate.check, options)
    if not ok or not fine then
      local text, hint = complaint(gate, ok and problem or fine)
      cli.fail("gate.options: " .. text, hint)
    end
  end
  options.now = as_of
  return options
end

---@class signalbox.GateChoice
---@field evaluate fun(signals: table[], options: table): table|nil, any
---@field options table for all companies of a run
---@field statuses table<string, string> what the CRM is told, by decision

--- The gate that is configured; the command fails where it can't be used.
---@param path? string what --gate named
---@param as_of? string judge as at that time
---@return signalbox.GateChoice
function M.choose(path, as_of)
  local gate = load_gate(path or config.get "gate.file")
  local options = options_for(gate, as_of)
  local statuses = { auto_push = "Source", needs_review = "Tracking" }
  for decision, status in pairs(options.suggested_status or {}) do statuses[decision] = status end
  return { evaluate = gate.evaluate, options = options, statuses = statuses }
end

return M
