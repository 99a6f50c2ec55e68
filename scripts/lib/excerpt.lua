--- The beginning of a text that came from outside, as a message shows and a table keeps it: at most
-- `most` bytes, whole characters, one line; what is no text shows as `?`.
---@param text string
---@param most integer
---@return string
return function(text, most)
  local stop = math.min(#text, most)
  if stop < #text then -- not inside a character
    while stop > 0 and text:byte(stop + 1) & 0xC0 == 0x80 do stop = stop - 1 end
  end
  text = text:sub(1, stop):gsub("%c+", " ")
  local parts, at = {}, 1
  while true do
    local length, bad = utf8.len(text, at)
    if length then break end
    parts[#parts + 1] = text:sub(at, bad - 1)
    at = bad + 1
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts, "?")
end
