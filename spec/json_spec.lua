-- JSON as scripts see it: signalbox.json, signalbox.array, signalbox.null. Whatever takes raw_data
-- or metadata reads and writes by the same code.
local cjson = require "cjson"
local signalbox = require "signalbox"
local corpus = require "spec.json_corpus"
local grammar = require "spec.support.json_grammar"

local encode, decode, array, null =
  signalbox.json.encode, signalbox.json.decode, signalbox.array, signalbox.null

-- The text of the error that a call gave.
local function refusal(value, err)
  assert.is_nil(value)
  assert.equal("invalid", err.code)
  return tostring(err)
end

describe("JSON text", function()
  it("is accepted where RFC 8259 has it and refused where not, all through the corpus", function()
    local wrong = {}
    for _, verdict in ipairs { "accept", "reject" } do
      for _, case in ipairs(corpus[verdict]) do
        local value, err = decode(case.text)
        if (value ~= nil) ~= (verdict == "accept") or (err and err.code ~= "invalid") then
          wrong[#wrong + 1] = verdict .. ": " .. case.name
        end
      end
    end
    assert.same({}, wrong)
    assert.is_true(#corpus.accept + #corpus.reject >= 400)
  end)

  it("is judged as a second reading of the grammar judges it, in mutants of the corpus", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    math.randomseed(seed)
    local texts = {}
    local pieces <const> = { '"', "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", " ",
      "\\u", "null", "\xc3", "\xa9", "\xed\xa0\x80", "\0", "\n", "1", "true", '""', "d83d" }
    for _, verdict in ipairs { "accept", "reject" } do
      for _, case in ipairs(corpus[verdict]) do
        if #case.text < 300 then texts[#texts + 1] = case.text end
      end
    end
    local accepted = 0
    for _ = 1, 10000 do
      local text = texts[math.random(#texts)]
      for _ = 1, math.random(2) do
        local at = math.random(#text + 1)
        text = text:sub(1, at - 1) .. (math.random(3) > 1 and pieces[math.random(#pieces)] or "")
          .. text:sub(at + math.random(0, 1))
      end
      local is_json = grammar.accepts(text)
      accepted = accepted + (is_json and 1 or 0)
      assert.equal(is_json, decode(text) ~= nil, ("SEED=%d: %q"):format(seed, text))
    end
    assert.is_true(accepted > 500)
  end)

  it("gives the same text when it is decoded and encoded again and again", function()
    for _, case in ipairs(corpus.accept) do
      local text, err = encode(decode(case.text))
      if text then
        assert.equal(text, encode(decode(text)), case.name)
        assert.is_true(grammar.accepts(text), case.name)
      else -- legal as text, but a value that is not written
        local unwritten = err.message:find "is infinite" or err.message:find "byte %d is 0x00"
        assert.is_truthy(unwritten, case.name .. ": " .. err.message)
      end
    end
  end)

  it("is refused with the line, the column, what was expected and what is there", function()
    for text, message in pairs {
      [""] = "line 1, column 1: expected a value, found the end of the text",
      ["{\n  \"a\": 1,\n  b: 2\n}"] = "line 3, column 3: expected a key in quotes, found `b`",
      ["[1, 2"] = "line 1, column 6: expected `,` or `]`, found the end of the text",
      ['{"a" 1}'] = "line 1, column 6: expected `:` behind a key, found `1`",
      ['["\1"]'] = "line 1, column 3: expected control characters escaped, found byte 0x01",
      ['["\xff"]'] = "line 1, column 3: expected valid UTF-8, found byte 0xff",
      ["01"] = "line 1, column 1: expected a number without leading zeros, found `0`",
      ["{} x"] = "line 1, column 4: expected the end of the text, found `x`",
      ['"\\q"'] = [[line 1, column 3: expected one of " \ / b f n r t u behind a backslash, ]]
        .. "found `q`",
      [("["):rep(1001)] = "line 1, column 1001: expected at most 1000 levels of nesting, found `[`",
    } do
      assert.equal("text is not JSON: " .. message, refusal(decode(text)))
    end
  end)

  it("can have the predecessor's NaN and Infinity where that is asked for", function()
    local list = assert(decode("[NaN, Infinity, -Infinity, -1]", { lenient = true }))
    assert.are_not.equal(list[1], list[1])
    assert.same({ math.huge, -math.huge, -1 }, { list[2], list[3], list[4] })
    for _, text in ipairs { "-NaN", "Infinit", "-Infinit", "infinity", "nan", "[Na]", "+Infinity",
      "-I" } do
      refusal(decode(text, { lenient = true }))
    end
  end)

  it("must be text", function()
    assert.error_matches(function() decode(12) end, "bad argument #1 to 'decode'")
    assert.error_matches(function() decode {} end, "bad argument #1 to 'decode'")
  end)
end)

describe("a decoded value", function()
  it("keeps 64-bit integers as integers, and every other number as a float", function()
    for text, value in pairs {
      ["9007199254740993"] = 9007199254740993, ["9223372036854775807"] = math.maxinteger,
      ["-9223372036854775808"] = math.mininteger, ["9223372036854775808"] = 2.0 ^ 63,
      ["-9223372036854775809"] = -2.0 ^ 63, ["1.0"] = 1.0, ["1e2"] = 100.0, ["0"] = 0,
      ["-0"] = -0.0,
      ["1e999"] = math.huge, ["-1e999"] = -math.huge, ["1e-999"] = 0.0,
      ["0.1000000000000000055511151231257827021181583404541015625"] = 0.1,
      ["2.2250738585072011e-308"] = 2.2250738585072011e-308, ["5e-324"] = 5e-324,
      -- halfway between two doubles, just above, just below
      ["9007199254740993.0"] = 9007199254740992.0, ["9007199254740993.00001"] = 9007199254740994.0,
      ["9007199254740992.99999"] = 9007199254740992.0,
    } do
      local got = decode(text)
      assert.equal(value, got, text)
      assert.equal(math.type(value), math.type(got), text)
      assert.equal(1 / value, 1 / got, text)
    end
  end)

  it("reads a half that is decided by its 800th digit", function()
    local half = "9007199254740993." .. ("0"):rep(800)
    assert.equal(9007199254740992.0, decode(half))
    assert.equal(9007199254740994.0, decode(half .. "1"))
  end)

  it("has the last of two members with the same name", function()
    assert.same({ a = 3, b = 2 }, decode '{"a":1,"b":2,"\\u0061":3}')
  end)

  it("has all members and elements of large documents", function()
    local members, elements = {}, {}
    for i = 1, 1000 do
      members[i], elements[i] = ('"k%d":%d'):format(i, i), tostring(i)
    end
    local object = decode("{" .. table.concat(members, ",") .. "}")
    local list = decode("[" .. table.concat(elements, ",") .. "]")
    for i = 1, 1000 do
      assert.equal(i, object["k" .. i])
      assert.equal(i, list[i])
    end
    assert.equal(1000, #list)
  end)

  it("has characters for escapes, and U+FFFD for half a pair of surrogates", function()
    assert.equal('"\\/\b\f\n\r\tA\u{e9}\u{20ac}\u{1f600}',
      decode [["\"\\\/\b\f\n\r\t\u0041\u00E9\u20ac\ud83d\ude00"]])
    assert.same({ "\u{fffd}", "\u{fffd}x", "\u{fffd}\u{fffd}", "\u{fffd}\u{1f600}" },
      decode [=[["\ud800", "\udc00x", "\udc00\ud800", "\ud800\ud83d\ude00"]]=])
    assert.equal("\0", decode [["\u0000"]])
  end)

  it("has null for null, the same value that cjson has", function()
    assert.equal(null, decode "null")
    assert.equal(cjson.null, decode("[null]")[1])
  end)
end)

describe("an encoded value", function()
  it("is compact, with its keys in the order of their bytes", function()
    assert.equal('{"A":1,"a":[true,false,null],"a\\n":"x","ab":{},"abcdefgh":1,"abcdefghi":2,'
      .. '"\u{e9}":-0.5}', encode { a = { true, false, null }, ["a\n"] = "x", ab = {}, A = 1,
      abcdefghi = 2, abcdefgh = 1, ["\u{e9}"] = -0.5 })
  end)

  it("has the keys of large tables in order too", function()
    local object, keys = {}, {}
    for i = 1, 500 do
      keys[i] = ("%x"):format(i * 7919 % 65536)
      object[keys[i]] = { [keys[i]] = i }
    end
    table.sort(keys)
    local at = 0
    for key in encode(object):gmatch '"(%x+)":{' do
      at = at + 1
      assert.equal(keys[at], key)
    end
    assert.equal(500, at)
    assert.same(object, decode(encode(object)))
  end)

  it("escapes what must be escaped and nothing else", function()
    assert.equal([["\"\\/\b\f\n\r\t\u0001\u000b\u001f]] .. '\x7f\u{2028}\u{1f600}"',
      encode '"\\/\b\f\n\r\t\1\v\31\x7f\u{2028}\u{1f600}')
  end)

  it("has integers with every digit, and floats as the shortest text that is one", function()
    for _, case in ipairs {
      { math.maxinteger, "9223372036854775807" }, { math.mininteger, "-9223372036854775808" },
      { 0, "0" }, { 1.0, "1.0" }, { 0.0, "0.0" }, { -0.0, "-0.0" }, { -2.5, "-2.5" },
      { 0.1, "0.1" }, { 0.1 + 0.2, "0.30000000000000004" }, { 1 / 3, "0.3333333333333333" },
      { 0.0001, "0.0001" }, { 0.00001, "1e-05" }, { 1.5e-7, "1.5e-07" }, { 8706.36, "8706.36" },
      { 1e15, "1000000000000000.0" }, { 1e16, "1e+16" }, { 1e22, "1e+22" }, { 1e23, "1e+23" },
      { 2.0 ^ 53, "9007199254740992.0" }, { 123456789012345680.0, "1.2345678901234568e+17" },
      { 5e-324, "5e-324" }, { 2.2250738585072014e-308, "2.2250738585072014e-308" },
      { 1.7976931348623157e308, "1.7976931348623157e+308" },
    } do
      assert.equal(case[2], encode(case[1]))
    end
  end)

  it("reads back as the same float, bit for bit", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    math.randomseed(seed)
    for _ = 1, 2000 do
      local bits = math.random(0)
      local floats = { (("d"):unpack(("j"):pack(bits))), math.random(),
        math.random() * 10 ^ math.random(-6, 16), math.random(0, 1000000) / 10 ^ math.random(0, 6),
        2.0 ^ math.random(-1074, 1023) }
      for _, value in ipairs(floats) do
        if value - value == 0 then -- neither infinite nor NaN
          local text = encode(value)
          assert.equal(value, decode(text), ("SEED=%d: %a"):format(seed, value))
          assert.equal("float", math.type(decode(text)), text)
          local digits = text:gsub("e.*", ""):gsub("%D", ""):gsub("^0+", ""):gsub("0+$", "")
          local shorter = ("%%.%dg"):format(math.max(#digits - 1, 1)):format(value)
          assert.is_true(#digits < 2 or tonumber(shorter) ~= value,
            ("SEED=%d: %a is %s, which can be shorter"):format(seed, value, text))
        end
      end
    end
  end)

  it("does not depend on the locale", function()
    local before = os.setlocale()
    finally(function() os.setlocale(before) end)
    for _, name in ipairs { "de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8" } do
      os.setlocale(name)
      assert.equal('[0.5,0.30000000000000004,1.5e+300]', encode { 0.5, 0.1 + 0.2, 1.5e300 })
      assert.same({ 0.5, 0.1 + 0.2, 1.5e300 }, decode "[0.5, 0.30000000000000004, 1.5e300]")
    end
  end)

  it("is refused by the path of what JSON cannot hold", function()
    local cyclic = {}
    cyclic.again = { cyclic }
    for message, value in pairs {
      ["value is nil; JSON has null, which is signalbox.null"] = { nil },
      ["value.owner.id is a function, which JSON cannot hold"] = { { owner = { id = print } } },
      ["value[2] is a thread, which JSON cannot hold"] = { { 1, coroutine.create(print) } },
      ["value.file is a userdata, which JSON cannot hold"] = { { file = io.stdout } },
      ["value[1].x is not a number, which JSON cannot hold"] = { { { x = 0 / 0 } } },
      ["value is infinite, which JSON cannot hold"] = { math.huge },
      ['value["first name"] is not UTF-8 text without NUL: byte 2 is 0xff'] =
        { { ["first name"] = "a\xff" } },
      ["value.a is not UTF-8 text without NUL: byte 3 is 0x00"] = { { a = "xy\0z" } },
      ['value["?"] has a key that is not UTF-8 text without NUL'] = { { ["\xff"] = 1 } },
      ["value.list has both text keys and others"] = { { list = { 1, 2, n = 2 } } },
      ["value.list is an array with holes; fill them with signalbox.null"] =
        { { list = { 1, nil, 3 } } },
      ["value has a key that is neither text nor 1 to n"] = { { [0] = 1 } },
      ["value.x has a key that is neither text nor 1 to n"] = { { x = { [true] = 1 } } },
      ["value.x has a key that is neither text nor 1 to n "] = { { x = { [1.5] = 1 } } },
      ["value is marked as an array but has text keys"] = { array { a = 1 } },
      ["value.p is an object with __pairs; copy its fields to a plain table"] =
        { { p = setmetatable({}, { __pairs = next }) } },
    } do
      assert.equal((message:gsub(" $", "")), refusal(encode(value[1])))
    end
    assert.matches("^value%.%.%..*is nested more than 1000 deep, or contains itself$",
      refusal(encode(cyclic)))
  end)

  it("can be nested 1,000 deep, and no deeper", function()
    local function nested(depth)
      local value = 1
      for i = 1, depth do value = i % 2 == 0 and { value } or { a = value } end
      return value
    end
    local text = encode(nested(1000))
    assert.equal(text, encode(decode(text)))
    refusal(encode(nested(1001)))
  end)

  it("may share tables, which are written each time", function()
    local shared = { 1 }
    assert.equal('{"a":[1],"b":[1]}', encode { a = shared, b = shared })
  end)

  it("is there even of a sequence that was filled from its end", function()
    local list = {}
    for i = 40, 1, -1 do list[i] = i end
    assert.same(list, decode(encode(list)))
    assert.equal("[1,2,3]", encode { [3] = 3, [1] = 1, [2] = 2 })
  end)

  it("ignores what a metatable would give", function()
    assert.equal('{"a":1}', encode(setmetatable({ a = 1 }, { __index = { b = 2 } })))
  end)
end)

describe("an array", function()
  it("is written as [] when it is marked and empty", function()
    assert.equal('{"a":[],"b":{},"c":[1]}', encode { a = array {}, b = {}, c = array { 1 } })
    assert.equal("[]", encode(array()))
  end)

  it("stays an array when a decoded one is emptied", function()
    local value = decode '{"empty":[],"full":[1],"object":{}}'
    table.remove(value.full)
    assert.equal('{"empty":[],"full":[],"object":{}}', encode(value))
  end)

  it("is the table that was given, which has no other metatable", function()
    local list = { 1, 2 }
    assert.equal(list, array(list))
    assert.equal(list, array(list))
    assert.error_matches(function() array(setmetatable({}, {})) end, "another metatable")
    assert.error_matches(function() array "x" end, "bad argument #1 to 'array'")
  end)
end)
