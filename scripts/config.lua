--- signalbox config: each setting, and where it came from.
local cli <const> = require "signalbox.cli"
local config <const> = require "signalbox.config"

--- What is wrong, each once: a file that can't be read is so for all settings.
local function problems_of(all)
  local list, seen = {}, {}
  for _, setting in ipairs(all) do
    local problem = setting.problem
    if problem and not seen[problem] then list[#list + 1] = problem end
    seen[problem or ""] = true
  end
  return list
end

return cli.command {
  about = "the settings, and where each came from",
  json = true,
  notes = [[
A flag goes before the environment, that before `signalbox.lua` in the current folder, that before
`config.lua` in the configuration folder, that before the default. A file assigns, in Lua:

    database = "/srv/deals/signals.db"
    notion = { rate = 2, api_key = env "DEALS_NOTION_KEY" }

Secrets are never shown.
]],
  examples = {
    { "signalbox config" },
    { "signalbox config notion.rate", "one value alone" },
  },
  arguments = function(parser)
    parser:argument("name", "one setting"):args "?"
  end,

  run = function(args)
    local all, names = config.all(), {}
    for i, setting in ipairs(all) do
      names[i] = setting.name
      if setting.name == args.name then
        if setting.problem then cli.fail(setting.problem) end
        if args.json then return cli.json(setting) end
        print(setting.value or "")
        return setting.value and cli.DONE or cli.FAILED
      end
    end
    if args.name then cli.unknown("setting", args.name, names) end
    if args.json then return cli.json { settings = all } end

    cli.table(all, { { "name", title = "setting" }, { "value", align = "left" },
      { "source", title = "from" }, { "variable", title = "environment" } })
    local problems = problems_of(all)
    for _, problem in ipairs(problems) do cli.note(problem) end
    if #problems > 0 then return cli.FAILED end
    for _, stray in ipairs(config.unused()) do
      cli.note("%s: '%s' is no setting%s", stray.path, stray.name,
        stray.meant and string.format("; did you mean '%s'?", stray.meant) or "")
    end
  end,
}
