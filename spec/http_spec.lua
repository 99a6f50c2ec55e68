local expect = require "spec.support.expect"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local server = require "spec.support.server"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

local CERTIFICATE <const> = paths.root .. "/spec/support/servers/loopback.pem"

describe("signalbox.http", function()
  local web

  setup(function() web = server.start "web" end)
  teardown(function() web:stop() end)

  local function get(path, options)
    local request = { url = path:find "^http" and path or web.url .. path }
    for name, value in pairs(options or {}) do request[name] = value end
    return signalbox.http(request)
  end

  --- What /echo saw of a request.
  local function echo(path, options)
    return signalbox.json.decode(assert(get(path, options)).body)
  end

  it("gives status, headers, body and the address that answered", function()
    local response = get "/ok"
    assert.equal(200, response.status)
    assert.equal("ok", response.body)
    assert.equal("text/plain", response.headers["content-type"])
    assert.equal(web.url .. "/ok", response.url)
  end)

  it("takes any status as an answer", function()
    local response = get "/status/503?retry_after=7"
    assert.equal(503, response.status)
    assert.equal("status 503", response.body)
    assert.equal("7", response.headers["retry-after"])
  end)

  it("sends method, headers, body and credentials", function()
    local seen = echo("/echo?q=1", {
      method = "PATCH", body = '{"a":1}',
      headers = { ["Content-Type"] = "application/json", ["X-Mine"] = "yes" },
      auth = { bearer = "token" },
    })
    assert.equal("PATCH", seen.method)
    assert.equal("/echo?q=1", seen.path)
    assert.equal('{"a":1}', seen.body)
    assert.equal("application/json", seen.headers["content-type"])
    assert.equal("yes", seen.headers["x-mine"])
    assert.equal("Bearer token", seen.headers.authorization)
    assert.truthy(seen.headers["user-agent"]:find "^signalbox/")

    seen = echo("/echo", { auth = { user = "me", password = "pw" } })
    assert.equal("Basic bWU6cHc=", seen.headers.authorization)
  end)

  it("is GET alone, and POST with a body of no type of its own", function()
    assert.equal("GET", echo("/echo").method)
    local seen = echo("/echo", { body = "x" })
    assert.equal("POST", seen.method)
    assert.is_nil(seen.headers["content-type"])
    assert.equal("", get("/ok", { method = "HEAD" }).body)
  end)

  it("joins a header that comes twice", function()
    assert.equal("one, two", get("/echo").headers["x-twice"])
  end)

  it("uses a connection again", function()
    local first = echo("/echo").connection
    for _ = 1, 3 do assert.equal(first, echo("/echo").connection) end
  end)

  it("unpacks what is compressed, and counts it unpacked", function()
    assert.equal(("x"):rep(100000), get("/gzip/100000").body)
    expect.failure("invalid", get("/gzip/100000", { max_size = 5000 }))
  end)

  it("has ten requests under way at once, on one thread", function()
    local left = 100
    local function work()
      while left > 0 do
        left = left - 1
        assert(get "/delay/100")
      end
    end
    local start, cpu = signalbox.time(signalbox.now()), os.clock()
    for _ = 1, 10 do signalbox.spawn(work) end
    signalbox.wait()
    local seconds = signalbox.time(signalbox.now()) - start
    assert.is_true(seconds < 2, seconds .. " s")
    assert.is_true(os.clock() - cpu < 0.3 * seconds)
  end)

  describe("redirected", function()
    it("follows, as a browser would", function()
      assert.equal(web.url .. "/ok", get("/redirect?to=/ok").url)
      assert.equal("GET", echo("/redirect?to=/echo", { body = "x" }).method)
      assert.equal("", echo("/redirect?to=/echo", { body = "x" }).body)
      local seen = echo("/redirect?status=307&to=/echo",
        { body = "x", headers = { ["X-Mine"] = "y" } })
      assert.same({ "POST", "x", "y" }, { seen.method, seen.body, seen.headers["x-mine"] })
    end)

    it("takes no secret to another host", function()
      local elsewhere = "http://localhost:" .. web.port .. "/echo"
      local seen = echo("/redirect?to=" .. elsewhere, {
        auth = { bearer = "secret" },
        headers = { ["X-Api-Key"] = "secret", Cookie = "secret", Accept = "text/plain" },
      })
      assert.equal("text/plain", seen.headers.accept)
      assert.is_nil(seen.headers.authorization)
      assert.is_nil(seen.headers.cookie)
      assert.is_nil(seen.headers["x-api-key"])
    end)

    it("stops in a circle, and at what is not the web", function()
      local err = expect.failure("invalid", get "/redirect/loop")
      assert.truthy(err.message:find("redirects too often", 1, true), err.message)
      for _, target in ipairs { "file:///etc/passwd", "gopher://127.0.0.1/" } do
        err = expect.failure("invalid", get("/redirect?to=" .. target))
        assert.truthy(err.message:find("no http or https address", 1, true), err.message)
      end
    end)

    it("gives the redirect itself where max_redirects is 0", function()
      local response = get("/redirect?to=/ok", { max_redirects = 0 })
      assert.same({ 302, "elsewhere" }, { response.status, response.body })
    end)
  end)

  it("says in a plain sentence what went wrong, without what may be secret", function()
    for path, part in pairs {
      ["/drip?key=secret"] = "no whole answer in time",
      ["/truncated?key=secret"] = "ended before the whole body had come",
      ["/hangup?key=secret"] = "closed without an answer",
      ["/garbage?key=secret"] = "does not speak HTTP",
      ["http://127.0.0.1:1/?key=secret"] = "nothing answers there",
      ["http://no-such-host.invalid/?key=secret"] = "the host's name is not known",
    } do
      local err = expect.failure("unavailable", get(path, { timeout = 0.5, proxy = "" }))
      assert.truthy(err.message:find(part, 1, true), err.message)
      assert.falsy(err.message:find("secret", 1, true), err.message)
    end
  end)

  it("refuses what is no request", function()
    for _, url in ipairs { "", "example.com", "file:///etc/passwd", "ftp://x/", "http://a\r\nb/" }
    do
      expect.invalid("url", signalbox.http { url = url })
    end
    expect.invalid("method", get("/ok", { method = "GET /x" }))
    expect.invalid("headers", get("/ok", { headers = { ["X-A"] = "b\r\nX-C: d" } }))
    expect.invalid("headers", get("/ok", { headers = { ["X A"] = "b" } }))
    expect.raises("there is no option 'timout'", get, "/ok", { timout = 1 })
    expect.raises("timeout must be a number", get, "/ok", { timeout = "1" })
    expect.raises("url is missing", signalbox.http, {})
  end)

  it("sends a secret over https or to this machine, and nowhere else", function()
    for _, options in ipairs {
      { auth = { bearer = "secret" } }, { auth = { user = "secret" } },
      { headers = { authorization = "secret" } },
    } do
      for _, host in ipairs { "example.com", "127.0.0.1.example.invalid", "127.evil.invalid",
        "localhost.example.invalid" } do
        local err = expect.failure("invalid", get("http://" .. host .. "/", options))
        assert.truthy(err.message:find("a secret goes over https", 1, true), err.message)
      end
    end
    local err = expect.failure("invalid", get "http://me:secret@example.com/")
    assert.truthy(err.message:find("a secret goes over https", 1, true), err.message)
    assert.falsy(err.message:find("me:secret", 1, true), err.message)
    for _, host in ipairs { "127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "me:p@127.1:1" }
    do
      expect.failure("unavailable", get("http://" .. host .. "/", { auth = { bearer = "secret" } }))
    end
  end)

  describe("with a proxy", function()
    local proxy

    before_each(function() proxy = server.start "proxy" end)
    after_each(function() proxy:stop() end)

    local function seen() return proxy:control "/requests" end

    --- Status or error code of a request by a program that has the proxy in its environment.
    local function ask(url, fields)
      local result = run { "run", "-e", string.format([[
        local response, err = require "signalbox".http { url = %q, timeout = 5, %s }
        print(response and response.body or err.code)]], url, fields or ""),
        env = { http_proxy = proxy.url, https_proxy = proxy.url } }
      assert.equal(0, result.status, result.err)
      return (result.out:gsub("\n$", ""))
    end

    it("goes by way of it, and keeps this machine's own servers out of its sight", function()
      assert.equal("by the proxy", ask "http://somewhere.invalid/path")
      assert.equal("GET http://somewhere.invalid/path", seen()[1].line)
      assert.equal("ok", ask(web.url .. "/ok"))
      assert.equal("ok", ask(web.url .. "/ok", 'auth = { bearer = "secret" }'))
      assert.equal(1, #seen())
      assert.equal("by the proxy", get("/ok", { proxy = proxy.url }).body)
    end)

    it("shows it no secret", function()
      local elsewhere = web.url:gsub("//", "//me:secret@")
      for _, options in ipairs { { auth = { bearer = "secret" } }, { auth = { user = "secret" } },
        { url = elsewhere .. "/ok" } } do
        options.proxy = proxy.url
        assert.equal("ok", get("/ok", options).body)
      end
      assert.same({}, seen())
    end)

    it("speaks to a secure server through it", function()
      local secure <close> = server.start("web", { CERTIFICATE }, { scheme = "https" })
      local response = assert(get(secure.url .. "/echo", { proxy = proxy.url,
        ca_file = CERTIFICATE, auth = { bearer = "secret" } }))
      assert.truthy(response.body:find("Bearer secret", 1, true))
      assert.equal("CONNECT 127.0.0.1:" .. secure.port, seen()[1].line)
      assert.is_nil(seen()[1].headers.authorization)
    end)
  end)

  it("trusts a server whose certificate it can verify, and no other", function()
    local secure <close> = server.start("web", { CERTIFICATE }, { scheme = "https" })
    local err = expect.failure("unavailable", get(secure.url .. "/ok"))
    assert.truthy(err.message:find("certificate is not trusted", 1, true), err.message)
    assert.equal("ok", assert(get(secure.url .. "/ok", { ca_file = CERTIFICATE })).body)
  end)

  describe("with on_data", function()
    it("hands a body on piece by piece, at the pace of the function", function()
      local size, pieces = 0, 0
      local response = signalbox.spawn(get, "/bytes/3000000", { on_data = function(piece)
        signalbox.sleep(0.001)
        size, pieces = size + #piece, pieces + 1
      end }):wait()
      assert.equal(200, response.status)
      assert.is_nil(response.body)
      assert.equal(3000000, size)
      assert.is_true(pieces > 3)
    end)

    it("ends where the function raises", function()
      expect.raises("enough", get, "/drip", { on_data = function() error "enough" end })
    end)

    it("keeps an error page apart", function()
      local response = get("/status/404", { on_data = function() error "never" end })
      assert.same({ 404, "status 404" }, { response.status, response.body })
    end)
  end)

  describe("with file", function()
    it("gives the file its name when all of it is there", function()
      local path = temp.folder() .. "/body"
      assert.equal(200, get("/bytes/3000000", { file = path }).status)
      assert.equal(3000000, #temp.read(path))
      assert.is_false(temp.exists(path .. ".part"))
    end)

    it("leaves nothing behind of what failed, and no error page", function()
      local path = temp.folder() .. "/body"
      expect.failure("unavailable", get("/truncated", { file = path }))
      assert.equal("status 500", get("/status/500", { file = path }).body)
      assert.is_false(temp.exists(path))
      assert.is_false(temp.exists(path .. ".part"))
      expect.failure("io", get("/ok", { file = "/no/such/folder/body" }))
    end)
  end)

  it("is broken off at once when its task is cancelled", function()
    local task = signalbox.spawn(get, "/drip")
    signalbox.sleep(0.05)
    local start = signalbox.time(signalbox.now())
    task:cancel()
    expect.failure("interrupted", task:wait())
    assert.is_true(signalbox.time(signalbox.now()) - start < 0.2)
  end)
end)
