--- Rule files: where they are, and what may stand in one.
local host <const> = require "signalbox.host"
local limits <const> = require "signalbox.rule_limits"

local M = {}

---@class signalbox.RuleFile
---@field label string how people know it: its path
---@field path? string
---@field embedded? string of one that the program carries

--- The user's rule files and those that the program carries, as the search path has them.
---@return signalbox.RuleFile[]
function M.list()
  local files = {}
  for i, script in ipairs(host.list "rules") do
    files[i] = script.path and M.at(script.path) or
      { label = "scripts/rules/" .. script.name .. ".lua", embedded = "rules/" .. script.name }
  end
  table.sort(files, function(a, b) -- the user's first: of two alerts with a name the first counts
    if (a.path ~= nil) ~= (b.path ~= nil) then return a.path ~= nil end
    return a.label < b.label
  end)
  return files
end

--- The one at a path of the user's.
---@return signalbox.RuleFile
function M.at(path)
  local label = path
  if not utf8.len(path) then
    label = path:gsub("[\128-\255]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
  end
  return { label = label, path = path }
end

--- The text of one that is not embedded, or nil and what is wrong with it.
function M.read(file)
  if file.label ~= file.path then return nil, file.label .. ": its name is not UTF-8" end
  local found, missing = host.file(file.path)
  if not found then return nil, missing end
  if found.kind ~= "file" then return nil, file.label .. ": it is no plain file" end
  local stream <close>, problem = io.open(file.path, "rb")
  if not stream then return nil, problem end
  local text, why = stream:read(limits.LARGEST_FILE + 1)
  if not text and why then return nil, file.label .. ": " .. why end
  text = text or ""
  if #text > limits.LARGEST_FILE then
    return nil, string.format("%s: it is larger than %d KiB", file.label,
      limits.LARGEST_FILE >> 10)
  end
  if not utf8.len(text) then return nil, file.label .. ": it is not UTF-8" end
  return (text:gsub("^\239\187\191", ""):gsub("^#[^\n]*", ""))
end

return M
