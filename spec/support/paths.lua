--- Where specs find what was built: loaded by .busted before any spec.
-- `require "signalbox"` gives the module of the build folder, `require "signalbox.NAME"` is
-- scripts/lib/NAME.lua, and `require "spec.support.NAME"` is beside this file.
local root = assert(io.popen("pwd")):read "l"
local build = os.getenv "SIGNALBOX_BUILD" or "build"
if build:sub(1, 1) ~= "/" then build = root .. "/" .. build end

local M = {
  root = root,
  build = build,
  program = build .. "/signalbox",
}

package.path = root .. "/?.lua;" .. package.path
package.cpath = build .. "/?.so;" .. build .. "/lib/?.so;" .. package.cpath

-- As once installed, where signalbox.NAME is a file of PREFIX/share/lua/5.4/signalbox/.
table.insert(package.searchers, 2, function(name)
  local library = name:match "^signalbox%.([%w_]+)$"
  if not library then return nil end
  local path = string.format("%s/scripts/lib/%s.lua", root, library)
  local chunk, problem = loadfile(path)
  if chunk then return chunk, path end
  return "no file '" .. path .. "'" .. (problem:find "cannot open" and "" or ": " .. problem)
end)

package.loaded["spec.support.paths"] = M
return M
