--- One name for one company, whatever a source calls it: `prefix:value`, such as `domain:acme.ai`.
--
--   local canonical_key = require "signalbox.canonical_key"
--   canonical_key.build { domain_or_website = "https://www.Acme.ai/about", github_org = "acme" }
--     --> "domain:acme.ai"
--
-- Everything that a source knows of a company gives a candidate, from the surest to the vaguest.
-- The best is the company's key, and the others find it where another source knew less. A value
-- that names nothing (an IP address, "n/a", a host that cannot exist) gives no candidate: a company
-- without a key is set aside and looked at; two companies under one are hard to part again.
--
-- The keys are the predecessor's, for databases and CRM pages are full of them. Where its rules
-- gave one key to different companies, or two keys to one, these do not;
-- spec/canonical_key_spec.lua lists those cases side by side.

local byte, find, gsub, lower = string.byte, string.find, string.gsub, string.lower
local match, sub, type, utf8_len = string.match, string.sub, type, utf8.len

local canonical_key = {}

---@class Refs  what is known of a company; each a text, or absent (nil or a JSON null)
---@field domain_or_website? string  a host, a URL with or without its scheme, a mail address
---@field companies_house_number? string
---@field crunchbase_id? string
---@field pitchbook_id? string
---@field github_org? string  a login, or the address of its page
---@field github_repo? string  "org/repo", or any address of the repository, a git remote included
---@field fallback_company_name? string
---@field fallback_region? string  tells companies of one name apart

-- Memory ------------------------------------------------------------------------------------------

local REMEMBERED <const>, LONGEST <const> = 4096, 128

--- The function with a memory of its last answers, for sources name the same companies again and
--- again: a ranking each day, a register at each event. What was asked lately is in `young`; when
--- that is full it becomes `old`, and what nobody asked for since is forgotten.
local function remembering(answer)
  local young, old, count = {}, {}, 0
  return function(text)
    if #text > LONGEST then return answer(text) end
    local known = young[text]
    if known == nil then
      known = old[text]
      if known == nil then known = answer(text) or false end
      if count == REMEMBERED then young, old, count = {}, young, 0 end
      young[text], count = known, count + 1
    end
    return known
  end
end

-- Text --------------------------------------------------------------------------------------------

-- Loaded when the first text beyond ASCII asks for them: most never do.
local function unicode() return require "signalbox.unicode" end
local function punycode() return require "signalbox.punycode" end

local SPACE <const>, HYPHEN <const>, DOT <const> = 0x20, 0x2D, 0x2E
local LETTER_F <const> = 0x66

local function is_ascii(text) return utf8_len(text) == #text end

--- Only ASCII letters and digits, the common case of everything but hosts. (`%w*` cannot fail, and
--- so is not tried again at each shorter length, as `^%w+$` would be.)
local function is_plain(text) return match(text, "^%w*()") > #text end

--- The text without what stands before its first and after its last character outside of a class.
--- (In one match, `^%s*(.-)%s*$`, a million spaces would take hours.)
local function trimmed(text, class)
  local first = find(text, class)
  return first and match(text, "^.*" .. class, first) or ""
end

--- The folded text (see signalbox.unicode) without spaces around it; nil where it is not UTF-8.
local function folded(text)
  text = is_ascii(text) and lower(text) or unicode().fold(text)
  if not text or text == "" or byte(text) > SPACE and byte(text, -1) > SPACE then return text end
  return trimmed(text, "[^%s%c]")
end

--- Words in small letters, joined by hyphens; nil where there is none. Letters of every script
--- count: without them "Über" would be "ber", and 株式会社 nothing at all.
local function slug_of(text)
  if is_plain(text) then return text ~= "" and lower(text) or nil end
  local slug
  if is_ascii(text) then
    slug = gsub(lower(text), "%W+", "-")
  else
    text = unicode().fold(text)
    if not text then return nil end
    text = gsub(unicode().words(text), "ς", "σ")  -- capitals do not know where a Greek word ends
    slug = gsub(text, "[^%w\x80-\xFF]+", "-")
  end
  if byte(slug) == HYPHEN then slug = sub(slug, 2) end
  if byte(slug, -1) == HYPHEN then slug = sub(slug, 1, -2) end
  return slug ~= "" and slug or nil
end

-- Hosts -------------------------------------------------------------------------------------------

--- A label as the DNS has it; nil where it holds what no label can. (Two kinds of punctuation are
--- let in by the standard: · in Catalan between two l, ・ in Japanese between words.)
local function ascii_label(label)
  if is_ascii(label) then return label end
  if utf8_len(label) > 63 then return nil end
  local letters = gsub(gsub(label, "·", ""), "・", "")
  if unicode().words(letters) ~= letters then return nil end
  return "xn--" .. punycode().encode(label)
end

local function ascii_host(host)
  if is_ascii(host) then return host end
  if not utf8_len(host) then return nil end
  local labels = {}
  for label in host:gmatch "[^.]*" do
    label = ascii_label(label)
    if not label then return nil end
    labels[#labels + 1] = label
  end
  return table.concat(labels, ".")
end

local function labels_fit(host)
  if #host > 253 then return false end
  for label in host:gmatch "[^.]+" do
    if #label > 63 then return false end
  end
  return true
end

local function without_www(host)
  return match(host, "^www%.(.+%..+)$") or host
end

--- The host of a site as its key has it, without a "www.". Given letters, digits, dots and
--- hyphens, it answers nil where they make no name that can exist, an IP address for one.
local function site_of(host)
  local dot = find(host, ".", 1, true)
  if not dot or find(host, "..", dot, true) or byte(host, -2) == DOT
    or #host > 63 and not labels_fit(host) then
    return nil
  end
  if find(host, "-", 1, true)
    and (find(host, "-.", 1, true) or find(host, ".-", 1, true) or find(host, "^%-")) then
    return nil
  end
  if byte(host, -1) <= LETTER_F then            -- the last label may be a number, or cut short
    local last = match(host, "%.([^.]*)$")
    if tonumber(last) or not find(last, "%w$") then return nil end
  end
  return dot == 4 and without_www(host) or host
end

--- What stands between the scheme and the path, without credentials and port.
local function authority(text)
  local host = match(text, "^%a[%w+.-]*://([^/?#\\]*)") or match(text, "^[^/?#\\]*")
  host = match(host, "^.*@(.*)$") or host
  return trimmed(match(host, "^[^:]*"), "[^ ]")
end

--- The long way to a host, which is right for every text.
local function host_of(text)
  text = folded(text) or lower(text)            -- a path may be in another encoding than UTF-8
  local host = ascii_host(authority(text))
  host = host and match(host, "^%.*([%w_][%w._-]*)$")
  if not host then return nil end
  if byte(host, -1) == DOT then host = sub(host, 1, -2) end
  return site_of(host)
end

-- Where a host ends: before a path, a query, a fragment, or with the text. A frontier sees a NUL at
-- the end of the text, and so cannot tell one that stands in it: such a text goes the long way.
local HOST_END <const> = "%f[/?#\0]"
local function has_nul(text) return find(text, "\0", 1, true) end

-- Two or three labels of small letters, as most are: the first, and the others. No more to check.
local PLAIN_URL <const> = "^%a+://(%l+)%.(%l+%.?%l+)" .. HOST_END
local PLAIN_HOST <const> = "^(%l+)%.(%l+%.?%l+)" .. HOST_END
-- Any letters, digits, dots and hyphens.
local URL <const> = "^%a+://(%w[%w.-]*)" .. HOST_END
local HOST <const> = "^%w[%w.-]*" .. HOST_END

local domain = remembering(function(text)
  local first, others, host
  if #text <= LONGEST then                      -- these two would be slow on a million letters
    first, others = match(text, PLAIN_URL)
    if not first then first, others = match(text, PLAIN_HOST) end
  end
  if has_nul(text) then
    host = host_of(text)
  elseif first and #first + #others < 63 and byte(others, -2) ~= DOT then
    if first == "www" and find(others, ".", 1, true) then return "domain:" .. others end
    return "domain:" .. first .. "." .. others
  else
    host = match(text, URL) or match(text, HOST)
    host = host and site_of(lower(host)) or host_of(text)
  end
  return host and "domain:" .. host
end)

-- Registers ---------------------------------------------------------------------------------------

local function companies_house(text)
  if not is_plain(text) then
    text = folded(text)
    text = text and gsub(text, "[^a-z0-9]+", "") or ""
  end
  return text ~= "" and "companies_house:" .. lower(text) or nil
end

local function identifier(prefix, text)
  if is_plain(text) then return text ~= "" and prefix .. lower(text) or nil end
  text = folded(text)
  return text and text ~= "" and not find(text, "%c") and prefix .. text or nil
end

-- GitHub ------------------------------------------------------------------------------------------

-- First parts of a path on github.com that are nobody's name, but a page of its own.
local GITHUB_PAGES <const> = {
  apps = true, collections = true, enterprise = true, explore = true, features = true,
  marketplace = true, orgs = true, search = true, settings = true, sponsors = true, topics = true,
  trending = true, users = true,
}

local GITHUB_HOSTS <const> = {
  ["github.com"] = true, ["www.github.com"] = true, ["ssh.github.com"] = true,
}

--- The path of an address on github.com, be it a URL or a git remote, in small letters. false where
--- the address is elsewhere, nil where the text is no address.
local function github_path(text)
  local rest = match(text, "^%a[%w+.-]*://(.*)$")
  local host, path = match(gsub(rest or text, "^[^/]*@", ""), "^([%w.-]+)([:/]?.*)$")
  if not GITHUB_HOSTS[host] then return rest and false end
  if rest then path = gsub(path, "^:%d*", "") end
  return match(path, "^:?/?(.*)$")
end

local function names_another_site(text)
  return find(text, "^[%w-]+%.[%w.-]*%a/[^/]+/.") or find(text, "^[^/]*[@:]")
end

local GITHUB_URL <const> = "^https?://github%.com/([%w-]+)/([%w_-]+)" .. HOST_END

local github_repo = remembering(function(text)
  local owner, repo
  if not has_nul(text) then owner, repo = match(text, GITHUB_URL) end
  if not owner then owner, repo = match(text, "^([%w-]+)/([%w_-]+)$") end
  if not owner then
    text = folded(text)
    if not text then return nil end
    local path = github_path(text)
    if path then
      owner, repo = match(path, "^([^/?#]+)/([^/?#]+)")
    elseif path == nil and not names_another_site(text) then
      owner, repo = match(trimmed(text, "[^%s/]"), "^([^/?#]+)/([^/?#]+)")
    end
    if not owner then return nil end
    if find(repo, ".", 1, true) then repo = gsub(repo, "%.git *$", "") end
  end
  owner, repo = slug_of(owner), slug_of(repo)
  if not owner or not repo or GITHUB_PAGES[owner] then return nil end
  return "github_repo:" .. owner .. "/" .. repo
end)

local github_org = remembering(function(text)
  if find(text, "/", 1, true) or find(text, ":", 1, true) then
    text = folded(text)
    if not text then return nil end
    local path = github_path(text)
    if path == false then return nil end
    text = path and match(gsub(path, "^orgs/", ""), "^[^/?#]*") or text
  end
  local owner = slug_of(text)
  return owner and not GITHUB_PAGES[owner] and "github_org:" .. owner or nil
end)

-- Names -------------------------------------------------------------------------------------------

--- The region keeps the predecessor's slug ("São Paulo" is s-o-paulo), which tells regions apart
--- well enough, unless nothing would be left of it.
local region_slug = remembering(function(region)
  region = folded(region)
  return region and (slug_of((gsub(region, "[\x80-\xFF]+", " "))) or slug_of(region))
end)

local name_slug = remembering(slug_of)

local function name_loc(name, region)
  name = name_slug(name)
  if not name then return nil end
  region = region and region_slug(region)
  return region and "name_loc:" .. name .. "|" .. region or "name_loc:" .. name
end

-- The references ----------------------------------------------------------------------------------

local FIELDS <const> = {
  "domain_or_website", "companies_house_number", "crunchbase_id", "pitchbook_id",
  "github_org", "github_repo", "fallback_company_name", "fallback_region",
}

--- The names of the references, for whoever asks a person for them.
---@type string[]
canonical_key.fields = FIELDS

--- A JSON null can only come from a library that is loaded.
local function is_null(value)
  for _, name in ipairs { "signalbox", "cjson" } do
    local library = package.loaded[name]
    if type(library) == "table" and rawequal(value, library.null) then return true end
  end
  return false
end

--- The values of FIELDS, nil for a null; raises where one is anything else but a text.
local function checked(refs, caller)
  if type(refs) ~= "table" then
    error(("bad argument #1 to '%s' (table expected, got %s)"):format(caller, type(refs)), 3)
  end
  local texts = {}
  for i, field in ipairs(FIELDS) do
    local value = refs[field]
    if type(value) == "string" then
      texts[i] = value
    elseif value ~= nil and not is_null(value) then
      error(("bad argument #1 to '%s' (%s: string expected, got %s)")
        :format(caller, field, type(value)), 3)
    end
  end
  return table.unpack(texts, 1, #FIELDS)
end

--- The same, quickly where all are texts or absent. Also those that a better one makes idle are
--- looked at: what is wrong in a source should show with its first company.
local function read(refs, caller)
  if type(refs) ~= "table" then return checked(refs, caller) end
  local site, number = refs.domain_or_website, refs.companies_house_number
  local crunchbase, pitchbook = refs.crunchbase_id, refs.pitchbook_id
  local org, repo = refs.github_org, refs.github_repo
  local name, region = refs.fallback_company_name, refs.fallback_region
  if (site == nil or type(site) == "string") and (number == nil or type(number) == "string")
    and (crunchbase == nil or type(crunchbase) == "string")
    and (pitchbook == nil or type(pitchbook) == "string")
    and (org == nil or type(org) == "string") and (repo == nil or type(repo) == "string")
    and (name == nil or type(name) == "string") and (region == nil or type(region) == "string")
  then
    return site, number, crunchbase, pitchbook, org, repo, name, region
  end
  return checked(refs, caller)
end

-- The calls ---------------------------------------------------------------------------------------

--- The best key of a company.
---@param refs Refs
---@return string|nil key  nil where nothing names it
function canonical_key.build(refs)
  local site, number, crunchbase, pitchbook, org, repo, name, region = read(refs, "build")
  return site and domain(site)
    or number and companies_house(number)
    or crunchbase and identifier("crunchbase:", crunchbase)
    or pitchbook and identifier("pitchbook:", pitchbook)
    or org and github_org(org)
    or repo and github_repo(repo)
    or name and name_loc(name, region)
    or nil
end

--- Every key that the references give, best first; the first is what `build` gives.
---@param refs Refs
---@return string[]
function canonical_key.candidates(refs)
  local site, number, crunchbase, pitchbook, org, repo, name, region = read(refs, "candidates")
  local keys = {}
  if site then keys[1] = domain(site) or nil end
  if number then keys[#keys + 1] = companies_house(number) end
  if crunchbase then keys[#keys + 1] = identifier("crunchbase:", crunchbase) end
  if pitchbook then keys[#keys + 1] = identifier("pitchbook:", pitchbook) end
  if org then keys[#keys + 1] = github_org(org) or nil end
  if repo then keys[#keys + 1] = github_repo(repo) or nil end
  if name then keys[#keys + 1] = name_loc(name, region) end
  return keys
end

local STRENGTH <const> = {
  domain = 100, companies_house = 95, crunchbase = 80, pitchbook = 80,
  github_org = 50, github_repo = 40, name_loc = 10,
}

local STRONG <const> = 80

local function check_key(key, caller)
  if type(key) ~= "string" then
    error(("bad argument #1 to '%s' (string expected, got %s)"):format(caller, type(key)), 3)
  end
end

--- How far a key can be trusted to mean one company: 100 for a domain down to 10 for a name, and 0
--- for what is no key.
---@param key string
---@return integer
function canonical_key.strength(key)
  check_key(key, "strength")
  return STRENGTH[match(key, "^([%l_]+):.")] or 0
end

--- Whether a key means one company for certain: all but GitHub's and names.
---@param key string
---@return boolean
function canonical_key.is_strong(key)
  check_key(key, "is_strong")
  return canonical_key.strength(key) >= STRONG
end

return canonical_key
