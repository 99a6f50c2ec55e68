local paths = require "spec.support.paths"
local run = require "spec.support.run"
local temp = require "spec.support.temp"
local terminal = require "spec.support.terminal"

--- What editors know: the module, sinks, and what a rule sees.
local function meta()
  local texts = {}
  for i, name in ipairs { "signalbox", "sinks", "rules" } do
    texts[i] = temp.read(paths.root .. "/bindings/meta/" .. name .. ".lua")
  end
  return table.concat(texts, "\n")
end

--- A manual page as text.
local function page(section)
  local result = run { "run", paths.root .. "/.ci/manual.lua", section, "0", stdin = meta(),
    paths.root .. "/scripts/lib/canonical_key.lua", paths.root .. "/scripts/lib/gate.lua" }
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
    for _, option in ipairs { "alerts silence", "--for <for>", "collect github_ranking",
      "--min-stars", "--log-format" } do
      assert.truthy(text:find(option, 1, true), option)
    end
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
    for name in meta():gmatch "\nfunction ([%w_.:]+)" do
      assert.truthy(text:find(name .. "(", 1, true), name)
    end
  end)

  it("has the libraries that scripts share, with what each of their functions takes", function()
    local text = page "3":gsub("%s+", " ")
    for _, library in ipairs { "canonical_key", "gate" } do
      assert.truthy(text:find('require "signalbox.' .. library .. '"', 1, true))
      for name, fn in pairs(require("signalbox." .. library)) do
        if type(fn) == "function" then
          assert.truthy(text:find(library .. "." .. name .. "(", 1, true), name)
        end
      end
    end
    assert.truthy(text:find("companies_house_number", 1, true))
    assert.is_nil(text:find("fault_of", 1, true))
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

describe("completion in zsh", function()
  --- What zsh offers behind `line`, in a terminal of its own.
  local function complete(line, awaited)
    local folder = temp.folder()
    temp.write(folder .. "/_signalbox", run({ "help", "--completion", "zsh" }).out)
    temp.write(folder .. "/.zshrc", "fpath=(" .. folder .. " $fpath)\n" ..
      "autoload -Uz compinit && compinit -u -D\nPS1='zsh> '\n")
    local tty <close> = terminal.start { program = "/usr/bin/zsh", "-i", home = folder, rows = 50 }
    tty:await "zsh>"
    tty:type(line)
    tty:press "Tab"
    tty:await(awaited)
  end

  it("knows the commands, their options and those of their own commands", function()
    complete("signalbox sta", "signalbox stats")
    complete("signalbox maintain --vac", "signalbox maintain --vacuum")
    complete("signalbox alerts sil", "silence")
    complete("signalbox collect github_ranking --min", "--min-stars")
  end)
end)
