--- What a mistyped word was meant to be.
--
--     spelling.closest("stast", { "stats", "sync" })     -- "stats"
local M = {}

--- Edits (a letter more, less, other, two swapped) from `a` to `b`.
local function distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if before and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

--- The one of `names` that `word` is a slip of, or nil.
---@param word string
---@param names string[]
---@return string|nil
function M.closest(word, names)
  local best, least = nil, #word < 4 and 2 or 3
  for _, name in ipairs(names) do
    local edits = name:sub(1, #word) == word and 1 or distance(word, name)
    if name:sub(1, 2) ~= word:sub(1, 2) then edits = edits + 0.5 end -- slips are rarely so early
    if edits < least then best, least = name, edits end
  end
  return best
end

return M
