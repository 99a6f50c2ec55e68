--- Signals for specs, each with just enough that the store takes it.
local M = {}

--- A signal that saves; `fields` are laid over it.
function M.signal(fields)
  local signal = {
    signal_type = "github_spike",
    source_api = "github",
    canonical_key = "domain:acme.ai",
    company_name = "Acme",
    confidence = 0.8,
    raw_data = { stars = 1200, repository = "acme/rocket" },
    detected_at = "2026-08-22T00:00:00+00:00",
  }
  for name, value in pairs(fields or {}) do signal[name] = value end
  return signal
end

--- `n` signals of as many companies, a second apart; `fields` are laid over each.
function M.signals(n, fields)
  local list = {}
  for i = 1, n do
    list[i] = M.signal {
      canonical_key = string.format("domain:company-%d.com", i),
      company_name = "Company " .. i,
      detected_at = os.date("!%Y-%m-%dT%H:%M:%S+00:00", 1787356800 + i),
    }
    for name, value in pairs(fields or {}) do list[i][name] = value end
  end
  return list
end

--- A row of the suppression cache that saves; `fields` are laid over it.
function M.suppression(fields)
  local entry = {
    canonical_key = "domain:acme.ai",
    notion_page_id = "page-1",
    status = "Passed",
    company_name = "Acme",
  }
  for name, value in pairs(fields or {}) do entry[name] = value end
  return entry
end

return M
