-- Collectors that fail, and that have stopped without a word. Only those are expected to run that
-- ran before: at least three times within the last 30 days.
local function by_name()
  local seen = {}
  for _, one in ipairs(runs("collect", "30d")) do
    local list = seen[one.name] or {}
    list[#list + 1], seen[one.name] = one, list
  end
  return seen
end

alert("CollectorFailing", {
  when    = function()
    return each("collector", by_name(), function(list)
      local failed = 0
      while list[failed + 1] and list[failed + 1].status == "failed" do failed = failed + 1 end
      return above(failed, 1)
    end)
  end,
  for_    = "10m",
  summary = "collector {collector} has failed {value} times in a row",
})

alert("CollectorStopped", {
  when    = function()
    return each("collector", by_name(), function(list)
      if #list < 3 then return false end
      local usual = (list[1].started_at - list[#list].started_at) / (#list - 1)
      local silent = now() - list[1].started_at
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
