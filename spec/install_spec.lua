-- What `make install` puts where, and that all of it works from there.
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local prefix = temp.folder() .. "/usr"

local function make(target)
  local result = run.program("/usr/bin/make", {
    cwd = paths.root, timeout = 300, target, "PREFIX=" .. prefix,
  })
  assert.equal(0, result.status, result.err)
end

--- A stock lua5.4 that knows the installed module alone.
local function stock_lua(code)
  return run.program("/usr/bin/lua5.4", { stock = true, "-e", code, env = {
    LUA_PATH_5_4 = prefix .. "/share/lua/5.4/?.lua",
    LUA_CPATH_5_4 = prefix .. "/lib/lua/5.4/?.so",
  } })
end

describe("an installed signalbox", function()
  lazy_setup(function() make "install" end)

  it("is a program that carries its own scripts", function()
    local result = run.program(prefix .. "/bin/signalbox", { "stats", "--help" })
    assert.same({ 0, "" }, { result.status, result.err })
    assert.matches("stats", result.out)
  end)

  it("is a module for a stock lua5.4, with its library modules", function()
    local result = stock_lua [[
      local signalbox = require "signalbox"
      local canonical_key = require "signalbox.canonical_key"
      local store = assert(signalbox.open "s.db")
      store:close()
      print(canonical_key.build { github_org = "OpenAI" })
      -- Nobody listens there: what says so is the module for HTTP, loaded at its first use.
      local _, err = signalbox.http { url = "http://127.0.0.1:1/" }
      print(err.code)
    ]]
    assert.same({ status = 0, out = "github_org:openai\nunavailable\n", err = "" }, result)
  end)

  it("is a C library that pkg-config finds", function()
    local folder = temp.folder()
    temp.write(folder .. "/c.c", [[
      #include <store/store.h>
      #include <stdio.h>
      int main(void) {
          puts(status_name(STATUS_BUSY));
          return 0;
      }
    ]])
    local result = run.program("/bin/sh", { cwd = folder, "-c",
      "gcc -o c c.c $(PKG_CONFIG_PATH=" .. prefix .. "/lib/pkgconfig pkg-config --static --cflags "
        .. "--libs signalbox) && ./c" })
    assert.same({ status = 0, out = "busy\n", err = "" }, result)
  end)

  it("exports the opening function of each module, and no other name", function()
    local result = run.program("/usr/bin/find", { prefix .. "/lib/lua", "-name", "*.so", "-exec",
      "nm", "-D", "--defined-only", "--format=just-symbols", "{}", ";" })
    for name in result.out:gmatch "%S+" do assert.matches("^luaopen_signalbox", name) end
    assert.matches("luaopen_signalbox\n", result.out)
  end)

  it("can be built by luarocks, as the same version", function()
    local rockspec = {}
    local path = paths.root .. "/bindings/signalbox-" .. signalbox.version .. "-1.rockspec"
    assert(loadfile(path, "t", rockspec))()
    assert.equal(signalbox.version .. "-1", rockspec.version)

    local places = { LUA_INCDIR = "/usr/include/lua5.4" }
    for _, name in ipairs { "LIBDIR", "LUADIR", "BINDIR" } do places[name] = temp.folder() end
    local line = (rockspec.build.build_command .. " BUILD=build && " ..
      rockspec.build.install_command):gsub("%$%((%u[%u_]*)%)", places)
    if paths.build ~= paths.root .. "/build" then -- a variant, which is there already
      line = line:gsub("^.- && ", ""):gsub("%f[%w]build/", paths.build .. "/")
    end
    local result = run.program("/bin/sh", { cwd = paths.root, timeout = 300, "-c", line })
    assert.equal(0, result.status, result.err)
    result = run.program("/usr/bin/lua5.4", { stock = true, env = {
      LUA_PATH_5_4 = places.LUADIR .. "/?.lua;;", LUA_CPATH_5_4 = places.LIBDIR .. "/?.so;;",
    }, "-e", [[print(require "signalbox".version,
      require "signalbox.canonical_key".build { github_org = "OpenAI" })]] })
    assert.equal(signalbox.version .. "\tgithub_org:openai\n", result.out, result.err)
  end)

  it("has its pages and its completion where shells look", function()
    for _, path in ipairs { "share/man/man1/signalbox.1", "share/man/man3/signalbox-lua.3",
      "share/bash-completion/completions/signalbox", "share/zsh/site-functions/_signalbox",
      "share/signalbox/meta/rules.lua", "share/signalbox/scripts/examples/fastest.lua" } do
      assert.is_true(temp.exists(prefix .. "/" .. path), path)
    end
  end)

  it("brings the schedules for backups, which spec/schedule_spec.lua runs", function()
    local folder = paths.root .. "/scripts/share/"
    for path in io.popen("cd '" .. folder .. "' && find cron systemd -type f"):lines() do
      assert.equal(temp.read(folder .. path), temp.read(prefix .. "/share/signalbox/" .. path))
    end
  end)

  it("leaves nothing behind when it is removed", function()
    make "uninstall"
    local result = run.program("/usr/bin/find", { prefix, "-type", "f" })
    assert.equal("", result.out)
    result = run.program("/usr/bin/find", { prefix, "-name", "*signalbox*" })
    assert.equal("", result.out)
    make "install"
  end)
end)

describe("the Debian package", function()
  local package = string.format("%s/build/signalbox_%s_%s.deb", paths.root, signalbox.version,
    io.popen("dpkg --print-architecture"):read "l")
  local folder = temp.folder()

  local function build()
    local result = run.program("/usr/bin/make", { cwd = paths.root, timeout = 300, "deb" })
    assert.equal(0, result.status, result.err)
    return temp.read(package)
  end

  lazy_setup(function()
    build()
    assert(os.execute(string.format("dpkg-deb -x %s %s/root", package, folder)))
  end)

  it("has a program that runs, and says what it needs", function()
    local result = run.program(folder .. "/root/usr/bin/signalbox", { "stats", "--help" })
    assert.same({ 0, "" }, { result.status, result.err })
    local depends = run.program("/usr/bin/dpkg-deb", { "-f", package, "Depends" }).out
    for _, library in ipairs { "libsqlite3-0", "liblua5.4-0", "libedit2", "libcurl4" } do
      assert.truthy(depends:find(library, 1, true), depends)
    end
  end)

  it("has zsh's completion where Debian keeps a package's", function()
    assert.is_true(temp.exists(folder .. "/root/usr/share/zsh/vendor-completions/_signalbox"))
  end)

  it("is the same bytes from the same sources", function()
    assert.is_true(temp.read(package) == build())
  end)
end)
