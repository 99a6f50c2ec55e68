--- Which of many dated files `forget` keeps.
local backups = require "spec.support.backups"
local retention = require "signalbox.retention"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

--- The dates of `forget`'s files in a new folder, made of a pattern of os.date and times.
local function folder_of(pattern, times)
  local folder = temp.folder()
  for _, time in ipairs(times) do
    temp.write(folder .. "/" .. os.date("!" .. pattern, time), "{}")
  end
  return folder
end

local function files(folder)
  local names = {}
  for name in io.popen("ls '" .. folder .. "'"):lines() do names[#names + 1] = name end
  return names
end

local function time(iso)
  return math.floor(require "signalbox".time(iso))
end

local DAY <const> = 86400

describe("a date in a file's name", function()
  local function read(name)
    local seconds = retention.date_in(name)
    return seconds and os.date("!%Y-%m-%d %H:%M:%S", seconds)
  end

  it("is read in all its usual forms, as UTC where it doesn't say", function()
    for name, expected in pairs {
      ["signals-20261124T033000Z.db.zst"] = "2026-11-24 03:30:00",
      ["export_2026-11-24.json"] = "2026-11-24 00:00:00",
      ["export-20261124.json"] = "2026-11-24 00:00:00",
      ["e-2026-11-24_03-30.json"] = "2026-11-24 03:30:00",
      ["e-2026-11-24T03:30:05.123456+00:00.json"] = "2026-11-24 03:30:05",
      ["e-2026-11-24T03:30:00+0100.json"] = "2026-11-24 02:30:00",
      ["e-2026-10-25T02:30:00+02:00.json"] = "2026-10-25 00:30:00",
      ["e-20240229.json"] = "2024-02-29 00:00:00",
      ["run 17, 2026-11-24 0330.json"] = "2026-11-24 03:30:00",
    } do
      assert.equal(expected, read(name), name)
    end
  end)

  it("is none where there is no such day, or more digits", function()
    for _, name in ipairs { "signals.json", "e-20261324.json", "e-2026-02-30.json",
      "e-12345678901.json", "e-00000101.json" } do
      assert.is_nil(read(name), name)
    end
  end)
end)

describe("the rules", function()
  --- What stays of `times`, as "time reasons".
  local function apply(times, policy)
    local items = {}
    for i, at in ipairs(times) do items[i] = { time = time(at), at = at } end
    local kept = {}
    for _, item in ipairs(retention.apply(items, policy)) do
      if #item.reasons > 0 then
        kept[#kept + 1] = item.at .. " " .. table.concat(item.reasons, ",")
      end
    end
    return kept
  end

  it("keep the newest of each hour, day, ISO week, month and year that has any", function()
    local times = { "2025-12-28T10:00Z", "2025-12-29T10:00Z", "2025-12-29T10:30Z",
      "2025-12-29T11:00Z", "2026-01-01T09:00Z", "2026-01-04T23:59Z", "2026-01-05T00:01Z" }
    assert.same({ "2026-01-05T00:01Z daily,weekly", "2026-01-04T23:59Z daily,weekly" },
      apply(times, { daily = 2, weekly = 2 }))
    assert.same({ "2026-01-05T00:01Z hourly", "2026-01-04T23:59Z hourly",
      "2026-01-01T09:00Z hourly",
      "2025-12-29T11:00Z hourly", "2025-12-29T10:30Z hourly" }, apply(times, { hourly = 5 }))
    assert.same({ "2026-01-05T00:01Z yearly", "2025-12-29T11:00Z yearly" },
      apply(times, { yearly = 2 }))
  end)

  it("keep the oldest too while one has not found its number", function()
    assert.same({ "2026-01-05T00:00Z monthly", "2025-12-29T10:00Z monthly",
      "2025-12-28T10:00Z oldest monthly" },
      apply({ "2025-12-28T10:00Z", "2025-12-29T10:00Z", "2026-01-05T00:00Z" }, { monthly = 12 }))
  end)

  it("keep the last N of all, however they lie", function()
    assert.same({ "2026-01-01T00:00:02Z last", "2026-01-01T00:00:01Z last" },
      apply({ "2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z", "2026-01-01T00:00:01Z" },
        { last = 2 }))
  end)

  it("over ten years with gaps, applied day after day, keep what they say and no more", function()
    math.randomseed(20261124)
    local policy = { daily = 7, weekly = 5, monthly = 12, yearly = 10 }
    local kept = {}
    for day = 0, 3652 do
      if math.random() > 0.2 and not (day > 1000 and day < 1100) then -- a summer without backups
        kept[#kept + 1] = { time = time "2016-01-01" + day * DAY + math.random(0, DAY - 1) }
        retention.apply(kept, policy)
        for i = #kept, 1, -1 do
          if #kept[i].reasons == 0 then table.remove(kept, i) end
        end
        assert.is_true(#kept <= 7 + 5 + 12 + 10)
      end
    end
    local years = {}
    for _, item in ipairs(kept) do years[os.date("!%Y", item.time)] = true end
    for year = 2016, 2025 do assert.is_true(years[tostring(year)], "none of " .. year) end
    assert.is_true(#kept >= 28, #kept .. " are left")
    assert.is_true(kept[1].time - kept[7].time < 14 * DAY)
  end)
end)

describe("signalbox forget", function()
  local NOON <const> = 1795521600 -- 2026-11-24T12:00Z

  local function days(count)
    local times = {}
    for i = 1, count do times[i] = NOON - (i - 1) * DAY end
    return times
  end

  it("leaves of a folder of dated exports what the rules keep", function()
    local folder = folder_of("export_%Y-%m-%d.json", days(30))
    temp.write(folder .. "/notes.txt", "not dated")
    local result = run { "forget", folder, "--keep-daily", "3" }
    assert.equal(0, result.status, result.err)
    assert.same({ "export_2026-11-22.json", "export_2026-11-23.json", "export_2026-11-24.json",
      "notes.txt" }, files(folder))
  end)

  it("with --dry-run only tells what stays, and why", function()
    local folder = folder_of("export_%Y-%m-%d.json", days(4))
    local result = run { "forget", folder, "--keep-last", "1", "--keep-weekly", "1", "--dry-run" }
    assert.truthy(result.out:find("last, weekly", 1, true), result.out)
    assert.truthy(result.out:find("1 kept, 3 would be removed", 1, true), result.out)
    assert.equal(4, #files(folder))
    local signalbox = require "signalbox"
    local told = signalbox.json.decode(run { "forget", folder, "--keep-last", "1", "--dry-run",
      "--json" }.out)
    assert.same({ "last" }, told.kept[1].reasons)
    assert.equal(3, #told.removed)
  end)

  it("judges files of different names apart", function()
    local folder = folder_of("a-%Y%m%d.json", days(3))
    temp.write(folder .. "/b-20200101.json", "{}")
    run { "forget", folder, "--keep-last", "1" }
    assert.same({ "a-20261124.json", "b-20200101.json" }, files(folder))
  end)

  it("refuses to keep nothing", function()
    local folder = folder_of("export_%Y-%m-%d.json", days(2))
    for _, rule in ipairs { {}, { "--keep-last", "0" } } do
      local result = run { "forget", folder, table.unpack(rule) }
      assert.equal(2, result.status)
      assert.truthy(result.err:find "keep")
    end
    assert.equal(2, #files(folder))
  end)

  it("does not follow links, nor go into folders", function()
    local folder = folder_of("export_%Y-%m-%d.json", days(1))
    local outside = temp.file("precious", "x")
    os.execute(string.format("ln -s '%s' '%s/export_2020-01-01.json'; mkdir '%s/export_2020-01-02'",
      outside, folder, folder))
    assert.equal(0, run { "forget", folder, "--keep-last", "1" }.status)
    assert.equal("x", temp.read(outside))
    assert.equal(3, #files(folder))
  end)

  it("reads offsets in names: ten years of them, in summer time and in winter time", function()
    local folder = temp.folder()
    local from, written = time "2016-01-01T00:30:00Z", 0
    for day = 0, 3652 do
      local at = from + day * DAY
      local month = tonumber(os.date("!%m", at))
      local hours = month >= 4 and month <= 10 and 2 or 1 -- as in Berlin, about
      if day % 11 ~= 5 then
        temp.write(string.format("%s/export-%s+0%d00.json", folder,
          os.date("!%Y-%m-%dT%H:%M", at + hours * 3600), hours), "{}")
        written = written + 1
      end
    end
    local result = run { "forget", folder, "--keep-daily", "7", "--keep-monthly", "12",
      "--keep-yearly", "10", "--json" }
    assert.equal(0, result.status, result.err)
    local told = require "signalbox".json.decode(result.out)
    assert.equal(written, #told.kept + #told.removed)
    local newest, years = {}, {}
    for i, row in ipairs(told.kept) do
      if i <= 7 then newest[i] = row.time:sub(1, 10) end
      years[row.time:sub(1, 4)] = true
    end
    for year = 2016, 2025 do assert.is_true(years[tostring(year)], "none of " .. year) end
    for i = 2, 7 do assert.is_true(newest[i] < newest[i - 1]) end
    assert.equal("2025-12-31T00:30:00Z", told.kept[1].time)
    assert.equal(#told.kept, #files(folder))
  end)
end)

describe("signalbox forget, of backups", function()
  --- A folder of backups of one database, `ages` days old; gives what was told of them.
  local function made(path, folder, ages)
    local list = {}
    for i, age in ipairs(ages) do
      list[i] = backups.date(backups.make(path, folder), os.time() - age * DAY)
    end
    return list
  end

  local function forget(folder, ...)
    local result = run { "forget", folder, "--json", ... }
    assert.equal(0, result.status, result.err)
    return require "signalbox".json.decode(result.out)
  end

  it("judges the backups of each database apart, whatever they are called", function()
    local path, folder = backups.database(1)
    local first = made(path, folder, { 3, 2 })
    local second = made(backups.database(1), folder, { 1, 0 }) -- another folder's signals.db
    local told = forget(folder, "--keep-last", "1")
    assert.equal(2, #told.kept)
    assert.is_false(temp.exists(first[1].path))
    assert.is_true(temp.exists(first[2].path))
    assert.is_false(temp.exists(second[1].path))
    assert.is_true(temp.exists(second[2].path))
  end)

  it("takes dates in the names of databases for no dates of theirs", function()
    local october, folder = backups.database(1, temp.folder() .. "/signals-20261001.db")
    made(october, folder, { 1 })
    local november = backups.database(1, temp.folder() .. "/signals-20261101.db")
    made(november, folder, { 0 })
    assert.equal(2, #forget(folder, "--keep-last", "1").kept)
  end)

  it("does not count dated exports among them", function()
    local path, folder = backups.database(1)
    made(path, folder, { 1, 0 })
    temp.write(folder .. "/signals-20300101.json", "{}")
    temp.write(folder .. "/signals-20300101T000000Z.json", "{}")
    local told = forget(folder, "--keep-last", "1")
    assert.equal(2, #told.kept)
    assert.equal(2, #told.removed)
    assert.equal(0, run { "verify", folder }.status)
  end)

  it("reads the newest that stays before it removes any: a damaged one does not count", function()
    local path, folder = backups.database(1)
    local list = made(path, folder, { 3, 2, 1 })
    for _, broken in ipairs { 3, 2 } do
      backups.flip(list[broken].path, 500)
      local told = forget(folder, "--keep-last", "1", "--dry-run")
      assert.same({ list[broken - 1].path }, { told.kept[1].path })
      assert.equal(4 - broken, #told.ignored)
    end
    local told = forget(folder, "--keep-last", "1")
    assert.same({ 1, 0, 2 }, { #told.kept, #told.removed, #told.ignored })
    assert.equal(6, #files(folder))
  end)

  it("removes a backup with its export, and leaves nothing behind", function()
    local path, folder = backups.database(1)
    backups.date(backups.make(path, folder, "--with-export"), os.time() - DAY)
    backups.make(path, folder, "--with-export")
    assert.equal(1, #forget(folder, "--keep-last", "1").removed)
    assert.equal("3", backups.shell("ls -A '%s' | wc -l", folder))
  end)
end)
