--- The sink `file`: NDJSON, one line a company, appended. A line is found again by its
--- idempotency_key, so that what a killed run wrote is not written twice.
--
-- A batch is one write, so that the lines of two runs don't mix. A write that failed half-way, on a
-- full disk, leaves a torn line: the file is then opened anew, and a line that no reader can decode
-- counts as not written.
local signalbox <const> = require "signalbox"

local DEFAULT <const> = "pushed.ndjson"
local FIELD <const> = '"idempotency_key":'

-- Looking --------------------------------------------------------------------------------------

--- The byte before place `place` of the file, from 0; nil where there is none.
local function byte_before(path, place)
  local file <close> = io.open(path, "r")
  place = file and (place or file:seek "end") or 0
  if place == 0 then return nil end
  file:seek("set", place - 1)
  return file:read(1)
end

--- The JSON string that begins at `from`, as it stands there.
local function string_at(line, from)
  local at = from + 1
  repeat
    at = line:find('["\\]', at)
    if not at then return nil end
    local is_escape = line:byte(at) == 92
    at = at + (is_escape and 2 or 1)
  until not is_escape
  return line:sub(from, at - 1)
end

--- Which of the deliveries stand in the file already: their idempotency keys.
local function find_written(path, deliveries)
  local wanted, found = {}, {}
  for _, delivery in ipairs(deliveries) do
    local key = delivery.item.idempotency_key
    if delivery.again then wanted[signalbox.json.encode(key)] = key end
  end
  if not next(wanted) then return found end
  local file <close> = io.open(path, "r")
  if not file then return found end
  for line in file:lines() do
    local _, stop = line:find(FIELD, 1, true)
    local key = stop and wanted[string_at(line, stop + 1)]
    local whole = key and signalbox.json.decode(line)
    if whole and whole.idempotency_key == key then found[key] = true end
  end
  return found
end

-- Writing --------------------------------------------------------------------------------------

--- The file for appending; it is opened where the last write went wrong, or there was none.
local function handle(sink)
  if sink.file then return sink.file end
  local file, problem = io.open(sink.path, "a")
  if not file then return nil, problem end
  file:setvbuf "no" -- what is written at once is one write
  sink.file = file
  return file
end

local function drop(sink)
  if sink.file then sink.file:close() end
  sink.file = nil
end

--- Appends lines that end in a newline each, on lines of their own, and has the disk take them.
local function append(sink, text)
  local file, problem = handle(sink)
  if not file then return nil, problem end
  local torn = byte_before(sink.path)
  if torn and torn ~= "\n" then text = "\n" .. text end
  local ok
  ok, problem = file:write(text)
  if ok then ok, problem = signalbox.fsync(file) end
  if not ok then
    drop(sink)
    return nil, problem
  end
  -- Another run's write can have failed half-way since we looked: our first line is glued to it.
  local before = byte_before(sink.path, file:seek() - #text)
  if #text > 0 and text:byte() ~= 10 and before and before ~= "\n" then
    return append(sink, text:match "^[^\n]*\n")
  end
  return true
end

--- What is to be written of each delivery, and the outcome that each has where it is.
local function prepare(deliveries, written, held)
  local lines, outcomes = {}, {}
  for i, delivery in ipairs(deliveries) do
    local item = delivery.item
    if item.known_page then -- the CRM has it already, though not from here
      outcomes[i] = { page_id = item.known_page }
    elseif not held[delivery] then
      outcomes[i] = { lost = true }
    else
      outcomes[i] = { page_id = item.idempotency_key }
      if not written[item.idempotency_key] then lines[#lines + 1] = delivery.payload .. "\n" end
    end
  end
  return lines, outcomes
end

return {
  about = "appends NDJSON to a file: the default",
  settle = 0, -- a look into the file is never behind

  ---@param options { out: string? }
  open = function(options)
    local sink = { path = options.out or DEFAULT }
    sink.label = "file " .. sink.path
    local file, problem = handle(sink)
    if not file then return nil, problem end
    return sink
  end,

  --- Writes all of them, and gives what came of each.
  deliver_batch = function(sink, deliveries, holds)
    local written = find_written(sink.path, deliveries)
    local lines, outcomes = prepare(deliveries, written, holds())
    if #lines == 0 and not next(written) then return outcomes end
    local ok, problem = append(sink, table.concat(lines))
    if ok then return outcomes end
    for i, outcome in ipairs(outcomes) do
      if not outcome.lost then outcomes[i] = { again = tostring(problem) } end
    end
    return outcomes
  end,

  close = drop,
}
