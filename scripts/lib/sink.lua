--- Sinks as the run sees them: whatever one of somebody's own does, each delivery has an outcome.
--
-- A sink is a file, scripts/sinks/NAME.lua, that returns a table of
--
--   open(options)                         what the other functions are given; nil and why not
--   deliver(sink, delivery, holds)        one company; several run side by side, as tasks
--   deliver_batch(sink, deliveries, holds)  or many at once: a list of outcomes, in their order
--   close(sink)
--   settle                                seconds until a look into it sees all that was written
--
-- `holds` is to be asked directly before something is written: whether the delivery, or which of
-- them (a set), is still this worker's to make. What came of a delivery is one of OUTCOMES.
local cli <const> = require "signalbox.cli"
local text_of <const> = require "signalbox.sound_text"

local M = {}

--- What a delivery can come to: one of these fields, and what goes with it.
local OUTCOMES <const> = {
  page_id = "string", -- it is in the sink under this name (`status`: the page's, if not ours)
  refused = "string", -- the page is closed; nothing was written (`page_id`)
  again = "string",   -- nothing was done: an attempt, to be made again (`wait`: seconds)
  busy = "string",    -- the sink takes no more for now: no attempt (`wait`)
  unknown = "string", -- it may have been done: settles, and is looked up before the next attempt
  failed = "string",  -- for a person
  stop = "string",    -- the run ends, and this and all that is left waits
  lost = "boolean",   -- `holds` said no
}
local ORDER <const> = { "lost", "stop", "failed", "refused", "page_id", "busy", "unknown", "again" }

--- Loads a sink by its name; the command fails where there is none, or it is none.
---@param name string
function M.load(name)
  local host <const> = require "signalbox.host"
  if not host.find("sinks/" .. name) then cli.unknown("sink", name, cli.names "sinks") end
  local ok, sink = pcall(cli.check(host.load("sinks/" .. name)))
  if not ok then
    if type(sink) == "table" then error(sink, 0) end
    cli.fail(string.format("the sink %s can't be loaded: %s", name, sink))
  end
  local function is(field, kind) return type(sink[field]) == kind end
  if type(sink) ~= "table" or not (is("deliver", "function") or is("deliver_batch", "function"))
    or sink.open ~= nil and not is("open", "function")
    or sink.settle ~= nil and not is("settle", "number") then
    cli.fail(string.format("the sink %s returns no sink", name), "a sink is a table with a "
      .. "function deliver or deliver_batch, and perhaps open, close and a number settle")
  end
  return sink
end

local function is_interrupt(raised)
  return type(raised) == "table" and raised.code == "interrupted"
end

--- Opens it: what it gave, or nil and why not.
function M.open(sink, options)
  if not sink.open then return {} end
  local ok, opened, problem = pcall(sink.open, options)
  if not ok then
    if type(opened) == "table" then error(opened, 0) end
    return nil, "the sink can't be opened: " .. text_of(opened, "without a word")
  end
  if opened == nil or opened == false then
    return nil, problem or "the sink can't be opened, and gives no reason"
  end
  return opened
end

--- What came of it in the sink's words: the field of OUTCOMES, and its value as it can be stored.
local function said(outcome)
  for _, field in ipairs(ORDER) do
    local value = outcome[field]
    if type(value) == OUTCOMES[field] then
      if field ~= "lost" then value = text_of(value) end
      if value and (field ~= "page_id" or value == outcome.page_id) then return field, value end
    end
  end
end

--- An outcome that can be relied on. What a sink that says nothing sound has done is not known.
local function sound(outcome)
  local field, value
  if type(outcome) == "table" then field, value = said(outcome) end
  if not field then return { unknown = "the sink gave no outcome, but " .. type(outcome) } end
  local wait = outcome.wait
  return {
    [field] = value,
    page_id = field == "page_id" and value
      or field == "refused" and text_of(outcome.page_id) or nil,
    status = type(outcome.status) == "string" and text_of(outcome.status) or nil,
    wait = type(wait) == "number" and wait >= 0 and wait or nil,
    doubled = outcome.doubled,
  }
end

local function failure(raised)
  if is_interrupt(raised) then error(raised, 0) end
  return { unknown = "the sink failed: " .. text_of(raised, "without a word") }
end

--- One delivery's outcome.
function M.deliver(sink, opened, delivery, holds)
  local ok, outcome = pcall(sink.deliver, opened, delivery, holds)
  if not ok then return failure(outcome) end
  return sound(outcome)
end

--- As many outcomes as there are deliveries.
function M.deliver_batch(sink, opened, deliveries, holds)
  local ok, given = pcall(sink.deliver_batch, opened, deliveries, holds)
  local is_list, outcomes = type(given) == "table", {}
  for i = 1, #deliveries do
    if ok then
      outcomes[i] = sound(is_list and given[i] or not is_list and given or nil)
    else
      outcomes[i] = failure(given)
    end
  end
  return outcomes
end

--- Closes it; what goes wrong then changes nothing any more, and is said.
function M.close(sink, opened)
  if not sink.close then return end
  local ok, problem = pcall(sink.close, opened)
  if not ok then cli.note("the sink could not be closed: %s", text_of(problem, "?")) end
end

return M
