-- The scripts of scripts/examples, each run as its first lines say.
local data = require "spec.support.data"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

describe("the example", function()
  local db

  before_each(function() db = temp.folder() .. "/signals.db" end)

  local function example(name, ...)
    local result = run { "--db", db, "run", paths.root .. "/scripts/examples/" .. name, ... }
    assert.same({ 0, "" }, { result.status, result.err })
    return result.out
  end

  local function save(signals)
    local store <close> = assert(signalbox.open(db))
    assert(store:save_signals(signals))
  end

  local function days_ago(days)
    return signalbox.time(signalbox.now()) - days * 86400
  end

  it("fastest.lua finds whose repositories grew most", function()
    local words = { "--db", db, "collect", "github_ranking", cwd = paths.root }
    for day = 15, 22 do
      words[#words + 1] = "spec/samples/github-ranking/github-ranking-2026-08-" .. day .. ".csv.gz"
    end
    assert.equal(0, run(words).status)
    local out = example("fastest.lua", "2026-08-22")
    assert.matches("\ngithub_org:deepseek%-ai +181,924 +11,775 +0%.433  needs_review  "
      .. "spike %.95 today, activity %.95 today\ngithub_org:mattpocock ", out)
    assert.equal(11, select(2, out:gsub("\n", "\n")))
  end)

  it("strong.lua lists the companies with several kinds of new evidence", function()
    local function signal(key, kind, days)
      return data.signal { canonical_key = key, signal_type = kind, detected_at = days_ago(days) }
    end
    save {
      signal("domain:two.com", "github_spike", 1), signal("domain:two.com", "hiring_signal", 2),
      signal("domain:old.com", "github_spike", 1), signal("domain:old.com", "hiring_signal", 9),
      signal("domain:one.com", "github_spike", 1), signal("domain:one.com", "github_spike", 2),
    }
    assert.equal('canonical_key,kinds\n"domain:two.com",2\n', example("strong.lua"))
    assert.equal('canonical_key,kinds\n"domain:old.com",2\n"domain:two.com",2\n',
      example("strong.lua", "2", "10"))
  end)

  it("retire.lua rejects what has waited too long, and nothing else", function()
    save {
      data.signal { canonical_key = "domain:new.com", detected_at = days_ago(1) },
      data.signal { canonical_key = "domain:old.com", detected_at = days_ago(31) },
    }
    assert.equal("1 signals rejected\n", example("retire.lua", "30"))
    local store <close> = assert(signalbox.open(db, { mode = "ro" }))
    local old = store:get_signals_for_company("domain:old.com")[1]
    assert.same({ "rejected", "nobody took it up in 30 days" }, { old.status, old.error_message })
    assert.equal("pending", store:get_signals_for_company("domain:new.com")[1].status)
  end)

  it("leads.lua saves a spreadsheet once", function()
    local file = temp.file("leads.csv", "name,website,date,note\n"
      .. '"Acme, Inc",https://acme.ai/about,2026-08-01,"says ""soon"""\nBolt,b.dev,2026-08-02,\n')
    assert.equal("2 saved, 0 were there\n", example("leads.lua", file))
    assert.equal("0 saved, 2 were there\n", example("leads.lua", file))
    local store <close> = assert(signalbox.open(db, { mode = "ro" }))
    local signal = store:get_signals_for_company("domain:acme.ai")[1]
    assert.same({ "Acme, Inc", 'says "soon"' }, { signal.company_name, signal.raw_data.note })
  end)

  it("websites.lua asks many at once, and says what each answered", function()
    -- Names that cannot be: an error comes back for each, and none is asked twice.
    local signals = data.signals(12)
    for i, signal in ipairs(signals) do
      signal.canonical_key = string.format("domain:company-%d.invalid", i % 10)
    end
    save(signals)
    local lines = {}
    for line in example("websites.lua", "9"):gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal(9, #lines)
    for _, line in ipairs(lines) do
      assert.matches("^company%-%d%.invalid\tunavailable$", line)
    end
  end)
end)
