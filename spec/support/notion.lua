--- A Notion of ours (servers/notion.py) for a spec: settings for the program, pages, faults.
local server = require "spec.support.server"
local signalbox = require "signalbox"

local M = {}

M.DATABASE = "11111111-1111-4111-8111-111111111111"

local Notion = {}
Notion.__index = Notion

--- Starts one; `settings` as the server's words: { rate = 3, window = 100 }.
function M.start(settings)
  local words = {}
  for name, value in pairs(settings or {}) do words[#words + 1] = name .. "=" .. value end
  return setmetatable({ server = server.start("notion", words) }, Notion)
end

function Notion:call(path, value) return self.server:control(path, value) end

--- Changes how reliable it is.
function Notion:set(settings) return self:call("", settings) end

--- Makes pages, each { ["Company Name"] =, Status =, ... }; gives their ids.
function Notion:add(pages) return self:call("/pages", signalbox.array(pages)) end

--- How many live pages carry each canonical key.
function Notion:keys() return self:call "/keys" end

function Notion:pages() return self:call "/pages" end
function Notion:requests() return self:call "/requests" end
function Notion:change_schema(properties) return self:call("/schema", properties) end

--- The environment in which the program finds it; `extra` is laid over it.
function Notion:env(extra)
  local env = {
    NOTION_API_KEY = "secret", NOTION_DATABASE_ID = M.DATABASE, NOTION_API_URL = self.server.url,
    NOTION_RATE = "1000", SIGNALBOX_HTTP_BACKOFF = "0.01",
  }
  for name, value in pairs(extra or {}) do env[name] = value end
  return env
end

function Notion:stop() self.server:stop() end
Notion.__close = Notion.stop

return M
