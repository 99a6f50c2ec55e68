--- Packages from npm for the conformance specs, installed into build/npm; a machine without npm or
--- without the network does without those specs.
local paths = require "spec.support.paths"
local temp = require "spec.support.temp"

local M = {}

local SECONDS <const> = 240 -- for installing

local function succeeds(command)
  return os.execute("{ " .. command .. "; } >/dev/null 2>&1") == true
end

--- The folder that has these packages ("name@version") in its node_modules; nil and why not.
---@param name string of the set: a folder in build/npm
---@param packages string[]
function M.install(name, packages)
  local folder = paths.build .. "/npm/" .. name
  local wanted = table.concat(packages, " ")
  if temp.exists(folder .. "/installed") and temp.read(folder .. "/installed") == wanted then
    return folder
  end
  if not succeeds "command -v npm && command -v node" then return nil, "npm is not installed" end
  local command = string.format("mkdir -p '%s' && timeout %d npm install --no-audit --no-fund " ..
    "--prefix '%s' %s", folder, SECONDS, folder, wanted)
  if not succeeds(command) then return nil, "npm could not install " .. wanted end
  temp.write(folder .. "/installed", wanted)
  return folder
end

return M
