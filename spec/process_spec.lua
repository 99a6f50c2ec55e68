local data = require "spec.support.data"
local json = require("signalbox").json
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local AS_OF <const> = "2026-08-22"

describe("process", function()
  local folder, db

  before_each(function()
    folder = temp.folder()
    db = folder .. "/signals.db"
  end)

  --- Saves signals: {key, type, source, confidence}.
  local function save(...)
    local store <close> = assert(signalbox.open(db))
    for i, row in ipairs { ... } do
      assert(store:save_signal(data.signal {
        canonical_key = row[1], signal_type = row[2], source_api = row[3], confidence = row[4],
        detected_at = signalbox.time(AS_OF) - i,
      }))
    end
  end

  local function process(...)
    local words = { "--db", db, "process", "--as-of", AS_OF, "--out", folder .. "/pushed.ndjson",
      "--json", ... }
    local result = run.signalbox(words)
    assert.is_truthy(result.out ~= "", result.err)
    return json.decode(result.out), result
  end

  local function pushed()
    local lines = {}
    for line in temp.read(folder .. "/pushed.ndjson"):gmatch "[^\n]+" do
      lines[#lines + 1] = json.decode(line)
    end
    return lines
  end

  local function statuses(key)
    local store <close> = assert(signalbox.open(db, { mode = "ro" }))
    local list = {}
    for i, signal in ipairs(store:get_signals_for_company(key)) do list[i] = signal.status end
    return table.concat(list, " ")
  end

  --- A company for each decision.
  local function save_all_kinds()
    save({ "domain:push.ai", "incorporation", "companies_house", 1 },
      { "domain:push.ai", "github_spike", "github", 1 },
      { "domain:push.ai", "hiring_signal", "jobs", 1 },
      { "domain:review.ai", "github_spike", "github", .95 },
      { "domain:review.ai", "hiring_signal", "github", .9 },
      { "domain:hold.ai", "research_paper", "arxiv", .5 },
      { "domain:reject.ai", "company_dissolved", "companies_house", 1 })
  end

  it("decides each company once: pushed, to be reviewed, held or rejected", function()
    save_all_kinds()
    local counts, result = process()
    assert.equal(0, result.status, result.err)
    assert.same({ companies = 4, auto_push = 1, needs_review = 1, hold = 1, reject = 1, pushed = 2,
      failed = 0, waiting = 0, set_aside = 0, refused = 0, doubled = 0 }, counts)
    assert.equal("pushed pushed pushed", statuses "domain:push.ai")
    assert.equal("pushed pushed", statuses "domain:review.ai")
    assert.equal("pending", statuses "domain:hold.ai")
    assert.equal("rejected", statuses "domain:reject.ai")
    assert.equal(0, process().companies)
  end)

  it("writes a line a company, with what a reader needs", function()
    save_all_kinds()
    process()
    local lines = pushed()
    assert.equal(2, #lines)
    assert.equal("domain:push.ai", lines[1].canonical_key)
    assert.equal("auto_push", lines[1].decision)
    assert.equal("Source", lines[1].status)
    assert.equal(3, #lines[1].signal_ids)
    assert.is_string(lines[1].idempotency_key)
    assert.is_string(lines[1].company_name)
    assert.is_number(lines[1].score)
    assert.equal("Tracking", lines[2].status)
  end)

  it("puts what it pushed into the suppression cache, but not what is only watched", function()
    save_all_kinds()
    process()
    local store <close> = assert(signalbox.open(db))
    assert.equal("Source", store:check_suppression("domain:push.ai").status)
    assert.is_nil(store:check_suppression("domain:review.ai"))
  end)

  it("looks at a held company again when a new signal of it arrives", function()
    save({ "domain:hold.ai", "research_paper", "arxiv", .5 })
    assert.equal(1, process().hold)
    assert.equal(0, process().companies)
    save({ "domain:other.ai", "research_paper", "arxiv", .5 },
      { "domain:hold.ai", "github_spike", "github", .5 })
    assert.equal(2, process().hold)
  end)

  it("writes a company anew when later evidence changes what is known of it", function()
    save_all_kinds()
    process()
    save({ "domain:x.ai", "research_paper", "arxiv", .5 }, { "domain:x.ai", "x", "y", .5 },
      { "domain:x.ai", "z", "y", .5 },
      { "domain:review.ai", "incorporation", "companies_house", 1 })
    process()
    local lines = pushed()
    assert.equal(3, #lines)
    assert.equal("auto_push", lines[3].decision)
    assert.not_equal(lines[2].idempotency_key, lines[3].idempotency_key)
    assert.equal(1, #lines[3].signal_ids)
  end)

  it("does not push what the CRM has already, and rejects what it has closed", function()
    save_all_kinds()
    do
      local store <close> = assert(signalbox.open(db))
      assert(store:update_suppression_cache {
        { canonical_key = "domain:push.ai", notion_page_id = "page-7", status = "Funded" },
        { canonical_key = "domain:review.ai", notion_page_id = "page-8", status = "Passed" },
      })
    end
    process()
    assert.same({}, pushed())
    assert.equal("pushed pushed pushed", statuses "domain:push.ai")
    assert.equal("rejected rejected", statuses "domain:review.ai")
    local summary = run.signalbox { "--db", db, "explain", "domain:review.ai" }.out
    assert.matches("in the CRM as Passed", summary)
    local store <close> = assert(signalbox.open(db))
    assert.equal("page-7", store:get_signals_for_company("domain:push.ai")[1].notion_page_id)
  end)

  it("decides as many companies as --limit says", function()
    save_all_kinds()
    assert.equal(3, process("--limit", "3").companies)
    assert.equal(1, process().companies)
  end)

  it("shows with --dry-run what it would do, and writes nothing", function()
    save_all_kinds()
    local counts = process("--dry-run")
    assert.equal(4, counts.companies)
    assert.equal("pending", statuses "domain:reject.ai")
    assert.is_nil(io.open(folder .. "/pushed.ndjson"))
    assert.equal(4, process().companies)
  end)

  it("works with several processes side by side", function()
    local rows = {}
    for i = 1, 40 do
      rows[#rows + 1] = { "domain:c" .. i .. ".ai", "incorporation", "companies_house", 1 }
      rows[#rows + 1] = { "domain:c" .. i .. ".ai", "github_spike", "github", 1 }
      rows[#rows + 1] = { "domain:c" .. i .. ".ai", "hiring_signal", "jobs", 1 }
    end
    save(table.unpack(rows))
    local counts = process("--workers", "3")
    assert.equal(40, counts.companies)
    assert.equal(40, counts.pushed)
    local seen = {}
    for _, line in ipairs(pushed()) do
      assert.is_nil(seen[line.canonical_key])
      seen[line.canonical_key] = true
    end
    assert.equal(40, #pushed())
  end)

  it("sets a company aside that a gate of one's own can't judge, and goes on", function()
    save_all_kinds()
    temp.write(folder .. "/gate.lua", [[
      return { evaluate = function(signals)
        if signals[1].canonical_key == "domain:hold.ai" then error "no idea" end
        return { decision = "reject", score = 0 / 1, reason = "not today" }
      end }]])
    local counts, result = process("--gate", folder .. "/gate.lua")
    assert.equal(1, result.status)
    assert.equal(1, counts.set_aside)
    assert.equal(3, counts.reject)
    assert.equal("failed", statuses "domain:hold.ai")
    assert.matches("domain:hold.ai set aside: the gate failed: .*no idea", result.err)
  end)

  it("sets a company aside with what its gate says of it", function()
    save { "domain:hold.ai", "research_paper", "arxiv", .5 }
    temp.write(folder .. "/gate.lua",
      "return { evaluate = function() return nil, 'the moon is wrong' end }")
    local _, result = process("--gate", folder .. "/gate.lua")
    assert.matches("domain:hold.ai set aside: the moon is wrong", result.err)
  end)

  it("takes the numbers of the gate from the configuration, which must be right", function()
    save { "domain:hold.ai", "research_paper", "arxiv", .5 }
    local function configured(text)
      temp.write(folder .. "/signalbox.lua", "gate = { options = { " .. text .. " } }")
      return run.signalbox { "--db", db, "process", "--as-of", AS_OF, "--json", cwd = folder }
    end
    for text, complaint in pairs {
      ["half_lives = { research_paper = 0 }"] = "half_lives.research_paper is 0, and must be",
      ["treshold = 1"] = 'there is no option "treshold"\n',
      ["auto_push_treshold = 1"] = "\n  did you mean 'auto_push_threshold'%?",
      ["weights = 1"] = "weights: table expected, got number",
    } do
      local result = configured(text)
      assert.equal(1, result.status)
      assert.matches("^signalbox: gate.options: .*" .. complaint, result.err)
      assert.is_nil(result.err:find "bad argument")
      assert.equal("pending", statuses "domain:hold.ai")
    end
    local result = configured "weights = { research_paper = 0.9 }"
    assert.equal(1, json.decode(result.out).needs_review, result.err)
  end)

  it("tries again what failed, when a person says so", function()
    save { "domain:hold.ai", "research_paper", "arxiv", .5 }
    temp.write(folder .. "/gate.lua", "return { evaluate = function() return 7 end }")
    process("--gate", folder .. "/gate.lua")
    local result = run.signalbox { "--db", db, "process", "retry" }
    assert.equal(0, result.status, result.err)
    assert.equal(1, process().hold)
  end)

  it("says so where there is nothing to try again or to reject, as text and as JSON", function()
    save_all_kinds()
    local function try(...)
      local result = run.signalbox { "--db", db, "process", ... }
      return result.status, result.out .. result.err
    end
    assert.same({ 0, "nothing failed that could be tried again\n" }, { try "retry" })
    assert.same({ 0, '{"retried":0}\n' }, { try("retry", "--json") })
    for _, words in ipairs { { "retry", "domain:nope.ai" }, { "reject", "domain:nope.ai" } } do
      assert.equal(1, (try(words[1], words[2])))
      assert.equal(1, (try(words[1], words[2], "--json")))
      assert.matches("\n  did you mean 'domain:push.ai'%?\n$", select(2, try(words[1], "push.ai")))
    end
    process()
    assert.matches("has no signal that could be rejected\n  signalbox explain domain:push.ai shows",
      select(2, try("reject", "domain:push.ai")))
  end)

  it("says why companies wait, and which wait for another sink", function()
    save_all_kinds()
    os.execute("mkdir " .. folder .. "/sinks")
    temp.write(folder .. "/sinks/mine.lua", [[return { deliver = function(_, delivery)
      if delivery.item.canonical_key == "domain:push.ai" then return { failed = "no room" } end
      return { busy = "not today", wait = 600 }
    end }]])
    local env = { SIGNALBOX_PATH = folder }
    local result = run.signalbox { "--db", db, "process", "--as-of", AS_OF, "--sink", "mine",
      env = env }
    assert.equal(1, result.status)
    assert.truthy(result.err:find("1 company to be tried again: not today\n", 1, true), result.err)
    assert.truthy(result.err:find("1 company failed (process retry tries again): no room\n", 1,
      true), result.err)
    result = run.signalbox { "--db", db, "process", "--out", folder .. "/out", env = env }
    assert.equal("signalbox: 1 company waits for another sink: signalbox process --sink mine\n",
      result.err)
  end)

  it("watches all companies, with a pause between its runs", function()
    assert.equal(2, run.signalbox({ "--db", db, "process", "watch", "domain:acme.ai" }).status)
    for _, command in ipairs { "process", "alerts" } do
      local result = run.signalbox { "--db", db, command, "watch", "--every", "0" }
      assert.equal(2, result.status)
      assert.truthy(result.err:find("'0' is no pause: 0.01 s at the least", 1, true), result.err)
    end
  end)

  it("rejects a company, when a person says so", function()
    save { "domain:hold.ai", "research_paper", "arxiv", .5 }
    local result = run.signalbox { "--db", db, "process", "reject", "domain:hold.ai", "--reason",
      "a competitor" }
    assert.equal(0, result.status, result.err)
    local store <close> = assert(signalbox.open(db))
    local signal = store:get_signals_for_company("domain:hold.ai")[1]
    assert.equal("rejected", signal.status)
    assert.equal("a competitor", signal.error_message)
  end)

  it("names a sink that is not there, and a gate that is none", function()
    save_all_kinds()
    local result = run.signalbox { "--db", db, "process", "--sink", "notoin" }
    assert.equal(2, result.status)
    assert.matches("there is no sink 'notoin'", result.err)
    temp.write(folder .. "/gate.lua", "return 1")
    result = run.signalbox { "--db", db, "process", "--gate", folder .. "/gate.lua" }
    assert.equal(1, result.status)
    assert.matches("gate.lua: it returns no table with a function `evaluate`", result.err)
    assert.equal("pending", statuses "domain:hold.ai")
  end)
end)
