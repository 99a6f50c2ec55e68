-- Times as scripts see them: signalbox.now, signalbox.time, signalbox.iso. detected_at, since,
-- before and expires_at are read by the same code.
local signalbox = require "signalbox"

local time, iso = signalbox.time, signalbox.iso

-- The text of the error that a call gave.
local function refusal(value, err)
  assert.is_nil(value)
  assert.equal("invalid", err.code)
  return tostring(err)
end

describe("a time as text", function()
  it("is written in UTC with six digits: the order of texts is the order of times", function()
    for number, text in pairs {
      [0] = "1970-01-01T00:00:00.000000+00:00", [-1] = "1969-12-31T23:59:59.000000+00:00",
      [-0.000001] = "1969-12-31T23:59:59.999999+00:00", [0.5] = "1970-01-01T00:00:00.500000+00:00",
      [951782400] = "2000-02-29T00:00:00.000000+00:00", [1e9] = "2001-09-09T01:46:40.000000+00:00",
      [4107542400] = "2100-03-01T00:00:00.000000+00:00",
      [1767691466.485578] = "2026-01-06T09:24:26.485578+00:00",
      [-62135596800] = "0001-01-01T00:00:00.000000+00:00",
      [253402300799] = "9999-12-31T23:59:59.000000+00:00",
    } do
      assert.equal(text, iso(number))
      assert.equal(number, time(text))
      assert.equal(text, iso(text))
    end
  end)

  it("may have T, t or a space, any offset or none, fewer parts and more digits", function()
    for text, normal in pairs {
      ["2026-01-06"] = "2026-01-06T00:00:00.000000+00:00",
      ["2026-01-06T09:24"] = "2026-01-06T09:24:00.000000+00:00",
      ["2026-01-06 09:24Z"] = "2026-01-06T09:24:00.000000+00:00",
      ["2026-01-06T09:24:26"] = "2026-01-06T09:24:26.000000+00:00",
      ["2026-01-06 09:24:26"] = "2026-01-06T09:24:26.000000+00:00",
      ["2026-01-06t09:24:26z"] = "2026-01-06T09:24:26.000000+00:00",
      ["2026-01-06T09:24:26Z"] = "2026-01-06T09:24:26.000000+00:00",
      ["2026-01-06T09:24:26-00:00"] = "2026-01-06T09:24:26.000000+00:00",
      ["2026-01-06T09:24:26.5"] = "2026-01-06T09:24:26.500000+00:00",
      ["2026-01-06T09:24:26.485+02:00"] = "2026-01-06T07:24:26.485000+00:00",
      ["2026-01-06 09:24:26.485578+02"] = "2026-01-06T07:24:26.485578+00:00",
      ["2026-01-06T09:24:26.485578+0530"] = "2026-01-06T03:54:26.485578+00:00",
      ["2026-01-06T00:24:26-09:30"] = "2026-01-06T09:54:26.000000+00:00",
      ["2026-01-01T00:00:00+23:59"] = "2025-12-31T00:01:00.000000+00:00",
      ["2024-02-28T23:30:00-01:00"] = "2024-02-29T00:30:00.000000+00:00",
      ["0001-01-01"] = "0001-01-01T00:00:00.000000+00:00",
    } do
      assert.equal(normal, iso(text), text)
    end
  end)

  it("has its fraction cut behind the sixth digit, never rounded into the future", function()
    assert.equal("2026-01-06T23:59:59.999999+00:00", iso "2026-01-06T23:59:59.9999999Z")
    assert.equal("2026-01-06T23:59:59.123456+00:00", iso "2026-01-06T23:59:59.123456999999999999Z")
  end)

  it("is refused, and said why, where it is not a time", function()
    for text, why in pairs {
      [""] = "it does not begin with a date, YYYY-MM-DD",
      ["yesterday"] = "it does not begin with a date, YYYY-MM-DD",
      ["1767691466"] = "it does not begin with a date, YYYY-MM-DD",
      ["2026-1-6"] = "it does not begin with a date, YYYY-MM-DD",
      ["20260106T092426Z"] = "it does not begin with a date, YYYY-MM-DD",
      [" 2026-01-06"] = "it does not begin with a date, YYYY-MM-DD",
      ["+2026-01-06"] = "it does not begin with a date, YYYY-MM-DD",
      ["26-01-06"] = "it does not begin with a date, YYYY-MM-DD",
      ["0000-01-01"] = "the first year is 0001",
      ["2026-00-06"] = "months are 01 to 12",
      ["2026-13-06"] = "months are 01 to 12",
      ["2026-01-00"] = "that month has no such day",
      ["2026-02-29"] = "that month has no such day",
      ["2100-02-29"] = "that month has no such day",
      ["2026-04-31"] = "that month has no such day",
      ["2026-01-32"] = "that month has no such day",
      ["2026-01-06T"] = "no time of day HH:MM or HH:MM:SS stands behind the date",
      ["2026-01-06T9:24:26"] = "no time of day HH:MM or HH:MM:SS stands behind the date",
      ["2026-01-06  09:24:26"] = "no time of day HH:MM or HH:MM:SS stands behind the date",
      ["2026-01-06T09"] = "no time of day HH:MM or HH:MM:SS stands behind the date",
      ["2026-01-06T24:00:00"] = "hours are 00 to 23",
      ["2026-01-06T09:60:26"] = "minutes are 00 to 59",
      ["2016-12-31T23:59:60Z"] = "seconds are 00 to 59",
      ["2026-01-06T09:24:6"] = "seconds have two digits",
      ["2026-01-06T09:24:26."] = "there are no digits behind the point",
      ["2026-01-06T09:24:26.Z"] = "there are no digits behind the point",
      ["2026-01-06T09:24:26,5"] =
        "behind the time of day only an offset can stand: Z, +hh or +hh:mm",
      ["2026-01-06T09:24:26 +00:00"] =
        "behind the time of day only an offset can stand: Z, +hh or +hh:mm",
      ["2026-01-06T09:24:26 CET"] =
        "behind the time of day only an offset can stand: Z, +hh or +hh:mm",
      ["2026-01-06T09:24:26+1"] = "an offset is Z, +hh or +hh:mm",
      ["2026-01-06T09:24:26+01:"] = "an offset is Z, +hh or +hh:mm",
      ["2026-01-06T09:24:26+01:0"] = "an offset is Z, +hh or +hh:mm",
      ["2026-01-06T09:24:26+24:00"] = "offsets go up to 23:59",
      ["2026-01-06T09:24:26+01:60"] = "offsets go up to 23:59",
      ["2026-01-06Z"] = "behind the date only T or one space can stand",
      ["2026-01-06 "] = "no time of day HH:MM or HH:MM:SS stands behind the date",
      ["2026-01-06T09:24:26Z "] = "something stands behind the time",
      ["2026-01-06T09:24:26+01:00:00"] = "something stands behind the time",
      ["0001-01-01T00:00:00+00:01"] = "in UTC it lies outside the years 0001 to 9999",
      ["9999-12-31T23:59:59-00:01"] = "in UTC it lies outside the years 0001 to 9999",
    } do
      assert.equal(('text is not a time: "%s"; %s'):format(text, why), refusal(iso(text)))
      assert.equal(refusal(iso(text)), refusal(time(text)))
    end
  end)

  it("of every day of four centuries counts on from the day before", function()
    local days = 0
    for year = 1900, 2299 do
      for month = 1, 12 do
        local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
        local last = month == 2 and (leap and 29 or 28)
          or (month == 4 or month == 6 or month == 9 or month == 11) and 30 or 31
        for day = 1, last do
          local text = ("%04d-%02d-%02d"):format(year, month, day)
          local seconds = (days - 25567) * 86400
          if seconds ~= time(text) or iso(seconds):sub(1, 10) ~= text then
            assert.equal(seconds, time(text), text)
            assert.equal(text, iso(seconds):sub(1, 10))
          end
          days = days + 1
        end
        assert.is_nil((time(("%04d-%02d-%02d"):format(year, month, last + 1))))
      end
    end
    assert.equal(146097, days)
  end)
end)

describe("a time as a number", function()
  it("is a float, in seconds since 1970", function()
    assert.equal("float", math.type(time "2026-01-06T09:24:26Z"))
    assert.equal("float", math.type(time(12)))
    assert.equal(1767691466.485578, time "2026-01-06T09:24:26.485578+00:00")
    assert.equal(0.1234567, time(0.1234567))
  end)

  it("goes to text and back without the loss of a microsecond", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    math.randomseed(seed)
    for _ = 1, 5000 do
      local number = math.random(-4200000000000000, 4200000000000000) / 1000000
      assert.equal(number, time(iso(number)), ("SEED=%d"):format(seed))
    end
  end)

  it("is the nearest microsecond as text", function()
    assert.equal("1970-01-01T00:00:00.000001+00:00", iso(0.0000006))
    assert.equal("1970-01-01T00:00:00.000000+00:00", iso(0.0000004))
    assert.equal("1969-12-31T23:59:59.999999+00:00", iso(-0.0000006))
    assert.equal("1970-01-01T00:00:02.000000+00:00", iso(1.9999999))
  end)

  it("lies in the years 0001 to 9999", function()
    for _, number in ipairs { 253402300800, -62135596801, 1e300, -1e300, math.huge, -math.huge,
      0 / 0, math.maxinteger, math.mininteger } do
      assert.matches("^number is not a time: .*; seconds since 1970 lie between the years",
        refusal(iso(number)))
      refusal(time(number))
    end
  end)
end)

describe("the time", function()
  it("is now", function()
    local before, now, after = os.time(), signalbox.now(), os.time()
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%d%+00:00$", now)
    assert.is_true(before <= time(now) and time(now) < after + 1)
  end)

  it("does not run backwards between two calls", function()
    assert.is_true(signalbox.now() <= signalbox.now())
  end)

  it("is given as text or number, and anything else raises", function()
    for _, wrong in ipairs { {}, true, print } do
      assert.error_matches(function() time(wrong) end,
        "bad argument #1 to 'time' %(text or number expected, got %a+%)")
      assert.error_matches(function() iso(wrong) end,
        "bad argument #1 to 'iso' %(text or number expected, got %a+%)")
    end
    assert.error_matches(function() iso() end, "text or number expected, got no value")
  end)
end)
