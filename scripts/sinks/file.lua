--- The sink `file`: NDJSON, one line a company, appended. A line is found again by its
--- idempotency_key, so that what a killed run wrote is not written twice.
local signalbox = require "signalbox"

local DEFAULT <const> = "pushed.ndjson"

--- Which of the deliveries stand in the file already: their idempotency keys.
local function find_written(path, deliveries)
  local wanted, found = {}, {}
  for _, delivery in ipairs(deliveries) do
    if delivery.again then wanted[delivery.item.idempotency_key] = true end
  end
  if not next(wanted) then return found end
  local file <close> = io.open(path, "r")
  if not file then return found end
  for line in file:lines() do
    local key = line:match '"idempotency_key":"([^"]*)"'
    if key and wanted[key] then found[key] = true end
  end
  return found
end

--- Whether the file's last line was cut off by a full disk or a power cut.
local function is_torn(path)
  local file <close> = io.open(path, "r")
  if not file or file:seek "end" == 0 then return false end
  file:seek("end", -1)
  return file:read(1) ~= "\n"
end

return {
  about = "appends NDJSON to a file: the default",
  settle = 0, -- a look into the file is never behind

  ---@param options { out: string? }
  open = function(options)
    local path = options.out or DEFAULT
    local torn = is_torn(path)
    local file, problem = io.open(path, "a")
    if not file then return nil, problem end
    file:setvbuf("full", 1 << 20) -- one write a batch, which no kill can cut
    if torn then file:write "\n" end
    return { path = path, file = file, label = "file " .. path }
  end,

  --- Writes all of them, and gives what came of each: {page_id=}.
  deliver_batch = function(sink, deliveries)
    local written = find_written(sink.path, deliveries)
    local outcomes = {}
    for i, delivery in ipairs(deliveries) do
      local item = delivery.item
      if item.known_page then -- the CRM has it already, though not from here
        outcomes[i] = { page_id = item.known_page }
      else
        outcomes[i] = { page_id = item.idempotency_key }
        if not written[item.idempotency_key] then
          sink.file:write(signalbox.json.encode(item), "\n")
        end
      end
    end
    local ok, problem = signalbox.fsync(sink.file)
    if ok then return outcomes end
    for i in ipairs(deliveries) do outcomes[i] = { again = tostring(problem) } end
    return outcomes
  end,

  close = function(sink) sink.file:close() end,
}
