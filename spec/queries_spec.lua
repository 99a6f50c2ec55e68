--- How the database finds what the store's own statements ask for: every paragraph of host/queries.
--
-- A statement that reads all of a table says so in its comment ("Scans TABLE"), and so does one
-- that sorts ("Sorts what"); all others go by an index. An export is there to read its table.
local explain = require "signalbox.explain"
local paths = require "spec.support.paths"
local stores = require "spec.support.store"

--- Tables that stay small whatever the store holds.
local SMALL <const> = { sqlite_schema = true, sqlite_temp_schema = true, schema_migrations = true,
  pragma_table_info = true }

--- What cursor.c puts together, and what has no plan or no table but while it runs.
local PARTS <const> = { "^signal_select", "^signal_where_", "^signal_order_", "^pending_where_",
  "^pending_order_", "^import_map_" }

local function is_part(name)
  for _, pattern in ipairs(PARTS) do
    if name:find(pattern) and name ~= "signal_select_claimed" then return true end
  end
  return false
end

--- The paragraphs of all files, as an array of {name=, comment=, sql=}.
local function queries()
  local list, current = {}, nil
  local files <close> = assert(io.popen("cat " .. paths.root .. "/host/queries/*.sql"))
  for line in files:lines() do
    local name, dialect = line:match "^%-%- name: ([%w_]+) ?(@?%w*)"
    if name then
      current = { name = name, comment = "", sql = "" }
      if dialect == "" then list[#list + 1] = current end
    elseif current then
      local comment = line:match "^%-%-(.*)"
      if comment then
        current.comment = current.comment .. comment
      else
        current.sql = current.sql .. line .. "\n"
      end
    end
  end
  return list
end

--- The name of the table that a statement calls `alias`.
local function table_of(sql, alias)
  for name, other in sql:gmatch "%f[%w]([%w_]+)%s+(%w+)" do
    if other == alias and name ~= "FROM" and name ~= "JOIN" then return name end
  end
  return alias
end

--- Whether what a step does is declared, or costs nothing.
local function is_fine(query, step)
  local scanned = step:match "^SCAN ([%w_]+)"
  if scanned then
    local name = table_of(query.sql, scanned)
    return SMALL[name] or name == "CONSTANT" or query.name:find "^export_"
      or query.comment:find("[Ss]cans " .. name)
  end
  return not step:find "TEMP B%-TREE" or query.comment:find "[Ss]orts"
end

--- The steps of `plan` that are not.
local function undeclared(query, plan)
  local steps = plan:gmatch "\n%s+([^\n]+)"
  return function()
    local step
    repeat step = steps() until not step or not is_fine(query, step)
    return step
  end
end

describe("the store's statements", function()
  local path

  setup(function()
    local store
    store, path = stores.open()
    store:close()
  end)

  it("read all of a table, or sort, only where they say so", function()
    local seen, found = 0, {}
    for _, query in ipairs(queries()) do
      if not is_part(query.name) then
        local sql = query.sql:gsub("[%s;]+$", "")
        for step in undeclared(query, assert(explain.plan(sql, path))) do
          found[#found + 1] = query.name .. ": " .. step
        end
        seen = seen + 1
      end
    end
    assert.is_true(seen > 50)
    assert.equal("", table.concat(found, "\n"))
  end)

  it("sort no signals but a company's, and by number those of a span of time", function()
    local values = { canonical_key = "domain:acme.ai", signal_type = "t", source_api = "s",
      since = "2026-01-01", before = "2026-02-01" }
    local fields = { "canonical_key", "signal_type", "source_api", "since", "before" }
    for _, order in ipairs { "newest", "oldest", "id" } do
      for _, status in ipairs { "", "pending", "pushed" } do
        for bits = 0, 2 ^ #fields - 1 do
          local filter = { order = order, status = status ~= "" and status or nil }
          for i, field in ipairs(fields) do
            if bits & (1 << (i - 1)) ~= 0 then filter[field] = values[field] end
          end
          local plan = assert(explain.plan(function(store) return store:signals(filter) end, path))
          local sorts = plan:find("TEMP B-TREE", 1, true)
          local few = filter.canonical_key or order == "id" and (filter.since or filter.before)
          assert.is_true(not sorts or few ~= nil, plan)
        end
      end
    end
  end)
end)
