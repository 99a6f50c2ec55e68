--- The gate that decides here: the program's own or the user's, and the numbers set for it.
--
--     local gate, options = gate_setting.chosen(args.gate)
--     local verdict = gate.evaluate(signals, options)
local cli <const> = require "signalbox.cli"
local config <const> = require "signalbox.config"

config.declare("gate.file", { about = "a gate of one's own: a file that returns `evaluate`" })
config.declare("gate.options", { kind = "table", about = "numbers of the gate" })

local M = {}

local function load_gate(path)
  if not path then return require "signalbox.gate" end
  local chunk, problem = loadfile(path, "t")
  if not chunk then cli.fail(problem, "a gate is a Lua file that returns { evaluate = ... }") end
  local gate = chunk()
  if type(gate) ~= "table" or type(gate.evaluate) ~= "function" then
    cli.fail(path .. ": it returns no table with a function `evaluate`")
  end
  return gate
end

--- The gate and its options, which it may look at before the first company (see signalbox.gate).
---@param path? string before what the configuration says
---@return { evaluate: fun(signals: table[], options: table): table } gate
---@return table? options
function M.chosen(path)
  local gate = load_gate(path or config.get "gate.file")
  local options = config.get "gate.options"
  if options and gate.check then
    local ok, fine, problem = pcall(gate.check, options)
    if not ok or not fine then cli.fail("gate.options: " .. tostring(ok and problem or fine)) end
  end
  return gate, options
end

return M
