--- Servers of ours on loopback, each a Python script beside this file in servers/.
--
--     local web <close> = server.start "web"
--     signalbox.http { url = web.url .. "/ok" }
--
-- One prints its port when it is ready, and ends when its standard input does.
local paths = require "spec.support.paths"
local slow = require "spec.support.slow"
local temp = require "spec.support.temp"

local M = {}

local Server = {}
Server.__index = Server

local function await_port(path)
  local sleep = require("system").sleep
  for _ = 1, 2000 * slow do
    local port = temp.exists(path) and temp.read(path):match "^(%d+)\n"
    if port then return port end
    sleep(0.005)
  end
  error "the server did not start"
end

--- Starts servers/NAME.py with the words given; `options.scheme` is http unless it says other.
function M.start(name, words, options)
  local folder = temp.folder()
  local quoted = {}
  for i, word in ipairs(words or {}) do quoted[i] = "'" .. word .. "'" end
  local input = assert(io.popen(string.format(
    "cd %s && exec /usr/bin/python3 -B %s/spec/support/servers/%s.py %s >%s/port 2>%s/err",
    folder, paths.root, name, table.concat(quoted, " "), folder, folder), "w"))
  local port = await_port(folder .. "/port")
  local scheme = options and options.scheme or "http"
  return setmetatable({
    input = input, port = port, folder = folder,
    url = string.format("%s://127.0.0.1:%s", scheme, port),
  }, Server)
end

--- What it complained about.
function Server:complaints() return temp.read(self.folder .. "/err") end

--- Asks a server that can be asked (`/control` and below it): gives its answer, decoded. The value
--- may be JSON already, for what ours would not write.
function Server:control(path, value)
  local signalbox = require "signalbox"
  local body = type(value) == "table" and assert(signalbox.json.encode(value)) or value
  local response = assert(signalbox.http { url = self.url .. "/control" .. path, body = body })
  assert(response.status == 200, response.body)
  return signalbox.json.decode(response.body)
end

function Server:stop()
  if self.input then self.input:close() end
  self.input = nil
end
Server.__close, Server.__gc = Server.stop, Server.stop

return M
