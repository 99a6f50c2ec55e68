--- Files that people hand to a command: plain or compressed, or standard input, line by line.
--
--     for line in input.lines "signals.ndjson.gz" do ... end
local new_problem = require "signalbox.problem"

local M = {}

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function open(path)
  if path == "-" then return io.stdin end
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  if not path:find "%.gz$" then
    local _, unreadable = file:read(0) -- a folder opens, and can't be read
    if not unreadable then return file end
    file:close()
    return nil, path .. ": " .. unreadable
  end
  file:close()
  return io.popen("exec gzip -dc -- " .. quoted(path), "r")
end

--- Whether it can be read: true, or nil and what is in the way. Reads nothing.
---@param path string
function M.check(path)
  if path == "-" then return true end
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  file:close()
  return true
end

--- Its lines, in constant memory, without their ends, or with them where `keep` is true. Raises
--- where it can't be read to its end.
---@param path string `-` is standard input; what ends in .gz is decompressed
---@param keep? boolean
---@return fun(): string|nil
function M.lines(path, keep)
  local file, problem = open(path)
  if not file then error(new_problem("io", problem), 0) end
  local format = keep and "L" or "l"
  local first = true

  return function()
    if not file then return nil end
    local line, failure = file:read(format)
    if line then
      if first then line = line:gsub("^\xEF\xBB\xBF", "") end
      first = false
      return line
    end
    local ok = path == "-" or file:close()
    file = nil
    if failure or not ok then
      error(new_problem("io", path .. ": " .. (failure or "is damaged, or cut short")), 0)
    end
  end
end

--- When the file was last written, in epoch seconds; nil for standard input.
---@param path string
---@return integer|nil
function M.modified(path)
  if path == "-" then return nil end
  local result = require("signalbox").run { "stat", "--format=%Y", "--", path }
  return result and math.tointeger(tonumber(result.stdout))
end

return M
