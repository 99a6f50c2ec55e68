--- Whether a value is one of a list: for lists of a handful, which looking through is quickest.
---@param list any[]
---@param value any
---@return boolean
return function(list, value)
  for i = 1, #list do
    if list[i] == value then return true end
  end
  return false
end
