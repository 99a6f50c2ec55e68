--- A program in a real terminal: tmux keeps it, we press keys and look at the screen.
--
--     local terminal <close> = terminal.start { "repl", db, columns = 80, rows = 24 }
--     terminal:type "1 + 1"
--     terminal:press "Enter"
--     terminal:await "2"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local slow = require "spec.support.slow"
local temp = require "spec.support.temp"

local PATIENCE <const> = 15 * slow -- seconds until what is awaited is missed

local M = {}
M.__index = M

local sleep = require("system").sleep

function M:tmux(...)
  local words = { "env -u TMUX tmux -u -f /dev/null -L", self.name }
  for _, word in ipairs { ... } do words[#words + 1] = run.quote(word) end
  local pipe <close> = assert(io.popen(table.concat(words, " ") .. " 2>&1"))
  return pipe:read "a"
end

--- Starts build/signalbox with the arguments options[1], options[2] ...
-- options: columns, rows, cwd, env, home (a folder kept for a second run), program (another).
function M.start(options)
  local self = setmetatable({}, M)
  self.home = options.home or temp.folder()
  self.name = "signalbox-spec-" .. self.home:match "[^-/]*$" .. math.random(1000000)
  local env = { TERM = "xterm-256color" }
  for name, value in pairs(options.env or {}) do env[name] = value end
  local words = run.environment(self.home, env)
  words[#words + 1] = run.quote(options.program or paths.program)
  for _, word in ipairs(options) do words[#words + 1] = run.quote(word) end
  local line = string.format("cd %s; %s; echo \"(exit $?)\"; exec sleep 60",
    run.quote(options.cwd or self.home), table.concat(words, " "))
  self:tmux("new-session", "-d", "-x", tostring(options.columns or 80), "-y",
    tostring(options.rows or 24), "sh", "-c", line)
  return self
end

--- Types `text` as it is.
function M:type(text)
  self:tmux("send-keys", "-l", text)
end

--- Presses keys by tmux's names: "Enter", "Tab", "Up", "C-c".
function M:press(...)
  self:tmux("send-keys", ...)
end

--- Types a line and ends it.
function M:line(text)
  self:type(text)
  self:press "Enter"
end

--- Pastes `text` as a terminal does.
function M:paste(text)
  self:tmux("set-buffer", text)
  self:tmux("paste-buffer", "-p")
end

function M:resize(columns, rows)
  self:tmux("resize-window", "-x", tostring(columns), "-y", tostring(rows))
end

--- The screen as text, with colours as escapes where `escapes` is true.
function M:screen(escapes)
  return self:tmux("capture-pane", "-p", table.unpack(escapes and { "-e" } or {}))
end

--- Waits until the screen has `text`, and gives it.
function M:await(text)
  local screen
  for _ = 1, PATIENCE * 50 do
    screen = self:screen()
    if screen:find(text, 1, true) then return screen end
    sleep(0.02)
  end
  error(string.format("'%s' did not come; the screen is\n%s", text, screen), 2)
end

--- Waits until the last line of the screen is the prompt and nothing else.
function M:ready(prompt)
  local screen
  for _ = 1, PATIENCE * 50 do
    screen = self:screen():gsub("%s+$", "")
    if screen:match "[^\n]*$" == (prompt or ">") then return screen end
    sleep(0.02)
  end
  error("the prompt did not come; the screen is\n" .. screen, 2)
end

function M:close()
  self:tmux "kill-server"
end
M.__close = M.close

return M
