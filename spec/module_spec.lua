local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

--- The names that a table of functions has, sorted.
local function names_of(source, prefix)
  local names = {}
  for name in pairs(source) do names[#names + 1] = prefix .. name end
  table.sort(names)
  return names
end

describe("the module", function()
  it("has a version", function()
    assert.truthy(signalbox.version:find "^%d+%.%d+%.%d+$")
  end)

  it("has the null of cjson", function()
    assert.equal(require("cjson").null, signalbox.null)
    assert.equal("userdata", type(signalbox.null))
  end)

  it("loads into a stock lua5.4 by its file alone", function()
    local result = run.lua { "-e", [[
      local store <close> = assert(require "signalbox".open "x.db")
      print(store:save_signal { signal_type = "a", source_api = "b", canonical_key = "c",
        confidence = 1, raw_data = {} })]] }
    assert.equal("1\n", result.out, result.err)
  end)

  it("makes requests from the build folder too, with nothing but its file on the path", function()
    local result = run.lua({ "-e", [[
      local _, err = require "signalbox".http { url = "http://127.0.0.1:1/" }
      print(err.code)]] }, { env = { LUA_CPATH_5_4 = paths.build .. "/?.so;;" } })
    assert.equal("unavailable\n", result.out, result.err)
  end)

  it("makes no globals", function()
    local result = run.lua { "-e", [[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      require "signalbox"
      for name in pairs(_G) do assert(before[name], name) end]] }
    assert.equal(0, result.status, result.err)
  end)

  it("is told to the Lua language server together with what a rule sees", function()
    local told, listed = {}, {}
    local text = temp.read(paths.root .. "/bindings/meta/rules.lua")
    for name in text:gmatch "\nfunction ([%w_]+)%(" do told[name] = true end
    for name in text:gmatch "\n([%w_]+) = {}" do told[name] = true end
    local checked = {}
    assert(loadfile(paths.root .. "/.luacheckrc", "t", setmetatable(checked,
      { __index = function(self, name)
        local value = {}
        rawset(self, name, value)
        return value
      end })))()
    for _, name in ipairs(checked.files["scripts/rules"].read_globals) do listed[name] = true end
    assert.same(listed, told)

    local names = {}
    for name in pairs(told) do names[#names + 1] = name end
    local rule = temp.file("rule.lua", string.format([[
      alert("Seen", { when = function() return false end })
      for name in ("%s"):gmatch "%%S+" do
        assert(_ENV[name] ~= nil, name)
      end
      test "Seen is quiet" { at "0h" { expect "quiet" } }]], table.concat(names, " ")))
    local result = run { "alerts", "test", rule }
    assert.equal(0, result.status, result.out .. result.err)
  end)

  it("is told to the Lua language server, all of it and nothing else", function()
    local text = temp.read(paths.root .. "/bindings/meta/signalbox.lua")
    local told = { signalbox = {}, Store = {}, Claim = {}, Transaction = {}, Task = {}, json = {} }
    for class, name in text:gmatch "\nfunction (%w+)[.:]([%w_]+)%(" do told[class][name] = true end
    for name in text:gmatch "\nfunction signalbox%.json%.([%w_]+)%(" do told.json[name] = true end
    told.signalbox.json, told.signalbox.version, told.signalbox.null = true, true, true

    local store <close> = stores.open()
    local transaction <close> = assert(store:begin())
    local task = signalbox.spawn(function() end)
    assert(store:save_signal { signal_type = "a", source_api = "b", canonical_key = "c",
      confidence = 1, raw_data = {} })
    local claim = store:claim()[1]
    for class, methods in pairs {
      signalbox = signalbox,
      json = signalbox.json,
      Store = getmetatable(store).__index,
      Transaction = getmetatable(transaction).__index,
      Task = getmetatable(task).__index,
      Claim = getmetatable(claim).__index,
    } do
      assert.same(names_of(methods, class .. "."), names_of(told[class], class .. "."))
    end
    assert(transaction:rollback())
    task:wait()
  end)

  it("can be loaded again into the same state", function()
    local result = run.lua { "-e", [[
      local first = require "signalbox"
      local task = first.spawn(function() first.sleep(0.01) return "done" end)
      package.loaded.signalbox = nil
      local second = require "signalbox"
      collectgarbage()
      assert(second ~= first)
      print(task:wait(), second.spawn(function() second.sleep(0) return "too" end):wait())
    ]] }
    assert.equal(0, result.status, result.err)
    assert.equal("done\ttoo\n", result.out)
  end)
end)
