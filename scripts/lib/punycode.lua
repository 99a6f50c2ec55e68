--- Punycode (RFC 3492): how a name with letters beyond ASCII is written in the DNS.
--
-- The ASCII letters come first, then a list of insertions: each a distance, written as a number of
-- variable length in base 36, whose digits' thresholds adapt to the distances seen so far.

local punycode = {}

local BASE <const>, MIN <const>, MAX <const> = 36, 1, 26
local SKEW <const>, DAMP <const> = 38, 700
local FIRST_BIAS <const>, FIRST_CODE <const> = 72, 128

local function adapt(delta, length, is_first)
  delta = delta // (is_first and DAMP or 2)
  delta = delta + delta // length
  local k = 0
  while delta > (BASE - MIN) * MAX // 2 do
    delta, k = delta // (BASE - MIN), k + BASE
  end
  return k + (BASE - MIN + 1) * delta // (delta + SKEW)
end

local function digit(value)
  return string.char(value < 26 and value + 0x61 or value - 26 + 0x30)
end

--- A number of variable length, its last digit being the first below its threshold.
local function append_number(out, number, bias)
  local k = BASE
  while true do
    local threshold = math.max(MIN, math.min(MAX, k - bias))
    if number < threshold then break end
    out[#out + 1] = digit(threshold + (number - threshold) % (BASE - threshold))
    number, k = (number - threshold) // (BASE - threshold), k + BASE
  end
  out[#out + 1] = digit(number)
end

--- The smallest code point that is not below `code`.
local function next_code(codes, code)
  local smallest = math.maxinteger
  for i = 1, #codes do
    if codes[i] >= code and codes[i] < smallest then smallest = codes[i] end
  end
  return smallest
end

--- Encodes one label, without the "xn--" that goes before it in a host name.
---@param label string  UTF-8
---@return string
function punycode.encode(label)
  local codes = {}
  for _, code in utf8.codes(label) do codes[#codes + 1] = code end
  local out = { (label:gsub("[\x80-\xFF]", "")) }
  local basic = #out[1]
  if basic > 0 then out[2] = "-" end

  local done, code, delta, bias = basic, FIRST_CODE, 0, FIRST_BIAS
  while done < #codes do
    local following = next_code(codes, code)
    delta, code = delta + (following - code) * (done + 1), following
    for i = 1, #codes do
      if codes[i] < code then
        delta = delta + 1
      elseif codes[i] == code then
        append_number(out, delta, bias)
        bias, delta, done = adapt(delta, done + 1, done == basic), 0, done + 1
      end
    end
    delta, code = delta + 1, code + 1
  end
  return table.concat(out)
end

return punycode
