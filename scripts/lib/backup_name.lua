--- The names of a backup's files.
--
-- `STEM-20261124T033000Z` is a backup's key: its database and the second it was made in. Each of
-- its files is the key and a suffix. What is being made or removed is under a name that begins with
-- a dot, so that what stands under its own is whole.
local M = {}

local STEM_LONGEST <const> = 150 -- bytes; a name has 255 at most, with what is put around it
local STAMP <const> = "%d%d%d%d%d%d%d%dT%d%d%d%d%d%dZ"

local PARTS <const> = {
  [".db.zst"] = "data", [".db.zst.age"] = "data", [".db.zst.gpg"] = "data",
  [".json"] = "export", [".json.zst.age"] = "export", [".json.zst.gpg"] = "export",
  [".manifest.json"] = "manifest",
}

--- What the names of a database's backups begin with: visible, and no longer than fits.
---@param path string
function M.stem(path)
  local stem = path:match "[^/]*$":gsub("%.%w+$", ""):gsub("^%.+", ""):gsub("%c", "_")
  if #stem > STEM_LONGEST then
    stem = stem:sub(1, (utf8.offset(stem, 0, STEM_LONGEST + 1) or STEM_LONGEST + 1) - 1)
  end
  return stem ~= "" and stem or "database"
end

---@param stem string
---@param time integer seconds since 1970
function M.key(stem, time)
  return stem .. "-" .. os.date("!%Y%m%dT%H%M%SZ", time)
end

--- The names of the files of a backup.
---@param key string
---@param encryption? string the suffix that tells of it
function M.of(key, encryption)
  return {
    data = key .. ".db.zst" .. (encryption or ""),
    export = key .. ".json" .. (encryption and ".zst" .. encryption or ""),
    manifest = M.manifest(key),
  }
end

function M.manifest(key) return key .. ".manifest.json" end

--- The key that a file's name says, and which of a backup's files it is; nil where it says none.
---@param name string
---@return string? key
---@return "data"|"export"|"manifest"|nil part
---@return string? stem
function M.parse(name)
  local stem, stamp, suffix = name:match("^([^.].*)%-(" .. STAMP .. ")(%..+)$")
  local part = stem and PARTS[suffix]
  if part then return stem .. "-" .. stamp, part, stem end
end

--- The name of a file that is being made, and of the manifest of a backup that is being removed.
function M.making(name) return "." .. name .. ".part" end
function M.removing(key) return "." .. M.manifest(key) .. ".forgotten" end

--- The same backwards: the key, the part, and what is being done to it.
---@return string? key
---@return string? part
---@return "part"|"forgotten"|nil state
function M.parse_unfinished(name)
  local inner, state = name:match "^%.(.+)%.(%l+)$"
  if state ~= "part" and state ~= "forgotten" then return nil end
  local key, part = M.parse(inner)
  if key then return key, part, state end
end

return M
