-- The ground that the rest stands on: the schema and the clock.
alert("SchemaDrift", {
  when    = function()
    if change("schema_version", "1d") ~= 0 then return false end -- a migration changes it, too
    local difference = change("schema_mark", "1d")
    return difference and difference ~= 0
  end,
  for_    = "10m",
  severity = "critical",
  summary = "the schema was changed by hand within the last day: see `signalbox validate`",
})

alert("ClockWrong", {
  when    = function()
    local ahead = stats.last_saved_at and stats.last_saved_at - now()
    return ahead and above(ahead, 300)
  end,
  for_    = "10m",
  summary = "the newest signal was saved {value} s in the future: is a clock wrong?",
})

-- Each check notes its time: a later one that has an earlier time saw the clock go back.
alert("ClockSetBack", {
  when    = function() return above(stats.clock_set_back, 60) end,
  keep_firing_for = "1h",
  summary = "the clock was set back by {value} s: times that were noted before lie in the future",
})

test("SchemaDrift fires when the schema changes without a migration", {
  every  = "10m",
  series = { schema_mark = "20000x5 20100x20", schema_version = "1005x12 1006" },
  at "50m"  { expect("SchemaDrift", "quiet") },
  at "70m"  { expect("SchemaDrift", "firing") },
  at "130m" { expect("SchemaDrift", "resolved") },
})

test "ClockWrong fires for a signal from the future" {
  at "0m"  { figures { last_saved_at = 1767571200 + 7200 } }, -- the test's own beginning, and 2 h
  at "11m" { expect("ClockWrong", "firing") },
}

test "ClockSetBack tells of it for an hour" {
  at "0m"  { expect("ClockSetBack", "quiet") },
  at "1m"  { figures { clock_set_back = 7200 }, expect("ClockSetBack", "firing") },
  at "2m"  { figures { clock_set_back = 0 } },
  at "60m" { expect("ClockSetBack", "firing") },
  at "62m" { expect("ClockSetBack", "resolved") },
}
