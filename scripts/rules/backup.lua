-- Backups: their age, and whether they were found good. Where none was ever made, nothing is said.
local function newest(command)
  for _, one in ipairs(runs(command, "90d")) do
    if one.status == "done" then return one end
  end
end

alert("BackupOld", {
  when    = function()
    local backup = newest "backup"
    return backup and above(backup.age / 3600, 26)
  end,
  for_    = "10m",
  severity = "critical",
  summary = "the last good backup is {value} hours old",
})

alert("BackupFailed", {
  when    = function()
    local last = last_run "backup"
    return last and last.status == "failed"
  end,
  for_    = "10m",
  severity = "critical",
  summary = "the last backup failed",
  description = function() return (last_run "backup" or {}).error or "it gave no reason" end,
  depends_on = "DiskFull",
})

alert("BackupDamaged", {
  when    = function()
    local last = last_run "verify"
    return last and last.status == "failed"
  end,
  for_    = "10m",
  severity = "critical",
  summary = "the last verification found a damaged backup",
})

test("BackupOld fires a day after the last good one", {
  every = "30m",
  at "0h"  { run "backup" },
  at "25h" { run("backup", { status = "failed" }), expect("BackupOld", "quiet") },
  at "27h" { expect("BackupOld", "firing") },
  at "28h" { run "backup", expect("BackupOld", "resolved") },
})

test "BackupFailed fires until one succeeds" {
  at "0m"  { run("backup", { status = "failed", error = "disk full" }) },
  at "11m" { expect("BackupFailed", "firing") },
  at "12m" { run "backup", expect("BackupFailed", "resolved") },
}

test "BackupDamaged follows the last verification" {
  at "0m"  { run("verify", { status = "failed" }) },
  at "11m" { expect("BackupDamaged", "firing") },
}
