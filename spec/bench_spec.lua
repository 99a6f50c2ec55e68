--- The benchmarks run: every workload, on next to nothing. Their figures are `make bench`.
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local server = require "spec.support.server"
local temp = require "spec.support.temp"

local ROWS <const> = "250"

describe("a benchmark's workload", function()
  local folder

  before_each(function() folder = temp.folder() end)

  --- Expects it to end well, and to print these figures.
  local function gives(figures, runner, options)
    options.cwd, options.env = paths.root, { SIGNALBOX_BUILD = paths.build }
    local result = runner(options)
    assert.equal(0, result.status, result.err)
    for figure in figures:gmatch "%S+" do
      assert.truthy(("\n" .. result.out):find("\n" .. figure .. "\t", 1, true), result.out)
    end
  end

  local function in_lua(figures, name, ...)
    gives(figures, run.lua, { "spec/bench/workloads/" .. name .. ".lua", ... })
  end

  local function in_host(figures, name, ...)
    gives(figures, run.signalbox, { "run", "spec/bench/workloads/" .. name .. ".lua", ... })
  end

  it("of the store", function()
    in_lua([[save_each save_bulk save_bulk_text scan scan_decoded is_duplicate suppress_bulk
      check_suppression mark_bulk get_stats pending50]], "store", folder, ROWS, "normal")
  end)

  it("of a growing backlog", function()
    local database = folder .. "/signals.db"
    in_lua("", "scale", "fill", database, "4000")
    in_lua("pending50 get_stats", "scale", "reads", database)
    in_lua("claim50", "scale", "claims", database)
    in_lua("peak_kib", "scale", "scan", database)
  end)

  it("of canonical keys", function()
    for _, name in ipairs { "again", "once", "vectors" } do
      temp.write(folder .. "/" .. name .. ".ndjson", '{"github_org":"acme"}\n')
    end
    in_lua("build_again candidates_vectors", "canonical_key", folder)
  end)

  it("of the gate", function()
    temp.write(folder .. "/companies.ndjson", '[{"id":1,"signal_type":"github_spike",' ..
      '"source_api":"github","confidence":0.5,"detected_at":"2026-10-01T00:00:00+00:00"}]\n')
    in_lua("evaluate", "gate", folder)
  end)

  it("of collecting", function()
    temp.write(folder .. "/items.ndjson", '{"signal_type":"t","source_api":"s","confidence":0.5,' ..
      '"canonical_key":"domain:acme.ai","detected_at":"2026-08-22","raw_data":{}}\n')
    in_host("items peak", "collect", folder, folder .. "/items.ndjson")
  end)

  it("of many requests at once", function()
    local web <close> = server.start "web"
    in_host("seconds busy", "http", web.url)
  end)
end)
