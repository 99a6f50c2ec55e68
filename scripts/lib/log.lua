--- Log lines on stderr, for people or as one JSON object a line (--log-format, --log-level).
--
--     local log <const> = require "signalbox.log"
--     log.info("collected", { collector = "github", saved = 12 })
--     -- signalbox: collected collector=github saved=12
--     -- {"collector":"github","level":"info","message":"collected","saved":12,"time":"..."}
local config <const> = require "signalbox.config"

local M = {}

local RANKS <const> = { debug = 1, info = 2, warning = 3, error = 4 }

local function as_text(level, message, fields)
  local names, words = {}, {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local value = tostring(fields[name])
    words[i] = string.format(value:find "[%s\"=]" and " %s=%q" or " %s=%s", name, value)
  end
  local mark = level == "info" and "" or level .. ": "
  return "signalbox: " .. mark .. message .. table.concat(words):gsub("\\\n", "\\n")
end

local function as_json(level, message, fields)
  local signalbox <const> = require "signalbox"
  local line = { time = signalbox.now(), level = level, message = message }
  for name, value in pairs(fields) do
    line[name] = type(value) == "table" and tostring(value) or value
  end
  return signalbox.json.encode(line)
end

--- One line, where the level asks for it.
---@param level "debug"|"info"|"warning"|"error"
---@param message string
---@param fields? table<string, string|number|boolean>
function M.write(level, message, fields)
  if RANKS[level] < RANKS[config.get "log.level"] then return end
  local render = config.get "log.format" == "json" and as_json or as_text
  io.stderr:write(render(level, message, fields or {}), "\n")
end

for level in pairs(RANKS) do
  M[level] = function(message, fields) M.write(level, message, fields) end
end

return M
