--- Figures over time in the unit tests of rules, in the manner of promtool: "0+100x20 _ 5" is 0,
-- 100, ... 2000, nothing, 5.
local M = {}

--- Sets a figure by its dotted name.
function M.set(values, name, value)
  local place = values
  for part, rest in name:gmatch "([^.]+)(%.?)" do
    if rest == "" then
      place[part] = value
    else
      if type(place[part]) ~= "table" then place[part] = {} end
      place = place[part]
    end
  end
end

--- The values of "1+2x3 _ 5"; false stands for nothing.
function M.expand(text)
  local values = {}
  for word in tostring(text):gmatch "%S+" do
    local from, sign, step, times = word:match "^(-?[%d.]+)([+-])([%d.]+)x(%d+)$"
    local plain, repeats = word:match "^(-?[%d.]+)x(%d+)$"
    if from then
      step = tonumber(step) * (sign == "-" and -1 or 1)
      for i = 0, tonumber(times) do values[#values + 1] = tonumber(from) + i * step end
    elseif plain then
      for _ = 0, tonumber(repeats) do values[#values + 1] = tonumber(plain) end
    elseif word:find "^_x%d+$" then
      for _ = 1, tonumber(word:sub(3)) do values[#values + 1] = false end
    elseif word == "_" then
      values[#values + 1] = false
    else
      values[#values + 1] = tonumber(word) or error("series: '" .. word .. "' is no value", 0)
    end
  end
  if #values == 0 then error("series: there is no value in it", 0) end
  return values
end

--- What all series are at their `index`th value.
function M.at(all, index)
  local values = {}
  for name, list in pairs(all) do values[name] = list[math.min(index, #list)] end
  return values
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local same = {}
  for name, part in pairs(value) do same[name] = copy(part) end
  return same
end

--- `values` with those of the series laid over them; false leaves a figure out.
function M.overlaid(values, laid_over)
  local all = copy(values)
  for name, value in pairs(laid_over) do M.set(all, name, value or nil) end
  return all
end

return M
