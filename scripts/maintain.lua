--- signalbox maintain: what keeps a database small and quick.
local cli <const> = require "signalbox.cli"
local config <const> = require "signalbox.config"

local WORTH_BYTES <const> = 10 * 1024 * 1024 -- less than this is not worth a VACUUM
local WORTH_SHARE <const> = 0.25             -- nor is a smaller part of the file

config.declare("maintain.keep_runs", { default = "90d",
  about = "how long the records of runs are kept" })

--- Size and free bytes of the file; none where the database is no file.
local function space(store)
  return store:row [[
    SELECT page_count * page_size AS size, freelist_count * page_size AS free
    FROM pragma_page_count, pragma_page_size, pragma_freelist_count]] or { size = 0, free = 0 }
end

--- Removes the records of runs that ended before `seconds` ago; gives how many.
local function drop_old_runs(store, seconds)
  local signalbox <const> = require "signalbox"
  local before = signalbox.iso(signalbox.time(signalbox.now()) - seconds)
  return cli.check(store:exec("DELETE FROM runs WHERE finished_at < ?", before))
end

local function is_worth_it(now)
  return now.free >= WORTH_BYTES and now.free >= WORTH_SHARE * now.size
end

return cli.command {
  about = "checkpoint, statistics, expired entries, VACUUM where it pays",
  database = "argument",
  json = true,
  notes = [[
Expired entries of the suppression cache and the records of runs older than `maintain.keep_runs`
(90d) are removed. VACUUM writes the file anew, and makes others wait meanwhile: without --vacuum it
is done where it gives back at least 10 MiB and a quarter of the file.
]],
  examples = {
    { "signalbox maintain signals.db", "nightly, from cron" },
    { "signalbox maintain --vacuum signals.db" },
  },
  arguments = function(parser)
    parser:flag("--vacuum", "give free space back, however little it is")
    parser:flag("--no-vacuum", "never")
    parser:option("--keep-runs", "how long records of runs are kept"):argname "<span>"
      :convert(cli.seconds)
  end,

  run = function(args)
    if args.vacuum and args.no_vacuum then cli.usage "maintain: --vacuum and --no-vacuum" end
    local keep = args.keep_runs or cli.check(cli.seconds(config.get "maintain.keep_runs"))
    local store <close> = cli.open(args)
    local report = {
      expired = cli.check(store:clean_expired_cache()),
      runs = drop_old_runs(store, keep),
    }
    cli.check(store:exec "ANALYZE")
    local before = space(store)
    report.size_before, report.free = before.size, before.free
    report.vacuumed = args.vacuum or not args.no_vacuum and is_worth_it(before)
    if report.vacuumed then
      cli.check(store:compact())
    else
      cli.check(store:checkpoint())
    end
    report.size = space(store).size
    if args.json then return cli.json(report) end

    print(string.format("removed     %s, %s", cli.plural(report.expired, "expired entry",
      "expired entries"), cli.plural(report.runs, "record of a run", "records of runs")))
    print "statistics  fresh"
    if report.vacuumed then
      print(string.format("size        %s, was %s", cli.bytes(report.size),
        cli.bytes(report.size_before)))
    else
      print(string.format("size        %s; --vacuum would give back %s", cli.bytes(report.size),
        cli.bytes(report.free)))
    end
  end,
}
