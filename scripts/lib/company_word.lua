--- The key that a person meant who wrote a company's name, address or login, or its key in another
--- case: the first that the store knows.
--
--     company_word.meant(store, "openai")      -- "github_org:openai"
local canonical_key <const> = require "signalbox.canonical_key"

local M = {}

--- The store's key for a word that is none, or nil.
---@param word string
---@return string|nil
function M.meant(store, word)
  local value = word:match "^[%w_]+:([^/].*)$" or word
  for _, key in ipairs(canonical_key.candidates {
    domain_or_website = value, companies_house_number = value, crunchbase_id = value,
    pitchbook_id = value, github_org = value, github_repo = value, fallback_company_name = value,
  }) do
    if key ~= word and (store:is_duplicate(key) or store:check_suppression(key)) then return key end
  end
end

--- What to say below a failure about a company that isn't known.
---@param word string
---@return string
function M.hint(store, word)
  local meant = M.meant(store, word)
  return meant and string.format("did you mean '%s'?", meant)
    or "keys look like domain:acme.ai or github_org:openai"
end

return M
