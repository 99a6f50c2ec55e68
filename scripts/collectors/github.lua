--- GitHub: repositories that have grown since they were seen before.
--
-- A search lists what is starred and worked on. Growth is measured against what this collector saw
-- itself: since a repository was first seen, or was last reported, and 30 days back at most. One
-- that is seen for the first time is remembered and no more.
local cli = require "signalbox.cli"
local config = require "signalbox.config"
local fetch = require "signalbox.fetch"
local signalbox = require "signalbox"

local LOOK_BACK <const> = 30       -- days
local LEAST_STARS <const> = 100    -- to be listed at all
local LEAST_GAIN <const> = 20      -- stars
local LEAST_GROWTH <const> = 0.10
local PAGE <const> = 100           -- results
local RESULTS <const> = 1000       -- of one search; past them it answers with an error
local DAY <const> = 86400

-- The API --------------------------------------------------------------------------------------

--- Seconds until the limit of the resource is reset. (A copy of the API has had milliseconds.)
local function until_reset(response)
  local reset = tonumber(response.headers["x-ratelimit-reset"])
  if not reset then return nil end
  return fetch.until_then(response, reset > 1e11 and reset / 1000 or reset) + 1
end

local function is_used_up(response)
  return response.headers["x-ratelimit-remaining"] == "0"
end

--- The primary limit names its end. The secondary may not: then a minute, and twice as long each
--- time it comes again.
local function limits()
  local minutes = 1
  return function(response)
    if response.status ~= 403 and response.status ~= 429 then
      minutes = 1
      return nil
    end
    local asked = fetch.retry_after(response)
    if asked then return asked end
    if is_used_up(response) then return until_reset(response) end
    if not (response.body or ""):lower():find "secondary rate" then return nil end
    minutes = minutes * 2
    return minutes / 2 * 60
  end
end

local function open_client()
  return fetch.client {
    name = "GitHub", secret = "GITHUB_TOKEN", auth = { bearer = config.need "github.token" },
    headers = { Accept = "application/vnd.github+json", ["X-GitHub-Api-Version"] = "2022-11-28" },
    limited = limits(), rate = 0,
    pace = function(response) return is_used_up(response) and until_reset(response) or nil end,
  }
end

-- The search -----------------------------------------------------------------------------------

--- One page of the repositories with at most `most` stars (nil: any number), those with most first.
local function search(run, place)
  local stars = place.most and string.format("%d..%d", LEAST_STARS + 1, place.most)
    or ">" .. LEAST_STARS
  local answer, response = run.client:json { url = fetch.url(run.url .. "/search/repositories", {
    q = string.format("stars:%s pushed:>%s", stars, run.since), sort = "stars", order = "desc",
    per_page = PAGE, page = place.page,
  }) }
  if not answer then error(response, 0) end
  answer.items = answer.items or {}
  return answer, response
end

--- The number of the page after this one; nil where the search ends. A page may be short, and is
--- not the last for that.
local function next_page(answer, response, page)
  if response.headers.link then
    local address = fetch.next_link(response)
    return address and math.tointeger(tonumber(address:match "[?&]page=(%d+)"))
  end
  local more = #answer.items > 0 and page * PAGE < math.min(answer.total_count or 0, RESULTS)
  return more and page + 1 or nil
end

--- Where the next search begins, where this one has not listed them all: at the stars of its last.
local function next_window(place, last)
  local most = type(last) == "table" and math.tointeger(last.stargazers_count)
  if not most then return nil end
  if most == place.most then most = most - 1 end -- more than 1,000 with as many stars
  return most > LEAST_STARS and { since = place.since, most = most, page = 1 } or nil
end

--- All of them, page by page, with the place that each page leads to. A search ends after 1,000, or
--- where GitHub ran out of time (`incomplete_results`).
local function listing(run, place)
  return function()
    if not place then return nil end
    local answer, response = search(run, place)
    local items = answer.items
    if answer.incomplete_results == true then run.incomplete = run.incomplete + 1 end
    local page = next_page(answer, response, place.page)
    local following
    if page then
      following = { since = place.since, most = place.most, page = page }
    elseif #items > 0 and ((answer.total_count or 0) > RESULTS or run.incomplete > 0) then
      following = next_window(place, items[#items])
    end
    place = following
    return items, following
  end
end

-- Growth ---------------------------------------------------------------------------------------

--- What was seen of a repository: a list of { time, stars }, oldest first, from 30 days ago on. The
--- stars that it had then are those of the last entry before: one is made only where they change.
local function recent(history, now)
  local edge, kept = now - LOOK_BACK * DAY, {}
  for _, entry in ipairs(history or {}) do
    if entry[1] <= edge then kept[1] = { edge, entry[2] } else kept[#kept + 1] = entry end
  end
  return kept
end

--- What it gained since the oldest of these, where that is a spike; and what to remember.
local function measure(history, stars, now)
  local base = history[1]
  local gained = base and stars - base[2]
  if base and gained >= LEAST_GAIN and gained / math.max(base[2], 1) >= LEAST_GROWTH then
    local spike = { gained = gained, growth = gained / math.max(base[2], 1), since = base[1] }
    return spike, { { now, stars } }
  end
  local newest = history[#history]
  if not newest or (newest[2] ~= stars and now - newest[1] >= DAY) then
    history[#history + 1] = { now, stars }
  end
  return nil, history
end

local function confidence_of(spike, is_organisation, is_named)
  local confidence = 0.5
  if spike.gained > 100 then confidence = confidence + 0.2
  elseif spike.gained > 50 then confidence = confidence + 0.1 end
  if spike.growth > 0.5 then confidence = confidence + 0.15
  elseif spike.growth > 0.25 then confidence = confidence + 0.1 end
  if is_organisation then confidence = confidence + 0.1 end
  if is_named then confidence = confidence + 0.05 end
  return math.min(0.95, confidence)
end

-- The owner ------------------------------------------------------------------------------------

local function text(value)
  if type(value) == "string" and value:find "%S" then return value end
end

--- Sites that are many people's: an address there is nobody's own.
local SHARED <const> = {
  "github.com", "twitter.com", "x.com", "linkedin.com", "facebook.com", "medium.com", "youtube.com",
  "discord.gg", "discord.com", "t.me", "linktr.ee", "instagram.com", "npmjs.com", "pypi.org",
  "huggingface.co", "bsky.app",
}

local function own_site(address)
  address = text(address)
  if not address then return nil end
  local host = address:lower():gsub("^%a+://", ""):match "^[^/?#]*":gsub("^www%.", "")
  for _, shared in ipairs(SHARED) do
    if host == shared then return nil end
  end
  return address
end

--- Who owns it: asked once a run, and paid for only where something has changed.
local function owner_of(run, context, login)
  local known = run.owners[login]
  if known then return known end
  local kept = context:recall("owner:" .. login)
  local profile, response = run.client:json {
    url = run.url .. "/users/" .. fetch.escape(login),
    headers = { ["If-None-Match"] = kept and kept.etag },
    expect = { [304] = true, [404] = true },
  }
  if profile == nil then error(response, 0) end
  if profile then
    kept = { etag = response.headers.etag, name = text(profile.name), blog = text(profile.blog),
      company = text(profile.company) }
    context:remember("owner:" .. login, kept)
  end
  run.owners[login] = kept or {}
  return run.owners[login]
end

-- Signals --------------------------------------------------------------------------------------

local function topics_of(repository)
  return type(repository.topics) == "table" and signalbox.array(repository.topics) or nil
end

local function signal_of(run, context, repository, spike)
  local login = repository.owner.login
  local owner = owner_of(run, context, login)
  local is_organisation = repository.owner.type == "Organization"
  local site = own_site(owner.blog) or own_site(repository.homepage)
  return {
    signal_type = "github_spike",
    confidence = confidence_of(spike, is_organisation, site ~= nil or owner.company ~= nil),
    company_name = owner.name or login,
    detected_at = run.now,
    refs = {
      domain_or_website = site, github_org = is_organisation and login or nil,
      github_repo = repository.full_name,
    },
    raw_data = {
      repo = repository.full_name, url = repository.html_url, stars = repository.stargazers_count,
      gained = spike.gained, growth = spike.growth, since = signalbox.iso(spike.since),
      forks = repository.forks_count, language = repository.language,
      description = repository.description, topics = topics_of(repository),
      homepage = repository.homepage, owner = login, owner_type = repository.owner.type,
      created_at = repository.created_at, pushed_at = repository.pushed_at,
    },
  }
end

--- What a run keeps in its context.
local function run_of(context)
  context.hub = context.hub or {
    client = open_client(), url = config.get "github.api_url":gsub("/+$", ""),
    now = signalbox.time(signalbox.now()), owners = {}, incomplete = 0,
  }
  return context.hub
end

--- What is remembered goes first: it is saved with the signal, so that no spike is told twice.
local function take(context, repository)
  local run = run_of(context)
  if type(repository.owner) ~= "table" then return end -- a ghost's
  local stars = math.tointeger(repository.stargazers_count)
  if not stars then error("stargazers_count is no number", 0) end
  local stream = "repo:" .. tostring(repository.id)
  local before = context:recall(stream)
  local spike, history = measure(recent(before, run.now), stars, run.now)
  local signal = spike and signal_of(run, context, repository, spike)
  context:remember(stream, history)
  if signal then context:signal(signal) end
end

return {
  about = "repositories on GitHub that have grown",
  needs = { "github.token" },
  signals = { "github_spike" },
  take = take,

  collect = function(context)
    local run = run_of(context)
    local place = context.cursor or
      { since = signalbox.iso(run.now - LOOK_BACK * DAY):sub(1, 10), page = 1 }
    run.since = place.since
    for repositories, following in listing(run, place) do
      for _, repository in ipairs(repositories) do context:take(repository) end
      context.cursor = following -- nothing at the end: the next run begins anew
    end
    if run.incomplete > 0 then
      cli.note("github: GitHub ran out of time in %s; some repositories may be missing",
        cli.plural(run.incomplete, "search", "searches"))
    end
  end,
}
