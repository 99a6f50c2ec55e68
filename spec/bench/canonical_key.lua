-- Canonical keys a second, beside the same rules in plain Python, which must give the same keys.
--
--   lua5.4 spec/bench/canonical_key.lua [PAIRS]
require "spec.support.paths"
local cjson = require "cjson"
local support = require "spec.bench.support"

local PAIRS <const> = tonumber(arg[1] or 7)
local SEED <const> = 20260822

local FIGURES <const> = {
  { "build_again", "build, 1,000 companies again and again", 3 },
  { "build_vectors", "build, the public vectors again and again", 3 },
  { "build_once", "build, 20,000 companies once", nil },
  { "candidates_again", "candidates, 1,000 companies again and again", nil },
  { "candidates_once", "candidates, 20,000 companies once", nil },
}

local WORDS <const> =
  { "acme", "Forge", "harbor", "nimbus", "Orbit", "stone", "vertex", "blue-sky" }
local SITES <const> = { "https://www.%s.com/about", "https://%s.ai", "%s.io", "http://%s.co.uk/" }

local function any(list) return list[math.random(#list)] end

local function name()
  local ending = string.char(math.random(97, 122), math.random(97, 122))
  return any(WORDS) .. any(WORDS):lower() .. ending
end

local function site() return any(SITES):format(name():lower()) end
local function repository() return name() .. "/" .. name() end

-- What collectors see: most know a website or a number, some a repository or a name alone.
local SOURCES <const> = {
  function()
    return { domain_or_website = site(), github_org = name(), github_repo = repository() }
  end,
  function() return { github_org = name(), github_repo = repository() } end,
  function()
    return { companies_house_number = ("%08d"):format(math.random(99999999)),
      fallback_company_name = name() .. " Ltd", fallback_region = "London, UK" }
  end,
  function()
    return { domain_or_website = site(), crunchbase_id = name(),
      fallback_company_name = name() .. " Inc." }
  end,
  function() return { github_repo = "https://github.com/" .. repository() } end,
  function() return { fallback_company_name = name() .. " & Co", fallback_region = "UK" } end,
}

local function companies(count)
  local cases = {}
  for i = 1, count do cases[i] = SOURCES[i % #SOURCES + 1]() end
  return cases
end

local function vectors()
  local pipe <close> = assert(io.popen "gzip -dc spec/vectors/canonical_keys.json.gz")
  local cases = {}
  for i, case in ipairs(cjson.decode(pipe:read "a").cases) do cases[i] = case.input end
  return cases
end

local function write(folder, file, cases)
  local out <close> = assert(io.open(folder.path .. "/" .. file .. ".ndjson", "w"))
  for _, refs in ipairs(cases) do out:write(cjson.encode(refs), "\n") end
end

local function output(command)
  local pipe <close> = assert(io.popen(command))
  return pipe:read "a"
end

local folder <close> = support.folder()
math.randomseed(SEED)
write(folder, "again", companies(1000))
write(folder, "once", companies(20000))
write(folder, "vectors", vectors())

local lua = "lua5.4 spec/bench/workloads/canonical_key.lua " .. folder.path
local python = "python3 spec/bench/peers/canonical_key.py " .. folder.path
assert(output(lua .. " print") == output(python .. " print"), "Lua and Python give different keys")

local rounds = support.rounds(PAIRS, { { "Lua", lua }, { "Python", python } })
local rows = {}
for _, figure in ipairs(FIGURES) do
  local workload, title, asked = table.unpack(figure, 1, 3)
  rows[#rows + 1] = {
    title,
    support.number(support.median(rounds, "Lua", workload)),
    support.number(support.median(rounds, "Python", workload)),
    support.ratio(rounds, workload, "Python", workload, asked),
  }
end
support.table({ "keys a second", "Lua", "Python", "Lua / Python" }, rows)
