--- Kills backups and restores at random moments, and looks at what they leave.
local assert = require "luassert"
local backups = require "spec.support.backups"
local folders = require "signalbox.backup_folder"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local verifying = require "signalbox.backup_verify"

local M = {}

local SIGNALS <const> = 2000

--- Seconds that a command takes undisturbed.
local function duration(arguments)
  local started = signalbox.time(signalbox.now())
  local result = run(arguments)
  assert.equal(0, result.status, result.err)
  return signalbox.time(signalbox.now()) - started
end

local function kill(arguments, longest)
  local process = run.start(arguments)
  signalbox.sleep(math.random() * longest)
  process.kill "KILL"
  return process.wait(10)
end

--- Each backup of the folder is good, whatever stands beside.
local function check_folder(folder)
  for _, snapshot in ipairs(folders.backups(folder) or {}) do
    local ok, problem = verifying.verify(folder, snapshot)
    assert.is_true(ok, tostring(problem))
  end
end

--- Kills backups `times` times.
function M.of_backup(times, ...)
  local path, folder = backups.database(SIGNALS)
  local arguments = { "backup", path, folder, "--keep-last", "2", ... }
  local longest = duration(arguments)
  for _ = 1, times do
    kill(arguments, longest)
    check_folder(folder)
    assert.equal(SIGNALS, backups.count(path))
  end
  local last = run(arguments)
  assert.equal(0, last.status, last.err)
  assert.equal("", backups.shell("ls -A '%s' '%s' | grep '^\\.'", folder, path:match "^(.*)/"))
  check_folder(folder)
end

--- Kills restores over a database that has one signal more than the backup.
function M.of_restore(times)
  local path, folder = backups.backed_up(SIGNALS)
  local place = path:match "^(.*)/"
  local arguments = { "restore", folder, path, "--force" }
  local longest = duration(arguments)
  for _ = 1, times do
    if backups.count(path) == SIGNALS then backups.add_signal(path) end
    kill(arguments, longest)
    local signals = backups.count(path)
    assert.is_true(signals == SIGNALS or signals == SIGNALS + 1, signals .. " signals")
  end
  local last = run(arguments)
  assert.equal(0, last.status, last.err)
  assert.equal(SIGNALS, backups.count(path))
  assert.equal("", backups.shell("ls -A '%s' | grep '^\\.'", place))
  for name in backups.names(place):gmatch "[^\n]*%.before%-restore[^\n]*" do
    assert.equal(SIGNALS + 1, backups.count(place .. "/" .. name)) -- what was replaced
  end
end

return M
