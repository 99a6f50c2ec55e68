std = "lua54"
max_line_length = 100
cache = false
exclude_files = { "build", "build-*", "demo" }

files["spec"] = { std = "lua54+busted" }

-- What the sandbox gives to a rule file beside plain Lua.
files["scripts/rules"] = {
  std = "lua54",
  read_globals = {
    "alert", "test", "at", "signal", "figures", "run", "expect", "stats", "store", "now", "seconds",
    "time", "iso", "hours_since_last", "above", "below", "each", "history", "change", "per_hour",
    "least", "most", "mean", "runs", "last_run", "run_totals", "run_sum",
  },
}

files[".luacheckrc"] = { ignore = { "111", "112" } }
