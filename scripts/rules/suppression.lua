-- The suppression cache keeps known companies from being pushed again. One that has run empty, or
-- that nobody refreshes, lets them through.
alert("SuppressionStale", {
  when    = function()
    local synced = last_run "sync"
    return synced and below(stats.active_suppression_entries, 10)
  end,
  for_    = "15m",
  summary = "only {value} active entries in the suppression cache: run `signalbox sync`",
})

alert("SyncStopped", {
  when    = function()
    local synced = last_run("sync", nil, "done")
    return synced and above(synced.age / 3600, 26)
  end,
  for_    = "15m",
  summary = "the suppression cache is {value} hours old: does `signalbox sync` still run?",
})

alert("SuppressionShrinking", {
  when    = function()
    local before = most("active_suppression_entries", "1d")
    if before < 20 then return false end
    return below(stats.active_suppression_entries / before, 0.5)
  end,
  for_    = "30m",
  summary = "the suppression cache has lost more than half of its entries within a day",
})

test "SuppressionStale fires when a cache that was synchronised is nearly empty" {
  at "0m"  { expect("SuppressionStale", "quiet") },
  at "1m"  { run "sync", expect("SuppressionStale", "pending") },
  at "16m" { expect("SuppressionStale", "firing") },
  at "17m" { figures { active_suppression_entries = 10 }, expect("SuppressionStale", "resolved") },
}

test("SyncStopped fires a day after the last one that was done", {
  every = "30m",
  at "0h"  { run "sync" },
  at "25h" { run("sync", { status = "failed" }), expect("SyncStopped", "quiet") },
  at "27h" { expect("SyncStopped", "firing") },
  at "28h" { run "sync", expect("SyncStopped", "resolved") },
})

test("SuppressionShrinking fires when half of it is gone", {
  every  = "10m",
  series = { active_suppression_entries = "100x5 40" },
  at "50m" { expect("SuppressionShrinking", "quiet") },
  at "2h"  { expect("SuppressionShrinking", "firing") },
})
