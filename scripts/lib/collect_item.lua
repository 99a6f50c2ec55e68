--- One thing that a collector found, made into what the store takes, or refused with a reason.
--
-- Strict about types, for they come from strangers; the store itself judges the values when it
-- saves.
local signalbox = require "signalbox"
local canonical_key = require "signalbox.canonical_key"

local M = {}

local null <const> = signalbox.null

--- `value`, nil for a JSON null: a source that writes one means that it has none.
function M.present(value)
  if value ~= null then return value end
end
local present <const> = M.present

--- Whether a decoded value is a JSON object.
function M.is_object(value)
  return type(value) == "table" and getmetatable(value) == nil
end

--- The JSON object of a text, or nil and what it is instead.
---@param text string
---@param options? table as those of signalbox.json.decode
function M.object(text, options)
  local value, problem = signalbox.json.decode(text, options)
  if value == nil and problem then return nil, tostring(problem) end
  if M.is_object(value) then return value end
  return nil, "this is no JSON object"
end

--- A record as text that can be read again; what JSON cannot say is kept as it is shown.
function M.text(record)
  local text = signalbox.json.encode(record)
  if text then return text end
  local shown = {}
  for name, value in pairs(record) do
    shown[tostring(name)] = signalbox.json.encode(value) and value or tostring(value)
  end
  return signalbox.json.encode(shown) or "{}"
end

--- Its keys, best first, or nil and a reason. A text that is no name of a company gives none.
local function keys_of(item)
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

--- Why a value is not of its type, or nil.
local function mismatch(field, value, expected, what)
  if value == nil then return field .. " is missing" end
  if type(value) ~= expected then return field .. " is no " .. what end
end

--- What is found without a time is known by what it says: see signalbox.collect_batch.
local function without_time(signal)
  signal.is_timeless = true
  if type(signal.raw_data) ~= "table" then return signal end
  local text, problem = signalbox.json.encode(signal.raw_data)
  if not text then return nil, tostring(problem) end
  signal.raw_data = text
  return signal
end

--- What the store will take, with all its `keys`; or nil and a reason.
---@param item table
---@param source string its source_api, unless it says other
---@return table|nil signal
---@return string? reason
function M.signal(item, source)
  local keys, no_keys = keys_of(item)
  if not keys then return nil, no_keys end
  local signal_type, source_api = present(item.signal_type), present(item.source_api) or source
  local confidence, raw_data = present(item.confidence), present(item.raw_data)
  local name, detected_at = present(item.company_name), present(item.detected_at)
  local reason = mismatch("signal_type", signal_type, "string", "text")
    or mismatch("source_api", source_api, "string", "text")
    or mismatch("confidence", confidence, "number", "number")
    or name ~= nil and mismatch("company_name", name, "string", "text")
  if reason then return nil, reason end
  if type(raw_data) ~= "table" and type(raw_data) ~= "string" then
    return nil, raw_data == nil and "raw_data is missing" or "raw_data is neither a table nor JSON"
  end
  if detected_at ~= nil and type(detected_at) ~= "string" and type(detected_at) ~= "number" then
    return nil, "detected_at is no time"
  end
  local signal = {
    signal_type = signal_type, source_api = source_api, canonical_key = keys[1],
    company_name = name, confidence = confidence, raw_data = raw_data, detected_at = detected_at,
    keys = keys,
  }
  if detected_at == nil then return without_time(signal) end
  return signal
end

return M
