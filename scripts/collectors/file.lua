--- NDJSON: a signal a line, from any source that can write one.
local signalbox = require "signalbox"
local input = require "signalbox.input"

local RAW <const> = { raw = "raw_data" } -- its bytes are stored as they are in the line

--- raw_data as save_signal takes it: a string in the line is JSON text already.
local function raw_data_of(text)
  if text == "null" then return nil end
  if text and text:sub(1, 1) == '"' then return signalbox.json.decode(text) end
  return text
end

--- The line's signal, or nil and what it is instead.
local function parse(line)
  local item, problem = signalbox.json.decode(line, RAW)
  if item == nil and problem then return nil, problem end
  if type(item) ~= "table" or getmetatable(item) then return nil, "the line is no JSON object" end
  item.raw_data = raw_data_of(item.raw_data)
  if item.source_api == nil then return nil, "source_api is missing" end
  return item
end

local function take(context, line, detected_at)
  local item, problem = parse(line)
  if not item then return context:set_aside(line, problem) end
  if item.detected_at == nil then item.detected_at = detected_at() end
  context:signal(item, line)
end

--- A line without a time was noticed when its file was written: a second reading of the file then
--- finds the same signals. Asked for at the first such line.
local function time_of(path)
  local time
  return function()
    time = time or input.modified(path) or signalbox.time(signalbox.now())
    return time
  end
end

return {
  about = "signals from files of JSON lines (also .gz; - is standard input)",
  manual = true,

  arguments = function(parser)
    parser:argument("path", "a file of one JSON object a line"):args "*"
  end,

  collect = function(context)
    if #context.args.path == 0 then context:fail("name a file, or - for standard input") end
    for _, path in ipairs(context.args.path) do
      local ok, problem = input.check(path)
      if not ok then context:fail(problem) end
    end
    for _, path in ipairs(context.args.path) do
      local detected_at = time_of(path)
      for line in input.lines(path) do
        if line:find "%S" then take(context, line, detected_at) end
      end
    end
  end,

  retry = function(context, line)
    take(context, line, time_of "-")
  end,
}
