-- Documents on their way into a store: what is taken, and how the rest is refused.
local await = require "spec.support.await"
local data = require "spec.support.data"
local expect = require "spec.support.expect"
local paths = require "spec.support.paths"
local run = require "spec.support.run"
local signalbox = require "signalbox"
local stores = require "spec.support.store"
local temp = require "spec.support.temp"

local AT <const> = "2026-01-06T09:24:26.485578+00:00"

--- A signal's record; `fields` are laid over it, false takes one away.
local function record(fields)
  local made = {
    id = 1, signal_type = "a", source_api = "b", canonical_key = "domain:a.io", confidence = 0.5,
    raw_data = "{}", detected_at = AT, created_at = AT,
  }
  for name, value in pairs(fields or {}) do
    if value == false then made[name] = nil else made[name] = value end
  end
  return made
end

--- The predecessor's document, or with `members` laid over it.
local function document(members)
  local made = {
    exported_at = AT, schema_version = 4, signals = { record() }, processing = signalbox.array {},
    suppression_cache = signalbox.array {},
  }
  for name, value in pairs(members or {}) do
    if value == false then made[name] = nil else made[name] = value end
  end
  return assert(signalbox.json.encode(made))
end

--- The export of any store.
local function exported(store, options)
  local path = temp.folder() .. "/exported"
  local file <close> = assert(io.open(path, "wb"))
  assert(store:export(file, options))
  file:close()
  return temp.read(path)
end

--- Our own export of a store with two signals.
local function own_document()
  local store <close> = stores.open()
  assert(store:save_signals(data.signals(2)))
  return exported(store)
end

local function import(store, text, options)
  return store:import(temp.file("document.json", text), options)
end

describe("an import", function()
  it("gives a signal another number where another signal has its own, and says so", function()
    local store <close> = stores.open()
    local taken = assert(store:save_signal(data.signal()))
    local report = assert(import(store, document {
      signals = { record { id = taken }, record { id = 7, canonical_key = "domain:b.io" } },
      processing = { { signal_id = taken, status = "pushed", notion_page_id = "p" } },
    }))
    assert.equal(1, report.renumbered)
    assert.same({ { from = taken, to = 2 } }, report.mapped)
    assert.equal("domain:b.io", store:get_signal(7).canonical_key)
    assert.equal("pushed", store:get_signal(2).status)
    assert.equal("pending", store:get_signal(taken).status)
  end)

  it("maps the signals of a decision with their numbers", function()
    local store <close> = stores.open()
    assert(store:save_signal(data.signal()))
    assert(import(store, document { decisions = { {
      canonical_key = "domain:a.io", decided_at = AT, as_of = AT, decision = "hold",
      signal_ids = "[1, 5]",
    } } }))
    assert.equal("[2,5]", store:row "SELECT signal_ids FROM decisions".signal_ids)
  end)

  it("leaves what is here already as it is", function()
    local store <close> = stores.open()
    local text = document { processing = { { signal_id = 1, status = "pending" } } }
    assert(import(store, text))
    assert(store:mark_pushed(1, "page"))
    local report = assert(import(store, text))
    assert.same({ added = 0, skipped = 2 }, { added = report.added, skipped = report.skipped })
    assert.equal("page", store:get_signal(1).notion_page_id)
  end)

  it("takes processing before the signals it speaks of, from a file", function()
    local store <close> = stores.open()
    assert(import(store, '{"processing":[{"signal_id":1,"status":"rejected"}],' ..
      '"schema_version":4,"signals":[' .. signalbox.json.encode(record()) .. ']}'))
    assert.equal("rejected", store:get_signal(1).status)
  end)

  it("takes lines of processing before the signals they speak of, from a file", function()
    local store <close> = stores.open()
    local lines = { '{"schema_version":4}' }
    for i = 1, 20 do
      lines[#lines + 1] = signalbox.json.encode { processing = { signal_id = i,
        status = "rejected" } }
    end
    for i = 1, 20 do
      lines[#lines + 1] = signalbox.json.encode { signals = record { id = i,
        source_api = "s" .. i } }
    end
    local text = table.concat(lines, "\n")
    assert.equal(40, assert(import(store, text)).added)
    assert.equal(20, store:get_processing_stats().rejected)
    assert.equal(0, assert(import(store, text)).added)
    local piped = run { "import", "-", temp.folder() .. "/new.db", stdin = text }
    assert.equal(0, piped.status, piped.err) -- a file at standard input
    piped = run.program("/bin/sh", { "-c", "cat | " .. run.quote(paths.program) .. " import - " ..
      temp.folder() .. "/new.db", stdin = text })
    assert.equal(1, piped.status)
    assert.matches("not through a pipe", piped.err, 1, true)
  end)

  it("brings every time to the form that is stored, so that one moment is one signal", function()
    local store <close> = stores.open()
    local text = document {
      signals = { record { detected_at = "2026-01-06T10:24:26.485578+01:00",
        created_at = "2026-01-06T09:24:26Z" } },
      suppression_cache = { { canonical_key = "domain:a.io", notion_page_id = "p", status = "x",
        cached_at = "2026-01-06 09:00", expires_at = "2999-01-06T00:00:00" } },
    }
    assert(import(store, text))
    assert.equal(AT, store:get_signal(1).detected_at)
    assert.equal("2026-01-06T09:24:26.000000+00:00", store:get_signal(1).created_at)
    assert.equal("2999-01-06T00:00:00.000000+00:00",
      store:check_suppression("domain:a.io").expires_at)
    expect.failure("duplicate", store:save_signal {
      signal_type = "a", source_api = "b", canonical_key = "domain:a.io", confidence = 1,
      raw_data = {}, detected_at = AT,
    })
    assert.equal(0, assert(import(store, text)).added)
  end)

  it("keeps two signals of one moment that a predecessor's document tells apart", function()
    local text = document {
      signals = { record { id = 3, detected_at = "2026-01-07T10:00:00" },
        record { id = 20, detected_at = "2026-01-07T10:00:00+00:00" } },
      processing = { { signal_id = 3, status = "rejected" },
        { signal_id = 20, status = "pushed", notion_page_id = "page" } },
    }
    local store <close> = stores.open()
    assert.equal(4, assert(import(store, text)).added)
    assert.equal("rejected", store:get_signal(3).status)
    assert.equal("page", store:get_signal(20).notion_page_id)
    assert.equal(0, assert(import(store, text)).added)
    assert.equal(2, store:get_stats().total_signals)
    local other <close> = stores.open() -- the same where the numbers are taken
    assert(other:save_signals(data.signals(30)))
    assert.equal(2, assert(import(other, text)).renumbered)
    assert.equal(0, assert(import(other, text)).added)
    assert.equal(32, other:get_stats().total_signals)
  end)

  it("makes queued signals pending whose delivery is not in the outbox here", function()
    local function queued(state)
      local store, path = stores.open()
      assert(store:save_signal(data.signal { source_api = state }))
      assert(store:mark_queued(1))
      assert(store:exec([[
        INSERT INTO outbox(sink, canonical_key, version, payload, signal_ids, state, not_before,
          created_at, updated_at)
        VALUES ('file', 'domain:acme.ai', 1, '{}', '[1]', ?1, ?2, ?2, ?2)]], state, AT))
      return store, path
    end
    local source <close> = queued "ready"
    local target <close> = queued "sent"
    assert(target:mark_pushed(1, "page"))
    local text = exported(source)
    local report = assert(import(target, text))
    assert.equal(1, report.reopened)
    assert.same({ "pushed", "pending" }, { target:get_signal(1).status,
      target:get_signal(2).status })
    assert.equal(1, #target:claim())
    assert.equal(0, assert(import(target, text)).added)
    local fresh <close> = stores.open()
    assert.equal(0, assert(import(fresh, text)).reopened)
    assert.equal("queued", fresh:get_signal(1).status)
  end)

  it("replaces a suppression entry that has expired here by one that holds", function()
    local store <close> = stores.open()
    local entry = data.suppression { expires_at = "2020-01-01" }
    assert(store:update_suppression_cache { entry })
    local text = document { suppression_cache = { { canonical_key = entry.canonical_key,
      notion_page_id = "new", status = "Lost", cached_at = AT, expires_at = "2999-01-01" } } }
    assert.equal(1, assert(import(store, text)).tables.suppression_cache.added)
    assert.equal("new", store:check_suppression(entry.canonical_key).notion_page_id)
    assert.equal(0, assert(import(store, text)).added)
    assert.equal(1, store:get_stats().active_suppression_entries)
  end)

  it("leaves out processing rows of signals that are gone, of a document of ours", function()
    local path = require "spec.support.predecessor".database(4)
    require "spec.support.predecessor".python([[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("DELETE FROM signals WHERE id = 3")
db.execute("UPDATE signals SET confidence = 1.05 WHERE id = 1")
db.commit()]], path)
    local source <close> = assert(signalbox.open(path))
    local text = exported(source)
    local store <close> = stores.open()
    local report = assert(import(store, text))
    assert.same({ true, 1, 1 }, { report.checked, report.orphans, report.clamped })
    assert.equal(1, store:get_signal(1).confidence)
    assert.is_nil(store:get_signal(3))
    assert.equal(0, assert(import(store, text)).added)
  end)

  it("takes whatever raw_data save_signal takes, which has a bound", function()
    local longest = '"' .. ("\\n"):rep((32 << 19) - 1) .. '"'
    assert.equal(32 << 20, #longest)
    local store <close> = stores.open()
    assert(store:save_signal(data.signal { raw_data = longest }))
    local text = exported(store)
    expect.invalid("raw_data", store:save_signal(data.signal { raw_data = longest .. " " }))
    store:close()
    local copy <close> = stores.open()
    assert(import(copy, text))
    assert.equal(longest, copy:get_signal(1).raw_json)
  end)

  it("drops what it doesn't know only when told to", function()
    local text = document { future = { a = { 1 } }, signals = { record { mood = "good" } } }
    local store <close> = stores.open()
    local err = expect.failure("invalid", import(store, text))
    assert.matches("--ignore-unknown", err.message, 1, true)
    assert.equal(1, assert(import(store, text, { ignore_unknown = true })).added)
  end)

  it("writes nothing in a dry run, and reports the same", function()
    local store <close> = stores.open()
    local report = assert(import(store, document(), { dry_run = true }))
    assert.equal(1, report.added)
    assert.equal(0, store:get_stats().total_signals)
  end)

  it("names the line, the table and the record of what breaks a rule", function()
    local store <close> = stores.open()
    local err = expect.invalid("confidence", import(store,
      '{"schema_version":4,"signals":[\n' .. signalbox.json.encode(record()) .. ",\n" ..
      signalbox.json.encode(record { id = 2, confidence = 2, canonical_key = "domain:b.io" }) ..
      "]}"))
    assert.matches("line 3, signals record 2: confidence is 2", err.message, 1, true)
    assert.equal(2, err.detail.index)
  end)

  it("of a predecessor's NaN keeps the text, which save_signal refuses", function()
    local store <close> = stores.open()
    assert(import(store, document { signals = { record { raw_data = '{"x": NaN}' } } }))
    assert.equal('{"x": NaN}', store:get_signal(1).raw_json)
    expect.invalid("raw_data", store:save_signal(data.signal { raw_data = '{"x": NaN}' }))
  end)
end)

-- Documents that are none ----------------------------------------------------------------------

local malformed = {}

local function add(name, text)
  malformed[#malformed + 1] = { name, text }
end

local own = own_document()
local VALUES <const> = {
  ["a boolean"] = true, ["a number"] = 17, ["a string"] = "x", ["an object"] = { x = 1 },
  ["an array"] = { 1 }, ["a huge number"] = 1e300,
}

add("nothing", "")
add("white space", " \n\t ")
add("a binary", "\0\1\2\255")
for at = 1, #own - 3, math.max(1, #own // 60) do
  add("cut after " .. at .. " bytes", own:sub(1, at))
end
for _, text in ipairs {
  "null", "[]", "17", '"x"', "{", "}", "{}", "[{}]", "{} {}", "{,}", '{"a"}',
} do
  add(text, text)
end
for _, name in ipairs { "exported_at", "schema_version", "signals", "processing",
  "suppression_cache", "company_holds" } do
  for kind, value in pairs(VALUES) do add(name .. " as " .. kind, document { [name] = value }) end
end
for _, name in ipairs { "id", "signal_type", "source_api", "canonical_key", "company_name",
  "confidence", "raw_data", "detected_at", "created_at" } do
  for kind, value in pairs(VALUES) do
    local right = kind == "a number" and name == "id" or
      kind == "a string" and (name:find "type$" or name:find "api$" or name:find "key$" or
        name:find "name$")
    if not right then
      add(name .. " of a signal as " .. kind, document { signals = { record { [name] = value } } })
    end
  end
  if name ~= "id" and name ~= "company_name" then
    add("a signal without " .. name, document { signals = { record { [name] = false } } })
    add("a signal with an empty " .. name, document { signals = { record { [name] = "" } } })
  end
end
for _, row in ipairs {
  { status = "pending" }, { signal_id = 1 }, { signal_id = 2, status = "pending" },
  { signal_id = 1, status = "lost" }, { signal_id = 1, status = "pending", metadata = "{" },
  { signal_id = 1, status = "pending", processed_at = "soon" },
  { signal_id = "1", status = "pushed" },
} do
  add("a processing row " .. signalbox.json.encode(row), document { processing = { row } })
end
for _, version in ipairs { 0, 5, 999, 1000, 9999, -1, 1.5 } do
  add("schema_version " .. version, document { schema_version = version })
end
for _, number in ipairs {
  "1e999", "-0.1", "1.1", "NaN", "1" .. ("0"):rep(400), "01", "1.", "+1",
} do
  add("a confidence of " .. number:sub(1, 9), (document():gsub('"confidence":0.5',
    '"confidence":' .. number)))
end
for _, number in ipairs { "0", "-1", "9007199254740993", "9223372036854775807" } do
  add("a number of a signal that is " .. number, (document():gsub('"id":1', '"id":' .. number)))
  add("a number of an entry that is " .. number, document { decisions = { { id =
    math.tointeger(tonumber(number)), canonical_key = "a", decided_at = AT, as_of = AT,
    decision = "hold", signal_ids = "[]" } } })
end
for _, bytes in ipairs { { hex = "f" }, { hex = "zz" }, { hex = 1 }, { hex = "00", more = 1 },
  { text = "a" } } do
  add("a name of bytes as " .. signalbox.json.encode(bytes),
    document { signals = { record { company_name = bytes } } })
end
add("a key of no bytes", document { signals = { record { canonical_key = { hex = "" } } } })
add("a state of the outbox that there is not", document { outbox = { { sink = "file",
  canonical_key = "a", version = 1, payload = "{}", signal_ids = "[]", state = "lost",
  attempts = 0, not_before = AT, fence = 0, created_at = AT, updated_at = AT } } })
for _, ids in ipairs { "1", "{}", "[1", '["1"]', "[1] x", "[[1]]" } do
  add("numbers of signals as " .. ids, document { decisions = { { canonical_key = "a",
    decided_at = AT, as_of = AT, decision = "hold", signal_ids = ids } } })
end
for _, last in ipairs { "-1", "9007199254740993", '"3"', "null" } do
  add("a last number of " .. last, (own:gsub('"last_signal_id":2', '"last_signal_id":' .. last)))
end
add("another last number", (own:gsub('"last_signal_id":2', '"last_signal_id":3')))
add("a key twice", (document():gsub('"confidence"', '"confidence":1,"confidence"')))
add("a table twice", (document():gsub('"signals"', '"signals":[],"signals"')))
add("a word twice", (document():gsub('"schema_version"', '"schema_version":4,"schema_version"')))
add("a number for two signals", document { signals = { record(), record { source_api = "c" } } })
add("bytes that are no UTF-8", (document():gsub("domain:a.io", "domain:\xff.io")))
add("a NUL", (document():gsub("domain:a.io", "domain:\\u0000.io")))
add("a raw line feed in a string", (document():gsub("domain:a.io", "domain:\n.io")))
add("a record nested too deep", document { signals = { record { raw_data = ("["):rep(1001) ..
  ("]"):rep(1001) } } })
add("a value nested too deep", '{"schema_version":4,"signals":[' .. ("["):rep(5000) ..
  ("]"):rep(5000) .. "]}")
add("something behind it", document() .. "x")
add("a comma too much", (document():gsub("%]", ",]", 1)))
add("counts that are wrong", (own:gsub('"counts":{"signals":2', '"counts":{"signals":3')))
add("counts of what isn't there", (own:gsub('"counts":{', '"counts":{"sheep":3,')))
add("another checksum", (own:gsub('"checksum":"....', '"checksum":"0000')))
add("no checksum", (own:gsub(',%s*"checksum":"[^"]*"', "")))
add("another format", (own:gsub('"format":1', '"format":2')))
add("one record fewer", (own:gsub('    {"id":2.-\n', "", 1)))

describe("a document that is none", function()
  local store, path = stores.open()
  assert(store:save_signal(data.signal()))
  local before = temp.folder() .. "/before.json"
  assert.equal(0, run { "export", path, before }.status)

  it("comes in more than two hundred forms", function()
    assert.truthy(#malformed >= 200, #malformed)
  end)

  for _, case in ipairs(malformed) do
    it("is refused, and changes nothing: " .. case[1]:gsub("%c", "?"), function()
      local report, err = import(store, case[2])
      assert.is_nil(report, "it was taken")
      assert.equal("invalid", err.code, tostring(err))
      assert.truthy(#err.message > 10)
      assert.truthy(utf8.len(err.message), "the message is no text")
    end)
  end

  it("leaves the store as it was", function()
    local after = temp.folder() .. "/after.json"
    assert.equal(0, run { "export", path, after }.status)
    local function content(file) return (temp.read(file):gsub('"exported_at":"[^"]*"', "")) end
    assert.equal(content(before), content(after))
  end)
end)

describe("an export that was laid out anew", function()
  it("is the same document: its checksum is of what the records say", function()
    local decoded = signalbox.json.decode(own_document())
    local store <close> = stores.open()
    assert.is_true(assert(import(store, signalbox.json.encode(decoded))).checked)
  end)

  it("may have keys of a later program, where those are to be ignored", function()
    local decoded = signalbox.json.decode(own_document())
    decoded.signals[1].colour, decoded.later, decoded.counts.later = { "red" }, { 1 }, 1
    local text = signalbox.json.encode(decoded)
    local store <close> = stores.open()
    assert.is_nil((import(store, text)))
    local report = assert(import(store, text, { ignore_unknown = true }))
    assert.same({ true, true }, { report.checked, report.dropped })
  end)

  it("with rows of a later program's table has a sum that can't be looked at", function()
    local decoded = signalbox.json.decode(own_document())
    decoded.later, decoded.counts.later = { { a = 1 } }, 1
    decoded.checksum = ("0"):rep(32)
    local store <close> = stores.open()
    local report = assert(import(store, signalbox.json.encode(decoded), { ignore_unknown = true }))
    assert.same({ false, true }, { report.checked, report.dropped })
  end)
end)

describe("an export that was changed on purpose", function()
  it("is taken without its format, and so without its checksum", function()
    local text = own_document():gsub('"format":1,', "", 1):gsub('"confidence":0.8',
      '"confidence":0.75')
    local store <close> = stores.open()
    assert.is_false(assert(import(store, text)).checked)
    assert.equal(0.75, store:get_signal(1).confidence)
  end)
end)

describe("signalbox import", function()
  it("makes the database, reports, and adds nothing the second time", function()
    local folder = temp.folder()
    temp.write(folder .. "/in.json", document())
    local result = run { "import", folder .. "/in.json", folder .. "/new.db" }
    assert.equal(0, result.status, result.err)
    assert.matches("signals +1 +0", result.out)
    local again = run { "import", folder .. "/in.json", folder .. "/new.db", "--json" }
    assert.same({ 0, 1 }, { signalbox.json.decode(again.out).added,
      signalbox.json.decode(again.out).skipped })
  end)

  it("reads from stdin, and makes no database for a dry run or for no document", function()
    local folder = temp.folder()
    local dry = run { "import", "-", folder .. "/new.db", "--dry-run", stdin = document() }
    assert.equal(0, dry.status, dry.err)
    assert.is_false(temp.exists(folder .. "/new.db"))
    assert.equal(1, run { "import", folder .. "/none.json", folder .. "/new.db" }.status)
    assert.is_false(temp.exists(folder .. "/new.db"))
    local piped = run.program("/bin/sh", { "-c", "cat | " .. run.quote(paths.program) ..
      " import - " .. folder .. "/new.db", stdin = document() })
    assert.equal(0, piped.status, piped.err)
  end)

  it("names the command that reads what is no export", function()
    local folder = temp.folder()
    for name, text in pairs { ["signals.csv"] = "signal_type,source_api\nt,s\n",
      ["signals.ndjson"] = '{"signal_type":"t","source_api":"s"}\n' } do
      temp.write(folder .. "/" .. name, text)
      local result = run { "import", folder .. "/" .. name, folder .. "/new.db" }
      assert.equal(1, result.status)
      assert.matches("\n  signalbox collect file reads signals of other sources", result.err)
    end
  end)

  it("leaves nothing where the document is none", function()
    local folder = temp.folder()
    temp.write(folder .. "/bad.json", document { signals = { record { confidence = 7 } } })
    for _, document_path in ipairs { folder .. "/bad.json", folder, folder .. "/none" } do
      local result = run { "import", document_path, folder .. "/new.db" }
      assert.equal(1, result.status)
    end
    assert.equal("bad.json\n", run.program("/bin/ls", { folder }).out)
  end)

  it("in a dry run names all that would be refused, and moves no schema", function()
    local folder = temp.folder()
    temp.write(folder .. "/in.json", document { signals = { record { confidence = 7 },
      record { id = 2, source_api = "c" }, record { id = 3, detected_at = "soon" } } })
    local result = run { "import", folder .. "/in.json", folder .. "/new.db", "--dry-run" }
    assert.equal(1, result.status)
    assert.matches("signals +1 +0 +2", result.out)
    assert.matches("refused: line 1, signals record 1: confidence is 7", result.out, 1, true)
    assert.matches("refused: line 1, signals record 3: detected_at", result.out, 1, true)
    local old = require "spec.support.predecessor".database(2)
    local before = temp.read(old)
    temp.write(folder .. "/in.json", document())
    result = run { "import", folder .. "/in.json", old, "--dry-run" }
    assert.equal(1, result.status)
    assert.matches("migrate up", result.err, 1, true)
    assert.equal(before, temp.read(old))
  end)

  it("says how many signals got another number beyond those it shows", function()
    local store <close>, path = stores.open()
    assert(store:save_signals(data.signals(15)))
    local signals = {}
    for i = 1, 12 do signals[i] = record { id = i, source_api = "s" .. i } end
    local out = run { "import", temp.file("in.json", document { signals = signals }), path }.out
    assert.matches("12 signals got a new number", out, 1, true)
    assert.matches("and 2 more", out, 1, true)
  end)

  it("waits for a slow pipe without keeping others from writing, and ends by Ctrl-C", function()
    local store <close>, path = stores.open { busy_timeout = 0.1 }
    local folder = temp.folder()
    assert(os.execute("mkfifo " .. folder .. "/slow"))
    local process = run.start { "import", folder .. "/slow", path }
    local slow <close> = assert(io.open(folder .. "/slow", "w")) -- luacheck: ignore slow
    require("system").sleep(0.2)
    assert(store:save_signal(data.signal()))
    process.kill "INT"
    assert.equal(130, process.wait(10).status)
    assert(store:save_signal(data.signal { source_api = "again" }))
  end)

  it("reads a named pipe from beginning to end", function()
    local folder = temp.folder()
    assert(os.execute("mkfifo " .. folder .. "/pipe"))
    local process = run.start { "import", folder .. "/pipe", folder .. "/new.db" }
    do
      local pipe <close> = assert(io.open(folder .. "/pipe", "w"))
      assert(pipe:write((document())))
    end
    local result = process.wait(10)
    assert.equal(0, result.status, result.err)
    assert.matches("signals +1 +0", result.out)
  end)

  it("refuses the database's own files as documents, unopened: that would drop its locks",
    function()
      local store <close>, path = stores.open()
      assert(store:save_signal(data.signal()))
      local transaction <close> = assert(store:begin())
      assert(store:save_signal(data.signal { source_api = "b" }))
      for _, name in ipairs { path, path .. "-wal" } do
        local err = expect.failure("invalid", store:import(name))
        assert.matches("a database that is open here", err.message, 1, true)
      end
      local other = run { "run", "-e", string.format([[
        local store = assert(require "signalbox".open(%q, { busy_timeout = 0.1 }))
        print(select(2, store:exec "DELETE FROM signals").code)]], path) }
      assert.equal("busy\n", other.out, other.err)
      assert(transaction:commit())
    end)

  it("refuses a value beyond the bound as well from a file as through a pipe", function()
    local folder = temp.folder()
    temp.write(folder .. "/long.json", '{"schema_version":4,"signals":[{"raw_data":"' ..
      ("x"):rep(66 << 20) .. '"}]}')
    for _, command in ipairs { "%s import long.json new.db", "cat long.json | %s import - a.db" } do
      local result = run.program("/bin/sh", { cwd = folder, "-c",
        command:format(run.quote(paths.program)) })
      assert.equal(1, result.status)
      assert.matches("a value longer than 65 MiB", result.err, 1, true)
    end
  end)

  it("refuses a string of a gigabyte without the memory for it", function()
    local folder = temp.folder()
    local result = run.program("/bin/sh", { timeout = 60, "-c", run.limit_memory(400000) ..
      [[; (printf '{"schema_version":4,"signals":[{"raw_data":"'; ]] ..
      [[head -c 1073741824 /dev/zero | tr '\0' x) | ]] ..
      run.quote(paths.program) .. " import - " .. folder .. "/new.db" })
    assert.equal(1, result.status)
    assert.matches("line 1: a value longer than 65 MiB", result.err, 1, true)
  end)

  it("killed at any moment leaves the database as it was", function()
    local folder = temp.folder()
    local big <close> = stores.open { durability = "normal" }
    assert(big:save_signals(data.signals(20000)))
    local file <close> = assert(io.open(folder .. "/big.json", "wb"))
    assert(big:export(file))
    file:close()
    local store <close>, path = stores.open()
    assert(store:save_signal(data.signal()))
    for delay = 1, 5 do
      local process = run.start { "import", folder .. "/big.json", path }
      require("system").sleep(0.03 * delay)
      process.kill()
      process.wait(30)
      local total = store:get_stats().total_signals
      assert.truthy(total == 1 or total == 20001, total)
      assert.equal(total, store:row "SELECT count(*) AS n FROM signals".n)
      if total > 1 then break end
    end
    assert.equal(0, run { "validate", path }.status)
  end)

  it("killed while it makes a database makes none, and keeps no other from it", function()
    local folder = temp.folder()
    local big <close> = stores.open { durability = "normal" }
    assert(big:save_signals(data.signals(20000)))
    temp.write(folder .. "/big.json", exported(big))
    local process = run.start { "import", folder .. "/big.json", folder .. "/new.db" }
    await(function()
      return temp.exists(folder .. "/new.db.part-1") or not process.is_running()
    end)
    process.kill()
    process.wait(30)
    os.remove(folder .. "/new.db")
    local result = run { "import", folder .. "/big.json", folder .. "/new.db" }
    assert.equal(0, result.status, result.err)
    assert.equal("big.json\nnew.db\n", run.program("/bin/ls", { folder }).out)
    assert.equal(0, run { "validate", folder .. "/new.db" }.status)
  end)
end)
