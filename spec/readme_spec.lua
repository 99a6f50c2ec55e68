-- Every command of README.md runs, in its order, in an empty folder: `sh` blocks are typed, a `lua`
-- block that names itself in its first comment is saved under that name, and the lines of a `cron`
-- block are run as cron does, which mails what they say.
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local temp = require "spec.support.temp"

--- The fenced blocks of a text: array of {language=, text=, line=}.
local function blocks(text)
  local list, open, line = {}, nil, 0
  for row in (text .. "\n"):gmatch "(.-)\n" do
    line = line + 1
    local fence = row:match "^```(%a*)"
    if fence and open then
      open.text = table.concat(open, "\n") .. "\n"
      list[#list + 1], open = open, nil
    elseif fence then
      open = { language = fence, line = line }
    elseif open then
      open[#open + 1] = row
    end
  end
  return list
end

describe("README.md", function()
  local text = temp.read(paths.root .. "/README.md")
  local folder = temp.folder()

  setup(function()
    os.execute(string.format("mkdir -p %s/bin && ln -s %s %s/bin/signalbox && mkdir %s/spec"
      .. " && ln -s %s/spec/samples %s/spec/samples", folder, paths.program, folder, folder,
      paths.root, folder))
  end)

  for _, block in ipairs(blocks(text)) do
    if block.language == "lua" then
      local name = block.text:match "^%-%- ([%w_/%.]+%.lua)"
      it("has Lua that compiles, at line " .. block.line, function()
        assert(load(block.text, "=README.md:" .. block.line, "t"))
        if name then
          os.execute("mkdir -p '" .. folder .. "/" .. (name:match "^(.*)/" or ".") .. "'")
          temp.write(folder .. "/" .. name, block.text)
        end
      end)
    elseif block.language == "sh" then
      it("has commands that run, at line " .. block.line, function()
        local result = run.program("/bin/bash", { "-euo", "pipefail", "-c", block.text,
          cwd = folder, env = { PATH = folder .. "/bin:" .. os.getenv "PATH" } })
        assert.equal(0, result.status, block.text .. result.out .. result.err)
      end)
    elseif block.language == "cron" then
      it("has lines for cron that run and say nothing, at line " .. block.line, function()
        for line in block.text:gmatch "[^\n]+" do
          local command = line:match "^[%d*/,]+ +%S+ +%S+ +%S+ +%S+ +(.*)$"
          assert.truthy(command or line:find "^%u+=", line)
          local result = run.program("/bin/sh", { "-c", command or ":", cwd = folder,
            env = { PATH = folder .. "/bin:/usr/bin:/bin", HOME = folder } })
          assert.same({ status = 0, out = "", err = "" }, result, line)
        end
      end)
    end
  end

  it("names only commands that there are", function()
    for command in text:gmatch "`signalbox ([a-z]+)" do
      local result = run.signalbox { "help", command }
      assert.equal(0, result.status, "signalbox " .. command)
    end
  end)
end)
