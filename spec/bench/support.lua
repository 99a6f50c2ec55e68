--- What the benchmarks share: peers run in turns, ratios within a round, and their medians.
local M = {}

--- A temporary folder with everything in it removed when it is closed.
function M.folder()
  local pipe <close> = assert(io.popen("mktemp -d", "r"))
  return setmetatable({ path = pipe:read "l" }, {
    __close = function(self) os.execute("rm -rf '" .. self.path .. "'") end,
  })
end

--- Compiles a C peer into the folder and gives its path.
function M.compile(source, folder, libraries)
  local out = folder.path .. "/" .. source:match "([^/]+)%.c$"
  assert(os.execute(string.format("cc -O2 %s %s -o %s", source, libraries, out)))
  return out
end

--- Seconds since 1970, of a clock fine enough to measure by.
function M.clock()
  local signalbox = require "signalbox"
  return signalbox.time(signalbox.now())
end

--- Of a workload: prints how much of what `work` does `count` times it does a second.
function M.measure(name, count, work)
  collectgarbage()
  local begun = M.clock()
  work(count)
  print(string.format("%s\t%.1f", name, count / (M.clock() - begun)))
end

--- What a peer printed: workload -> operations a second.
local function run(command)
  local figures = {}
  local pipe = assert(io.popen(command, "r"))
  for line in pipe:lines() do
    local name, value = line:match "^(%S+)\t(%S+)$"
    if name then figures[name] = tonumber(value) end
  end
  assert(pipe:close(), command .. " failed")
  return figures
end

--- Runs the peers {name, command} in turns; gives a list of rounds, each name -> figures.
function M.rounds(count, peers)
  local rounds = {}
  for i = 1, count do
    local round = {}
    for _, peer in ipairs(peers) do
      io.stderr:write(string.format("\rround %d of %d: %-12s", i, count, peer[1]))
      round[peer[1]] = run(peer[2])
    end
    rounds[i] = round
  end
  io.stderr:write "\r\27[K"
  return rounds
end

local function median(values)
  table.sort(values)
  local n = #values
  if n == 0 then return nil end
  return n % 2 == 1 and values[n // 2 + 1] or (values[n // 2] + values[n // 2 + 1]) / 2
end
M.median_of = median

--- The median of one peer's figure over the rounds; nil where it has none.
function M.median(rounds, peer, workload)
  local values = {}
  for _, round in ipairs(rounds) do values[#values + 1] = round[peer][workload] end
  return median(values)
end

--- "1.34 (>= 1.2)": the median over the rounds of ours divided by the peer's, with what is asked,
-- marked where it isn't reached. `us` is "Lua" where it isn't said.
function M.ratio(rounds, ours, peer, theirs, asked, us)
  local values = {}
  for _, round in ipairs(rounds) do
    local a, b = round[us or "Lua"][ours], round[peer][theirs]
    if a and b then values[#values + 1] = a / b end
  end
  local value = median(values)
  if not value then return "-" end
  local text = value < 10 and string.format("%.2f", value) or string.format("%.0f", value)
  if not asked then return text end
  return string.format("%s (%s %g)", text, value >= asked and ">=" or "MISSES", asked)
end

--- 1234567.8 as "1,234,568".
function M.number(value)
  if not value then return "-" end
  local text = string.format("%.0f", value)
  return (text:reverse():gsub("%d%d%d", "%0,"):reverse():gsub("^,", ""))
end

--- Prints a table with its columns aligned, the first to the left.
function M.table(heads, rows)
  local widths = {}
  for _, row in ipairs { heads, table.unpack(rows) } do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for _, row in ipairs { heads, table.unpack(rows) } do
    local cells = {}
    for i, cell in ipairs(row) do
      cells[i] = string.format("%" .. (i == 1 and "-" or "") .. widths[i] .. "s", cell)
    end
    print(table.concat(cells, "  "))
  end
end

return M
