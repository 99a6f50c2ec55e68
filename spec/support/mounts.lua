--- Scripts of the shell that see a folder on a file system of its own, mounted for them alone.
--
--     local result = mounts.small(folder, 300, "signalbox backup signals.db " .. folder)
local busted = require "busted"
local run = require "spec.support.run"

local M = {}

local function mounted(command, script)
  if not os.execute "unshare -rm true 2>/dev/null" then
    busted.pending "needs user namespaces, to mount a file system"
  end
  return run.program("/usr/bin/unshare", { "-rm", "sh", "-c", command .. " && " .. script })
end

--- With `kib` KiB of room, and nothing in it.
function M.small(folder, kib, script)
  return mounted(string.format("mount -t tmpfs -o size=%dk none '%s'", kib, folder), script)
end

--- With what is in it, which can't be changed.
function M.readonly(folder, script)
  return mounted(string.format("mount --bind '%s' '%s' && mount -o remount,bind,ro '%s'", folder,
    folder, folder), script)
end

return M
