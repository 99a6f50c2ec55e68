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

--- What is no UTF-8 replaced: what a machine reads a line of must be JSON whatever is logged.
local function valid(text)
  if utf8.len(text) then return text end
  return (text:gsub("[\128-\255]+", function(run)
    return utf8.len(run) and run or string.rep("\u{FFFD}", #run)
  end))
end

local function as_json(level, message, fields)
  local signalbox <const> = require "signalbox"
  local line = { time = signalbox.now(), level = level, message = valid(message) }
  for name, value in pairs(fields) do
    local is_plain = type(value) == "boolean" or math.type(value) and value - value == 0
    line[valid(name)] = is_plain and value or valid(tostring(value))
  end
  return signalbox.json.encode(line)
end

local function is_json()
  return config.get "log.format" == "json"
end

--- One line, where the level asks for it.
---@param level "debug"|"info"|"warning"|"error"
---@param message string
---@param fields? table<string, string|number|boolean>
function M.write(level, message, fields)
  if RANKS[level] < RANKS[config.get "log.level"] then return end
  local render = is_json() and as_json or as_text
  io.stderr:write(render(level, message, fields or {}), "\n")
end

--- What a command says to whoever called it: at any level.
---@param message string
function M.note(message)
  io.stderr:write(is_json() and as_json("info", message, {}) or "signalbox: " .. message, "\n")
end

--- The error that ends the program: a problem of its own with the way out below it, or a script's,
--- as the program shows it.
---@param problem string|signalbox.Problem
function M.final(problem)
  local is_text = type(problem) == "string"
  local message, hint = tostring(problem), not is_text and problem.hint or nil
  if is_json() then
    return io.stderr:write(as_json("error", message, { hint = hint }), "\n")
  end
  io.stderr:write(is_text and "" or "signalbox: ", message, hint and "\n  " .. hint or "", "\n")
end

for level in pairs(RANKS) do
  M[level] = function(message, fields) M.write(level, message, fields) end
end

return M
