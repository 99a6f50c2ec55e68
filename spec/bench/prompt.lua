-- How long until the prompt is there, beside sqlite3, and how long a Tab takes.
--
--   lua5.4 spec/bench/prompt.lua [PAIRS]
local paths = require "spec.support.paths"
local signalbox = require "signalbox"
local support = require "spec.bench.support"

local PAIRS <const> = tonumber(arg[1] or 5)
local STARTS <const> = 40  -- of each in a round
local KEYS <const> = 10000

local folder <close> = support.folder()
local database = folder.path .. "/signals.db"
local store = assert(signalbox.open(database))
for i = 1, 1000 do
  assert(store:save_signal { signal_type = "launch", source_api = "bench", confidence = 0.5,
    canonical_key = "domain:company-" .. i .. ".com", raw_data = { i = i } })
end
store:close()

local ready = support.compile("spec/bench/peers/prompt_ready.c", folder, "-D_GNU_SOURCE -lutil")
local function peer(prompt, ...)
  return string.format("env HOME=%s TERM=xterm-256color LC_ALL=C.UTF-8 %s %d '%s' %s", folder.path,
    ready, STARTS, prompt, table.concat({ ... }, " "))
end

local rounds = support.rounds(PAIRS, {
  { "sqlite3", peer("sqlite> ", "sqlite3", database) },
  { "signalbox", peer("> ", paths.program, "repl", database) },
})
local ratios = {}
for i, round in ipairs(rounds) do ratios[i] = round.sqlite3.ready / round.signalbox.ready end
local ratio = support.median_of(ratios)
support.table({ "until the prompt is there", "ms", "times sqlite3" }, {
  { "sqlite3 DB", string.format("%.2f", 1000 / support.median(rounds, "sqlite3", "ready")), "" },
  { "signalbox repl DB", string.format("%.2f", 1000 / support.median(rounds, "signalbox", "ready")),
    string.format("%.2f (%s 2)", ratio, ratio <= 2 and "<=" or "MISSES") },
})

-- A Tab, with many globals.
local completion = require "signalbox.completion"
for i = 1, KEYS do _G["name_" .. i] = i end
local context = { columns = {}, dots = {}, width = 80, height = 24 }
local times = {}
for i = 1, 25 do
  local started = os.clock()
  completion.complete("print(name_" .. i % 10, context)
  times[i] = (os.clock() - started) * 1000
end
local milliseconds = support.median_of(times)
print()
support.table({ "a Tab among", "ms", "" }, {
  { KEYS .. " names", string.format("%.2f", milliseconds),
    milliseconds < 10 and "< 10" or "MISSES 10" },
})
