-- Keys a second: the counterpart of peers/canonical_key.py, which says how it is used.
require "spec.support.paths"
local canonical_key = require "signalbox.canonical_key"
local cjson = require "cjson"

local CALLS <const> = 50000
local folder, print_keys = arg[1], arg[2] == "print"

local function read(name)
  local cases = {}
  for line in io.lines(folder .. "/" .. name .. ".ndjson") do
    cases[#cases + 1] = cjson.decode(line)
  end
  return cases
end

local function measure(name, call, cases)
  local rounds = CALLS // #cases
  collectgarbage()
  local started = os.clock()
  for _ = 1, rounds do
    for i = 1, #cases do call(cases[i]) end
  end
  print(name .. "\t" .. rounds * #cases / (os.clock() - started))
end

for _, name in ipairs { "again", "once", "vectors" } do
  local cases = read(name)
  if print_keys then
    for _, refs in ipairs(cases) do print(table.concat(canonical_key.candidates(refs), " ")) end
  else
    measure("build_" .. name, canonical_key.build, cases)
    measure("candidates_" .. name, canonical_key.candidates, cases)
  end
end
