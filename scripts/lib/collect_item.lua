--- One thing that a collector found, made into what the store takes, or refused with a reason.
--
-- Strict about types, for they come from strangers; the store itself judges the values when it
-- saves. `bounds` is the same judgement for a dry run, which saves nothing.
local signalbox = require "signalbox"
local canonical_key = require "signalbox.canonical_key"

local M = {}

local null <const> = signalbox.null

local function present(value)
  if value ~= nil and value ~= null then return value end
end

local function text_problem(item, field)
  local value = present(item[field])
  if value == nil then return field .. " is missing" end
  if type(value) ~= "string" then return field .. " is no text" end
  if value == "" then return field .. " is empty" end
end

--- Its keys, best first, or nil and a reason. A text that is no name of a company gives none.
---@return string[]|nil keys
---@return string? reason
function M.keys(item)
  local given, refs = present(item.canonical_key), present(item.refs)
  if given ~= nil and type(given) ~= "string" then return nil, "canonical_key is no text" end
  local keys = {}
  if refs then
    local ok, found = pcall(canonical_key.candidates, refs)
    if not ok then
      return nil, (tostring(found):gsub("^bad argument #1 to '%w+' %((.*)%)$", "refs.%1"))
    end
    keys = found
  end
  if given and given ~= keys[1] then table.insert(keys, 1, given) end
  if #keys == 0 then return nil, "neither canonical_key nor refs name a company" end
  return keys
end

--- What the store will take, or nil and a reason. The store has the last word on the values.
---@return table|nil signal
---@return string? reason
function M.signal(item, source, key)
  local problem = text_problem(item, "signal_type")
  local source_api = present(item.source_api) or source
  local confidence, raw_data = present(item.confidence), present(item.raw_data)
  local name, detected_at = present(item.company_name), present(item.detected_at)
  if problem then return nil, problem end
  if type(source_api) ~= "string" then
    return nil, source_api == nil and "source_api is missing" or "source_api is no text"
  end
  if type(confidence) ~= "number" then
    return nil, confidence == nil and "confidence is missing" or "confidence is no number"
  end
  if type(raw_data) ~= "table" and type(raw_data) ~= "string" then
    return nil, raw_data == nil and "raw_data is missing" or "raw_data is neither a table nor JSON"
  end
  if name ~= nil and type(name) ~= "string" then return nil, "company_name is no text" end
  if detected_at ~= nil and type(detected_at) ~= "string" and type(detected_at) ~= "number" then
    return nil, "detected_at is no time"
  end
  return {
    signal_type = item.signal_type, source_api = source_api, canonical_key = key,
    company_name = name, confidence = confidence, raw_data = raw_data, detected_at = detected_at,
  }
end

--- What the store would refuse of a signal, or nil.
---@return string|nil reason
function M.bounds(signal)
  for _, field in ipairs { "signal_type", "source_api", "canonical_key", "company_name" } do
    local text = signal[field]
    if text and (not utf8.len(text) or text:find "\0") then return field .. " is no UTF-8 text" end
  end
  if not (signal.confidence >= 0 and signal.confidence <= 1) then
    return "confidence must be from 0 to 1"
  end
  local json = signalbox.json
  local convert = type(signal.raw_data) == "string" and json.decode or json.encode
  local result, problem = convert(signal.raw_data)
  if result == nil and problem then return tostring(problem) end
  if signal.detected_at then
    local _, no_time = signalbox.iso(signal.detected_at)
    if no_time then return tostring(no_time) end
  end
end

return M
