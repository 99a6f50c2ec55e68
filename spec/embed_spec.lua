-- What `make` refuses to build: host/queries/embed.lua, run as the Makefile runs it.
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

local function embed(folder, ...)
  return run.program("/usr/bin/lua5.4", { cwd = folder,
    paths.root .. "/host/queries/embed.lua", ... })
end

describe("named queries", function()
  local function queries(text)
    local folder = temp.folder()
    temp.write(folder .. "/q.sql", text)
    local result = embed(folder, "queries", "q.h", "q.c", "q.sql")
    if result.status == 0 then
      result.c, result.h = temp.read(folder .. "/q.c"), temp.read(folder .. "/q.h")
    end
    return result
  end

  it("carry their text without comments, and keep dashes inside of texts", function()
    local result = queries "-- name: one\n-- purpose\nSELECT '--x' -- why\nFROM t /* so */;\n"
    assert.equal(0, result.status, result.err)
    assert.matches([["SELECT '--x'\n"
    "FROM t"]], result.c, 1, true)
    assert.matches("#define QUERY_COUNT 1\n", result.h, 1, true)
  end)

  it("have a second text where PostgreSQL needs one", function()
    local result = queries "-- name: one\nSELECT 1\n\n-- name: one @postgresql\nSELECT 2\n"
    assert.matches('"SELECT 1",\n    "SELECT 2",\n', result.c, 1, true)
  end)

  for what, case in pairs {
    ["a name that is there twice"] = { "-- name: a\nSELECT 1\n-- name: a\nSELECT 2\n",
      "q.sql:3: query 'a' stands already at q.sql:1\n" },
    ["a name without a text"] = { "-- name: a\n-- nothing but words\n",
      "q.sql:1: query 'a' has no text\n" },
    ["a text without a name"] = { "\nSELECT 1\n", "q.sql:2: text before the first '-- name:'\n" },
    ["a text for PostgreSQL alone"] = { "-- name: a @postgresql\nSELECT 1\n",
      "q.sql:1: query 'a' has a text for @postgresql alone\n" },
    ["a dialect nobody speaks"] = { "-- name: a @oracle\nSELECT 1\n", "q.sql:1: expected '-- name: "
      .. "lower_case_name' or '... @postgresql', found 'a @oracle'\n" },
  } do
    it("refuse " .. what .. ", naming file and line", function()
      assert.same({ status = 1, out = "", err = case[2] }, queries(case[1]))
    end)
  end
end)

describe("migrations", function()
  local function migrations(names)
    local folder = temp.folder()
    for _, name in ipairs(names) do
      temp.write(folder .. "/" .. name, "-- " .. name .. "\nSELECT 1;\n")
    end
    local result = embed(folder, "migrations", "m.c", table.unpack(names))
    if result.status == 0 then result.c = temp.read(folder .. "/m.c") end
    return result
  end

  it("are sorted, and carry the checksum of their two files", function()
    local result = migrations { "1002_b.up.sql", "1002_b.down.sql", "1001_a.up.sql",
      "1001_a.down.sql" }
    assert.equal(0, result.status, result.err)
    assert.matches('{1001, "a",.*{1002, "b",', result.c)
    assert.matches("cfa4d38a57d02484c30ffe1aa4b7c1f1cb7a2715abd81a08dda930d9afa823c6", result.c)
  end)

  it("refuse a gap in their numbers", function()
    assert.equal("1003_c.up.sql: expected version 1002 next, a gap\n",
      migrations { "1001_a.up.sql", "1001_a.down.sql", "1003_c.up.sql", "1003_c.down.sql" }.err)
  end)

  it("refuse a step without its way back", function()
    assert.equal("1001_a.up.sql: has no .down.sql beside it\n", migrations { "1001_a.up.sql" }.err)
  end)
end)
