local run = require "spec.support.run"
local server = require "spec.support.server"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local json <const> = signalbox.json
local DAY <const> = 86400

local function day(ago)
  return os.date("!%Y-%m-%d", os.time() - ago * DAY)
end

describe("signalbox collect", function()
  local path, api

  before_each(function() path = temp.folder() .. "/signals.db" end)
  after_each(function()
    if api then api:stop() end
    api = nil
  end)

  local function collect(name, words, env)
    local variables = { SIGNALBOX_HTTP_BACKOFF = "0.01" }
    if name == "github" then
      variables.GITHUB_TOKEN, variables.GITHUB_API_URL = "secret", api.url
    else
      variables.COMPANIES_HOUSE_API_KEY, variables.COMPANIES_HOUSE_API_URL = "secret", api.url
    end
    for variable, value in pairs(env or {}) do variables[variable] = value end
    return run { "--db", path, "collect", name, "--json", env = variables,
      table.unpack(words or {}) }
  end

  local function counts(...)
    local result = collect(...)
    assert.equal(0, result.status, result.err)
    return json.decode(result.out)
  end

  local function signals(key)
    local store <close> = assert(signalbox.open(path))
    return store:get_signals_for_company(key)
  end

  describe("github", function()
    local function repository(id, stars, fields)
      local made = {
        id = id, full_name = "owner-" .. id .. "/repo", html_url = "https://github.com/owner/repo",
        stargazers_count = stars, forks_count = 1, pushed_at = day(1) .. "T00:00:00Z",
        created_at = "2024-01-01T00:00:00Z", homepage = signalbox.null, language = "C",
        owner = { login = "owner-" .. id, type = "Organization" },
      }
      for name, value in pairs(fields or {}) do made[name] = value end
      return made
    end

    local function user(fields)
      local made = { name = "Owner", blog = "", company = signalbox.null }
      for name, value in pairs(fields or {}) do made[name] = value end
      return made
    end

    before_each(function() api = server.start "github" end)

    it("remembers what it sees first, and reports once what has grown since", function()
      api:control("", { repos = { repository(1, 200), repository(2, 1000) },
        users = { ["owner-1"] = user { blog = "https://one.example" } } })
      assert.equal(0, counts("github").saved)
      api:control("", { repos = { repository(1, 320), repository(2, 1050) } })
      assert.equal(1, counts("github").saved)
      assert.equal(0, counts("github").seen)

      local spike = signals("domain:one.example")[1]
      assert.equal("github_spike", spike.signal_type)
      assert.equal(120, spike.raw_data.gained)
      assert.equal("Owner", spike.company_name)
      assert.is_near(0.5 + 0.2 + 0.15 + 0.1 + 0.05, spike.confidence, 0.051) -- at most .95
      assert.equal(0.95, spike.confidence)
    end)

    it("measures since the last report, and asks for 20 stars and a tenth", function()
      local function see(stars)
        api:control("", { repos = { repository(1, stars) }, users = { ["owner-1"] = user() } })
        return counts("github").saved
      end
      assert.same({ 0, 0, 1, 0, 1 }, { see(200), see(219), see(225), see(246), see(250) })
      local spikes = signals("github_org:owner-1")
      assert.is_near(0.5 + 0.1, spikes[1].confidence, 1e-9)
    end)

    it("reads on where a search ends after 1,000 results", function()
      local repositories = {}
      for i = 1, 2300 do repositories[i] = repository(i, 101 + i) end
      api:control("", { repos = repositories })
      counts("github")
      local store <close> = assert(signalbox.open(path))
      assert.equal(2300, store:row([[SELECT count(*) AS n FROM collector_state
        WHERE stream LIKE '.repo:%']]).n)
    end)

    local function remembered()
      local store <close> = assert(signalbox.open(path))
      return store:row([[SELECT count(*) AS n FROM collector_state
        WHERE stream LIKE '.repo:%']]).n
    end

    it("goes on behind a page that is short, and behind a search that ran out of time", function()
      local repositories = {}
      for i = 1, 350 do repositories[i] = repository(i, 101 + i) end
      api:control("", { repos = repositories, short = true })
      counts("github")
      assert.equal(346, remembered())
      api:control("", { short = false, incomplete = 120 })
      local result = collect("github", { "--reset" })
      assert.equal(0, result.status, result.err)
      assert.truthy(result.err:find("GitHub ran out of time in", 1, true), result.err)
      assert.equal(350, remembered())
    end)

    it("passes nothing over where pages change between requests", function()
      local repositories = {}
      for i = 1, 250 do repositories[i] = repository(i, 1000 + i) end
      api:control("", { repos = repositories, rising = true })
      counts("github")
      assert.equal(248, remembered()) -- two rose to a page that had been read
      api:control("", { rising = false })
      counts("github")
      assert.equal(250, remembered())
    end)

    it("goes by the server's clock where that is not ours", function()
      local repositories = {}
      for i = 1, 400 do repositories[i] = repository(i, 101 + i) end
      for _, skew in ipairs { 7200, -7200 } do
        api:control("", { repos = repositories, search = 3, skew = skew })
        counts("github", { "--reset" }, { SIGNALBOX_HTTP_PATIENCE = "10" })
      end
      assert.equal(400, remembered())
    end)

    --- Moves all that was seen so many days into the past.
    local function age(days)
      local store <close> = assert(signalbox.open(path))
      assert(store:exec([[UPDATE collector_state
        SET value = json_replace(value, '$[0][0]', json_extract(value, '$[0][0]') - ?)
        WHERE stream LIKE '.repo:%']], days * DAY))
    end

    it("sees the spike of a repository that was quiet for long", function()
      api:control("", { repos = { repository(1, 200) }, users = { ["owner-1"] = user() } })
      counts("github")
      age(45)
      counts("github")
      age(45)
      api:control("", { repos = { repository(1, 320) } })
      assert.equal(1, counts("github").saved)
      local raw = signals("github_org:owner-1")[1].raw_data
      assert.equal(120, raw.gained)
      assert.is_near(30 * DAY, signalbox.time(signalbox.now()) - signalbox.time(raw.since), 60)
    end)

    it("sets aside a repository that makes no sense, and takes it when told to", function()
      local odd = repository(1, 200)
      odd.stargazers_count = signalbox.null
      api:control("", { repos = { repository(2, 300) } })
      counts("github")
      do
        local store <close> = assert(signalbox.open(path))
        assert(store:exec([[INSERT INTO quarantine(collector, item, reason, first_seen_at,
          last_seen_at) VALUES ('github', ?, 'odd', '', '')]], json.encode(odd)))
      end
      assert.equal(1, counts("github", { "--retry" }).quarantined)
      local listed = json.decode(run { "--db", path, "quarantine", "--json" }.out)
      assert.equal("stargazers_count is no number", listed[1].reason)
    end)

    it("waits a minute for a secondary limit that names no time, or says until when", function()
      local repositories = {}
      for i = 1, 400 do repositories[i] = repository(i, 101 + i) end
      api:control("", { repos = repositories, secondary = 2, bare = true })
      local result = collect("github", {}, { SIGNALBOX_HTTP_PATIENCE = "30" })
      assert.equal(1, result.status)
      assert.truthy(result.err:find("GitHub allows no more requests until", 1, true), result.err)
      assert.falsy(result.err:find("GITHUB_TOKEN", 1, true), result.err)
      local before = #api:control "/requests"
      counts("github")
      assert.equal(3, #api:control "/requests" - before)
      assert.equal(400, remembered())
    end)

    it("waits for its limits, and gets through failures", function()
      local repositories = {}
      for i = 1, 400 do repositories[i] = repository(i, 101 + i) end
      api:control("", { repos = repositories, search = 3, secondary = 2, fail = 0.2, drop = 0.1,
        html = 0.1, truncate = 0.1 })
      counts("github")
      assert.is_true(#api:control "/requests" >= 5)
    end)

    it("asks for an owner again only whether something has changed", function()
      api:control("", { repos = { repository(1, 200) }, users = { ["owner-1"] = user() } })
      counts("github")
      for _, stars in ipairs { 300, 500 } do
        api:control("", { repos = { repository(1, stars) } })
        assert.equal(1, counts("github").saved)
      end
    end)

    it("names a token that is missing or wrong, and never shows it", function()
      for _, case in ipairs { { false, "GITHUB_TOKEN is not set" },
        { "wrong-token", "is GITHUB_TOKEN right" } } do
        local result = collect("github", {}, { GITHUB_TOKEN = case[1] })
        assert.equal(1, result.status)
        assert.truthy(result.err:find(case[2], 1, true), result.err)
        assert.falsy((result.err .. result.out):find("wrong-token", 1, true))
      end
    end)

    it("goes on at the page where it was broken off", function()
      local repositories = {}
      for i = 1, 1500 do repositories[i] = repository(i, 101 + i) end
      api:control("", { repos = repositories, search = 7 })
      local result = collect("github", {}, { SIGNALBOX_HTTP_PATIENCE = "0" })
      assert.equal(1, result.status)
      assert.truthy(result.err:find("allows no more requests until", 1, true), result.err)
      local before = #api:control "/requests"
      api:control("", { search = 5000 })
      signalbox.sleep(1)
      counts("github")
      assert.is_true(#api:control "/requests" - before <= 11)
    end)
  end)

  describe("companies_house", function()
    local function company(number, fields)
      local made = {
        company_name = "COMPANY " .. number .. " LTD", company_number = number,
        company_status = "active", company_type = "ltd", date_of_creation = day(10),
        sic_codes = { "62012" },
        registered_office_address = { locality = "London", country = "England" },
      }
      for name, value in pairs(fields or {}) do made[name] = value end
      return made
    end

    before_each(function() api = server.start "companies_house" end)

    it("finds new companies, dated by their incorporation, and finds them only once", function()
      api:control("", { companies = {
        company("00000001"),
        company("00000002", { date_of_creation = day(60), sic_codes = { "1" } }),
        company("00000003", { date_of_creation = day(100) }),
      }, officers = { ["00000001"] = 2 } })
      assert.equal(2, counts("companies_house").saved)
      assert.same({ 0, 2 }, (function(c) return { c.saved, c.duplicates } end)(
        counts("companies_house", { "--reset" })))
      local new = signals("companies_house:00000001")[1]
      assert.is_near(1.0, new.confidence, 1e-9)
      assert.equal(day(10) .. "T00:00:00.000000+00:00", new.detected_at)
      assert.equal("software and data", new.raw_data.group)
      assert.equal(2, new.raw_data.officers)
      assert.is_near(0.7, signals("companies_house:00000002")[1].confidence, 1e-9)
    end)

    it("finds those that were dissolved", function()
      api:control("", { companies = { company("00000004", { company_status = "dissolved",
        date_of_creation = "2020-01-01", date_of_cessation = day(5) }) } })
      counts("companies_house")
      local gone = signals("companies_house:00000004")[1]
      assert.equal("company_dissolved", gone.signal_type)
      assert.equal(day(5) .. "T00:00:00.000000+00:00", gone.detected_at)
    end)

    it("asks for a day type by type where an answer does not hold it", function()
      local companies = {}
      for i = 1, 30 do
        companies[i] = company(string.format("%08d", i),
          { company_type = i % 3 == 0 and "plc" or i % 3 == 1 and "llp" or "ltd" })
      end
      api:control("", { companies = companies, size = 10 })
      assert.equal(30, counts("companies_house", { "--no-dissolved", "--officers", "0" }).saved)
    end)

    it("asks for a day code by code where a type alone is too much", function()
      local companies = {}
      for i = 1, 60 do
        companies[i] = company(string.format("%08d", i),
          { sic_codes = { tostring(10000 + i % 9), tostring(10000 + (i + 1) % 9) } })
      end
      api:control("", { companies = companies, size = 15 })
      assert.equal(60, counts("companies_house", { "--no-dissolved", "--officers", "0" }).saved)
    end)

    it("asks again for a day that the register does not list whole", function()
      local companies = {}
      for i = 1, 20 do companies[i] = company(string.format("%08d", i)) end
      companies[21] = company("00000021", { date_of_creation = day(2) })
      api:control("", { companies = companies, size = 10 })
      for _ = 1, 2 do
        local result = collect("companies_house", { "--no-dissolved", "--officers", "0" })
        assert.equal(1, result.status)
        assert.truthy(result.err:find("10 that it cannot list", 1, true), result.err)
      end
      api:control("", { size = 5000 })
      local found = counts("companies_house", { "--no-dissolved", "--officers", "0" })
      assert.same({ 10, 11 }, { found.saved, found.duplicates })
    end)

    it("does not skip days for good that --since left out", function()
      api:control("", { companies = { company("00000001", { date_of_creation = day(30) }),
        company("00000002", { date_of_creation = day(2) }) } })
      assert.equal(1, counts("companies_house", { "--since", "7d" }).saved)
      assert.equal(1, counts("companies_house").saved)
    end)

    it("sets an odd record aside, and goes on", function()
      api:control("", { companies = {
        company("00000001", { sic_codes = { 62012 } }), company(5), company "00000002",
      } })
      for _, words in ipairs { {}, { "--retry" } } do
        assert.equal(1, counts("companies_house", words).quarantined)
      end
      assert.equal("software and data", signals("companies_house:00000001")[1].raw_data.group)
      local listed = json.decode(run { "--db", path, "quarantine", "--json" }.out)
      assert.equal("company_number is no text", listed[1].reason)
      assert.equal(5, json.decode(listed[1].item).company_number)
    end)

    it("does not run into its limit", function()
      api:control("", { companies = { company "00000001" }, limit = 70, refused = 0 })
      counts("companies_house", { "--no-dissolved" })
      assert.equal(0, api:control("/state").refused)
    end)

    it("waits for its limit, and asks again only from where it was", function()
      api:control("", { companies = { company "00000001" }, limit = 100 })
      counts("companies_house")
      local before = #api:control "/requests"
      counts("companies_house")
      assert.is_true(#api:control "/requests" - before < 15)
    end)

    it("names a key that is wrong, and never shows it", function()
      local result = collect("companies_house", {}, { COMPANIES_HOUSE_API_KEY = "wrong-key" })
      assert.equal(1, result.status)
      assert.truthy(result.err:find("is COMPANIES_HOUSE_API_KEY right", 1, true), result.err)
      assert.falsy((result.err .. result.out):find("wrong-key", 1, true))
    end)
  end)

  it("all runs those that are set up, and one's failure does not stop the others", function()
    api = server.start "companies_house"
    local companies = server.start "github"
    companies:control("", { repos = {} })
    local result = run { "--db", path, "collect", "all", "--json", env = {
      SIGNALBOX_HTTP_BACKOFF = "0.01",
      GITHUB_TOKEN = "secret", GITHUB_API_URL = companies.url,
      COMPANIES_HOUSE_API_KEY = "wrong", COMPANIES_HOUSE_API_URL = api.url,
    } }
    companies:stop()
    assert.equal(1, result.status)
    local document = json.decode(result.out)
    assert.is_nil(document.collectors.github.error)
    assert.truthy(document.collectors.companies_house.error)
  end)
end)
