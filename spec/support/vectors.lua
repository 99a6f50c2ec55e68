--- Inputs and results of the predecessor, recorded by running it: spec/vectors/NAME.json.gz.
local cjson = require "cjson"
local paths = require "spec.support.paths"

local M = {}

--- The cases of a file of vectors.
function M.read(name)
  local path = ("%s/spec/vectors/%s.json.gz"):format(paths.root, name)
  local pipe <close> = assert(io.popen("gzip -dc '" .. path .. "'"))
  return cjson.decode(pipe:read "a").cases
end

return M
