-- Runs benchmarks by name, or all of them: every other file beside this one is one.
--
--   lua5.4 spec/bench/run.lua [NAME...]
local names = { table.unpack(arg) }
if #names == 0 then
  local list <close> = assert(io.popen("ls spec/bench/*.lua"))
  for path in list:lines() do
    local name = path:match "([%w_]+)%.lua$"
    if name ~= "run" and name ~= "support" then names[#names + 1] = name end
  end
end

local failed = false
for _, name in ipairs(names) do
  print(string.format("== %s", name))
  failed = not os.execute(string.format("lua5.4 spec/bench/%s.lua", name)) or failed
  print()
end
os.exit(not failed, true)
