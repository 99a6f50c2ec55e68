local paths = require "spec.support.paths"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

--- A manual page as text.
local function page(section)
  local meta = temp.read(paths.root .. "/bindings/meta/signalbox.lua")
  local result = run { "run", paths.root .. "/.ci/manual.lua", section, stdin = meta }
  assert.equal(0, result.status, result.err)
  local shown = run.program("/usr/bin/groff", { "-ww", "-Tutf8", "-man", "-P-cbou",
    "-rLL=100n", stdin = result.out })
  assert.equal("", shown.err)
  return shown.out
end

describe("the manual page signalbox(1)", function()
  it("has every command with its options", function()
    local text = page "1"
    for name in run({ "help" }).out:gmatch "\n  ([%l_]+) +%S" do
      assert.truthy(text:find("\n   " .. name .. "\n", 1, true), name)
    end
    assert.truthy(text:find("--no-vacuum", 1, true))
  end)

  it("has the settings of the environment, and the exit codes", function()
    local text = page "1"
    assert.truthy(text:find "SIGNALBOX_DB" and text:find "NOTION_API_KEY")
    assert.truthy(text:find "130 +ended by Ctrl.C")
  end)
end)

describe("the manual page signalbox-lua(3)", function()
  it("has every function that an editor knows", function()
    local text = page "3":gsub("%s+", " ")
    for name in temp.read(paths.root .. "/bindings/meta/signalbox.lua")
      :gmatch "\nfunction ([%w_.:]+)" do
      assert.truthy(text:find(name .. "(", 1, true), name)
    end
  end)
end)

describe("completion in bash", function()
  local function complete(...)
    local words = { ... }
    for i, word in ipairs(words) do words[i] = run.quote(word) end
    local script = string.format([[
      source <(%s help --completion bash)
      COMP_WORDS=(signalbox %s)
      COMP_CWORD=%d
      _signalbox
      echo "${COMPREPLY[@]}"]], run.quote(paths.program), table.concat(words, " "), #words)
    local result = run.program("/bin/bash", { "-c", script })
    assert.equal("", result.err)
    return (result.out:gsub("\n", ""))
  end

  it("knows the commands, and the user's own", function()
    assert.equal("stats", complete "sta")
    assert.truthy(complete(""):find "process" and complete(""):find "repl")
  end)

  it("knows the options of each, and their choices", function()
    assert.equal("--vacuum", complete("maintain", "--vac"))
    assert.equal("table", complete("repl", "--mode", "t"))
  end)
end)
