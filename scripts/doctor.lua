--- signalbox doctor: what this installation is made of, what is wrong with it, and how to mend it.
local cli <const> = require "signalbox.cli"
local config <const> = require "signalbox.config"
local host <const> = require "signalbox.host"
local signalbox <const> = require "signalbox"

local LOW_DISK <const> = 500 * 1024 * 1024
local OTHERS <const> = tonumber("077", 8)
local MODULES <const> = { "signalbox.edit", "signalbox.files", "signalbox.http", "signalbox.smtp",
  "signalbox.vault" }

--- The findings of a visit: each {area, level = "ok"|"note"|"wrong", text, hint}.
local findings

local function say(level, area, text, hint)
  findings[#findings + 1] = { level = level, area = area, text = text, hint = hint }
end

local function check_program()
  say("ok", "program", string.format("signalbox %s, %s, %s", signalbox.version, _VERSION,
    host.program() or "?"))
  for _, name in ipairs(MODULES) do
    local ok, problem = pcall(require, name)
    local lacks = not ok and tostring(problem):match "[^\n]*"
    if lacks then
      say("wrong", "program", string.format("%s does not load: %s", name, lacks),
        "make install, or make in its folder")
    end
  end
end

--- Says what `check` raises; gives what it gives.
local function attempt(area, hint, check, ...)
  local ok, result = pcall(check, ...)
  if ok then return result end
  say("wrong", area, tostring(result), type(result) == "table" and result.hint or hint)
end

local function check_strays()
  for _, stray in ipairs(config.unused()) do
    say("wrong", "settings", string.format("%s: '%s' is no setting", stray.path, stray.name),
      stray.meant and string.format("did you mean '%s'?", stray.meant)
        or "signalbox config lists those that are")
  end
end

--- Folders of scripts that are not there: a slip, for nothing is found in them.
local function check_path()
  for folder in (config.get "path" or ""):gmatch "[^:]+" do
    local file = host.file(folder)
    if not file or file.kind ~= "folder" then
      say("wrong", "settings", string.format("there is no folder of scripts '%s'", folder),
        "SIGNALBOX_PATH names it; in it are collectors/, rules/, sinks/, and commands")
    end
  end
end

local function check_settings()
  local set, told = {}, {}
  for _, setting in ipairs(config.all()) do
    if setting.problem and not told[setting.problem] then
      told[setting.problem] = true
      say("wrong", "settings", setting.problem)
    elseif setting.value and setting.source ~= "default" then
      set[#set + 1] = string.format("%s (%s)", setting.name, setting.source)
    end
  end
  if next(told) then return end
  check_strays()
  check_path()
  say("ok", "settings", #set > 0 and table.concat(set, ", ") or "all at their defaults")
  local folder = host.config_folder()
  local file = folder and host.file(folder .. "/config.lua")
  if file and file.mode & OTHERS ~= 0 then
    say("note", "settings", folder .. "/config.lua can be read by others",
      "chmod 600 " .. folder .. "/config.lua, if it has secrets")
  end
end

--- What the gate and the alerts are set to, where anything is.
local function check_work()
  if attempt("gate", nil, require("signalbox.gate_choice").choose) then
    local file = config.get "gate.file"
    say("ok", "gate", (file or "the program's own") ..
      (config.get "gate.options" and ", with numbers of yours" or ""))
  end
  local receivers = attempt("alerts", nil, require("signalbox.alert_receivers").list)
  if receivers then
    local names = {}
    for i, receiver in ipairs(receivers) do names[i] = receiver.name end
    say("ok", "alerts", "notices go to " .. table.concat(names, ", "))
  end
end

local function check_mode(path, most)
  local file = host.file(path)
  if file and file.mode & ~most & OTHERS ~= 0 then
    local verb = file.mode & tonumber("022", 8) ~= 0 and "written" or "read"
    say("note", "database",
      string.format("%s can be %s by others (mode %03o)", path, verb, file.mode),
      string.format("chmod %s %s", file.kind == "folder" and "go-w" or "600", path))
  end
end

--- In a folder that others may write to, they can put another file in the database's place.
local function check_file(path)
  local file = host.file(path)
  if not file then return end
  for _, suffix in ipairs { "", "-wal", "-shm" } do check_mode(path .. suffix, 0) end
  check_mode(path:match "^(.*)/[^/]*$" or ".", tonumber("055", 8))
  if not file.is_ours then
    say("note", "database", path .. " belongs to another user",
      "run signalbox as that user, or chown it")
  end
  local level = file.disk_free < LOW_DISK and "wrong" or "ok"
  say(level, "disk", cli.bytes(file.disk_free) .. " free",
    level == "wrong" and "free some: a full disk stops every write" or nil)
end

local function check_engine(store)
  local engine = store:row "SELECT sqlite_version() AS version"
  if not engine then return end
  say("ok", "engine", "SQLite " .. engine.version)
  local options = {}
  for row in assert(store:rows [[
    SELECT compile_options AS name
    FROM pragma_compile_options
    WHERE name GLOB 'ENABLE_*' OR name GLOB 'OMIT_*' OR name GLOB 'THREADSAFE*'
    ORDER BY name]])
  do
    options[#options + 1] = row.name:gsub("^ENABLE_", "")
  end
  say("ok", "engine", "built with " .. table.concat(options, " "))
end

local SYNCHRONOUS <const> = { [0] = "off", "normal", "full", "extra" }
local AUTO_VACUUM <const> = { [0] = "off", "full", "incremental" }

local function check_layout(store, path)
  local set = store:row [[
    SELECT j.journal_mode, s.synchronous, a.auto_vacuum, z.page_size, c.page_count
    FROM pragma_journal_mode AS j, pragma_synchronous AS s, pragma_auto_vacuum AS a,
      pragma_page_size AS z, pragma_page_count AS c]]
  if not set then return end
  local wal = host.file(path .. "-wal")
  say("ok", "database", string.format(
    "journal %s, synchronous %s, auto_vacuum %s, %s pages of %s, %s in the log", set.journal_mode,
    SYNCHRONOUS[set.synchronous], AUTO_VACUUM[set.auto_vacuum], cli.thousands(set.page_count),
    cli.bytes(set.page_size), cli.bytes(wal and wal.size or 0)))
end

local function check_contents(store)
  local stats = cli.check(store:get_stats())
  say("ok", "database", string.format("%s, %s pending", cli.plural(stats.total_signals, "signal"),
    cli.thousands(stats.processing_status.pending)))
  local failed = stats.processing_status.failed
  if failed > 0 then
    say("note", "processing", cli.plural(failed, "signal") .. " failed for good",
      "signalbox repl: .sql SELECT * FROM signal_processing WHERE status = 'failed'")
  end
  if stats.active_suppression_entries == 0 and stats.total_signals > 0 then
    say("note", "suppression", "the cache is empty: nothing is known of what the CRM has",
      "signalbox sync")
  end
end

local function check_database(args)
  local ok, path = pcall(cli.database, args)
  if not ok then return end -- a setting, and said as one
  if not path:find "://" then check_file(path) end
  local store, problem = signalbox.open(path, { mode = "ro" })
  if not store then
    local is_missing = problem.code == "not_found"
    say(is_missing and "note" or "wrong", "database", tostring(problem), is_missing and
      "signalbox collect, import or migrate up make one" or nil)
    return
  end
  local closing <close> = store
  say("ok", "database", (tostring(closing):match "%((.*), read%-only%)" or path))
  check_engine(store)
  check_layout(store, path)
  check_contents(store)
end

local WIDTH <const>, INDENT <const> = 84, 15

--- The words of `text` in lines that fit beside the area.
local function print_wrapped(head, text)
  local line = ""
  for word in text:gmatch "%S+" do
    if line ~= "" and utf8.len(line) + #word >= WIDTH then
      print(head .. line)
      head, line = string.rep(" ", INDENT), ""
    end
    line = line .. (line == "" and "" or " ") .. word
  end
  print(head .. line)
end

local MARKS <const> = { ok = { "✓", "green" }, note = { "·", "yellow" }, wrong = { "✗", "red" } }

return cli.command {
  about = "what this installation is made of, what is wrong, how to mend it",
  database = "argument",
  json = true,
  notes = "The exit code is 3 where something is wrong; notes alone are none.\n",
  examples = { { "signalbox doctor signals.db" } },

  run = function(args)
    findings = {}
    check_program()
    check_settings()
    check_work()
    check_database(args)
    local wrong = 0
    for _, finding in ipairs(findings) do
      if finding.level == "wrong" then wrong = wrong + 1 end
    end
    if args.json then
      cli.json { findings = findings, wrong = wrong }
      return wrong > 0 and cli.FOUND or cli.DONE
    end
    for _, finding in ipairs(findings) do
      local mark = MARKS[finding.level]
      print_wrapped(string.format("%s %-12s ", cli.colour(mark[1], mark[2]), finding.area),
        finding.text)
      if finding.hint then print(string.rep(" ", INDENT) .. finding.hint) end
    end
    return wrong > 0 and cli.FOUND or cli.DONE
  end,
}
