--- signalbox stats: totals by type and by state.
local cli <const> = require "signalbox.cli"

local STATES <const> = { "pending", "queued", "pushed", "rejected", "failed" }

local function print_counts(title, counts, order)
  local rows = {}
  for i, name in ipairs(order) do rows[i] = { [title] = name, signals = counts[name] } end
  print()
  cli.table(rows, { title, { "signals", format = cli.thousands } }, { indent = "  " })
end

local function most_first(counts)
  local names = {}
  for name in pairs(counts) do names[#names + 1] = name end
  table.sort(names, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  return names
end

return cli.command {
  about = "how many signals there are, by type and by state",
  database = "argument",
  json = true,
  examples = {
    { "signalbox stats" },
    { "signalbox stats old.db --json", "for a script" },
  },

  run = function(args)
    local store <close> = cli.open_to_read(args)
    local stats = cli.check(store:get_stats())
    if args.json then return cli.json(stats) end

    print(stats.database_path)
    print(string.format("  %s, %s held, %s in the suppression cache",
      cli.plural(stats.total_signals, "signal"), cli.plural(stats.held, "company", "companies"),
      cli.plural(stats.active_suppression_entries, "entry", "entries")))
    print_counts("state", stats.processing_status, STATES)
    if next(stats.signals_by_type) then
      print_counts("type", stats.signals_by_type, most_first(stats.signals_by_type))
    end
  end,
}
