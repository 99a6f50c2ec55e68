-- What other people's programs make of ours: the official Notion client works against the server of
-- our specs, prism watches our requests on their way to our servers, with the published
-- descriptions in its hand, and what GitHub once answered is read. All of it comes from npm, and is
-- left out where there is none.
local data = require "spec.support.data"
local fetch = require "signalbox.fetch"
local notions = require "spec.support.notion"
local npm = require "spec.support.npm"
local openapi = require "spec.support.openapi"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local server = require "spec.support.server"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local json <const> = signalbox.json
local HERE <const> = paths.root .. "/spec/conformance"
local PACKAGES <const> = {
  "@notionhq/client@5.26.0", "@stoplight/prism-cli@5.14.2", "@notionhq/notion-mcp-server@2.5.2",
  "@octokit/openapi@23.0.2", "@octokit/fixtures@23.1.2",
}

--- The folder of the packages; nil, and the spec is left out.
local function packages()
  local folder, problem = npm.install("published", PACKAGES)
  if not folder then pending(problem) end
  return folder
end

local function free_port()
  local pipe <close> = assert(io.popen("/usr/bin/python3 -c 'import socket; " ..
    "s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])'"))
  return pipe:read "l"
end

--- Prism between us and `upstream`: a request that breaks the description is answered with what it
--- breaks, in place of being handed on.
local function proxy(folder, description, upstream)
  local port = free_port()
  local process = run.start { program = folder .. "/node_modules/.bin/prism", "proxy", description,
    upstream, "--host", "127.0.0.1", "--port", port, "--errors" }
  local url = "http://127.0.0.1:" .. port
  for _ = 1, 600 do
    if signalbox.http { url = url .. "/", timeout = 1 } then break end
    signalbox.sleep(0.1)
  end
  return setmetatable({ url = url, output = process.out },
    { __close = function() process.kill() end })
end

--- Notion's description, with what it has not: pages in data sources, and sorting by times.
local function mended_notion(folder)
  local description = json.decode(temp.read(folder ..
    "/node_modules/@notionhq/notion-mcp-server/scripts/notion-openapi.json"))
  local schemas = description.components.schemas
  table.insert(schemas.parentRequest.oneOf, { type = "object",
    required = signalbox.array { "type", "data_source_id" },
    properties = { type = { const = "data_source_id" },
      data_source_id = { type = "string", format = "uuid" } } })
  schemas.sortObject = { type = "object", required = signalbox.array { "direction" },
    properties = { property = { type = "string" },
      timestamp = { enum = signalbox.array { "created_time", "last_edited_time" } },
      direction = { enum = signalbox.array { "ascending", "descending" } } } }
  return temp.file("notion.json", json.encode(description))
end

--- GitHub's description of what we ask, with what it has not: its own media type, the least and the
-- most of a page, answers to a condition and at a limit.
local function mended_github(folder)
  local description = openapi.cut(json.decode(temp.read(folder ..
    "/node_modules/@octokit/openapi/generated/api.github.com.json")),
    { "/search/repositories", "/users/{username}" })
  for _, path in pairs(description.paths) do
    local responses = path.get.responses
    local content = responses["200"].content
    content["application/vnd.github+json"] = content["application/json"]
    for _, status in ipairs { "304", "403", "429" } do
      responses[status] = responses[status] or { description = "see the text" }
    end
  end
  local size = description.components.parameters["per-page"].schema
  size.minimum, size.maximum = 1, 100
  return description
end

--- What GitHub answered once, as a list.
local function recorded(folder, scenario)
  return json.decode(temp.read(string.format("%s/node_modules/@octokit/fixtures/scenarios/" ..
    "api.github.com/%s/normalized-fixture.json", folder, scenario)))
end

--- The value with others laid over it.
local function with(value, fields)
  local copy = {}
  for name, field in pairs(value) do copy[name] = field end
  for name, field in pairs(fields) do copy[name] = field end
  return copy
end

--- Runs the collector twice: `before` are what the search gives first, `after` later.
local function collect_github(github, url, before, after)
  local path = temp.folder() .. "/signals.db"
  local result
  for _, repositories in ipairs { before, after } do
    github:control("", { repos = signalbox.array(repositories) })
    result = run { "--db", path, "collect", "github", "--json", env = { GITHUB_TOKEN = "secret",
      GITHUB_API_URL = url, SIGNALBOX_HTTP_BACKOFF = "0.01" } }
    assert.equal(0, result.status, result.err)
  end
  local store <close> = assert(signalbox.open(path))
  return json.decode(result.out), assert(store:get_pending_signals())
end

local function today() return os.date("!%Y-%m-%dT00:00:00Z") end

describe("GitHub's published description", function()
  it("allows what the collector asks, and our server's answers", function()
    local folder = packages()
    local description = mended_github(folder)
    local examples = description.components.examples
    local github <close> = server.start "github"
    local watched <close> = proxy(folder, temp.file("github.json", json.encode(description)),
      github.url)
    local shown = examples["repo-search-result-item-paginated"].value.items[1]
    local user = examples["public-user-default-response"].value
    user.login = nil
    github:control("", { users = { [shown.owner.login] = user } })
    local before, after = {}, {}
    for i = 1, 120 do
      before[i] = with(shown, { id = i, stargazers_count = 1000, pushed_at = today() })
      after[i] = with(before[i], i == 7 and { stargazers_count = 1500 } or {})
    end
    local counts, signals = collect_github(github, watched.url, before, after)
    assert.equal(1, counts.saved, watched.output())
    assert.equal(500, signals[1].raw_data.gained)
  end)
end)

describe("what GitHub once answered", function()
  it("is read page by page", function()
    local folder = packages()
    local addresses, last = {}, nil
    for _, answer in ipairs(recorded(folder, "paginate-issues")) do
      last = fetch.next_link { url = "https://api.github.com" .. answer.path,
        headers = answer.headers }
      addresses[#addresses + 1] = last and last:match "&page=(%d+)$"
    end
    assert.same({ "2", "3", "4", "5" }, addresses)
    assert.is_nil(last)
  end)

  it("becomes a signal", function()
    local folder = packages()
    local github <close> = server.start "github"
    local repository = with(recorded(folder, "get-repository")[1].response,
      { stargazers_count = 200, pushed_at = today() })
    local owner = recorded(folder, "get-organization")[1].response
    local login = owner.login
    owner.login = nil
    github:control("", { users = { [login] = owner } })
    local counts, signals = collect_github(github, github.url, { repository },
      { with(repository, { stargazers_count = 320 }) })
    assert.equal(1, counts.saved)
    assert.same({ "github_org:octokit-fixture-org", "octokit-fixture-org/hello-world", 120 },
      { signals[1].canonical_key, signals[1].raw_data.repo, signals[1].raw_data.gained })
  end)
end)

describe("the official Notion client", function()
  it("works against the server that our specs use", function()
    local folder = packages()
    local notion <close> = notions.start()
    local result = run.program("/usr/bin/env", { "node", HERE .. "/notion_client.mjs", folder,
      notion.server.url, notions.DATABASE, timeout = 60 })
    assert.equal("ok\n", result.out, result.err)
  end)
end)

describe("Notion's published description", function()
  it("allows what sync and the sink ask", function()
    local folder = packages()
    local notion <close> = notions.start()
    local watched <close> = proxy(folder, mended_notion(folder), notion.server.url)
    local path = temp.folder() .. "/signals.db"
    do
      local store <close> = assert(signalbox.open(path))
      for i = 1, 3 do
        assert(store:save_signal(data.signal { signal_type = "funding_event",
          source_api = "source-" .. i, confidence = 1, detected_at = signalbox.now() }))
        assert(store:save_signal(data.signal { signal_type = "incorporation",
          source_api = "source-" .. i, confidence = 1, detected_at = signalbox.now() }))
      end
    end
    notion:add { { ["Company Name"] = "Other", Status = "Passed",
      ["Canonical Key"] = "domain:other.com" } }
    local env = notion:env { NOTION_API_URL = watched.url }
    local synced = run { "--db", path, "sync", "--json", env = env }
    assert.equal(0, synced.status, synced.err)
    assert.equal(1, json.decode(synced.out).entries)
    local processed = run { "--db", path, "process", "--sink", "notion", "--json", env = env }
    assert.equal(0, processed.status, processed.err)
    assert.same({ ["domain:acme.ai"] = 1, ["domain:other.com"] = 1 }, notion:keys())
  end)
end)

describe("the description of Companies House", function()
  it("allows what the collector asks, and our server's answers", function()
    local folder = packages()
    local register <close> = server.start "companies_house"
    local created = os.date("!%Y-%m-%d", os.time() - 86400)
    register:control("", { companies = { { company_name = "ACME LTD", company_number = "00000001",
      company_status = "active", company_type = "ltd", date_of_creation = created,
      sic_codes = { "62012" }, registered_office_address = { locality = "London" } } },
      officers = { ["00000001"] = 2 } })
    local watched <close> = proxy(folder, HERE .. "/companies-house.openapi.yaml", register.url)
    local result = run { "--db", temp.folder() .. "/signals.db", "collect", "companies_house",
      "--json", "--since", "3d", env = { COMPANIES_HOUSE_API_KEY = "secret",
        COMPANIES_HOUSE_API_URL = watched.url, SIGNALBOX_HTTP_BACKOFF = "0.01" } }
    assert.equal(0, result.status, result.err .. watched.output())
    assert.equal(1, json.decode(result.out).saved)
  end)
end)
