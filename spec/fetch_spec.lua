local run = require "spec.support.run"
local server = require "spec.support.server"
local signalbox = require "signalbox"

describe("signalbox.fetch", function()
  local web

  setup(function() web = server.start "web" end)
  teardown(function() web:stop() end)

  --- What `code` gives, run with a client of the server: its values as an array.
  local function try(code, env)
    local variables = { SIGNALBOX_HTTP_BACKOFF = "0.01" }
    for name, value in pairs(env or {}) do variables[name] = value end
    local result = run { "run", "-e", string.format([[
      local signalbox = require "signalbox"
      local fetch = require "signalbox.fetch"
      local client = fetch.client { name = "The server", rate = 1000, secret = "MY_TOKEN" }
      local web = %q
      local function ask(path, request)
        request = request or {}
        request.url = web .. path
        local response, problem = client:request(request)
        return response and response.status or problem.code, problem and problem.message
      end
      local function take() %s end
      local values = table.pack(take())
      for i = 1, values.n do if values[i] == nil then values[i] = signalbox.null end end
      values.n = nil
      print(signalbox.json.encode(signalbox.array(values)))]], web.url, code), env = variables }
    assert.equal(0, result.status, result.err)
    return signalbox.json.decode(result.out)
  end

  it("tries again what another attempt may change, and gives up in the end", function()
    assert.same({ 200 }, try [[return (ask "/flaky/a/3")]])
    local code, message = table.unpack(try [[return ask "/status/503"]])
    assert.same({ "unavailable", "The server answers 503" }, { code, message })
  end)

  it("does not repeat a write that may have been done", function()
    for _, status in ipairs { 500, 503, 409, 520 } do
      assert.same({ "unavailable" }, try(string.format(
        [[return (ask("/flaky/b%d/1?status=%d", { method = "POST" }))]], status, status)))
    end
    assert.same({ 200 }, try [[return (ask "/flaky/c/1?status=520")]])
    assert.same({ 200 }, try [[return (ask("/flaky/d/1?status=500",
      { method = "POST", repeatable = true }))]])
    assert.same({ 200 }, try [[return (ask("/flaky/e/2?status=429", { method = "POST" }))]])
  end)

  it("takes a refusal for final, and names the variable with the credentials", function()
    local code, message = table.unpack(try [[return ask "/status/401"]])
    assert.equal("invalid", code)
    assert.truthy(message:find("MY_TOKEN", 1, true), message)
    assert.same({ 404 }, try [[return (ask("/status/404", { expect = { [404] = true } }))]])
  end)

  it("waits as long as the server asks, and says until when where that is too long", function()
    local seconds = try [[
      local start = signalbox.time(signalbox.now())
      ask("/status/429?retry_after=1", { attempts = 2 })
      return signalbox.time(signalbox.now()) - start]][1]
    assert.is_true(seconds >= 0.9 and seconds < 3, seconds)
    local message = try([[return ask "/status/429?retry_after=100000"]])[2]
    assert.truthy(message:find("allows no more requests until", 1, true), message)
  end)

  it("waits between attempts also where the server says that it need not", function()
    for _, asked in ipairs { "0", "-5", "Sat,%2022%20Aug%202020%2012:00:00%20GMT" } do
      local seconds = try(string.format([[
        local start = signalbox.time(signalbox.now())
        ask("/status/429?retry_after=%s", { attempts = 3 })
        return signalbox.time(signalbox.now()) - start]], asked),
        { SIGNALBOX_HTTP_BACKOFF = "0.2" })[1]
      assert.is_true(seconds >= 0.3, asked .. ": " .. seconds)
    end
  end)

  it("says so where a limit does not end, or not in anybody's time", function()
    assert.same({ "unavailable", "The server still limits requests after 2 attempts" },
      try [[return ask("/status/429", { attempts = 2 })]])
    local code, message = table.unpack(try [[return ask "/status/429?retry_after=1e300"]])
    assert.same({ "unavailable", "The server still limits requests after 6 attempts" },
      { code, message })
    message = try([[return ask "/status/503?retry_after=99999999999999999999"]])[2]
    assert.truthy(message:find("until the end of the calendar", 1, true), message)
  end)

  it("shares a server's rate, limits and rest among all that ask it", function()
    assert.same({ true, true, true, "unavailable" }, try [[
      local function client() return fetch.client { name = "It", rate = 20 } end
      local start = signalbox.time(signalbox.now())
      for _ = 1, 5 do client():request { url = web .. "/ok" } end
      local slow = signalbox.time(signalbox.now()) - start >= 0.19
      ask("/status/503?retry_after=0.3", { attempts = 1 })
      start = signalbox.time(signalbox.now())
      client():request { url = web:gsub("http", "HTTP") .. "/ok" }
      local waited = signalbox.time(signalbox.now()) - start >= 0.2
      for _ = 1, 3 do client():request { url = web .. "/hangup", attempts = 1 } end
      local _, problem = client():request { url = web .. "/ok" }
      return slow, waited, problem.message:find("it has a rest", 1, true) ~= nil, problem.code]])
  end)

  it("asks a server whose limits it does not know no faster than the setting says", function()
    local seconds = try([[
      client.rate = nil
      local start = signalbox.time(signalbox.now())
      for _ = 1, 5 do ask "/ok" end
      return signalbox.time(signalbox.now()) - start]], { SIGNALBOX_HTTP_RATE = "20" })[1]
    assert.is_true(seconds >= 0.19, seconds)
  end)

  it("goes no faster than its rate, whoever asks", function()
    local seconds = try [[
      client.rate = 20
      local start = signalbox.time(signalbox.now())
      for _ = 1, 10 do signalbox.spawn(ask, "/ok") end
      signalbox.wait()
      return signalbox.time(signalbox.now()) - start]][1]
    assert.is_true(seconds >= 0.44, seconds)
  end)

  it("gives a server that fails again and again a rest", function()
    local result = try [[
      for _ = 1, 3 do ask("/hangup", { attempts = 2 }) end
      return ask "/ok"]]
    assert.equal("unavailable", result[1])
    assert.truthy(result[2]:find("it has a rest", 1, true), result[2])
  end)

  it("takes JSON that is cut short, and what is no JSON, for a failure", function()
    for _, path in ipairs { "/ok", "/truncated" } do
      local result = try(string.format([[
        local value, problem = client:json { url = %q, attempts = 2 }
        return value, problem.code, problem.message]], web.url .. path))
      assert.equal("unavailable", result[2])
    end
  end)

  it("reads the times that servers name by their own clock", function()
    local seconds = try [[return fetch.retry_after { headers = {
      date = "Sat, 22 Aug 2026 12:00:00 GMT",
      ["retry-after"] = "Sat, 22 Aug 2026 12:00:07 GMT" } }, fetch.retry_after { headers = {} }]]
    assert.same({ 7, signalbox.null }, seconds)
  end)

  it("builds addresses, and finds the next one", function()
    assert.same({ "http://x/?a=1%202&b=%C3%A9", "http://x/?z&a=1" }, try [[
      return fetch.url("http://x/", { b = "é", a = "1 2" }), fetch.url("http://x/?z", { a = 1 })]])
    for link, next in pairs {
      ['<http://x/1>; rel="prev", <http://x/2>; rel="next"'] = "http://x/2",
      ['<http://x/1>; rel="last prev"; title="a, b", <http://x/2>; title="c, <d>"; REL=Next'] =
        "http://x/2",
      ['</p?page=2>;rel="next"'] = "https://api.example/p?page=2",
      ["<?page=2>; rel=next"] = "https://api.example/v1/repos?page=2",
      ["<issues?page=2>; rel=next"] = "https://api.example/v1/issues?page=2",
      ["<//other.example/2>; rel=next"] = "https://other.example/2",
      ['<http://x/1>; title="rel=next"'] = signalbox.null,
      ["nonsense"] = signalbox.null,
    } do
      assert.same({ next }, try(string.format([[return fetch.next_link {
        url = "https://api.example/v1/repos?page=1", headers = { link = %q } }]], link)))
    end
  end)
end)
