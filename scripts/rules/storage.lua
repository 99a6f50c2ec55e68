-- The file and the disk that it lies on.
alert("DiskFull", {
  when    = function()
    local free, total = stats.disk_free_bytes, stats.disk_bytes
    return free and (free < 1 << 30 or free < total / 20) and free / 2^30
  end,
  for_    = "10m",
  severity = "critical",
  summary = "only {value} GiB are free where the database is",
})

alert("DatabaseGrowing", {
  when    = function()
    local list = history("database_bytes", "1d")
    local first = list[1]
    if #list < 2 or first.value < 100 << 20 then return false end
    return above(stats.database_bytes / first.value, 1.5)
  end,
  for_    = "30m",
  summary = "the database is {value} times as large as a day ago",
})

alert("LogLarge", {
  when    = function() return stats.wal_bytes and above(stats.wal_bytes / 2^20, 64) end,
  for_    = "30m",
  summary = "the write-ahead log has {value} MiB: a program keeps reading an old state",
})

test "DiskFull fires at a twentieth, or below a GiB" {
  at "0m"  { figures { disk_bytes = 2^40, disk_free_bytes = 2^39 } },
  at "20m" { expect("DiskFull", "quiet") },
  at "21m" { figures { disk_free_bytes = 2^35 } },
  at "40m" { expect("DiskFull", "firing") },
}

test("DatabaseGrowing compares with a day ago", {
  every  = "1h",
  series = { database_bytes = "200000000x23 320000000" },
  at "20h" { expect("DatabaseGrowing", "quiet") },
  at "25h" { expect("DatabaseGrowing", "firing") },
})

test "LogLarge fires when checkpoints don't get through" {
  at "0m"  { figures { wal_bytes = 65 << 20 } },
  at "31m" { expect("LogLarge", "firing") },
}
