local await = require "spec.support.await"
local expect = require "spec.support.expect"
local data = require "spec.support.data"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

describe("signalbox.open", function()
  it("makes a store that is not there, and the folders above it", function()
    local path = temp.folder() .. "/a/b/signals.db"
    local store <close> = assert(signalbox.open(path))
    assert.equal(path, store:get_stats().database_path)
    assert.is_true(temp.exists(path))
  end)

  it("makes files that only their owner can read", function()
    local path = temp.folder() .. "/signals.db"
    local store <close> = assert(signalbox.open(path))
    assert(store:save_signal(data.signal()))
    local pipe <close> = io.popen("stat -c %a " .. path .. "*")
    for mode in pipe:lines() do assert.equal("600", mode) end
  end)

  it("keeps what was saved", function()
    local path = temp.folder() .. "/signals.db"
    local id
    do
      local store <close> = assert(signalbox.open(path))
      id = assert(store:save_signal(data.signal()))
    end
    local store <close> = assert(signalbox.open(path))
    assert.equal("domain:acme.ai", store:get_signal(id).canonical_key)
  end)

  it("opens what $SIGNALBOX_DB names, else signals.db", function()
    local script = [[print(require "signalbox".open():get_stats().database_path)]]
    local folder = temp.folder()
    local named = run.lua { "-e", script, cwd = folder,
      env = { SIGNALBOX_DB = folder .. "/named.db" } }
    assert.equal(folder .. "/named.db\n", named.out, named.err)
    local default = run.lua { "-e", script, cwd = folder }
    assert.equal(folder .. "/signals.db\n", default.out, default.err)
    local empty = run.lua { "-e", script, cwd = folder, env = { SIGNALBOX_DB = "" } }
    assert.equal(folder .. "/signals.db\n", empty.out, empty.err)
  end)

  it("finds one file by whatever links lead to it", function()
    local folder = temp.folder()
    assert(os.execute(string.format("mkdir '%s/real' && ln -s real '%s/folder' && "
      .. "ln -s folder/signals.db '%s/link.db'", folder, folder, folder)))
    local store <close> = assert(signalbox.open(folder .. "/folder/signals.db"))
    local other <close> = assert(signalbox.open(folder .. "/link.db", { busy_timeout = 0 }))
    assert.equal(folder .. "/real/signals.db", other:get_stats().database_path)
    local transaction = assert(store:begin())
    expect.failure("busy", other:save_signal(data.signal()))
    assert(transaction:rollback())
  end)

  it("lets the owner go on with what root has used", function()
    if io.popen "id -u":read "l" ~= "0" then return pending "needs root" end
    local folder = temp.folder()
    local path = folder .. "/signals.db"
    assert(signalbox.open(path)):close()
    assert(os.execute(string.format("chmod 755 '%s' && chown -R 65534:65534 '%s'", folder, folder)))
    local roots <close> = assert(signalbox.open(path))
    assert(roots:save_signal(data.signal()))
    assert.equal(1, #roots:claim())
    local result = run.lua { program = "/usr/bin/setpriv", "--reuid=65534", "--regid=65534",
      "--clear-groups", "/usr/bin/lua5.4", "-e", string.format([[
      local signalbox = require "signalbox"
      local store <close> = assert(signalbox.open(%q))
      assert(store:save_signal { signal_type = "t", source_api = "s", canonical_key = "theirs",
        confidence = 1, raw_data = {} })
      print(#assert(store:claim()))]], path) }
    assert.equal("1\n", result.out, result.err)
    local pipe <close> = io.popen("stat -c '%a %u' " .. path .. "*")
    for line in pipe:lines() do assert.equal("600 65534", line) end
  end)

  it("that fails leaves a file alone which another program has filled meanwhile", function()
    local folder = temp.folder()
    local script = [[
      print(select(2, require "signalbox".open("a.db", { busy_timeout = 0 })).code)]]
    local env = { LD_PRELOAD = run.preload "on_made", ON_MADE = [[
      sqlite3 "$1" 'BEGIN EXCLUSIVE; CREATE TABLE theirs(x)' \
        '.shell touch held; while [ ! -e go ]; do sleep 0.01; done' COMMIT '.shell touch done' &
      while [ ! -e held ]; do sleep 0.01; done]] }
    local made = run { "run", "-e", script, cwd = folder, env = env }
    temp.write(folder .. "/go", "")
    assert.equal("busy\n", made.out, made.err)
    await(function() return temp.exists(folder .. "/done") end)
    assert.is_true(temp.exists(folder .. "/a.db"), "the file is gone, and what was committed to it")
  end)

  it("prints as what it is", function()
    local store, path = require("spec.support.store").open()
    assert.equal("signalbox.store (" .. path .. ")", tostring(store))
    store:close()
    assert.equal("signalbox.store (closed)", tostring(store))
  end)

  describe("mode", function()
    it("\"ro\" reads, and gives readonly for every write", function()
      local path = temp.folder() .. "/signals.db"
      local id
      do
        local store <close> = assert(signalbox.open(path))
        id = assert(store:save_signal(data.signal()))
      end
      local store <close> = assert(signalbox.open(path, { mode = "ro" }))
      assert.equal(id, store:get_signal(id).id)
      expect.failure("readonly", store:save_signal(data.signal { canonical_key = "domain:b.ai" }))
      expect.failure("readonly",
        store:save_signals { data.signal { canonical_key = "domain:b.ai" } })
      expect.failure("readonly", store:mark_queued(id))
      expect.failure("readonly", store:claim())
      expect.failure("readonly", store:save_signals {})
      expect.failure("readonly", store:save_signals(function() end))
      expect.failure("readonly", store:update_suppression_cache { data.suppression() })
      expect.failure("readonly", store:update_suppression_cache {})
      expect.failure("readonly", store:clean_expired_cache())
      expect.failure("readonly", store:begin())
      expect.failure("readonly", store:transaction(function() end))
      expect.failure("readonly", store:exec "DELETE FROM signals")
      expect.failure("readonly", store:row "DELETE FROM signals RETURNING id")
      assert.equal(1, store:get_stats().total_signals)
    end)

    it("\"rw\" writes to what is there", function()
      local path = temp.folder() .. "/signals.db"
      assert(signalbox.open(path)):close()
      local store <close> = assert(signalbox.open(path, { mode = "rw" }))
      assert(store:save_signal(data.signal()))
    end)

    it("\"rw\" and \"ro\" make nothing", function()
      for _, mode in ipairs { "rw", "ro" } do
        local path = temp.folder() .. "/signals.db"
        expect.failure("not_found", signalbox.open(path, { mode = mode }))
        assert.is_false(temp.exists(path))
      end
    end)
  end)

  describe("migrate", function()
    it("= false leaves a new file without tables, and says what makes them", function()
      local path = temp.folder() .. "/signals.db"
      local err = expect.failure("schema", signalbox.open(path, { migrate = false }))
      assert.truthy(err.message:find("migrate up", 1, true), err.message)
    end)
  end)

  describe("busy_timeout", function()
    it("is how long a write waits for another program's", function()
      local path = temp.folder() .. "/signals.db"
      local one <close> = assert(signalbox.open(path))
      local other <close> = assert(signalbox.open(path, { busy_timeout = 0.1 }))
      local transaction <close> = assert(one:begin())
      local began = signalbox.time(signalbox.now())
      expect.failure("busy", other:save_signal(data.signal()))
      local waited = signalbox.time(signalbox.now()) - began
      assert.is_true(waited >= 0.09 and waited < 3, "waited " .. waited .. " s")
      assert(transaction:rollback())
      assert(other:save_signal(data.signal()))
    end)
  end)

  describe("durability", function()
    it("is \"full\" or \"normal\"", function()
      for _, durability in ipairs { "full", "normal" } do
        local path = temp.folder() .. "/signals.db"
        local store <close> = assert(signalbox.open(path, { durability = durability }))
        assert(store:save_signal(data.signal()))
      end
    end)
  end)

  describe("suppression_ttl_days", function()
    it("is how long an entry holds that does not say it itself", function()
      local path = temp.folder() .. "/signals.db"
      local store <close> = assert(signalbox.open(path, { suppression_ttl_days = 2 }))
      assert(store:update_suppression_cache { data.suppression() })
      local entry = store:check_suppression "domain:acme.ai"
      local held = signalbox.time(entry.expires_at) - signalbox.time(entry.cached_at)
      assert.near(2 * 86400, held, 1)
    end)
  end)

  describe("with something wrong", function()
    it("refuses values out of bounds, naming the option", function()
      local path = temp.folder() .. "/signals.db"
      for field, values in pairs {
        mode = { "r", "", "RWC" },
        durability = { "off", "relaxed" },
        busy_timeout = { -1, 0 / 0, math.huge },
        suppression_ttl_days = { -1, 0 / 0, math.huge },
      } do
        for _, value in ipairs(values) do
          expect.invalid(field, signalbox.open(path, { [field] = value }))
        end
      end
      assert.is_false(temp.exists(path))
    end)

    it("raises for arguments of the wrong type", function()
      expect.each_type_but("string", function(value)
        expect.raises("bad argument #1 to 'open' (string expected",
          function() signalbox.open(value) end)
      end)
      expect.each_type_but("table", function(value)
        expect.raises("bad argument #2 to 'open' (table expected",
          function() signalbox.open("x.db", value) end)
      end)
      for field, allowed in pairs { mode = "string", durability = "string", migrate = "boolean",
        busy_timeout = "number", suppression_ttl_days = "number" } do
        expect.each_type_but(allowed, function(value)
          expect.raises(
            { "bad argument #2 to 'open'", "field '" .. field .. "': " .. allowed .. " expected" },
            function() signalbox.open("x.db", { [field] = value }) end)
        end)
      end
    end)

    it("raises for an option that does not exist", function()
      expect.raises("no such field: 'timeout'",
        function() signalbox.open("x.db", { timeout = 5 }) end)
      expect.raises("a table of named fields expected",
        function() signalbox.open("x.db", { "ro" }) end)
    end)

    it("refuses what is no file", function()
      for _, path in ipairs { ":memory:", "", "mysql://host/db", temp.folder(), "/dev/null",
        "a\0b" } do
        expect.invalid("path", signalbox.open(path))
      end
    end)

    it("refuses a file with a second name", function()
      local path = temp.folder() .. "/signals.db"
      assert(signalbox.open(path)):close()
      assert(os.execute(string.format("ln '%s' '%s.2'", path, path)))
      for _, name in ipairs { path, path .. ".2" } do
        local err = expect.invalid("path", signalbox.open(name))
        assert.truthy(err.message:find("second name", 1, true), err.message)
      end
    end)

    it("refuses a link to nothing, and makes no file there", function()
      local folder = temp.folder()
      assert(os.execute(string.format("ln -s nowhere.db '%s/link.db'", folder)))
      expect.invalid("path", signalbox.open(folder .. "/link.db"))
      assert.is_false(temp.exists(folder .. "/nowhere.db"))
    end)

    it("refuses a remote file system, and makes nothing there", function()
      local folder = temp.folder()
      local script = [[
        local _, err = require "signalbox".open "a.db"
        print(err.code, err.message)]]
      local env = { LD_PRELOAD = run.preload "remote_disk" }
      local result = run { "run", "-e", script, cwd = folder, env = env }
      assert.matches("^invalid\t.* is on a NFS file system", result.out, 1, result.err)
      assert.is_false(temp.exists(folder .. "/a.db"))
    end)

    it("says that a file is no database", function()
      expect.failure("corrupt", signalbox.open(temp.file("x.db", ("not a database\n"):rep(500))))
    end)

    it("refuses a database of something else", function()
      local path = temp.folder() .. "/other.db"
      assert(os.execute("sqlite3 " .. path .. " 'CREATE TABLE invoices(id)'"))
      expect.failure("schema", signalbox.open(path))
      expect.failure("schema", signalbox.open(path, { mode = "ro" }))
    end)

    describe("the schema is newer than the program's", function()
      local path

      before_each(function()
        path = temp.folder() .. "/signals.db"
        assert(signalbox.open(path)):close()
        assert(os.execute("sqlite3 " .. path ..
          " \"INSERT INTO schema_migrations VALUES(9999, '2030-01-01', 'from the future')\""))
      end)

      it("it refuses to write", function()
        expect.failure("schema", signalbox.open(path))
        expect.failure("schema", signalbox.open(path, { mode = "rw" }))
      end)

      it("it reads", function()
        local store <close> = assert(signalbox.open(path, { mode = "ro" }))
        assert.equal(0, store:get_stats().total_signals)
      end)
    end)

    it("says that the folder cannot be written", function()
      local folder = temp.folder()
      assert(os.execute("chmod 500 " .. folder))
      local script = string.format([[
        local _, err = require "signalbox".open(%q)
        print(err.code)]], folder .. "/signals.db")
      local lua = { "-e", script }
      if io.popen("id -u"):read "l" == "0" then -- who may do all, unless that is taken from him
        lua = { program = "/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all",
          "/usr/bin/lua5.4", "-e", script }
      end
      local result = run.lua(lua)
      assert.equal("readonly\n", result.out, result.err)
    end)
  end)
end)

describe("store:close", function()
  it("is safe to call twice", function()
    local store = require("spec.support.store").open()
    assert.is_true(store:close())
    assert.is_true(store:close())
  end)

  it("makes any later call give closed", function()
    local store = require("spec.support.store").open()
    store:close()
    expect.failure("closed", store:save_signal(data.signal()))
    expect.failure("closed", store:save_signals { data.signal() })
    expect.failure("closed", store:save_signals {})
    expect.failure("closed", store:get_signal(1))
    expect.failure("closed", store:get_pending_signals())
    expect.failure("closed", store:get_signals_for_company "domain:acme.ai")
    expect.failure("closed", store:is_duplicate "domain:acme.ai")
    expect.failure("closed", store:signals())
    expect.failure("closed", store:mark_pushed(1, "page"))
    expect.failure("closed", store:mark_rejected(1, "reason"))
    expect.failure("closed", store:mark_queued(1))
    expect.failure("closed", store:mark_failed(1, "reason"))
    expect.failure("closed", store:reopen(1))
    expect.failure("closed", store:get_processing_stats())
    expect.failure("closed", store:claim())
    expect.failure("closed", store:update_suppression_cache {})
    expect.failure("closed", store:check_suppression "domain:acme.ai")
    expect.failure("closed", store:clean_expired_cache())
    expect.failure("closed", store:get_stats())
    expect.failure("closed", store:transaction(function() end))
    expect.failure("closed", store:begin())
    expect.failure("closed", store:exec "SELECT 1")
    expect.failure("closed", store:row "SELECT 1")
    expect.failure("closed", store:rows "SELECT 1")
  end)

  it("happens at the end of the scope, and at collection", function()
    local path = temp.folder() .. "/signals.db"
    do
      local store <close> = assert(signalbox.open(path))
      assert(store:begin())
    end
    assert(signalbox.open(path)):begin()
    collectgarbage()
    collectgarbage()
    local store <close> = assert(signalbox.open(path, { busy_timeout = 0 }))
    assert(store:save_signal(data.signal()))
  end)
end)
