--- What is written beside a backup: what it is of, what it holds, and the checksums of its files.
local new_problem <const> = require "signalbox.problem"
local signalbox <const> = require "signalbox"
local vault <const> = require "signalbox.vault"

local M = {}

local FORMAT <const>, VERSION <const> = "signalbox-backup", 1

---@class signalbox.Manifest
---@field key string
---@field database string its path
---@field made_at string
---@field schema_version integer
---@field counts table<string, integer> rows
---@field size integer of the database
---@field sha256 string
---@field data { file: string, size: integer, sha256: string }
---@field export { file: string, size: integer, sha256: string }?
---@field encryption { tool: string, recipient: string }?

local FILE <const> = { file = "string", size = "integer", sha256 = "string" }
local FIELDS <const> = {
  key = "string", database = "string", made_at = "string", schema_version = "integer",
  counts = { signals = "integer", processing = "integer", suppression_cache = "integer" },
  size = "integer", sha256 = "string", data = FILE,
}
local OPTIONAL <const> = {
  export = FILE, encryption = { tool = "string", recipient = "string" },
}

--- The first field of `value` that is not as declared, or nil.
local function find_wrong(value, fields)
  for name, kind in pairs(fields) do
    local field = value[name]
    if type(kind) == "table" then
      local inner = type(field) ~= "table" and "" or find_wrong(field, kind)
      if inner then return inner == "" and name or name .. "." .. inner end
    elseif (kind == "integer" and math.type(field) or type(field)) ~= kind then
      return name
    end
  end
end

local function find_problem(manifest)
  local wrong = find_wrong(manifest, FIELDS)
  for name, fields in pairs(OPTIONAL) do
    if not wrong and manifest[name] ~= nil then
      wrong = find_wrong(manifest, { [name] = fields })
    end
  end
  if not wrong and not signalbox.time(manifest.made_at) then wrong = "made_at" end
  return wrong
end

--- A manifest as its text: JSON that ends in the checksum of all before it.
---@param manifest table
---@return string
function M.text(manifest)
  manifest.format, manifest.version, manifest.program = FORMAT, VERSION, signalbox.version
  local text = signalbox.json.encode(manifest):gsub("}$", "")
  return string.format('%s,"manifest_sha256":"%s"}\n', text, vault.sha256_text(text))
end

--- The manifest in a file; nil and what is wrong with it: `not_found`, `corrupt`, or `schema` for
--- one that only a newer program understands.
---@param path string
---@return signalbox.Manifest? manifest
---@return signalbox.Problem? problem
function M.read(path)
  local file <close>, problem, number = io.open(path, "rb")
  if not file then return nil, new_problem(number == 2 and "not_found" or "io", problem) end
  local text = file:read "a" or ""
  local body, sum = text:match '^(.*),"manifest_sha256":"(%x+)"}\n$'
  if not body or vault.sha256_text(body) ~= sum then
    return nil, new_problem("corrupt", "its manifest is damaged")
  end
  local manifest = signalbox.json.decode(body .. "}")
  if type(manifest) ~= "table" or manifest.format ~= FORMAT then
    return nil, new_problem("corrupt", "its manifest is of something else")
  end
  if math.type(manifest.version) == "integer" and manifest.version > VERSION then
    return nil, new_problem("schema", "it was made by a newer signalbox")
  end
  local wrong = find_problem(manifest)
  if wrong then
    return nil, new_problem("corrupt", string.format("its manifest has no sound '%s'", wrong))
  end
  return manifest
end

return M
