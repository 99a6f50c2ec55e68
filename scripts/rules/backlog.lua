-- Work that piles up. A held company is still pending, but it waits for something; what counts is
-- what is due.
alert("BacklogLarge", {
  when    = function() return above(stats.due, 1000) end,
  resolve_when = function() return stats.due < 800 end,
  for_    = "10m",
  summary = "{value} signals are due: does `signalbox process` run often enough?",
})

alert("BacklogOld", {
  when    = function()
    local since = stats.oldest_due_at
    return since ~= nil and above((now() - since) / 3600, 24)
  end,
  for_    = "30m",
  summary = "a signal has been due for {value} hours: does `signalbox process` run?",
})

test "BacklogLarge fires after ten minutes over a thousand, and settles below 800" {
  at "0m"  { signal("github_spike", { count = 1001 }), expect("BacklogLarge", "pending") },
  at "9m"  { expect("BacklogLarge", "pending") },
  at "10m" { expect("BacklogLarge", "firing") },
  at "20m" { figures { due = 900 }, expect("BacklogLarge", "firing") },
  at "21m" { figures { due = 700 }, expect("BacklogLarge", "resolved") },
}

test "BacklogLarge leaves a thousand alone" {
  at "0m"  { signal("github_spike", { count = 1000 }) },
  at "30m" { expect("BacklogLarge", "quiet") },
}

test "BacklogOld fires for one that waits for a day" {
  at "0h"  { signal "incorporation" },
  at "24h" { expect("BacklogOld", "quiet") },
  at "25h" { expect("BacklogOld", "firing") },
}
