local collecting = require "spec.support.collecting"
local temp = require "spec.support.temp"

describe("signalbox collect github_ranking", function()
  local path
  local collect, counts, store, contents = collecting.on(function() return path end)

  before_each(function() path = temp.folder() .. "/signals.db" end)

  local DAYS <const> = { "2026-08-19", "2026-08-20", "2026-08-21", "2026-08-22" }

  local function sample(day)
    return "spec/samples/github-ranking/github-ranking-" .. day .. ".csv.gz"
  end

  --- A snapshot of ours: { "owner/name", stars, last commit }.
  local function snapshot(folder, day, repositories)
    local lines = { "rank,item,repo_name,stars,forks,language,repo_url,username,issues," ..
      "last_commit,description" }
    for i, repository in ipairs(repositories) do
      local owner, name = repository[1]:match "^(.-)/(.*)$"
      lines[#lines + 1] = string.format('%d,top,%s,%d,1,Lua,https://github.com/%s/%s,%s,0,%s,%s',
        i, name, repository[2], owner, name, owner, repository[3] or day .. "T01:00:00Z",
        '"says ""hi"",\nand more"')
    end
    local file = string.format("%s/github-ranking-%s.csv", folder, day)
    temp.write(file, table.concat(lines, "\n") .. "\n")
    return file
  end

  local function signal(kind, key)
    local db <close> = store()
    for _, found in ipairs(db:get_signals_for_company(key)) do
      if found.signal_type == kind then return found end
    end
  end

  it("finds spikes between one day and the next", function()
    local folder = temp.folder()
    local files = {
      snapshot(folder, "2026-08-01", { { "a/x", 1000 }, { "b/y", 1000 }, { "c/z", 1000 } }),
      snapshot(folder, "2026-08-02", { { "a/x", 1100 }, { "b/y", 3000 }, { "c/z", 1099 },
        { "d/new", 5000 } }),
    }
    assert.equal(4, counts({ "github_ranking", files[1], files[2] }).saved)
    local least = signal("github_spike", "github_org:a")
    local most = signal("github_spike", "github_org:b")
    assert.equal(0.6, least.confidence)
    assert.equal(0.95, most.confidence)
    assert.equal("2026-08-02T00:00:00.000000+00:00", most.detected_at)
    assert.equal(2000, most.raw_data.gained)
    assert.equal('says "hi",\nand more', most.raw_data.description)
    assert.is_nil(signal("github_spike", "github_org:c"))
    assert.is_nil(signal("github_spike", "github_org:d"))
  end)

  it("calls one that was worked on within a day an activity as well", function()
    local folder = temp.folder()
    local files = {
      snapshot(folder, "2026-08-01", { { "a/x", 100 }, { "b/y", 100 } }),
      snapshot(folder, "2026-08-02", { { "a/x", 400, "2026-08-01T00:00:00Z" },
        { "b/y", 400, "2026-07-31T23:59:59Z" } }),
    }
    counts { "github_ranking", files[1], files[2] }
    assert.equal(0.95, signal("github_activity", "github_org:a").confidence)
    assert.is_nil(signal("github_activity", "github_org:b"))
  end)

  it("gives one of a kind an owner and day, of the repository that gained most", function()
    local folder = temp.folder()
    local files = {
      snapshot(folder, "2026-08-01", { { "a/x", 100 }, { "a/y", 100 } }),
      snapshot(folder, "2026-08-02", { { "a/x", 300 }, { "a/y", 900, "2026-01-01T00:00:00Z" } }),
    }
    assert.equal(2, counts({ "github_ranking", files[1], files[2] }).saved)
    assert.equal("a/y", signal("github_spike", "github_org:a").raw_data.repo)
    assert.equal("a/x", signal("github_activity", "github_org:a").raw_data.repo)
  end)

  it("finds the same in a file a run as in all at once, in whatever order", function()
    local words = { "github_ranking" }
    for i = #DAYS, 1, -1 do words[#words + 1] = sample(DAYS[i]) end
    counts(words, { cwd = "." })
    local at_once = contents()
    path = temp.folder() .. "/signals.db"
    for _, day in ipairs(DAYS) do counts({ "github_ranking", sample(day) }, { cwd = "." }) end
    assert.same(at_once, contents())
    assert.equal(466, #at_once)

    local again = counts(words, { cwd = "." })
    assert.same({ 0, 466 }, { again.saved, again.duplicates })
  end)

  it("refuses a file that has no day in its name", function()
    local result = collect { "github_ranking", temp.file("ranking.csv", "") }
    assert.equal(1, result.status)
    assert.truthy(result.err:find("its name has no day in it", 1, true), result.err)
  end)
end)

