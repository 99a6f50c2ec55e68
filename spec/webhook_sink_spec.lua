local batches = require "spec.support.batch"
local json = require("signalbox").json
local server = require "spec.support.server"
local signalbox = require "signalbox"
local temp = require "spec.support.temp"

describe("process --sink webhook", function()
  local batch, hook

  before_each(function()
    batch = batches.new()
    hook = server.start "hooks"
    batch:save_company "domain:acme.ai"
  end)

  after_each(function() hook:stop() end)

  local function process(env)
    local all = { SIGNALBOX_WEBHOOK_URL = hook.url .. "/deals", SIGNALBOX_WEBHOOK_TOKEN = "t0ken" }
    for name, value in pairs(env or {}) do all[name] = value end
    return batch:process("--sink", "webhook", all)
  end

  local function requests()
    local list = {}
    if not temp.exists(hook.folder .. "/requests") then return list end
    for line in temp.read(hook.folder .. "/requests"):gmatch "[^\n]+" do
      list[#list + 1] = json.decode(line)
    end
    return list
  end

  --- The answers to come, each a status, and headers behind it.
  local function answers(...)
    temp.write(hook.folder .. "/answers", table.concat({ ... }, "\n"))
  end

  it("posts each company as JSON, with a key by which a repeat is known", function()
    local counts, result = process()
    assert.equal(1, counts.pushed, result.err)
    local request = requests()[1]
    assert.same({ "POST", "/deals" }, { request.method, request.path })
    assert.equal("Bearer t0ken", request.headers.authorization)
    assert.equal("application/json", request.headers["content-type"])
    local item = json.decode(request.body)
    assert.equal("domain:acme.ai", item.canonical_key)
    assert.same({ 1, 2, 3 }, item.signal_ids)
    assert.equal(item.idempotency_key, request.headers["idempotency-key"])
  end)

  it("sends it again under the same key", function()
    answers(503, 500)
    assert.equal(1, process().pushed)
    local keys = {}
    for i, request in ipairs(requests()) do keys[i] = request.headers["idempotency-key"] end
    assert.equal(3, #keys)
    assert.same({ keys[1], keys[1], keys[1] }, keys)
  end)

  for name, retry_after in pairs {
    ["in seconds"] = function() return "300" end,
    ["as a date"] = function()
      return os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 300)
    end,
  } do
    it("comes back when it is asked to, " .. name, function()
      answers(('429 "Retry-After=%s"'):format(retry_after()))
      local counts = process()
      assert.same({ 0, 1 }, { counts.pushed, counts.waiting })
      local row = batch:outbox "domain:acme.ai"
      local wait = signalbox.time(row.not_before) - signalbox.time(signalbox.now())
      assert.is_true(wait > 200 and wait <= 301, wait)
      assert.equal(0, row.attempts)
    end)
  end

  it("gives up at once what it calls wrong, and stops where the token is refused", function()
    answers(422)
    assert.equal(1, process().failed)
    batch:save_company "domain:other.ai"
    answers(401)
    local counts, result = process()
    assert.equal(1, result.status)
    assert.matches("SIGNALBOX_WEBHOOK_TOKEN", result.err)
    assert.same({ 0, 1 }, { counts.failed, counts.waiting })
  end)

  it("sends nothing of what the CRM has already", function()
    do
      local store <close> = assert(signalbox.open(batch.db))
      assert(store:update_suppression_cache { { canonical_key = "domain:acme.ai",
        notion_page_id = "page-7", status = "Funded" } })
    end
    assert.equal(1, process().pushed)
    assert.same({}, requests())
  end)

  it("sends secrets over https alone, or to a loopback address", function()
    local _, result = process { SIGNALBOX_WEBHOOK_URL = "http://example.com/" }
    assert.equal(1, result.status)
    assert.matches("must begin with https://", result.err)
    _, result = process { SIGNALBOX_WEBHOOK_URL = "" }
    assert.matches("SIGNALBOX_WEBHOOK_URL is not set", result.err)
  end)
end)
