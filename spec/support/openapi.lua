--- Published descriptions of APIs, cut to what we use: whole ones take prism a minute to read.
local M = {}

--- The paths of a description, with all that they refer to.
---@param description table
---@param paths string[]
function M.cut(description, paths)
  local cut = { openapi = description.openapi, info = description.info,
    servers = description.servers, paths = {}, components = {} }

  local function keep(value)
    if type(value) ~= "table" then return end
    local kind, name = tostring(value["$ref"]):match "^#/components/([^/]+)/(.+)$"
    if kind then
      local kept = cut.components[kind] or {}
      cut.components[kind] = kept
      if not kept[name] then
        kept[name] = description.components[kind][name]
        keep(kept[name])
      end
    end
    for _, part in pairs(value) do keep(part) end
  end

  for _, path in ipairs(paths) do
    cut.paths[path] = { get = description.paths[path].get }
    keep(cut.paths[path])
  end
  return cut
end

return M
