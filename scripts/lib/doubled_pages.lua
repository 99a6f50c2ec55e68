--- The sweep: pages of one database that carry the same key. There should be none, but two runs on
--- two machines, a person's copy, or a pause at the wrong moment can make them; the rule
--- PagesDoubled watches over what `sync` and `process` report.
local config <const> = require "signalbox.config"
local notion <const> = require "signalbox.notion"

config.declare("notion.archive_doubled", { default = "no", choices = { "no", "yes" },
  about = "whether sync puts pages in the bin whose key an older page has" })

local M = {}

local Sweep = {}
Sweep.__index = Sweep

--- A sweep over pages that are shown to it oldest first.
function M.sweep(deals)
  return setmetatable({ deals = deals, owners = {}, doubled = {} }, Sweep)
end

--- Looks at a page: one that carries a key which an older one has is kept in mind.
function Sweep:see(page)
  local double
  for _, key in ipairs(notion.keys(self.deals, page)) do
    local owner = self.owners[key]
    if not owner then
      self.owners[key] = page.id
    elseif owner ~= page.id and not double then
      double = { key = key, id = page.id, oldest = owner }
      self.doubled[#self.doubled + 1] = double
    end
  end
end

--- Puts them in the bin, where that is configured: all but the oldest of each key. Gives how many;
--- nil and a problem where one could not be.
function Sweep:archive()
  if config.get "notion.archive_doubled" ~= "yes" then return 0 end
  for _, double in ipairs(self.doubled) do
    local done, problem = self.deals:bin(double.id)
    if not done then return nil, problem end
  end
  return #self.doubled
end

return M
