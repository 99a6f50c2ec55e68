local canonical_key = require "signalbox.canonical_key"
local cjson = require "cjson"
local expect = require "spec.support.expect"
local slow = require "spec.support.slow"
local vectors = require "spec.support.vectors"

local build, candidates = canonical_key.build, canonical_key.candidates

--- Expects of each row { text, key } that the text in this field gives the key.
local function expect_keys(field, rows)
  for _, row in ipairs(rows) do
    local text, key = row[1], row[2]
    assert.equal(key or "none", build { [field] = text } or "none", ("%s = %q"):format(field, text))
  end
end

describe("a canonical key", function()
  it("is the best that is known of a company", function()
    local refs = {
      domain_or_website = "https://www.Acme.ai/about",
      companies_house_number = "SC 123456",
      crunchbase_id = "Acme",
      pitchbook_id = "12345-67",
      github_org = "Acme Inc",
      github_repo = "acme/rocket",
      fallback_company_name = "Acme & Co",
      fallback_region = "London, UK",
    }
    assert.equal("domain:acme.ai", build(refs))
    assert.same({
      "domain:acme.ai",
      "companies_house:sc123456",
      "crunchbase:acme",
      "pitchbook:12345-67",
      "github_org:acme-inc",
      "github_repo:acme/rocket",
      "name_loc:acme-co|london-uk",
    }, candidates(refs))
  end)

  it("is nil where nothing names the company", function()
    assert.is_nil(build {})
    assert.is_nil(build { domain_or_website = "n/a", github_org = "-", crunchbase_id = " " })
    assert.same({}, candidates { fallback_region = "London" })
  end)

  it("is passed over, not made up, where its reference is no good", function()
    assert.equal("github_org:acme",
      build { domain_or_website = "http://127.0.0.1:8080", github_org = "acme" })
  end)

  it("is as strong as its kind", function()
    for prefix, strength in pairs {
      domain = 100, companies_house = 95, crunchbase = 80, pitchbook = 80,
      github_org = 50, github_repo = 40, name_loc = 10,
    } do
      assert.equal(strength, canonical_key.strength(prefix .. ":acme"))
      assert.equal(strength >= 80, canonical_key.is_strong(prefix .. ":acme"))
    end
    for _, no_key in ipairs { "", "acme.ai", "domain:", ":acme", "website:acme.ai" } do
      assert.equal(0, canonical_key.strength(no_key), no_key)
      assert.is_false(canonical_key.is_strong(no_key))
    end
  end)

  it("is the predecessor's wherever that is not disputed", function()
    local compared = 0
    for _, case in ipairs(vectors.read "canonical_keys") do
      if not case.disputed then
        local keys = candidates(case.input)
        assert.same(case.candidates, keys, cjson.encode(case.input))
        assert.equal(case.key, build(case.input) or "")
        for i, key in ipairs(keys) do
          assert.equal(case.strength[i], canonical_key.strength(key))
          assert.equal(case.strong[i], canonical_key.is_strong(key))
        end
        compared = compared + 1
      end
    end
    assert.equal(824, compared)
  end)
end)

describe("a domain key", function()
  it("is the host of whatever a person would call the company's site", function()
    expect_keys("domain_or_website", {
      { "acme.ai", "domain:acme.ai" },
      { "www.acme.ai", "domain:acme.ai" },
      { "WWW.ACME.CO.UK", "domain:acme.co.uk" },
      { "https://acme.ai/a/b?q=1#top", "domain:acme.ai" },
      { "http://acme.ai?q=1", "domain:acme.ai" },
      { "ftp://user:pw@acme.ai:2121/pub", "domain:acme.ai" },
      { "acme.ai:8080", "domain:acme.ai" },
      { " \tacme.ai \n", "domain:acme.ai" },
      { "jo@acme.ai", "domain:acme.ai" },
      { "mailto:jo@acme.ai", "domain:acme.ai" },
      { "https://blue-sky.acme.ai", "domain:blue-sky.acme.ai" },
      { "www2.acme.ai", "domain:www2.acme.ai" },
      { "my_shop.example.com", "domain:my_shop.example.com" },
      { "https://acme.ai/caf\xE9", "domain:acme.ai" },
    })
  end)

  it("keeps a www that is the name itself", function()
    expect_keys("domain_or_website", { { "https://www.com/", "domain:www.com" } })
  end)

  it("is not made of what is no host name", function()
    for _, text in ipairs {
      "", " ", ".", "@", "acme", "n/a", "N.A.", "not a domain", "localhost:8080", "http://",
      "https:///x", "192.168.0.1", "http://10.0.0.1:80/x", "1.2.3", "10.0.0.0xff",
      "[::1]", "http://[2001:db8::1]/", "2001:db8::1",
      "-acme.ai", "acme-.ai", "acme.-ai", "acme.ai-", "ac me.ai", "acme,ai.com", "acme%2Eai",
      "ac\nme.ai", "caf\xE9.com", ("a"):rep(64) .. ".com", ("a."):rep(127) .. "com",
    } do
      assert.is_nil(build { domain_or_website = text }, text)
    end
  end)

  it("takes hosts as long as the DNS does", function()
    local label = ("a"):rep(63)
    local host = ("%s.%s.%s.%s"):format(label, label, label, ("a"):rep(61))
    assert.equal("domain:" .. host, build { domain_or_website = host })
    assert.is_nil(build { domain_or_website = "a" .. host })
  end)

  it("is the same for a name in any script and for its form in the DNS", function()
    expect_keys("domain_or_website", {
      { "https://Über.com", "domain:xn--ber-goa.com" },
      { "xn--ber-goa.com", "domain:xn--ber-goa.com" },
      { "XN--BER-GOA.COM", "domain:xn--ber-goa.com" },
      { "U\u{308}ber.com", "domain:xn--ber-goa.com" },
      { "株式会社.net", "domain:xn--6oqv20b1zgzxr.net" },
      { "пример.рф", "domain:xn--e1afmkfd.xn--p1ai" },
      { "ПРИМЕР.РФ", "domain:xn--e1afmkfd.xn--p1ai" },
      { "straße.de", "domain:xn--strae-oqa.de" },
      { "paral·lel.cat", "domain:xn--parallel-koa.cat" },
      { "ａｃｍｅ.ai", "domain:acme.ai" },
    })
  end)
end)

describe("a register's key", function()
  it("is a company's number without spaces and hyphens", function()
    expect_keys("companies_house_number", {
      { "01234567", "companies_house:01234567" },
      { " SC 12-3456 ", "companies_house:sc123456" },
      { "１２３４５６７８", "companies_house:12345678" },
      { " - ", nil },
    })
  end)

  it("is a Crunchbase or PitchBook id in small letters", function()
    expect_keys("crunchbase_id", {
      { "  Acme ", "crunchbase:acme" },
      { "ØLSTYKKE", "crunchbase:ølstykke" },
      { "acme\nrocket", nil },
      { "caf\xE9", nil },
      { "\u{A0}", nil },
    })
    expect_keys("pitchbook_id", { { " PB-99 ", "pitchbook:pb-99" } })
  end)
end)

describe("a GitHub key", function()
  it("is a login, given as such or as its page", function()
    expect_keys("github_org", {
      { "Acme", "github_org:acme" },
      { "  Acme Inc. ", "github_org:acme-inc" },
      { "@acme", "github_org:acme" },
      { "https://github.com/Acme", "github_org:acme" },
      { "github.com/orgs/acme/people", "github_org:acme" },
      { "https://gitlab.com/acme", nil },
      { "https://github.com/", nil },
    })
  end)

  it("is a repository, given as org/repo or as any of its addresses", function()
    for _, text in ipairs {
      "acme/rocket", "Acme/Rocket", "/acme/rocket/", "  acme / rocket ", "acme/rocket.git",
      "https://github.com/acme/rocket", "http://www.github.com/Acme/Rocket.git",
      "https://github.com:443/acme/rocket/", "https://token@github.com/acme/rocket",
      "https://github.com/acme/rocket/tree/main/src", "https://github.com/acme/rocket?tab=readme",
      "https://github.com/acme/rocket#readme", "github.com/acme/rocket", "GITHUB.COM/ACME/ROCKET",
      "git@github.com:acme/rocket.git", "git@github.com:/acme/rocket",
      "ssh://git@github.com/acme/rocket.git",
      "ssh://git@github.com:22/acme/rocket", "git://github.com/acme/rocket.git",
      "git+https://github.com/acme/rocket.git",
    } do
      assert.equal("github_repo:acme/rocket", build { github_repo = text }, text)
    end
  end)

  it("is not made of other addresses", function()
    for _, text in ipairs {
      "", "acme", "acme/", "/rocket", "acme//rocket", "///", "acme/.git",
      "https://github.com", "https://github.com/acme", "https://github.com/acme/",
      "https://github.com//rocket", "git@github.com:acme", "https://github.com/orgs/acme/people",
      "https://github.com/topics/lua", "https://gitlab.com/acme/rocket", "gitlab.com/acme/rocket",
      "git@gitlab.com:acme/rocket.git", "https://api.github.com/repos/acme/rocket",
    } do
      assert.is_nil(build { github_repo = text }, text)
    end
  end)
end)

describe("a name's key", function()
  it("is its words, and those of the region", function()
    local function key(name, region)
      return build { fallback_company_name = name, fallback_region = region }
    end
    assert.equal("name_loc:acme-inc", key "Acme, Inc.")
    assert.equal("name_loc:acme-inc|us-east", key("Acme, Inc.", "us-east"))
    assert.equal("name_loc:acme", key("Acme", " "))
    assert.equal("name_loc:a-b|c-d", key("a|b", "c|d"))
    assert.is_nil(key("!!!", "UK"))
    assert.is_nil(key "🚀")
  end)

  it("keeps the letters of every script, however they are typed", function()
    expect_keys("fallback_company_name", {
      { "株式会社アクメ", "name_loc:株式会社アクメ" },
      { "株式会社ｱｸﾒ", "name_loc:株式会社アクメ" },
      { "हिन्दी कंपनी", "name_loc:हिन्दी-कंपनी" },
      { "Café — Zürich™", "name_loc:café-zürich" },
      { "Cafe\u{301} — Zu\u{308}rich", "name_loc:café-zürich" },
      { "ＡＣＭＥ　Ｉｎｃ", "name_loc:acme-inc" },
      { "ΟΔΟΣ", "name_loc:οδοσ" },
      { "Οδος", "name_loc:οδοσ" },
      { "Ac\u{200B}me\u{AD}", "name_loc:acme" },
      { "Caf\xE9", nil },
    })
  end)

  it("keeps a region's old slug, and what has none in its own letters", function()
    local function key(region)
      return build { fallback_company_name = "Acme", fallback_region = region }
    end
    assert.equal("name_loc:acme|s-o-paulo", key "São Paulo")
    assert.equal("name_loc:acme|東京", key "東京")
    assert.not_equal(key "東京", key "大阪")
  end)
end)

-- What the predecessor made of a reference, what we make of it, and why.
local DISPUTED <const> = {
  domain_or_website = {
    { "acme.ai.", "acme.ai.", "acme.ai", "the dot of the root belongs to the notation" },
    { "acme..ai", "acme..ai", nil, "no such host can exist" },
    { "ac me.ai", "ac me.ai", nil, "no such host can exist" },
    { ("a"):rep(300) .. ".com", ("a"):rep(300) .. ".com", nil, "no such host can exist" },
    { "a@b@c.com", "b@c.com", "c.com", "the host begins after the last @, as browsers have it" },
    { "http://192.168.0.1/x", "192.168.0.1", nil, "an address is nobody's name" },
    { "https://Über.com", "über.com", "xn--ber-goa.com", "one company, one key" },
    { "株式会社.net", "株式会社.net", "xn--6oqv20b1zgzxr.net", "one company, one key" },
    { "\u{200B}acme.ai", "\u{200B}acme.ai", "acme.ai", "what nobody sees tells nothing apart" },
  },
  github_org = {
    { "Über", "ber", "über", "Über and Ober are two" },
    { "株式会社", nil, "株式会社", "a name in any script is one" },
    { "Ооо-AI", "ai", "ооо-ai", "half a name is another one" },
  },
  github_repo = {
    { "https://github.com/acme/rocket.git", "acme/rocket-git", "acme/rocket", "a clone's address" },
    { "git@github.com:acme/rocket.git", nil, "acme/rocket", "a clone's address" },
    { "https://github.com/acme/.git", "acme/git", nil, "there is no repository in it" },
    { "github.com//rocket/tree/main", "rocket/tree", nil, "there is no owner in it" },
    { "github.com/acme//tree/main", "acme/tree", nil, "there is no repository in it" },
    { "github.com///tree/main", "tree/main", nil, "there is neither in it" },
    { "acme/café", "acme/caf", "acme/café", "half a name is another one" },
    { "acme/株式会社", nil, "acme/株式会社", "a name in any script is one" },
  },
  fallback_company_name = {
    { "株式会社", nil, "株式会社", "a name in any script is one" },
    { "Ünïcödé GmbH", "n-c-d-gmbh", "ünïcödé-gmbh", "half a name is another one" },
    { "Café & Co", "caf-co", "café-co", "half a name is another one" },
  },
}

local PREFIX <const> = {
  domain_or_website = "domain:", github_org = "github_org:", github_repo = "github_repo:",
  fallback_company_name = "name_loc:",
}

describe("where the predecessor erred, a key", function()
  for field, rows in pairs(DISPUTED) do
    for _, row in ipairs(rows) do
      local text, theirs, ours, why = table.unpack(row, 1, 4)
      local shown = #text > 40 and text:sub(1, 37) .. "..." or text
      it(("of %s %q is %s, not %s: %s"):format(field, shown, ours or "none",
        theirs and #theirs < 40 and theirs or theirs and "that" or "none", why), function()
        assert.equal(ours and PREFIX[field] .. ours, build { [field] = text })
      end)
    end
  end

  it("is a better one in every disputed case of the vectors", function()
    local compared, changed = 0, 0
    for _, case in ipairs(vectors.read "canonical_keys") do
      if case.disputed then
        local keys = candidates(case.input)
        for _, key in ipairs(keys) do
          local kind, value = key:match "^([%l_]+):(.+)$"
          assert.is_truthy(kind, key)
          if kind == "domain" then assert.is_truthy(value:find "^[%w.-]+%.%a[%w-]+$", key) end
          if kind == "github_repo" then assert.is_nil(value:find "git$", key) end
        end
        local same = table.concat(keys, " ") == table.concat(case.candidates, " ")
        compared, changed = compared + 1, same and changed or changed + 1
      end
    end
    assert.equal(456, compared)
    assert.equal(378, changed) -- the others dispute what is in another reference of theirs
  end)
end)

describe("references", function()
  it("can be JSON nulls, as a file has them", function()
    assert.equal("github_org:acme", build { domain_or_website = cjson.null, github_org = "acme" })
    assert.same({ "github_org:acme" }, candidates { github_repo = cjson.null, github_org = "acme" })
  end)

  it("are texts, and what is not is named, also beside a better one", function()
    expect.raises({ "build", "github_org", "string expected, got number" }, build,
      { github_org = 5 })
    expect.raises({ "build", "fallback_region", "got boolean" }, build,
      { domain_or_website = "acme.ai", fallback_region = false })
    expect.raises({ "candidates", "crunchbase_id", "got table" }, candidates,
      { crunchbase_id = {} })
    expect.raises({ "#1 to 'build'", "table expected, got nil" }, build)
    expect.raises({ "#1 to 'candidates'", "table expected, got string" }, candidates, "acme.ai")
    expect.raises({ "#1 to 'strength'", "string expected, got number" }, canonical_key.strength, 5)
    expect.raises({ "#1 to 'is_strong'", "string expected, got nil" }, canonical_key.is_strong)
  end)

  it("are blamed on the line that gave them", function()
    local fine, message = pcall(function()
      local key = build { github_org = 5 }
      return key
    end)
    assert.is_false(fine)
    assert.is_truthy(message:find "^[^:]*canonical_key_spec%.lua:%d+: bad argument", message)
  end)

  it("of any length are read in one go", function()
    local function times(text) return text:rep(100000 // #text) end
    for _, text in ipairs {
      times "a", times "a.", times " ", "a" .. times " " .. "b", times "@", times "é", times "a/",
      "https://" .. times "a" .. "!", "a." .. times "b" .. "!", times ".git", times "-.",
    } do
      local started = os.clock()
      candidates {
        domain_or_website = text, companies_house_number = text, crunchbase_id = text,
        pitchbook_id = text, github_org = text, github_repo = text, fallback_company_name = text,
        fallback_region = text,
      }
      assert.is_true(os.clock() - started < 2 * slow, text:sub(1, 20))
    end
  end)
end)

describe("a NUL in a reference", function()
  it("ends no host: what stands behind it is not passed over", function()
    for _, text in ipairs { "acme.com\0evil", "acme.com\0/jobs", "https://www.acme.com\0.org" } do
      assert.is_nil(canonical_key.build { domain_or_website = text }, ("%q"):format(text))
    end
  end)

  it("ends no repository's name either", function()
    assert.equal("github_repo:acme/tool-c",
      canonical_key.build { github_repo = "https://github.com/acme/tool\0c" })
  end)
end)

describe("any references", function()
  local seed = tonumber(os.getenv "SEED") or os.time()

  local PARTS <const> = {
    "acme", "Forge", "blue-sky", "a--b", "--x--", "Über", "株式会社", "ООО", "e\u{301}", "Ｆｕｌｌ",
    "한국", "https://", "www.", "github.com/", "git@github.com:", ".git", ".ai", ".co.uk", ".рф", "@",
    ":8080", "/", "//", "?q=1", "#top", " ", "\t", "\0", "\xFF", "\u{200B}", "\u{3000}", "|", "&",
    "192.168.0.1", "7",
  }
  local FIELDS <const> = {
    "domain_or_website", "companies_house_number", "crunchbase_id", "pitchbook_id", "github_org",
    "github_repo", "fallback_company_name", "fallback_region",
  }

  local function any_text()
    local parts = {}
    for i = 1, math.random(0, 5) do parts[i] = PARTS[math.random(#PARTS)] end
    return table.concat(parts)
  end

  local function each_refs(check)
    math.randomseed(seed)
    for _ = 1, 2000 do
      local refs = {}
      for _, field in ipairs(FIELDS) do
        if math.random(3) == 1 then refs[field] = any_text() end
      end
      check(refs, ("SEED=%d: %s"):format(seed, require "pl.pretty".write(refs, "")))
    end
  end

  it("give the first candidate as the key", function()
    each_refs(function(refs, shown) assert.equal(candidates(refs)[1], build(refs), shown) end)
  end)

  it("give candidates from the strongest to the weakest, each of another kind", function()
    each_refs(function(refs, shown)
      local before, seen = 101, {}
      for _, key in ipairs(candidates(refs)) do
        local kind, strength = key:match "^[^:]+", canonical_key.strength(key)
        assert.is_true(strength > 0 and strength <= before, shown)
        assert.is_nil(seen[kind], shown)
        before, seen[kind] = strength, true
      end
    end)
  end)

  it("give keys that a store takes: UTF-8 without control characters", function()
    each_refs(function(refs, shown)
      for _, key in ipairs(candidates(refs)) do
        assert.is_truthy(utf8.len(key), shown)
        assert.is_nil(key:find "%c", shown)
      end
    end)
  end)

  it("give the same keys from what their keys say", function()
    local field_of = {
      domain = "domain_or_website", companies_house = "companies_house_number",
      crunchbase = "crunchbase_id", pitchbook = "pitchbook_id", github_org = "github_org",
      github_repo = "github_repo", name_loc = "fallback_company_name",
    }
    each_refs(function(refs, shown)
      for _, key in ipairs(candidates(refs)) do
        local kind, value = key:match "^([^:]+):(.+)$"
        local again = { [field_of[kind]] = value }
        if kind == "name_loc" then
          again.fallback_company_name, again.fallback_region = value:match "^([^|]+)|?(.*)$"
        end
        -- One "www." goes at a time, since www.www.acme.ai is a host below www.acme.ai.
        if not value:find "^www%." then assert.equal(key, build(again), shown) end
      end
    end)
  end)

  it("give the same keys in capitals and small letters, and within spaces", function()
    each_refs(function(refs, shown)
      local others = {}
      for field, text in pairs(refs) do
        if not utf8.len(text) then return end
        others[field] = "\u{A0} " .. text:upper() .. "\n"
      end
      assert.same(candidates(refs), candidates(others), shown)
    end)
  end)
end)
