--- The configuration's `alerts`, checked: a slip in it would be a notice that nobody gets.
local cli <const> = require "signalbox.cli"
local config <const> = require "signalbox.config"
local span <const> = require "signalbox.span"

local M = {}

local function is_names(value)
  if type(value) ~= "table" then return false end
  for key, name in pairs(value) do
    if math.type(key) ~= "integer" or type(name) ~= "string" then return false end
  end
  return true
end

local function is(kind)
  return function(value) return type(value) == kind end
end

-- What a setting can be: a test, and how it is called.
local KINDS <const> = {
  text = { is "string", "a text" },
  boolean = { is "boolean", "true or false" },
  table = { is "table", "a table" },
  span = { function(value) return span(value) ~= nil end, "a time span: 90, 2s, 10m, 1h or 7d" },
  size = { function(value) return math.type(value) == "integer" and value > 0 end,
    "a whole number" },
  names = { is_names, "a list of texts" },
  text_or_names = { function(value) return type(value) == "string" or is_names(value) end,
    "a text or a list of them" },
  any = { function() return true end },
}

-- What stands for all receivers, and for each of them too.
local COMMON <const> = { group_by = "names", group_wait = "span", group_interval = "span",
  repeat_interval = "span", resolved = "boolean" }
local RECEIVER <const> = { name = "text", match = "table", each = "boolean", timeout = "span" }
local GENERAL <const> = { notify = "table", inhibit = "table", seconds = "span",
  memory_mib = "size" }
local INHIBITION <const> = { source = "table", target = "table", equal = "names" }

--- Fails where `values` has a field that none of the tables in `known` names, or one of another
-- kind.
local function check(where, values, known)
  local kinds, names = {}, {}
  for _, one in ipairs(known) do
    for name, kind in pairs(one) do
      kinds[name], names[#names + 1] = kind, name
    end
  end
  table.sort(names)
  for name, value in pairs(values) do
    local kind = KINDS[kinds[name]]
    if not kind then
      local meant = require("signalbox.spelling").closest(tostring(name), names)
      cli.fail(string.format("%s: there is no setting '%s'", where, tostring(name)),
        meant and string.format("did you mean '%s'?", meant) or
          "there are: " .. table.concat(names, ", "))
    end
    if not kind[1](value) then
      cli.fail(string.format("%s: %s must be %s, and is %s", where, name, kind[2],
        type(value) == "table" and "a table" or string.format("'%s'", tostring(value))))
    end
  end
end

--- Fails where a receiver's options are not what it, or its notifier (whose `options` says of each
-- what kind it is), can have. Of a notifier that says nothing of its own they may be anything.
function M.check_receiver(name, options, notifier)
  local own, given = notifier.options or {}, {}
  for field, value in pairs(options) do
    local is_known = COMMON[field] or RECEIVER[field] or own[field]
    if field ~= 1 and (is_known or notifier.options) then given[field] = value end
  end
  check(string.format("notifier '%s'", name), given, { COMMON, RECEIVER, own })
end

--- The settings; an empty table where there are none.
function M.get()
  local settings = config.get "alerts" or {}
  check("alerts", settings, { COMMON, GENERAL })
  for i, inhibition in ipairs(settings.inhibit or {}) do
    local where = string.format("alerts.inhibit: item %d", i)
    if type(inhibition) ~= "table" then cli.fail(where .. " is no { source =, target = }") end
    check(where, inhibition, { INHIBITION })
  end
  return settings
end

return M
