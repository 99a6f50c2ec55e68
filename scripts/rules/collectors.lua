-- Collectors that fail, and that have stopped without a word. Only those are expected to run that
-- ran before: at least three times within the last 30 days.
alert("CollectorFailing", {
  when    = function()
    return each("collector", run_totals("collect", "30d"), function(one)
      return above(one.failed_in_row, 1)
    end)
  end,
  for_    = "10m",
  summary = "the last {value} runs of collector {collector} failed",
})

alert("CollectorStopped", {
  when    = function()
    return each("collector", run_totals("collect", "30d"), function(one)
      if one.runs < 3 then return false end
      local usual = (one.last_at - one.first_at) / (one.runs - 1)
      local silent = now() - one.last_at
      return silent > 3 * usual + 3600 and silent / 3600
    end)
  end,
  for_    = "10m",
  summary = "collector {collector} has not run for {value} hours, longer than is its way",
})

test "CollectorFailing counts failures in a row" {
  at "0h" { run("collect", { name = "github", status = "failed" }) },
  at "1h" { run("collect", { name = "github", status = "failed" }) },
  at "2h" { expect { name = "CollectorFailing", state = "firing",
    instances = { { labels = { collector = "github" }, value = 2 } } } },
  at "3h" { run("collect", { name = "github" }), expect("CollectorFailing", "resolved") },
}

test("CollectorStopped knows how often one runs", {
  every = "10m",
  at "0h"  { run("collect", { name = "github" }) },
  at "6h"  { run("collect", { name = "github" }) },
  at "12h" { run("collect", { name = "github" }) },
  at "30h" { expect("CollectorStopped", "quiet") },
  at "32h" { expect("CollectorStopped", "firing") },
})
