--- Files that people hand to a command: plain or compressed, or standard input, line by line.
--
--     for line in input.lines "signals.ndjson.gz" do ... end
local new_problem = require "signalbox.problem"

local find, sub = string.find, string.sub

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

local BLOCK <const> = 65536

--- What of a file comes next: a block, and the rest of its last line.
local function next_block(file)
  local block, failure = file:read(BLOCK)
  if not block then return nil, failure end
  local rest = file:read "L"
  return rest and block .. rest or block
end

--- Its lines, in constant memory, without their ends, or with them where `keep` is true. Raises
--- where it can't be read to its end. (Read in blocks: Lua's own reading of lines takes each byte
--- by itself.)
---@param path string `-` is standard input; what ends in .gz is decompressed
---@param keep? boolean
---@return fun(): string|nil
function M.lines(path, keep)
  local file, problem = open(path)
  if not file then error(new_problem("io", problem), 0) end
  local block, at = nil, 1

  local function refill()
    local failure
    local first = block == nil
    block, failure = next_block(file)
    if block then
      at = first and block:sub(1, 3) == "\xEF\xBB\xBF" and 4 or 1
      return true
    end
    local ok = path == "-" or file:close()
    file = nil
    if failure or not ok then
      error(new_problem("io", path .. ": " .. (failure or "is damaged, or cut short")), 0)
    end
  end

  return function()
    while not block or at > #block do
      if not file or not refill() then return nil end
    end
    local stop = find(block, "\n", at, true)
    local line = sub(block, at, (stop or #block + 1) - (keep and 0 or 1))
    at = (stop or #block) + 1
    return line
  end
end

return M
