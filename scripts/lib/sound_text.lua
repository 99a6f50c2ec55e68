--- Texts of other people's code as they can be stored and shown on one line: valid UTF-8, no
--- control characters, not endless.
local LONGEST <const> = 2000 -- bytes

--- `value` as such a text; `default` where it is nothing.
---@param value any
---@param default? string
---@return string|nil
return function(value, default)
  local text = ""
  if value ~= nil then
    local ok, shown = pcall(tostring, value)
    text = ok and shown or ""
  end
  if #text > LONGEST then text = text:sub(1, LONGEST) end
  if not text:find "^[ -~]*$" then
    text = text:gsub("%c", " ")
    local _, bad = utf8.len(text)
    while bad do
      text = text:sub(1, bad - 1) .. "?" .. text:sub(bad + 1)
      _, bad = utf8.len(text, bad)
    end
  end
  return text ~= "" and text or default
end
