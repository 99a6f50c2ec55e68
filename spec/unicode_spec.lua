local excerpt = require "signalbox.excerpt"
local punycode = require "signalbox.punycode"
local unicode = require "signalbox.unicode"

describe("unicode.fold", function()
  local function expect_folded(rows)
    for _, row in ipairs(rows) do assert.equal(row[2], unicode.fold(row[1]), row[1]) end
  end

  it("gives small letters, in every script that has two kinds", function()
    expect_folded {
      { "ACME", "acme" }, { "ÜBER", "über" }, { "ООО", "ооо" }, { "ΩΜΕΓΑ", "ωμεγα" }, { "ẞ", "ß" },
      { "ԱԲԳ", "աբգ" }, { "Ÿ", "ÿ" }, { "Ǆ", "ǆ" }, { "\u{1E921}", "\u{1E943}" }, { "K", "k" },
    }
  end)

  it("puts letters and their marks together", function()
    expect_folded {
      { "cafe\u{301}", "café" }, { "CAFE\u{301}", "café" }, { "A\u{302}\u{301}", "ấ" },
      { "Tie\u{302}\u{301}ng Vie\u{323}\u{302}t", "tiếng việt" }, { "\u{438}\u{306}", "й" },
      { "か\u{3099}", "が" }, { "\u{1112}\u{1161}\u{11AB}", "한" }, { "İ", "i\u{307}" },
    }
  end)

  it("makes wide and narrow forms the common ones", function()
    expect_folded { { "Ａｃｍｅ１", "acme1" }, { "ｱｸﾒｶﾞ", "アクメガ" }, { "a\u{3000}b\u{A0}c", "a b c" } }
  end)

  it("drops what nobody sees", function()
    expect_folded { { "ac\u{200B}m\u{AD}e\u{FE0F}\u{FEFF}", "acme" }, { "\u{202E}acme", "acme" } }
  end)

  it("is nil for what is not UTF-8", function()
    for _, text in ipairs { "caf\xE9", "\x80", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80" } do
      assert.is_nil(unicode.fold(text))
    end
  end)

  it("changes nothing when done twice", function()
    local changed = {}
    for code = 0x80, 0x1FFFF do
      local once = unicode.fold(utf8.char(code))
      if once and once ~= unicode.fold(once) then
        changed[#changed + 1] = ("U+%04X"):format(code)
      end
    end
    assert.same({}, changed)
  end)
end)

describe("unicode.words", function()
  it("keeps letters, marks and digits, and makes all else beyond ASCII a space", function()
    assert.equal("über 株式会社 हिन्दी ٣ a,b", unicode.words "über—株式会社、हिन्दी™٣ a,b")
    assert.equal("rocket   lab", unicode.words "rocket 🚀 lab")
  end)
end)

describe("punycode.encode", function()
  it("gives what RFC 3492 lists as samples", function()
    for _, sample in ipairs {
      { "他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye" },
      { "pročprostěnemluvíčesky", "proprostnemluvesky-uyb24dma41a" },
      { "почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l" },
      { "3年b組金八先生", "3b-ww4c5e180e575a65lsy2b" },
      { "-> $1.00 <-", "-> $1.00 <--" },
    } do
      assert.equal(sample[2], punycode.encode(sample[1]))
    end
  end)
end)

describe("an excerpt", function()
  it("is whole characters on one line, whatever the bytes", function()
    for _, row in ipairs {
      { "no", 9, "no" }, { "a\r\nb", 9, "a b" }, { "ééé", 5, "éé" }, { "ééé", 6, "ééé" },
      { "x☃", 3, "x" }, { "☃", 2, "" }, { "a\xc3", 9, "a?" }, { "\xff\xfe☃\0", 9, "??☃ " },
      { "\x80\x80\x80\x80", 2, "" }, { "", 5, "" },
    } do
      assert.equal(row[3], excerpt(row[1], row[2]))
    end
  end)
end)
