--- Settings: a flag goes before the environment, that before the configuration files, these before
--- the default.
--
--     local config <const> = require "signalbox.config"
--     local rate = config.get "notion.rate"
--     local token = config.need "github.token"    -- fails, naming GITHUB_TOKEN, where it isn't set
--
-- The files are `signalbox.lua` in the current folder and `config.lua` in the configuration folder
-- ($XDG_CONFIG_HOME/signalbox or ~/.config/signalbox); the first that has a setting wins. They are
-- Lua that assigns, and see nothing but `env`:
--
--     database = "/srv/deals/signals.db"
--     notion = { rate = 2, api_key = env "DEALS_NOTION_KEY", properties = { why_now = false } }
local is_among <const> = require "signalbox.is_among"

local M = {}

local has_host, host = pcall(require, "signalbox.host")
if not has_host then host = { flags = {} } end

---@class signalbox.Setting
---@field name string dotted, as in the files
---@field variable? string of the environment
---@field flag? string of the program's, before the command
---@field default? any
---@field kind "text"|"number"|"table"
---@field secret? boolean never shown
---@field choices? string[]
---@field about string

---@type signalbox.Setting[]
local settings = {}
local by_name = {}

--- Adds a setting; a collector or a sink of one's own declares those that it has.
---@param name string
---@param setting table the other fields of a signalbox.Setting
function M.declare(name, setting)
  if by_name[name] then return end
  setting.name = name
  setting.kind = setting.kind or "text"
  settings[#settings + 1] = setting
  by_name[name] = setting
end

M.declare("database", { variable = "SIGNALBOX_DB", flag = "db", default = "signals.db",
  about = "the database: a path or a URL" })
M.declare("path", { variable = "SIGNALBOX_PATH",
  about = "folders of scripts of one's own, ':' between" })
M.declare("github.token", { variable = "GITHUB_TOKEN", secret = true, about = "for GitHub's API" })
M.declare("github.api_url", { variable = "GITHUB_API_URL", default = "https://api.github.com",
  about = "where GitHub's API is" })
M.declare("companies_house.api_key", { variable = "COMPANIES_HOUSE_API_KEY", secret = true,
  about = "for the API of Companies House" })
M.declare("companies_house.api_url", { variable = "COMPANIES_HOUSE_API_URL",
  default = "https://api.company-information.service.gov.uk",
  about = "where the API of Companies House is" })
M.declare("notion.api_key", { variable = "NOTION_API_KEY", secret = true,
  about = "for Notion's API" })
M.declare("notion.database_id", { variable = "NOTION_DATABASE_ID",
  about = "the database in Notion that companies are pushed to" })
M.declare("notion.api_url", { variable = "NOTION_API_URL", default = "https://api.notion.com",
  about = "where Notion's API is" })
M.declare("notion.rate", { variable = "NOTION_RATE", default = 3, kind = "number",
  about = "requests a second to Notion" })
M.declare("notion.properties", { kind = "table",
  about = "names of the pages' properties; false leaves one out" })
M.declare("alerts", { kind = "table",
  about = "who is told of alerts, and how often; see signalbox help alerts" })
M.declare("slack.webhook_url", { variable = "SLACK_WEBHOOK_URL", secret = true,
  about = "where notices of alerts go" })
M.declare("settle", { variable = "SIGNALBOX_SETTLE", default = 60, kind = "number",
  about = "seconds before a push of unknown outcome is looked up and tried again" })
M.declare("log.format", { variable = "SIGNALBOX_LOG_FORMAT", flag = "log-format", default = "text",
  choices = { "text", "json" }, about = "of the lines on stderr" })
M.declare("log.level", { variable = "SIGNALBOX_LOG_LEVEL", flag = "log-level", default = "info",
  choices = { "debug", "info", "warning", "error" }, about = "the least that is logged" })

-- The files ------------------------------------------------------------------------------------

local function fail(message, hint)
  error(require "signalbox.problem"("invalid", message, { hint = hint, status = 1 }), 0)
end

local ABSENT <const> = { [2] = true, [20] = true } -- ENOENT, ENOTDIR

--- The settings of one file, or nil where there is none.
local function read_file(path)
  local file <close>, problem, code = io.open(path, "rb")
  if not file and ABSENT[code] then return nil end
  local text
  if file then text, problem = file:read "a" end
  if not text then
    fail(string.format("the configuration cannot be read: %s%s", file and path .. ": " or "",
      problem))
  end
  local sight = { env = os.getenv }
  local chunk
  chunk, problem = load(text:gsub("^#[^\n]*", ""), "@" .. path, "t", sight)
  if not chunk then fail(problem) end
  local ok, result = pcall(chunk)
  if not ok then fail(tostring(result)) end
  sight.env = nil
  return type(result) == "table" and result or sight
end

local files

--- The configuration files that are there: array of {path=, values=}, first first.
local function load_files()
  if files then return files end
  local paths = { "signalbox.lua" }
  local folder = host.config_folder and host.config_folder()
  if folder then paths[2] = folder .. "/config.lua" end
  local found = {}
  for _, path in ipairs(paths) do
    local values = read_file(path)
    if values then found[#found + 1] = { path = path, values = values } end
  end
  files = found
  return files
end

local function dig(values, name)
  for part in name:gmatch "[^.]+" do
    if type(values) ~= "table" then return nil end
    values = values[part]
  end
  return values
end

-- Values ---------------------------------------------------------------------------------------

--- `value` as the setting's kind; fails naming where it came from.
local function typed(setting, value, source)
  if setting.kind == "number" then
    local number = tonumber(value)
    if number and number >= 0 and number < math.huge then return number end
    fail(string.format("%s: %s is '%s', and must be a number from 0 up", source, setting.name,
      tostring(value)))
  end
  local expected = setting.kind == "table" and "table" or "string"
  if type(value) ~= expected then
    fail(string.format("%s: %s must be a %s, and is a %s", source, setting.name, expected,
      type(value)))
  end
  if setting.choices and not is_among(setting.choices, value) then
    fail(string.format("%s: %s is '%s', and must be one of %s", source, setting.name, value,
      table.concat(setting.choices, ", ")))
  end
  return value
end

--- The value of a setting and where it came from: "--db", "SIGNALBOX_DB", a file's path, "default";
--- nil where it has none.
---@param name string
---@return any value
---@return string? source
function M.lookup(name)
  local setting = by_name[name] or { name = name, kind = "any" }
  local given = setting.flag and host.flags[setting.flag]
  if given then return typed(setting, given, "--" .. setting.flag), "--" .. setting.flag end
  given = setting.variable and os.getenv(setting.variable)
  if given and given ~= "" then return typed(setting, given, setting.variable), setting.variable end
  for _, file in ipairs(load_files()) do
    given = dig(file.values, name)
    if given ~= nil then
      return setting.kind == "any" and given or typed(setting, given, file.path), file.path
    end
  end
  if setting.default ~= nil then return setting.default, "default" end
  return nil
end

--- The value of a setting; of one that nobody declared, what the files have under its name.
---@param name string
---@return any
function M.get(name)
  return (M.lookup(name))
end

--- The same for what a command can't do without.
---@param name string
---@return any
function M.need(name)
  local value = M.get(name)
  if value ~= nil then return value end
  local setting = by_name[name] or {}
  fail(string.format("%s is not set", setting.variable or name),
    string.format("%s: set it in the environment, or as %s in the configuration file",
      setting.about or "a setting", name))
end

--- `value` as it may be shown: of a secret only that there is one, of a URL all but its password.
local function shown(setting, value)
  if value == nil then return nil end
  if setting.secret then return "(set)" end
  if type(value) == "table" then return "{...}" end
  return (tostring(value):gsub("^(%a[%w+.-]*://[^/@]*:)[^/@]*@", "%1***@"))
end

--- Has scripts and libraries declare what is theirs, so that all settings are known. A command of
--- the user's own is not run for that.
local function load_declarations()
  for _, name in ipairs { "fetch", "gate_choice", "notion" } do require("signalbox." .. name) end
  for _, kind in ipairs { "", "sinks", "collectors" } do
    for _, script in ipairs(host.list(kind)) do
      local path = kind == "" and script.name or kind .. "/" .. script.name
      if kind ~= "" or not script.path then pcall(host.load(path) or error) end
    end
  end
end

--- All settings that are declared, in their order, as they may be shown; one whose value is not
--- sound has the `problem` in its place.
---@return { name: string, value: string?, source: string?, variable: string?, about: string,
---   problem: string? }[]
function M.all()
  load_declarations()
  local list = {}
  for i, setting in ipairs(settings) do
    local ok, value, source = pcall(M.lookup, setting.name)
    list[i] = { name = setting.name, value = ok and shown(setting, value) or nil,
      source = ok and source or nil, variable = setting.variable, about = setting.about,
      problem = not ok and tostring(value) or nil }
  end
  return list
end

--- Whether a script has that name: what is its own in the files stands below it.
local function is_script(name)
  for _, kind in ipairs { "", "lib/", "collectors/", "sinks/", "notifiers/" } do
    if host.find(kind .. name) then return true end
  end
  return false
end

--- The names that one file gives values to; of a name that is no setting of its own, those in its
--- table.
local function names_given(values, known)
  local names = {}
  for name, value in pairs(values) do
    name = tostring(name)
    if type(value) == "table" and known[name] and not by_name[name] then
      for below in pairs(value) do names[#names + 1] = name .. "." .. tostring(below) end
    else
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- Names in the configuration files that nobody knows, each with its file and the setting that was
--- meant: slips, mostly.
---@return { name: string, path: string, meant: string? }[]
function M.unused()
  load_declarations()
  local known, all, list = {}, {}, {}
  for i, setting in ipairs(settings) do
    known[setting.name:match "^[^.]+"], all[i] = true, setting.name
  end
  for _, file in ipairs(load_files()) do
    for _, name in ipairs(names_given(file.values, known)) do
      local is_whole = not name:find(".", 1, true)
      if not by_name[name] and not (is_whole and (known[name] or is_script(name))) then
        list[#list + 1] = { name = name, path = file.path,
          meant = require("signalbox.spelling").closest(name, all) }
      end
    end
  end
  return list
end

return M
