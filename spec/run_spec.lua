local run = require "spec.support.run"
local temp = require "spec.support.temp"

--- Runs a script with the given text, as `signalbox run FILE ...`.
local function script(text, options)
  options = options or {}
  local path = temp.file("script.lua", text)
  table.insert(options, 1, "run")
  table.insert(options, 2, path)
  return run(options), path
end

describe("signalbox run", function()
  it("gives a script its arguments as `...` and as `arg`", function()
    local result, path = script("print(#arg, arg[0], arg[1], arg[-1], ...)", { "a", "b c" })
    assert.equal(0, result.status, result.err)
    assert.equal(string.format("2\t%s\ta\trun\ta\tb c\n", path), result.out)
  end)

  it("reads a script from standard input", function()
    local result = run { "run", "-", "x", stdin = "print(arg[0], ...)" }
    assert.equal("-\tx\n", result.out, result.err)
  end)

  it("takes code from the command line", function()
    local result = run { "run", "-e", "print(...)", "1", "2" }
    assert.equal("1\t2\n", result.out, result.err)
  end)

  it("takes a file's name that begins with a dash after --", function()
    local folder = temp.folder()
    temp.write(folder .. "/-odd.lua", "print 'odd'")
    assert.equal("odd\n", run({ "run", "--", "-odd.lua", cwd = folder }).out)
  end)

  it("runs a file that names the program in its first line", function()
    local result = run { temp.file("tool", "#!/usr/bin/env signalbox\nprint(...)"), "x" }
    assert.equal("x\n", result.out, result.err)
  end)

  it("gives the module by require, without a global", function()
    local result = run { "run", "-e", [[
      print(require "signalbox".version == require "signalbox".version, signalbox)]] }
    assert.equal("true\tnil\n", result.out, result.err)
  end)

  it("opens the database that --db names, before that of the environment", function()
    local folder = temp.folder()
    local code = "print((require 'signalbox'.open():get_stats().database_path:match '[^/]*$'))"
    local function opened(options)
      options.cwd = folder
      local result = run(options)
      return result.status == 0 and result.out:gsub("\n", "") or result.err
    end
    assert.equal("signals.db", opened { "run", "-e", code })
    assert.equal("a.db", opened { "run", "-e", code, env = { SIGNALBOX_DB = "a.db" } })
    assert.equal("b.db", opened { "--db", "b.db", "run", "-e", code,
      env = { SIGNALBOX_DB = "a.db" } })
    assert.equal("c.db", opened { "--db=c.db", "run", "-e", code })
  end)

  describe("with a script that raises", function()
    it("shows the script's own frames, and exits with 1", function()
      local result, path = script [[
local function inner() error "it broke" end
local function outer() inner() end
table.sort({ 2, 1 }, outer)]]
      assert.equal(1, result.status)
      local short = path:len() > 59 and path:sub(-57) or path
      assert.truthy(result.err:find(short:sub(-20) .. ":1: it broke\nstack traceback:\n", 1, true))
      assert.truthy(result.err:find "in upvalue 'inner'")
      assert.is_nil(result.err:find("[C]", 1, true))
    end)

    it("gives the line of a failed assert", function()
      local result = run { "run", "-e", [[
        local store = assert(require "signalbox".open "a.db")
        assert(store:save_signal { signal_type = "t", source_api = "s", canonical_key = "k",
          confidence = 1.5, raw_data = {} })]] }
      assert.equal(1, result.status)
      assert.truthy(result.err:find("(command line):2: ", 1, true), result.err)
      assert.truthy(result.err:find("confidence is 1.5", 1, true), result.err)
    end)

    it("names file and line where it can't be read as Lua", function()
      local result = script "x = = 1"
      assert.equal(1, result.status)
      assert.truthy(result.err:find "^signalbox: .*script.lua:1: unexpected symbol", result.err)
    end)

    it("shows both ends of a recursion without end", function()
      local result = script "local function f() return 1 + f() end\nf()"
      assert.equal(1, result.status)
      assert.truthy(result.err:find "stack overflow", result.err)
      assert.truthy(result.err:find "\n\t%.%.%.\n", result.err)
      assert.truthy(result.err:find ":2: in main chunk\n$", result.err)
    end)

    it("takes no error of the script's for one of the program's own", function()
      for _, fields in ipairs { "status = 276", "status = 0, message = 'x'", "code = 'io'",
        "code = 'interrupted', message = 'x'" } do
        for _, form in ipairs { "error { %s }", "return error { %s }" } do
          local result = script(form:format(fields))
          assert.equal(1, result.status)
          assert.truthy(result.err:find("(error object is a table value)\nstack traceback:", 1,
            true), result.err)
        end
      end
    end)

    it("says so where the error is no text", function()
      assert.truthy(script("error {}").err:find("error object is a table value", 1, true))
      assert.truthy(script("error()").err:find("script.lua:1: nil", 1, true))
    end)

    it("says how to see why a loop got nil in the place of an iterator", function()
      local result = run { "run", "-e", [[
        local store <close> = assert(require("signalbox").open "new.db")
        for _ in store:signals { since = "yesterday" } do end]] }
      assert.equal(1, result.status)
      assert.truthy(result.err:find("for signal in assert(store:signals { ... }) do", 1, true),
        result.err)
    end)

    it("says what is behind Lua's lost closing values", function()
      local result = run { "run", "-e", [[
        local function each()
          local closing = setmetatable({}, { __close = function() end })
          local i = 0
          return function() i = i + 1 return i end, nil, nil, closing
        end
        local kept = {}
        for i in each() do
          kept[#kept + 1] = function() return i end
          if i == 3 then break end
        end
        local a, b, c, d, e = 1, 2, 3, 4, 5
        print(a, b, c, d, e)]] }
      if result.status ~= 0 then
        assert.truthy(result.err:find("leave by `goto` or `return`", 1, true), result.err)
      end
    end)
  end)

  it("exits as the script says", function()
    assert.equal(7, script("os.exit(7)").status)
    assert.equal(0, script("os.exit(true, true)").status)
  end)

  it("is a usage error without a script, or with an option it doesn't know", function()
    for _, options in ipairs { { "run" }, { "run", "-x" }, { "run", "-e" }, { "run", "--" } } do
      local result = run(options)
      assert.equal(2, result.status)
      assert.truthy(result.err:find "usage: signalbox run SCRIPT", result.err)
    end
  end)

  it("says which script is not there", function()
    local result = run { "run", "nowhere.lua" }
    assert.equal(1, result.status)
    assert.equal("signalbox: cannot open nowhere.lua: No such file or directory\n", result.err)
    result = run { "./nowhere.lua" }
    assert.equal(1, result.status)
    assert.equal("signalbox: cannot open ./nowhere.lua: No such file or directory\n", result.err)
  end)

  it("is what a script's name without it is meant for", function()
    local folder = temp.folder()
    temp.write(folder .. "/nightly.lua", "print 'ran'")
    temp.write(folder .. "/tool", "print 'ran'")
    for _, name in ipairs { "nightly.lua", "tool" } do
      local result = run { name, cwd = folder }
      assert.equal(2, result.status)
      assert.equal(string.format("signalbox: there is no command '%s'\n  signalbox run %s\n", name,
        name), result.err)
    end
  end)
end)

describe("what a script writes", function()
  local endless = "for i = 1, 1e7 do print(i) end"

  it("ends quietly where nobody reads it any more", function()
    local folder = temp.folder()
    temp.write(folder .. "/endless.lua", endless)
    for _, trap in ipairs { "", "trap '' PIPE; " } do
      local line = string.format("%s%s run endless.lua 2>err | head -n 1 >out; cat err", trap,
        run.quote(require("spec.support.paths").program))
      local shell = run.program("/bin/bash", { "-c", line, cwd = folder })
      assert.equal("", shell.out .. shell.err)
    end
  end)

  it("is exit 1 where it can't be written", function()
    local result = run { "run", "-e", "print(1)", stdout = "/dev/full" }
    assert.equal(1, result.status)
    assert.truthy(result.err:find "standard output could not be written", result.err)
    result = run { "run", "-e", "print(1) os.exit(0)", stdout = "/dev/full" }
    assert.equal(1, result.status)
  end)

  it("goes nowhere with the standard output closed, and not into a database", function()
    local folder = temp.folder()
    temp.write(folder .. "/save.lua", [[
      local store <close> = assert(require "signalbox".open "a.db")
      print(string.rep("x", 10000))
      assert(store:save_signal { signal_type = "t", source_api = "s", canonical_key = "k",
        confidence = 1, raw_data = {} })]])
    local line = run.quote(require("spec.support.paths").program) .. " run save.lua >&- 2>&-"
    run.program("/bin/sh", { "-c", line, cwd = folder })
    local result = run { "--db", "a.db", "stats", "--json", cwd = folder }
    assert.truthy(result.out:find '"total_signals":1', result.err)
  end)
end)

describe("the io library of a script", function()
  it("does not open the files of a database that is open", function()
    local result = run { "run", "-e", [[
      local store = assert(require "signalbox".open "a.db")
      for _, name in ipairs { "a.db", "./a.db", "a.db-wal" } do
        local file, problem = io.open(name)
        print(file, (problem:match ": (belongs to a database)"))
        print(pcall(io.lines, name))
      end
      print(loadfile "a.db")
      os.execute "ln -s a.db link"
      print(io.open "link")]] }
    assert.equal(0, result.status, result.err)
    local _, refusals = result.out:gsub("belongs to a database", "")
    assert.equal(8, refusals, result.out)
  end)

  it("does not drop a database's locks by closing what was opened before it", function()
    local result = run { "run", "-e", [[
      local signalbox = require "signalbox"
      local first = assert(signalbox.open "a.db")
      first:close()
      local file = assert(io.open "a.db")
      local store = assert(signalbox.open "a.db")
      local transaction = assert(store:begin())
      file:close()
      print(os.execute "sqlite3 a.db 'BEGIN IMMEDIATE' 2>&1")]] }
    assert.equal(0, result.status, result.err)
    assert.truthy(result.out:find "locked", result.out)
  end)

  it("keeps those locks under files that lines and input opened", function()
    local result = run { "run", "-e", [[
      local signalbox = require "signalbox"
      assert(signalbox.open "a.db"):close()
      local next_line, _, _, lines = io.lines "a.db"
      local input = io.input "a.db"
      local store = assert(signalbox.open "a.db")
      local transaction = assert(store:begin())
      for _ in next_line do end
      input:close()
      print(os.execute "sqlite3 a.db 'BEGIN IMMEDIATE' 2>&1")]] }
    assert.equal(0, result.status, result.err)
    assert.truthy(result.out:find "locked", result.out)
  end)

  it("names its functions and the script's line, as Lua does", function()
    for code, message in pairs {
      ["io.open({})"] = "bad argument #1 to 'open' (string expected, got table)",
      ["io.open('x', 'zz')"] = "bad argument #2 to 'open' (invalid mode)",
      ["io.lines('/nowhere')"] = "cannot open file '/nowhere' (No such file or directory)",
      ["io.input({})"] = "bad argument #1 to 'input' (FILE* expected, got table)",
      ["dofile({})"] = "bad argument #1 to 'dofile' (string expected, got table)",
      ["loadfile({})"] = "bad argument #1 to 'loadfile' (string expected, got table)",
    } do
      local err = run({ "run", "-e", code }).err:match "^[^\n]*"
      assert.equal("(command line):1: " .. message, (err:gsub("^%(command line%):1: /nowhere: ",
        "(command line):1: ")))
    end
  end)

  it("does all else as ever", function()
    local result = run { "run", "-e", [[
      local file <close> = assert(io.open("x", "w"))
      file:write "print 'x' return 5\n"
      file:close()
      for line in io.lines "x" do print(line) end
      print(dofile "x", loadfile("x")())
      print(io.open "nowhere")]] }
    assert.equal("print 'x' return 5\nx\nx\n5\t5\nnil\tnowhere: No such file or directory\t2\n",
      result.out, result.err)
  end)
end)
