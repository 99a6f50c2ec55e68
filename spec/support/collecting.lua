--- `signalbox collect` on a database of a spec's, and what came of it.
--
--     local path
--     local collect, counts, store, contents = collecting.on(function() return path end)
local assert = require "luassert"
local run = require "spec.support.run"
local signalbox = require "signalbox"

local M = {}

---@param path fun(): string the database
function M.on(path)
  local function collect(words, options)
    local command = { "--db", path(), "collect", table.unpack(words) }
    for name, value in pairs(options or {}) do command[name] = value end
    return run(command)
  end

  --- The counts of a run that ended well.
  local function counts(words, options)
    words[#words + 1] = "--json"
    local result = collect(words, options)
    assert.equal(0, result.status, result.err)
    return signalbox.json.decode(result.out)
  end

  local function store() return assert(signalbox.open(path())) end

  --- Signals in the store as texts that can be compared, in an order of their own.
  local function contents()
    local db <close> = store()
    local list = {}
    for row in assert(db:rows [[
        SELECT canonical_key, signal_type, source_api, detected_at, confidence, raw_data,
          company_name FROM signals ORDER BY 1, 2, 3, 4]]) do
      list[#list + 1] = signalbox.json.encode(row)
    end
    return list
  end

  return collect, counts, store, contents
end

return M
