local data = require "spec.support.data"
local json = require("signalbox").json
local notions = require "spec.support.notion"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

describe("process --sink notion", function()
  local folder, db, notion

  before_each(function()
    folder = temp.folder()
    db = folder .. "/signals.db"
    notion = notions.start()
  end)

  after_each(function() notion:stop() end)

  local function save(key, confidence)
    local store <close> = assert(signalbox.open(db))
    for i, kind in ipairs { "incorporation", "github_spike", "hiring_signal" } do
      assert(store:save_signal(data.signal { canonical_key = key, signal_type = kind,
        company_name = key:match ":(.-)%.", source_api = "source " .. i,
        confidence = confidence or 1 }))
    end
  end

  local function process(env, ...)
    env = env or {}
    env.SIGNALBOX_SETTLE = "0.2"
    local result = run.signalbox { "--db", db, "process", "--sink", "notion", "--as-of",
      "2026-08-22", "--json", ..., env = notion:env(env) }
    return result.out ~= "" and json.decode(result.out) or nil, result
  end

  --- A property's text, number or option; nil where it is empty.
  local function property(page, name)
    local held = page.properties[name]
    held = held[held.type]
    if held == signalbox.null then return nil end
    if type(held) ~= "table" then return held end
    local texts = {}
    for i, piece in ipairs(held) do texts[i] = piece.plain_text or piece.name end
    return held.name or table.concat(texts)
  end

  local function signal_of(key)
    local store <close> = assert(signalbox.open(db, { mode = "ro" }))
    local signal = store:get_signals_for_company(key)[1]
    return { status = signal.status, notion_page_id = signal.notion_page_id,
      error_message = signal.error_message }
  end

  it("makes a page for a company", function()
    save "domain:acme.ai"
    local counts, result = process()
    assert.equal(0, result.status, result.err)
    assert.equal(1, counts.pushed)
    local pages = notion:pages()
    assert.equal(1, #pages)
    assert.equal("acme", property(pages[1], "Company Name"))
    assert.equal("Source", property(pages[1], "Status"))
    assert.equal("domain:acme.ai", property(pages[1], "Canonical Key"))
    assert.equal("https://acme.ai", property(pages[1], "Website"))
    assert.equal(pages[1].id, signal_of("domain:acme.ai").notion_page_id)
    assert.equal("pushed", signal_of("domain:acme.ai").status)
  end)

  it("brings a page up to date that is there, and leaves what people wrote", function()
    save "domain:acme.ai"
    notion:add { { ["Company Name"] = "ACME, as people call it", Status = "Funded",
      ["Canonical Key"] = "domain:acme.ai" } }
    assert.equal(1, process().pushed)
    local pages = notion:pages()
    assert.equal(1, #pages)
    assert.equal("ACME, as people call it", property(pages[1], "Company Name"))
    assert.equal("Funded", property(pages[1], "Status"))
    assert.is_number(property(pages[1], "Confidence Score"))
    assert.equal(pages[1].id, signal_of("domain:acme.ai").notion_page_id)
  end)

  it("leaves a page alone that is Passed or Lost, and rejects the company's signals", function()
    save "domain:acme.ai"
    notion:add { { ["Company Name"] = "Acme", Status = "Passed",
      ["Canonical Key"] = "domain:acme.ai" } }
    local counts, result = process()
    assert.equal(0, result.status, result.err)
    assert.equal(0, counts.pushed)
    assert.same({ status = "rejected", error_message = "in the CRM as Passed",
      notion_page_id = nil }, signal_of "domain:acme.ai")
    assert.is_nil(property(notion:pages()[1], "Confidence Score"))
  end)

  it("tries again what Notion is too busy for", function()
    for i = 1, 5 do save("domain:c" .. i .. ".ai") end
    notion:set { fail = 0.3, seed = 7 }
    local pushed = 0
    for _ = 1, 20 do
      local counts = process()
      pushed = pushed + counts.pushed
      if counts.waiting == 0 then break end
    end
    assert.equal(5, pushed)
    for key, n in pairs(notion:keys()) do assert.equal(1, n, key) end
  end)

  it("doubles no page whose making was never answered", function()
    for i = 1, 5 do save("domain:c" .. i .. ".ai") end
    notion:set { drop_after = 0.5, lag = 0.1, seed = 3 }
    for _ = 1, 30 do
      if process().waiting == 0 then break end
    end
    local keys, n = notion:keys(), 0
    for key, pages in pairs(keys) do
      n = n + 1
      assert.equal(1, pages, key)
    end
    assert.equal(5, n)
    assert.equal("pushed", signal_of("domain:c3.ai").status)
  end)

  it("ends before anything is claimed where the token is refused, and never shows it", function()
    save "domain:acme.ai"
    local counts, result = process { NOTION_API_KEY = "wrong-token" }
    assert.is_nil(counts)
    assert.equal(1, result.status)
    assert.matches("NOTION_API_KEY", result.err)
    assert.is_nil(result.err:find "wrong%-token")
    assert.equal("pending", signal_of("domain:acme.ai").status)
  end)

  it("names a setting that is missing", function()
    save "domain:acme.ai"
    local _, result = process { NOTION_DATABASE_ID = "" }
    assert.equal(1, result.status)
    assert.matches("NOTION_DATABASE_ID", result.err)
  end)

  it("ends before anything is claimed where the database lacks a property", function()
    save "domain:acme.ai"
    notion:change_schema { ["Canonical Key"] = signalbox.null }
    local _, result = process()
    assert.equal(1, result.status)
    assert.matches("no property 'Canonical Key' in Notion", result.err)
    assert.equal("pending", signal_of("domain:acme.ai").status)
  end)
end)
