--- signalbox new: a working starting point for a script of one's own.
local cli <const> = require "signalbox.cli"
local host <const> = require "signalbox.host"

--- What each kind begins as; NAME stands for its name.
local TEMPLATES <const> = {
  script = [[
#!/usr/bin/env signalbox
-- NAME.lua: the companies with most signals.
--
--     signalbox run NAME.lua 20
local signalbox = require "signalbox"

local count = tonumber((...)) or 10
local store <close> = assert(signalbox.open(nil, { mode = "ro" }))

for row in assert(store:rows([=[
  SELECT canonical_key, count(*) AS signals
  FROM signals
  GROUP BY canonical_key
  ORDER BY signals DESC, canonical_key
  LIMIT ?]=], count))
do
  print(row.canonical_key, row.signals)
end
]],

  command = [[
--- signalbox NAME: the newest signals of a type.
local cli = require "signalbox.cli"

return cli.command {
  about = "the newest signals of a type",
  database = "option",
  json = true,
  arguments = function(parser)
    parser:argument("type", "such as github_spike")
    parser:option("--limit", "how many"):convert(cli.count):default "10"
  end,

  run = function(args)
    local store <close> = cli.open(args, { mode = "ro" })
    local list = {}
    for signal in assert(store:signals { signal_type = args.type, limit = args.limit }) do
      list[#list + 1] = signal
    end
    if args.json then return cli.json { signals = list } end
    cli.table(list, { "id", "canonical_key", "confidence", "detected_at" })
  end,
}
]],

  collector = [[
--- NAME: a collector. `signalbox collect NAME --dry-run` shows what it would save.
local signalbox = require "signalbox"

return {
  about = "what NAME publishes",
  signals = { "NAME_launch" },

  collect = function(context)
    -- In place of this list: signalbox.http { url = ... }, and what its body says.
    local found = {
      { name = "Acme", website = "https://acme.ai", votes = 240, at = signalbox.now() },
    }
    for _, item in ipairs(found) do
      context:signal {
        signal_type = "NAME_launch",
        source_api = "NAME",
        refs = { domain_or_website = item.website, fallback_company_name = item.name },
        company_name = item.name,
        confidence = item.votes > 200 and 0.8 or 0.5,
        detected_at = item.at,
        raw_data = item,
      }
    end
    context.cursor = signalbox.now() -- saved together with the signals above, or not at all
  end,
}
]],

  rule = [[
-- NAME: a rule. `signalbox alerts test` runs its test, `signalbox alerts check` the rule.
alert("NAME", {
  -- What is due; a company that is held waits on purpose, and is pending all the same.
  when     = function() return above(stats.due, 10000) end,
  for_     = "30m",
  severity = "warning",
  summary  = "{value} signals are due: does `signalbox process` run?",
})

test("NAME fires after half an hour", {
  at "0m"  { figures { due = 10000 }, expect "quiet" },
  at "1m"  { figures { due = 10001 }, expect "pending" },
  at "31m" { expect "firing" },
})
]],

  sink = [[
--- NAME: a sink. `signalbox process --sink NAME` delivers to it.
local signalbox = require "signalbox"

--- Whether it is there already: a file of its own for each company, named by its key.
local function path_of(delivery)
  return "NAME/" .. delivery.item.idempotency_key:gsub("[^%w.#-]", "_") .. ".json"
end

local function exists(path)
  local file <close> = io.open(path)
  return file ~= nil
end

return {
  about = "writes a file a company into the folder NAME",
  settle = 0, -- a look into the folder sees at once what was written

  open = function()
    assert(os.execute "mkdir -p NAME")
    return {}
  end,

  --- Gives what came of a delivery: {page_id=} where it is there, {again=reason} where nothing was
  --- done, {unknown=reason} where it may have been, {failed=reason} for a person; see "Sinks" in
  --- the README. One with `again` was under way before: look before writing. `holds` is asked
  --- directly before anything is written.
  deliver = function(_, delivery, holds)
    local path = path_of(delivery)
    if delivery.again and exists(path) then return { page_id = path } end
    if not holds() then return { lost = true } end
    local file <close>, problem = io.open(path .. ".new", "w")
    if not file then return { again = problem } end
    file:write(delivery.payload, "\n")
    local ok
    ok, problem = signalbox.fsync(file)
    if not ok then return { again = tostring(problem) } end
    assert(os.rename(path .. ".new", path))
    return { page_id = path }
  end,
}
]],
}

--- Where one of a kind is looked for: the first of the user's own folders.
local function folder_of(kind)
  local folder = host.folders()[1]
  if not folder then cli.fail "there is no folder for scripts: set SIGNALBOX_PATH or HOME" end
  return kind == "command" and folder or string.format("%s/%ss", folder, kind)
end

local EXECUTABLE <const> = tonumber("700", 8) -- its first line names the program

local NEXT <const> = {
  script = "signalbox run %s",
  command = "signalbox %s --help",
  collector = "signalbox collect %s --dry-run",
  rule = "signalbox alerts test",
  sink = "signalbox process --sink %s",
}

--- What a name looks like: one that is typed as a word, or one that Lua and SQL texts have as well.
local NAMES <const> = {
  script = { "^[%w_][%w_-]*$", "letters, digits, _ and -" },
  command = { "^[%l_][%l%d_-]*$", "small letters, digits, _ and -" },
  rule = { "^[%a_][%w_]*$", "letters, digits and _" },
  other = { "^[%l_][%l%d_]*$", "small letters, digits and _" },
}

return cli.command {
  about = "a working starting point for a script of your own",
  notes = [[
A script is written to the current folder; the others to the first folder of SIGNALBOX_PATH, or to
`scripts` in the configuration folder, where the program finds them by their names. What is there
already is never overwritten.
]],
  examples = {
    { "signalbox new script nightly" },
    { "signalbox new collector product_hunt" },
  },
  arguments = function(parser)
    parser:argument("kind", "what it is to be")
      :choices { "script", "command", "collector", "rule", "sink" }
    parser:argument("name", "as its file is to be called, without .lua")
  end,

  run = function(args)
    local names = NAMES[args.kind] or NAMES.other
    if not args.name:find(names[1]) then
      cli.usage(string.format("new: '%s' is no name of a %s: %s", args.name, args.kind, names[2]))
    end
    local path = args.name .. ".lua"
    if args.kind ~= "script" then
      local folder = folder_of(args.kind)
      cli.check(host.make_folders(folder))
      path = folder .. "/" .. path
    end
    if host.file(path) then cli.fail(path .. " is there already") end
    local file <close> = cli.check(io.open(path, "w"))
    cli.check(file:write((TEMPLATES[args.kind]:gsub("NAME", args.name))))
    cli.check(file:close())
    if args.kind == "script" then cli.check(host.set_mode(path, EXECUTABLE)) end
    print(path)
    cli.note("try: %s", NEXT[args.kind]:format(args.kind == "script" and path or args.name))
  end,
}
