--- What is installed for cron and systemd does what it says.
local data = require "spec.support.data"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local UNITS <const> = paths.root .. "/scripts/share/systemd/"

--- A unit's settings: "Section.Key" -> value.
local function read_unit(name)
  local unit, section = {}, nil
  for line in io.lines(UNITS .. name) do
    section = line:match "^%[(%w+)%]$" or section
    local key, value = line:match "^(%w+)=(.*)$"
    if key then unit[section .. "." .. key] = value end
    assert.truthy(key or line == "" or line:find "^%[%w+%]$", name .. ": " .. line)
  end
  return unit
end

--- Runs a command line of theirs with our program, and a database of its own; gives the folder.
local function in_a_folder_of_its_own()
  local folder = temp.folder()
  local store <close> = assert(signalbox.open(folder .. "/signals.db"))
  assert(store:save_signals(data.signals(5)))
  os.execute(string.format("mkdir '%s/bin' && ln -s '%s' '%s/bin/signalbox'", folder,
    paths.program, folder))
  return folder
end

local function sh(folder, line)
  return run.program("/bin/sh", { "-c", line, cwd = folder,
    env = { PATH = folder .. "/bin:" .. os.getenv "PATH" } })
end

local function backups(folder)
  local pipe <close> = assert(io.popen("ls '" .. folder .. "/backups'"))
  return select(2, pipe:read "a":gsub("%.db%.zst\n", ""))
end

describe("the systemd units", function()
  --- What ExecStart comes to with the example of the settings, moved to `folder`.
  local function command(unit, folder)
    local line = unit["Service.ExecStart"]
    for setting in io.lines(UNITS .. "signalbox-backup.conf") do
      local name, value = setting:match "^(%w+)=(.*)$"
      if name then
        value = value:gsub("/srv/signalbox", folder)
        line = line:gsub("%${" .. name .. "}", "'" .. value .. "'"):gsub("%$" .. name, value)
      end
    end
    assert.is_nil(line:find("$", 1, true), line)
    return line
  end

  it("back up, and verify what was backed up", function()
    local folder = in_a_folder_of_its_own()
    for _, name in ipairs { "signalbox-backup.service", "signalbox-verify.service" } do
      local result = sh(folder, command(read_unit(name), folder))
      assert.equal(0, result.status, result.err)
    end
    assert.equal(1, backups(folder))
    local store <close> = assert(signalbox.open(folder .. "/signals.db"))
    assert.equal("done", store:row "SELECT status FROM runs WHERE command = 'verify'".status)
  end)

  it("have timers that catch up on what a sleeping machine missed", function()
    for _, name in ipairs { "signalbox-backup", "signalbox-verify" } do
      local timer = read_unit(name .. ".timer")
      assert.truthy(timer["Timer.OnCalendar"])
      assert.equal("yes", timer["Timer.Persistent"])
      assert.equal("timers.target", timer["Install.WantedBy"])
      assert.equal("oneshot", read_unit(name .. ".service")["Service.Type"])
    end
  end)

  it("are sound to systemd", function()
    if not os.execute "command -v systemd-analyze >/dev/null" then
      return pending "needs systemd-analyze"
    end
    local folder = in_a_folder_of_its_own()
    os.execute(string.format("cd %s/bin && cp %s* . && sed -i \"s,ExecStart=,&$PWD/,\" *.service",
      folder, UNITS))
    local result = sh(folder, "systemd-analyze verify bin/*.service bin/*.timer")
    assert.equal("", result.err)
  end)
end)

describe("the cron lines", function()
  it("back up, and verify what was backed up, and say nothing where all is well", function()
    local folder = in_a_folder_of_its_own()
    local lines = 0
    local has_path = false
    for line in io.lines(paths.root .. "/scripts/share/cron/signalbox") do
      has_path = has_path or line:find "^PATH=[^ ]*/usr/local/bin" ~= nil -- cron's own lacks it
      local command = line:match "^[%d*]+ [%d*]+ [%d*]+ [%d*]+ [%d*]+  root  (.*)$"
      if command then
        lines = lines + 1
        local result = sh(folder, (command:gsub("/srv/signalbox", folder)))
        assert.same({ 0, "", "" }, { result.status, result.out, result.err })
      end
    end
    assert.is_true(has_path)
    assert.equal(2, lines)
    assert.equal(1, backups(folder))
  end)

  it("are heard where something is wrong", function()
    local folder = in_a_folder_of_its_own()
    local result = sh(folder, "signalbox --log-level warning verify backups --newest >/dev/null")
    assert.equal(1, result.status)
    assert.truthy(result.err:find "backups")
  end)
end)
