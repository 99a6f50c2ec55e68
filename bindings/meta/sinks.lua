---@meta
-- luacheck: ignore 241 631
-- What a sink is, for the Lua language server: sinks/NAME.lua in a folder of scripts returns one.
-- What it is handed, a signalbox.Delivery, is declared in lib/outbox.lua.

-- ---- sinks --------------------------------------------------------------------------------------

--- What came of a delivery: one of these but `wait` and `status`, which go with others.
---@class signalbox.Outcome
---@field page_id? string it is there
---@field status? string of `page_id`: the page was there, with that status
---@field again? string it was not written, and is to be tried again, for this reason
---@field busy? string the sink takes no more for now: no attempt
---@field unknown? string it may have been written: looked up after the settle time
---@field wait? number seconds before it is tried again
---@field refused? string the CRM has closed the company: settled without a write
---@field failed? string it never can be
---@field lost? boolean it was no longer ours to make
---@field stop? string none can be made now, for this reason: the run ends

--- What the file returns; it has `deliver` or `deliver_batch`.
---@class signalbox.Sink
---@field about string one line
---@field settings? string[] those that it needs
---@field settle? number seconds before one of unknown outcome is looked up, if not the setting's
local Sink = {}

--- Begins the run: what it gives is handed to the others.
---@param options { out: string? }
---@return table? sink, any err
function Sink.open(options) end

--- Delivers one; several are on their way at once.
---@param sink table
---@param delivery signalbox.Delivery
---@param holds fun(): boolean whether it is still ours to make
---@return signalbox.Outcome
function Sink.deliver(sink, delivery, holds) end

--- Delivers all that are due in one go.
---@param sink table
---@param deliveries signalbox.Delivery[]
---@param holds fun(): table<signalbox.Delivery, boolean> which of them are still ours to make
---@return signalbox.Outcome[]
function Sink.deliver_batch(sink, deliveries, holds) end

---@param sink table
function Sink.close(sink) end

return Sink
