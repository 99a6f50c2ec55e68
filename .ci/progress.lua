-- progress.lua TOTAL COMMAND... : runs a build and shows a bar for its lines of progress.
-- What the build writes to stderr (warnings, errors) is left as it is; ends with its status.
local BAR <const> = 24

local total = tonumber(arg[1])
local command = table.concat(arg, " ", 2)
local terminal = os.execute "test -t 1"
local started, files = os.time(), 0

local function show(ending)
  local filled = total > 0 and math.min(BAR, files * BAR // total) or BAR
  io.write(terminal and "\r" or "", "building  ", string.rep("█", filled),
    string.rep("░", BAR - filled), string.format("  %d files", files), ending)
  io.flush()
end

local build <close> = assert(io.popen(command))
for line in build:lines() do
  if line:find "^  CC " then files = files + 1 end
  if terminal then show "" end
end
local _, _, status = build:close()
if status == 0 then
  if files > 0 then
    total = files
    show(string.format("  %d s\n", os.time() - started))
  end
elseif terminal then
  io.write "\n"
end
os.exit(status)
