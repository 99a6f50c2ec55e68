-- Backups and restores that are killed at many random moments.
local kills = require "spec.support.backup_kills"

local KILLS <const> = 50

describe("a kill at " .. KILLS .. " random moments", function()
  it("of a backup leaves whole ones or none, and the next run cleans up", function()
    kills.of_backup(KILLS)
  end)

  it("of a backup with its export does so too", function()
    kills.of_backup(KILLS, "--with-export")
  end)

  it("of a restore leaves the old database or the new one", function()
    kills.of_restore(KILLS)
  end)
end)
