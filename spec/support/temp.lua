--- Folders for a spec to work in, removed when busted ends.
--
--     local temp = require "spec.support.temp"
--     local store = assert(signalbox.open(temp.folder() .. "/signals.db"))
local busted = require "busted"

local M = {}

local made = {}

--- A new empty folder that only we can enter; without a slash at its end.
function M.folder()
  local pipe <close> = assert(io.popen "mktemp -d ${TMPDIR:-/tmp}/signalbox-spec-XXXXXXXX")
  local path = assert(pipe:read "l", "mktemp made no folder")
  made[#made + 1] = path
  return path
end

--- A path in a new empty folder, with `text` written to it where given.
function M.file(name, text)
  local path = M.folder() .. "/" .. name
  if text then M.write(path, text) end
  return path
end

function M.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

function M.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

function M.exists(path)
  local file <close> = io.open(path, "rb")
  return file ~= nil
end

busted.subscribe({ "suite", "end" }, function()
  for _, path in ipairs(made) do
    os.execute("chmod -R u+rwx '" .. path .. "' 2>/dev/null; rm -rf '" .. path .. "'")
  end
  return nil, true
end)

return M
