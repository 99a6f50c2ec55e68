--- Compressing a file and back; for a recipient through an existing tool that encrypts.
local files <const> = require "signalbox.files"
local new_problem <const> = require "signalbox.problem"
local vault <const> = require "signalbox.vault"

local M = {}

local LEVEL <const> = 3

local TOOLS <const> = {
  age = {
    suffix = ".age",
    encrypt = "age --encrypt --recipient %s",
    decrypt = "age --decrypt --identity %s",
  },
  gpg = {
    suffix = ".gpg",
    encrypt = "gpg --batch --quiet --trust-model always --encrypt --recipient %s",
    decrypt = "gpg --batch --quiet --decrypt",
  },
}

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- The tool that knows such a recipient.
local function tool_for(recipient)
  return (recipient:find "^age1" or recipient:find "^ssh%-") and "age" or "gpg"
end

--- What a manifest tells of it; nil where there is no recipient.
function M.describe(recipient)
  return recipient and { tool = tool_for(recipient), recipient = recipient } or nil
end

--- The suffix of what is encrypted; nil where there is no recipient.
function M.suffix(recipient)
  return recipient and TOOLS[tool_for(recipient)].suffix
end

--- Compresses `from` into the new file `to`, which is on the disk then. Gives the sizes and
--- checksums of both.
---@param from string
---@param to string
---@param recipient? string
---@param watch? fun(done: integer)
function M.pack(from, to, recipient, watch)
  if not recipient then return vault.pack(from, to, LEVEL, watch) end
  local made, problem = files.create(to)
  if not made then return nil, problem end
  local tool = tool_for(recipient)
  local pipe <close> = assert(io.popen(
    string.format(TOOLS[tool].encrypt, quote(recipient)) .. " >" .. quote(to), "w"))
  local sums, packing = vault.pack(from, pipe, LEVEL, watch)
  if not pipe:close() then
    return nil, new_problem("unavailable", tool .. " could not encrypt the backup")
  end
  if not sums then return nil, packing end
  local synced, syncing = files.sync(to)
  if not synced then return nil, syncing end
  sums.packed_sha256, sums.packed_size = vault.sha256(to)
  if not sums.packed_sha256 then return nil, sums.packed_size end
  return sums
end

--- Whether there is a key to decrypt it by; gpg finds its own, or not.
---@param manifest signalbox.Manifest
---@param identity? string
function M.has_key(manifest, identity)
  return not manifest.encryption or manifest.encryption.tool == "gpg" or identity ~= nil
end

--- Decompresses a backup's data into the new file `to`. Gives what it found. A tool that could not
--- decrypt it is `unavailable`. With `unsummed` zstd's own checksum of what comes out is enough.
---@param folder string
---@param manifest signalbox.Manifest
---@param to string
---@param options { identity: string?, watch: function?, unsummed: boolean? }
function M.unpack(folder, manifest, to, options)
  local path = folder .. "/" .. manifest.data.file
  if not manifest.encryption then
    return vault.unpack(path, to, options.watch, options.unsummed)
  end
  local name = manifest.encryption.tool
  local tool = TOOLS[name]
  if not tool then return nil, new_problem("unavailable", "it is encrypted by '" .. name .. "'") end
  local command = string.format(tool.decrypt, quote(options.identity or ""))
  local pipe <close> = assert(io.popen(command .. " <" .. quote(path), "r"))
  local sums, problem = vault.unpack(pipe, to, options.watch, options.unsummed)
  local decrypted = pipe:close()
  if not sums and problem.code ~= "corrupt" then return nil, problem end
  if not decrypted then return nil, new_problem("unavailable", name .. " could not decrypt it") end
  if not sums then return nil, problem end
  sums.packed_sha256, sums.packed_size = vault.sha256(path)
  return sums
end

return M
