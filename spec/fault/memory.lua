-- What spec/fault/memory.c runs out of memory in: a little of every call. Nothing is kept.
local cpath, path = ...
package.cpath = cpath
local signalbox = require "signalbox"
local store <close> = assert(signalbox.open(path))

local function signal(key)
  return { signal_type = "a", source_api = "b", canonical_key = key, confidence = 0.5,
    company_name = "Acme", raw_data = { list = { 1, 2, 3 }, text = "x", object = {} } }
end

local function each_call()
  local id = assert(store:save_signal(signal "k"))
  assert(store:save_signals({ signal "a", signal "b" }, { batch = 1 }))
  local i = 0
  assert(store:save_signals(function()
    i = i + 1
    if i < 3 then return signal("i" .. i) end
  end))
  assert(store:get_signal(id).raw_data.list[2] == 2)
  for s in assert(store:signals { order = "oldest" }) do assert(tostring(s)) end
  assert(#store:get_pending_signals { limit = 3 } == 3)
  assert(store:mark_pushed(id, "page", { run = 1 }))
  assert(store:update_suppression_cache { { canonical_key = "k", notion_page_id = "p",
    status = "s", metadata = { 1 } } })
  assert(store:check_suppression("k").metadata[1] == 1)
  assert(store:get_stats().total_signals > 0)
  assert(store:exec("UPDATE signals SET company_name = ? WHERE id = ?", "x", id))
  assert(store:row("SELECT id, raw_data FROM signals WHERE id = :id", { id = id }).id == id)
  for row in assert(store:rows "SELECT * FROM signals") do assert(row.id) end
  local claims = assert(store:claim { limit = 2 })
  assert(claims[1]:settle { state = "rejected", reason = "r" })
  assert(claims[2]:hold { for_ = 60 })
end

local function raised(problem)
  return type(problem) == "string" and problem:find("not enough memory", 1, true)
end

local fine, problem = pcall(store.transaction, store, function()
  local inner <close> = assert(store:begin())
  each_call()
  assert(inner:commit())
  return nil, "nothing is kept"
end)
-- However it ended, the store goes on.
if not fine and not raised(problem) then error(problem, 0) end
assert(store:get_stats().total_signals == 0)
if not fine then error(problem, 0) end
