--- The process that rules run in, from the asking side: it serves all files until one of them
-- misbehaves, and then another takes its place.
local answers <const> = require "signalbox.rule_answers"
local limits <const> = require "signalbox.rule_limits"
local signalbox <const> = require "signalbox"
local span <const> = require "signalbox.span"

local M = {}

local GRACE <const> = 0.1        -- seconds for an answer to arrive
local START_SECONDS <const> = 10 -- for the process to open the database
local LATE <const> = "it takes longer than %g s"

---@class signalbox.RuleSession
local Session = {}
Session.__index = Session

function Session:close()
  if self.worker then self.worker:close() end
  self.worker = nil
end
Session.__close = Session.close

--- One answer, decoded, and as third its bytes; nil and why there is none.
function Session:receive(seconds)
  local answer, problem = self.worker:receive(seconds)
  if not answer then
    self.worker = nil
    return nil, problem
  end
  local ok, value = pcall(signalbox.json.decode, answer)
  if ok and type(value) == "table" then return value, nil, #answer end
  self:close()
  return nil, "it answered with nonsense"
end

--- Starts the process where none runs. Raises where the database can't be read.
function Session:start()
  if self.worker then return end
  local worker = require "signalbox.rule_worker"
  self.worker = assert(worker.start(self.database, { memory = self.memory }))
  local hello, problem = self:receive(START_SECONDS)
  if not hello or hello.refused then
    self:close()
    error("rules can't be run: " .. (hello and answers.text(hello.refused) or problem), 0)
  end
  self.sizes = {
    database_bytes = answers.number(hello.database_bytes),
    wal_bytes = answers.number(hello.wal_bytes),
    disk_free_bytes = answers.number(hello.disk_free_bytes),
    disk_bytes = answers.number(hello.disk_bytes),
  }
end

--- Puts one request, as JSON, and hands each answer to `take`; true, or nil and how the file ended
-- it: by taking longer than the session's time, by saying more than `most` bytes, or otherwise.
function Session:ask(request, most, take)
  self:start()
  local clock, seconds = signalbox.time, self.seconds
  local ends = clock(signalbox.now()) + seconds + GRACE
  local ok, sent, problem = pcall(self.worker.send, self.worker, request)
  if not ok then return nil, "the store's figures are too many for it" end
  if not sent then
    self.worker = nil
    return nil, problem
  end
  while true do
    local answer, size
    answer, problem, size = self:receive(math.max(0, ends - clock(signalbox.now())))
    if not answer then
      return nil, problem == "timeout" and LATE:format(seconds) or problem
    end
    if answer.done then return true end
    if answer.failed then return nil, answers.text(answer.failed) or "it failed" end
    if answer.expired then
      self:close() -- it has ended itself
      local place = answers.text(answer.expired) or ""
      return nil, place .. (place ~= "" and ": " or "") .. LATE:format(seconds)
    end
    most = most - size
    if most < 0 then
      self:close()
      return nil, "it answers with more than it may"
    end
    take(answer)
  end
end

--- A session: the process is started at its first use and ends with it.
---@param options { database: string, seconds?: number, memory?: integer }
function M.open(options)
  return setmetatable({ database = options.database, seconds = options.seconds or limits.SECONDS,
    memory = options.memory or limits.MEMORY }, Session)
end

--- One on the database of `store`, with the configuration's limits of a rule file, or with `least`
-- seconds where that is more.
function M.configured(store, least)
  local settings = require("signalbox.alert_settings").get()
  return M.open {
    database = assert(store:get_stats()).database_path,
    seconds = math.max(span(settings.seconds) or limits.SECONDS, least or 0),
    memory = settings.memory_mib and settings.memory_mib << 20,
  }
end

return M
