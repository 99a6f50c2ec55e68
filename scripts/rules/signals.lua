-- What comes in: too little, or always the same.
alert("TypeQuiet", {
  when    = function()
    return each("signal_type", stats.last_signal, function(at, kind)
      local count = stats.signals_by_type[kind] or 0
      local days = (now() - at) / 86400
      -- One that never came regularly isn't missed.
      local grew = change({ "signals_by_type", kind }, "30d")
      return count >= 20 and grew and grew >= 10 and above(days, 7)
    end)
  end,
  for_    = "1h",
  summary = "no {signal_type} was seen for {value} days",
})

alert("DuplicatesMany", {
  when    = function()
    local saved = run_sum("collect", "saved", "1d")
    local repeated = run_sum("collect", "duplicates", "1d")
    return repeated >= 100 and above(100 * repeated / (saved + repeated), 95)
  end,
  for_    = "1h",
  severity = "info",
  summary = "{value} % of a day's signals were there already: does a cursor stand still?",
})

alert("QuarantineGrowing", {
  when    = function() return above(run_sum("collect", "quarantined", "1d"), 100) end,
  for_    = "10m",
  summary = "{value} signals were set aside within a day: has a source changed its form?",
})

test("TypeQuiet misses a type that used to come", {
  every = "6h",
  at "0d"  { signal("incorporation", { count = 15 }) },
  at "2d"  { signal("incorporation", { count = 15 }) },
  at "8d"  { expect("TypeQuiet", "quiet") },
  at "10d" { expect { name = "TypeQuiet", state = "firing",
    instances = { { labels = { signal_type = "incorporation" } } } } },
})

test("DuplicatesMany fires when nothing new comes", {
  every = "10m",
  at "0h" { run("collect", { name = "github", counts = { saved = 1, duplicates = 500 } }) },
  at "2h" { expect("DuplicatesMany", "firing") },
})

test "QuarantineGrowing adds up a day's runs" {
  at "0h"  { run("collect", { name = "file", counts = { saved = 5, quarantined = 60 } }) },
  at "1h"  { expect("QuarantineGrowing", "quiet") },
  at "2h"  { run("collect", { name = "file", counts = { saved = 5, quarantined = 60 } }) },
  at "3h"  { expect("QuarantineGrowing", "firing") },
}
