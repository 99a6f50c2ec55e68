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
    local words = { "--db", db, "process", "--sink", "notion", "--as-of", "2026-08-22", "--json",
      ... }
    words.env = notion:env(env)
    local result = run.signalbox(words)
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

  for _, answer in ipairs { 503, 409, 500, 520 } do
    it("doubles no page whose making was answered with " .. answer, function()
      for i = 1, 3 do save("domain:c" .. i .. ".ai") end
      notion:set { fail_after = 1, after = answer, lag = 0.15 }
      for _ = 1, 30 do
        if process().waiting == 0 then break end
      end
      assert.same({ ["domain:c1.ai"] = 1, ["domain:c2.ai"] = 1, ["domain:c3.ai"] = 1 },
        notion:keys())
      assert.equal("pushed", signal_of("domain:c3.ai").status)
    end)
  end

  it("doubles no page whose making took too long to be answered", function()
    save "domain:acme.ai"
    notion:set { hang_after = 1, lag = 0.15 }
    for _ = 1, 30 do
      if process({ SIGNALBOX_HTTP_TIMEOUT = "0.3" }).waiting == 0 then break end
    end
    assert.same({ ["domain:acme.ai"] = 1 }, notion:keys())
  end)

  it("comes back when Notion asks for it, and counts no attempt", function()
    save "domain:acme.ai"
    notion:set { limited = 2, retry_after = 300 }
    local counts, result = process()
    assert.same({ 0, 0, 1 }, { counts.pushed, counts.failed, counts.waiting })
    assert.equal(0, result.status, result.err)
    local store <close> = assert(signalbox.open(db))
    local row = store:row "SELECT attempts, not_before FROM outbox"
    assert.equal(0, row.attempts)
    assert.is_true(signalbox.time(row.not_before) - signalbox.time(signalbox.now()) > 200)
  end)

  it("works at a rate slower than its own patience", function()
    save "domain:acme.ai"
    assert.equal(1, process({ NOTION_RATE = "2" }).pushed)
  end)

  describe("finds a company's page", function()
    local function finds(fields, key)
      fields["Company Name"] = "As people call it"
      notion:add { fields }
      save(key or "domain:acme.ai")
      local counts, result = process()
      assert.equal(1, counts.pushed, result.err)
      local pages = notion:pages()
      assert.equal(1, #pages)
      return pages[1]
    end

    it("by its website", function()
      local page = finds { Website = "https://www.acme.ai/about?x=1" }
      assert.equal("domain:acme.ai", property(page, "Canonical Key"))
      assert.equal("https://www.acme.ai/about?x=1", property(page, "Website"))
    end)

    it("by its Discovery ID", function()
      finds { ["Discovery ID"] = "domain:acme.ai" }
    end)

    it("by one of several keys in a text, which all stay there", function()
      local page = finds { ["Canonical Key"] = "github_org:acme; domain:acme.ai" }
      assert.equal("github_org:acme; domain:acme.ai", property(page, "Canonical Key"))
    end)

    it("and adds its key to those that people wrote", function()
      local page = finds { ["Canonical Key"] = "github_org:acme", Website = "acme.ai" }
      assert.equal("github_org:acme, domain:acme.ai", property(page, "Canonical Key"))
    end)

    it("but takes no other company's for it", function()
      notion:add { { ["Canonical Key"] = "domain:acme.ai.example" },
        { Website = "https://notacme.ai" }, { ["Canonical Key"] = "domain:acme.ai",
          in_trash = true } }
      save "domain:acme.ai"
      process()
      assert.equal(1, notion:keys()["domain:acme.ai"])
      assert.equal(4, #notion:pages())
    end)
  end)

  --- Signals of a company that was pushed before, so that it is due again.
  local function save_more(key)
    local store <close> = assert(signalbox.open(db))
    assert(store:save_signal(data.signal { canonical_key = key, signal_type = "funding_event",
      source_api = "news", confidence = 1 }))
  end

  it("makes a page for what the sink `file` had before", function()
    save "domain:acme.ai"
    run.signalbox { "--db", db, "process", "--as-of", "2026-08-22", "--out", folder .. "/out" }
    save_more "domain:acme.ai"
    local counts, result = process()
    assert.equal(1, counts.pushed, result.err)
    assert.equal(1, #notion:pages())
  end)

  it("writes nothing to a page of another database", function()
    save "domain:acme.ai"
    local ids = notion:add { { ["Company Name"] = "Elsewhere", elsewhere = true } }
    do
      local store <close> = assert(signalbox.open(db))
      assert(store:update_suppression_cache { { canonical_key = "domain:acme.ai",
        notion_page_id = ids[1], status = "Funded" } })
    end
    assert.equal(1, process().pushed)
    local pages = notion:pages()
    assert.equal(2, #pages)
    assert.equal("", property(pages[1], "Canonical Key"))
  end)

  it("says which company has several pages, and brings the oldest up to date", function()
    notion:add { { ["Canonical Key"] = "domain:acme.ai", created_time = "2026-02-01T00:00:00Z" },
      { ["Canonical Key"] = "domain:acme.ai", created_time = "2026-01-01T00:00:00Z" } }
    save "domain:acme.ai"
    local counts, result = process()
    assert.same({ 1, 1 }, { counts.pushed, counts.doubled })
    assert.matches("domain:acme.ai has 2 pages in the CRM", result.err)
    assert.is_nil(property(notion:pages()[1], "Confidence Score"))
    assert.is_number(property(notion:pages()[2], "Confidence Score"))
  end)

  it("leaves the rest waiting where the token is revoked in mid-run, also with --workers",
    function()
      for i = 1, 30 do save("domain:c" .. i .. ".ai") end
      notion:set { revoke = 20 }
      local counts, result = process()
      assert.equal(1, result.status)
      assert.matches("NOTION_API_KEY", result.err)
      assert.is_true(counts.pushed > 0 and counts.waiting > 0)
      assert.equal(30, counts.pushed + counts.waiting)
      assert.matches("NOTION_API_KEY", counts.stopped)
      local revoked
      revoked, result = process(nil, "--workers", "2")
      assert.equal(1, result.status)
      assert.matches("NOTION_API_KEY", result.err)
      assert.equal(counts.waiting, revoked.waiting)
    end)

  it("has several workers ask no faster than one", function()
    for i = 1, 6 do save("domain:c" .. i .. ".ai") end
    local begun = signalbox.time(signalbox.now())
    process({ NOTION_RATE = "8" }, "--workers", "2")
    -- Two requests a worker to open, two a company: at least 16 with the first of each at once.
    assert.is_true(signalbox.time(signalbox.now()) - begun > 1.5)
  end)

  it("follows notion.watched in what it enters into the suppression cache", function()
    save "domain:acme.ai"
    temp.write(folder .. "/signalbox.lua", 'notion = { watched = { "Source" } }')
    local result = run.signalbox { "--db", db, "process", "--sink", "notion", "--as-of",
      "2026-08-22", "--json", env = notion:env {}, cwd = folder }
    assert.equal(1, json.decode(result.out).pushed, result.err)
    local store <close> = assert(signalbox.open(db))
    assert.is_nil(store:check_suppression "domain:acme.ai")
  end)

  it("names all that does not fit of the database, in one order", function()
    save "domain:acme.ai"
    notion:change_schema { ["Canonical Key"] = signalbox.null, Website = { type = "number",
      number = {} }, Status = { type = "rich_text", rich_text = {} } }
    temp.write(folder .. "/signalbox.lua",
      'notion = { properties = { why_now = "Why", company_name = false, whynow = "x" } }')
    local result = run.signalbox { "--db", db, "process", "--sink", "notion",
      env = notion:env {}, cwd = folder }
    assert.equal(1, result.status)
    assert.equal(table.concat({
      "signalbox: the database in Notion is not what is needed:",
      "  notion.properties.company_name is false, but pages cannot do without 'Company Name'",
      "  notion.properties.whynow is no property of ours",
      "  the property 'Status' in Notion is a rich_text, and must be select or status",
      "  the property 'Website' in Notion is a number, and must be rich_text or url",
      "  there is no property 'Canonical Key' in Notion",
      "  there is no property 'Why' in Notion (notion.properties.why_now)", "" }, "\n"), result.err)
    assert.equal("pending", signal_of("domain:acme.ai").status)
  end)

  it("asks a status property for the options that are configured", function()
    save "domain:acme.ai"
    notion:change_schema { Status = { type = "status",
      status = { options = { { id = "1", name = "New" } } } } }
    local function try(text)
      temp.write(folder .. "/signalbox.lua", text)
      return run.signalbox { "--db", db, "process", "--sink", "notion", "--as-of", "2026-08-22",
        env = notion:env {}, cwd = folder }
    end
    assert.matches("the property 'Status' in Notion has no option 'Source' and 'Tracking'",
      try("").err)
    local result = try
      'gate = { options = { suggested_status = { auto_push = "New", needs_review = "New" } } }'
    assert.equal(0, result.status, result.err)
    assert.equal("New", property(notion:pages()[1], "Status"))
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
