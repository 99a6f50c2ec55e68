-- Pushes that don't get through.
alert("OutboxStuck", {
  when    = function()
    local waits = least("processing_status.queued", "1h")
    if not waits or waits == 0 then return false end
    return change("processing_status.pushed", "1h") == 0 and waits
  end,
  for_    = "30m",
  summary = "{value} signals are queued and none was pushed for an hour: is the CRM reachable?",
})

alert("ProcessingFailing", {
  when    = function()
    local failed = change("processing_status.failed", "6h") or 0
    local pushed = change("processing_status.pushed", "6h") or 0
    return failed >= 5 and above(100 * failed / (failed + pushed), 20)
  end,
  for_    = "10m",
  severity = "critical",
  summary = "{value} % of the pushes of the last six hours failed for good",
})

alert("ProcessingStopped", {
  when    = function()
    local last = last_run "process"
    return last and stats.due > 0 and above(last.age / 3600, 26)
  end,
  for_    = "10m",
  summary = "`signalbox process` has not run for {value} hours, and signals are due",
})

alert("PagesDoubled", {
  when    = function()
    local list = {}
    for _, command in ipairs { "sync", "process" } do
      local last = last_run(command)
      local doubled = last and last.counts.doubled or 0
      if doubled > 0 then list[#list + 1] = { labels = { seen_by = command }, value = doubled } end
    end
    return list
  end,
  summary = "{value} pages in the CRM carry a key that another has: `signalbox sync` names them",
})

test("OutboxStuck fires when what is queued stays queued", {
  every  = "10m",
  series = { ["processing_status.queued"] = "3", ["processing_status.pushed"] = "10x8 11x20" },
  at "20m" { expect("OutboxStuck", "pending") },
  at "80m" { expect("OutboxStuck", "firing") },
  at "90m" { expect("OutboxStuck", "resolved") },
})

test("ProcessingFailing looks at the share that failed", {
  every  = "30m",
  series = { ["processing_status.failed"] = "0+2x20", ["processing_status.pushed"] = "0+4x20" },
  at "1h" { expect("ProcessingFailing", "quiet") },
  at "3h" { expect("ProcessingFailing", "firing") },
})

test("ProcessingStopped fires after a day without a run", {
  every = "30m",
  at "0h"  { run "process", signal "incorporation" },
  at "26h" { expect("ProcessingStopped", "quiet") },
  at "27h" { expect("ProcessingStopped", "firing") },
})

test "PagesDoubled fires while the last run saw pages with the same key" {
  at "0h" { run("sync", { counts = { doubled = 0 } }), expect("PagesDoubled", "quiet") },
  at "1h" { run("sync", { counts = { doubled = 2 } }), expect("PagesDoubled", "firing") },
  at "2h" { run("sync", { counts = { doubled = 0 } }), expect("PagesDoubled", "resolved") },
}
