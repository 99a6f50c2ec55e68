-- Backups: their age, and whether they were found good. Where none was ever made, nothing is said.
alert("BackupOld", {
  when    = function()
    local backup = last_run("backup", nil, "done")
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

-- Where verifications are recorded at all (`signalbox verify --record`).
alert("BackupUnverified", {
  when    = function()
    local verified = last_run("verify", nil, "done")
    return verified and above(verified.age / 86400, 10)
  end,
  for_    = "1h",
  summary = "no backup has been verified for {value} days",
})

test("BackupOld fires a day after the last good one", {
  every = "30m",
  at "0h"  { run "backup" },
  at "25h" { run("backup", { status = "failed" }), expect("BackupOld", "quiet") },
  at "27h" { expect("BackupOld", "firing") },
  at "28h" { run "backup", expect("BackupOld", "resolved") },
})

test("BackupUnverified fires when the weekly drill has stopped", {
  every = "6h",
  at "0d"  { run "verify" },
  at "10d" { expect("BackupUnverified", "quiet") },
  at "11d" { expect("BackupUnverified", "firing") },
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
