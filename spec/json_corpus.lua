--- Texts that are JSON and texts that are not, each with a name: what `signalbox.json.decode`, and
-- with it everything that takes `raw_data`, must accept and refuse. Cases that differ by one byte
-- are made in loops, so that none is left out.
local M = {
  accept = {}, -- in order: { name = , text = }
  reject = {},
}

local RAW <const> = [[{"repo":"acme/awesome-ml","stars":1500,"topics":["ai","devtools"],]]
  .. [["language":"Python","owner":{"login":"acme","id":1234567},"homepage":"https://acme.ai"}]]

local function accept(name, text)
  M.accept[#M.accept + 1] = { name = name, text = text }
end

local function reject(name, text)
  M.reject[#M.reject + 1] = { name = name, text = text }
end

-- Each `{ name, text }` of a list.
local function each(judge, list)
  for _, case in ipairs(list) do judge(case[1], case[2]) end
end

-- Each text of a list, named by itself.
local function plain(judge, what, list)
  for _, text in ipairs(list) do judge(what .. " " .. text, text) end
end

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- ---- Words and numbers --------------------------------------------------------------------------

plain(accept, "word", { "true", "false", "null" })
plain(reject, "word", {
  "True", "TRUE", "FALSE", "Null", "NULL", "nil", "None", "undefined", "tru", "truee", "nul",
  "nulll",
  "fals", "falsey", "t", "n", "f", "yes", "on", "true false", "truenull", "NaN", "-NaN", "nan",
  "+NaN",
  "Infinity", "-Infinity", "+Infinity", "Inf", "inf", "-inf", "infinity", "-I", "N",
})

plain(accept, "number", {
  "0", "-0", "1", "-1", "10", "1234567890", "9007199254740993", "9223372036854775807",
  "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "18446744073709551615",
  "123456789012345678901234567890", "0.0", "-0.0", "0.5", "-0.5", "1.0", "1.50",
  "3.141592653589793",
  "0.1", "0.30000000000000004", "5e-324", "1.7976931348623157e308", "1e0", "1E0", "1e1", "1E+1",
  "1e-1",
  "1e+00", "1e-00", "0e0", "0e999", "0E-999", "1e308", "1e999", "-1e999", "1e-999", "1.5e3",
  "1.5E-3",
  "1.000000000000000000000000000000000001", "1e00000000000000000000000000001",
  "2.2250738585072011e-308",
  "0.00000000000000000000000000000000000000000001", "1e99999999999999999999",
  "1e-99999999999999999999",
})
plain(reject, "number", {
  "+1", "+0", "--1", "-", "-.", ".", ".5", "-.5", "1.", "-1.", "0.", "1.e1", "1.e", "1e", "1E",
  "1e+",
  "1e-", "1E+", "1e1.5", "1e.5", "1ee1", "1e1e1", "1.2.3", "1..2", "01", "00", "-01", "-00", "007",
  "0123",
  "00.5", "0x10", "0X1F", "0b1", "0o7", "1_000", "1,000", "1 000", "1f", "1d", "1L", "10n", "1e1x",
  "0x",
  "-a", "- 1", "1 2", "1-1", "1+1", "1e 1", "1 e1", "1. 5", "0e", "-0e", "0.e1", "e1", "E1", "-e1",
  "\u{661}", "\u{ff11}", "1\u{ff0e}5", "$1", "1%", "#1", "(1)", "1;", "1/2", "1:",
})
accept("number of 400 digits", ("7"):rep(400))
accept("fraction of 2,000 digits", "0." .. ("123456789 "):rep(220):gsub(" ", "0"))
accept("exponent behind 400 zeros", "0." .. ("0"):rep(400) .. "1e401")

-- ---- Strings ------------------------------------------------------------------------------------

for code = 0x20, 0x7e do
  local byte = string.char(code)
  if byte:find '["\\/bfnrt]' then
    accept("escape \\" .. byte, '"\\' .. byte .. '"')
  elseif byte ~= "u" then
    reject("escape \\" .. byte, '"\\' .. byte .. '"')
  end
  if byte:find "%x" then
    accept("hexadecimal digit " .. byte, '"\\u00' .. byte .. '0"')
  elseif code % 3 == 0 then
    reject("hexadecimal digit " .. byte, '"\\u00' .. byte .. '0"')
  end
end
for code = 0, 0x1f do
  local name = ("%02x"):format(code)
  reject("raw control character " .. name, '"a' .. string.char(code) .. 'b"')
  accept("escaped control character " .. name, '"a\\u00' .. name .. 'b"')
end
accept("raw DEL", '"\x7f"')

each(accept, {
  { "empty string", '""' }, { "string of a space", '" "' }, { "string of a quote", [["\""]] },
  { "string of backslashes", [["\\\\"]] }, { "slash unescaped", '"a/b"' },
  { "all escapes in one", [["\"\\\/\b\f\n\r\t\u0041"]] },
  { "escapes of either case", [["\u00Aa\u00aA"]] },
  { "pair of surrogates", [["\ud83d\ude00"]] }, { "first pair", [["\ud800\udc00"]] },
  { "last pair", [["\udbff\udfff"]] }, { "high surrogate alone", [["\ud800"]] },
  { "low surrogate alone", [["\udc00"]] }, { "surrogates the wrong way round", [["\ude00\ud83d"]] },
  { "high surrogate before text", [["\ud83dx"]] },
  { "high surrogate before an escape", [["\ud83d\n"]] },
  { "high surrogate before a pair", [["\ud83d\ud83d\ude00"]] }, { "escaped NUL", [["\u0000"]] },
  { "escaped noncharacter", [["\uffff"]] }, { "escaped byte order mark", [["\ufeff"]] },
  { "string of 7 bytes", '"1234567"' }, { "string of 8 bytes", '"12345678"' },
  { "string of 9 bytes", '"123456789"' }, { "long string", '"' .. ("x"):rep(70000) .. '"' },
  { "long string of escapes", '"' .. ("\\n"):rep(5000) .. '"' },
  { "word inside of a string", '"NaN"' }, { "comment inside of a string", '"/* // #"' },
  { "brackets inside of a string", '"[{]}"' }, { "line separator", '"\u{2028}\u{2029}"' },
})
each(reject, {
  { "string without an end", '"abc' }, { "quote alone", '"' },
  { "string that ends in a backslash", '"\\' },
  { "string that ends in an escaped quote", [["\"]] }, { "string without a beginning", 'abc"' },
  { "single quotes", "'a'" }, { "backquotes", "`a`" }, { "curly quotes", "\u{201c}a\u{201d}" },
  { "bare text", "abc" }, { "escape outside of a string", "\\u0041" },
  { "strings side by side", '"a""b"' },
  { "strings joined", '"a"+"b"' }, { "escape of three digits", [["\u004"]] },
  { "escape of two digits", [["\u00"]] },
  { "escape of one digit", [["\u0"]] }, { "escape without digits", [["\u"]] },
  { "escape cut by the end", [["\u00]] },
  { "escape with a brace", [["\u{41}"]] }, { "escape with a sign", [["\u+041"]] },
  { "escape with a blank", [["\u 041"]] },
  { "escape in capital", [["\U0041"]] }, { "escape of two hexadecimal digits", [["\x41"]] },
  { "octal escape", [["\101"]] }, { "escaped line end", '"a\\\nb"' },
  { "half of a second escape", [["\ud83d\u"]] },
  { "half of a second escape with digits", [["\ud83d\ude0"]] }, { "prefixed string", 'u"a"' },
})

each(accept, (function()
  local list = {}
  for _, code in ipairs { 0x80, 0xe9, 0x7ff, 0x800, 0xfff, 0x1000, 0x4e00, 0xd7ff, 0xe000, 0xfeff,
  0xfffd,
    0xffff, 0x10000, 0x1f600, 0x3ffff, 0x40000, 0xfffff, 0x100000, 0x10ffff } do
    list[#list + 1] = { ("character U+%04X"):format(code), '"' .. utf8.char(code) .. '"' }
    list[#list + 1] = { ("key U+%04X"):format(code), '{"' .. utf8.char(code) .. '":1}' }
  end
  return list
end)())
for code = 0x80, 0xff do
  local byte = string.char(code)
  reject("byte " .. hex(byte) .. " alone", '"' .. byte .. '"')
  if code % 8 == 0 then
    reject("byte " .. hex(byte) .. " behind seven bytes", '"1234567' .. byte .. '"')
    reject("byte " .. hex(byte) .. " in a key", '{"' .. byte .. '":1}')
    reject("byte " .. hex(byte) .. " outside of a string", byte)
  end
end
for _, bytes in ipairs {
  "\xc0\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x80\xaf", "\xe0\x9f\xbf",
  "\xf0\x80\x80\x80",
  "\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80", "\xed\xa0\x80",
  "\xed\xad\xbf",
  "\xed\xae\x80", "\xed\xbf\xbf", "\xed\xa0\xbd\xed\xb8\x80", "\xf4\x90\x80\x80",
  "\xf5\x80\x80\x80",
  "\xc3", "\xc3(", "\xe2\x82", "\xe2(\xa1", "\xe2\x82(", "\xf0\x9f\x98", "\xf0(\x8c\xbc",
  "\xf0\x90(\xbc",
  "\xf0\x28\x8c\x28", "\xc3\xa9\xa9", "\xe2\x82\xac\x80", "\xff\xfe", "\xfe\xff",
} do
  reject("bytes " .. hex(bytes), '"' .. bytes .. '"')
  reject("bytes " .. hex(bytes) .. " cut by the end", '"' .. bytes)
end

-- ---- Arrays and objects -------------------------------------------------------------------------

plain(accept, "array", {
  "[]", "[ ]", "[[]]", "[[],[]]", "[1]", "[1,2]", "[ 1 , 2 ]", '["a"]', "[null]",
  "[true,false,null]",
  '[1,"a",{},[]]', "[[[[[[]]]]]]", "[{}]", "[-1]", "[1e5]", "[0]", '[""]',
})
plain(reject, "array", {
  "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1;2]", "[1:2]", '["a":1]',
  "[1,2",
  "[1,2}", "[}", "[[]", "[]]", "[1]]", "][", "[1],", ",[1]", "[1,2]]", "[a]", "[[1,2]",
  "[true false]",
  '["a" "b"]', "[1,\"a]", "[...]", "[1,NaN]", "[01]", "(1,2)", "[1/*,*/]", "[ ,]", "['a']", "[+1]",
  "[-]",
})
plain(accept, "object", {
  "{}", "{ }", '{"a":1}', '{ "a" : 1 }',
  '{"a":1,"b":2}', '{"":0}', '{"a":{}}', '{"a":[]}', '{"a":{"a":{}}}',
  '{"a":1,"a":2}', '{"a":null,"a":null}', '{"\\u0061":1,"a":2}', '{"a b":1}', '{"\\n":1}',
  '{"1":1}',
  '{"true":true}', '{"__proto__":1}', '{"a":"b"}', '{"a":-0.5e-1}',
})
plain(reject, "object", {
  "{", "}", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', "{,}", '{,"a":1}', '{"a":1,,"b":2}',
  '{"a"}',
  '{"a",}', '{"a":}', '{:1}', "{1:1}", "{a:1}", "{'a':1}", '{"a" 1}', '{"a"=1}', '{"a"::1}',
  '{"a":1:2}',
  '{"a":1 "b":2}', '{"a":1;"b":2}', '{"a":1]', "{]", '{"a":1}}', '{"a":1}{', '{{}:1}', "{null:1}",
  "{true:1}",
  '{[]:1}', '{"a":b}', '{"a":1,b:2}', '{"a":1,2}', '{"a":1,"b"}', '{"a":1,"b":}', '{"a":{"b":1}',
  '{"a":"b',
  '{"a":\'b\'}', '{...}', '{"a":undefined}', '{"a":NaN}', '{"a"\\:1}', '{"a":1,null}', '{""}',
})

-- ---- Around values ------------------------------------------------------------------------------

for name, space in pairs { blank = " ", tab = "\t", ["line feed"] = "\n",
["carriage return"] = "\r" } do
  accept(name .. " around a value", space .. "1" .. space)
  accept(name .. " everywhere", ('_{_"a"_:_[_1_,_2_]_,_"b"_:_{_}_}_'):gsub("_", space))
  reject(name .. " alone", space)
end
for code = 0, 0x1f do
  if not string.char(code):find "[\t\n\r]" then
    reject(("control character %02x before a value"):format(code), string.char(code) .. "1")
    reject(("control character %02x behind a value"):format(code), "1" .. string.char(code))
  end
end
each(reject, {
  { "nothing", "" }, { "blanks", "   " }, { "NUL", "\0" }, { "byte order mark", "\u{feff}{}" },
  { "byte order mark alone", "\u{feff}" }, { "UTF-16", "\xff\xfe{\0}\0" },
  { "UTF-16 without a mark", "[\0]\0" },
  { "no-break space", "\u{a0}1" }, { "vertical tab", "\v1" }, { "form feed", "\f1" },
  { "wide blank", "\u{3000}1" },
  { "two values", "1 2" }, { "two objects", "{} {}" }, { "two lines", "{}\n{}" }, { "comma", "," },
  { "comma behind", "1," }, { "semicolon behind", "{};" }, { "colon", ":" },
  { "text behind", "{}x" },
  { "comment behind", "{} // x" }, { "comment before", "/* x */ {}" }, { "hash comment", "{} # x" },
  { "comment in an object", '{/* x */"a":1}' }, { "end of a script", "{}</script>" },
  { "callback", "f({})" }, { "guard", ")]}'\n{}" }, { "assignment", "x={}" }, { "XML", "<a/>" },
  { "YAML", "a: 1" },
  { "Python's dict", "{'a': None}" }, { "Lua's table", "{a = 1}" },
  { "HTML page", "<!doctype html>" },
  { "escaped document", [[{\"a\":1}]] }, { "NUL behind", "{}\0" },
  { "NUL and more behind", "{}\0{}" },
})

for _, depth in ipairs { 2, 63, 64, 65, 128, 999, 1000 } do
  accept(depth .. " arrays in one another", ("["):rep(depth) .. ("]"):rep(depth))
  accept(depth .. " objects in one another", ('{"a":'):rep(depth) .. "1" .. ("}"):rep(depth))
end
accept("1000 of both in one another", ('[{"a":'):rep(500) .. "1" .. ("}]"):rep(500))
accept("deep twice", "[" .. (("["):rep(999) .. ("]"):rep(999) .. ","):rep(2) .. "0]")
for _, depth in ipairs { 1001, 1024, 5000, 100000 } do
  reject(depth .. " arrays in one another", ("["):rep(depth) .. ("]"):rep(depth))
  reject(depth .. " objects in one another", ('{"a":'):rep(depth) .. "1" .. ("}"):rep(depth))
  reject(depth .. " arrays without an end", ("["):rep(depth))
end
reject("1001 of both in one another", ('[{"a":'):rep(500) .. "[]" .. ("}]"):rep(500))

-- ---- Whole documents ----------------------------------------------------------------------------

accept("a signal's document", RAW)
accept("many members", "{" .. ('"k":0,'):rep(3000) .. '"k":1}')
accept("many elements", "[" .. ("0,"):rep(9999) .. "0]")
for size = 1, #RAW - 1 do
  if size % 2 == 1 or size > #RAW - 20 then
    reject(("a signal's document cut at byte %d"):format(size), RAW:sub(1, size))
  end
end

return M
