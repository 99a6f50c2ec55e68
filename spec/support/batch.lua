--- A database and what `process` makes of it, for specs.
local data = require "spec.support.data"
local json = require("signalbox").json
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local M = {}

M.AS_OF = "2026-08-22"

local Batch = {}
Batch.__index = Batch

function M.new()
  local folder = temp.folder()
  return setmetatable({ folder = folder, db = folder .. "/signals.db",
    out = folder .. "/pushed.ndjson" }, Batch)
end

--- Saves signals: {key, type, source, confidence}.
function Batch:save(...)
  local store <close> = assert(signalbox.open(self.db))
  for _, row in ipairs { ... } do
    self.saved = (self.saved or 0) + 1
    assert(store:save_signal(data.signal {
      canonical_key = row[1], signal_type = row[2], source_api = row[3], confidence = row[4],
      detected_at = signalbox.time(M.AS_OF) - self.saved,
    }))
  end
end

--- Saves companies that the gate pushes.
function Batch:save_company(...)
  local rows = {}
  for _, key in ipairs { ... } do
    rows[#rows + 1] = { key, "incorporation", "companies_house", 1 }
    rows[#rows + 1] = { key, "github_spike", "github", 1 }
    rows[#rows + 1] = { key, "hiring_signal", "jobs", 1 }
  end
  self:save(table.unpack(rows))
end

--- Keys of `n` companies.
function M.keys(n)
  local keys = {}
  for i = 1, n do keys[i] = string.format("domain:company-%d.ai", i) end
  return keys
end

--- A sink of one's own: Lua text that returns it.
function Batch:sink(name, text)
  os.execute("mkdir -p " .. self.folder .. "/scripts/sinks")
  temp.write(self.folder .. "/scripts/sinks/" .. name .. ".lua", text)
end

--- The words and the environment of a run; the last argument can be a table of the environment.
function Batch:words(...)
  local words = { "--db", self.db, "process", "--json", ... }
  local env = { SIGNALBOX_PATH = self.folder .. "/scripts", SIGNALBOX_SETTLE = "0.2" }
  if type(words[#words]) == "table" then
    for name, value in pairs(table.remove(words)) do env[name] = value end
  end
  for _, word in ipairs { "--as-of", M.AS_OF, "--out", self.out } do words[#words + 1] = word end
  words.env = env
  words.cwd = self.folder
  return words
end

--- Runs `process`: its counts (nil where it printed none), and the whole result.
function Batch:process(...)
  local result = run.signalbox(self:words(...))
  return result.out ~= "" and json.decode(result.out) or nil, result
end

--- Starts `process` and doesn't wait for it.
function Batch:start(...) return run.start(self:words(...)) end

--- Another command on the database.
function Batch:run(...)
  return run.signalbox { "--db", self.db, cwd = self.folder, ... }
end

--- The lines that the sink `file` wrote, decoded; a torn one is left out.
function Batch:lines()
  local lines = {}
  for line in temp.read(self.out):gmatch "[^\n]+" do lines[#lines + 1] = json.decode(line) end
  return lines
end

--- The first row of a query.
function Batch:row(sql, ...)
  local store <close> = assert(signalbox.open(self.db))
  return store:row(sql, ...)
end

function Batch:exec(sql, ...)
  local store <close> = assert(signalbox.open(self.db))
  return assert(store:exec(sql, ...))
end

--- States of a company's signals, newest first, with a space between.
function Batch:statuses(key)
  local store <close> = assert(signalbox.open(self.db))
  local list = {}
  for i, signal in ipairs(store:get_signals_for_company(key)) do list[i] = signal.status end
  return table.concat(list, " ")
end

--- The outbox row of a company.
function Batch:outbox(key)
  return self:row("SELECT * FROM outbox WHERE canonical_key = ?", key)
end

return M
