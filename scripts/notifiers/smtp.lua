-- Mail.
--
--     { "smtp", url = "smtp://mail.example.com:587", from = "signalbox@example.com",
--       to = { "ops@example.com" }, user = "signalbox", password = env "MAIL_PASSWORD" }
--
-- smtp:// turns to TLS where it is offered, and sends nothing without it but to this machine;
-- smtps:// begins with it. The certificate must be one that the system trusts, or be named by
-- `ca_file`; only a server on this machine that is told no password needs none.
local log <const> = require "signalbox.log"
local signalbox <const> = require "signalbox"
local text <const> = require "signalbox.alert_text"

local BASE64 <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(plain)
  local encoded = plain:gsub("..?.?", function(part)
    local a, b, c = part:byte(1, 3)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    local digits = {}
    for i = 1, 4 do
      local digit = (bits >> (24 - 6 * i)) & 63
      digits[i] = i <= #part + 1 and BASE64:sub(digit + 1, digit + 1) or "="
    end
    return table.concat(digits)
  end)
  return encoded
end

--- A header's text where it isn't plain ASCII: RFC 2047, in words that are not too long.
local function header_text(plain)
  plain = plain:gsub("%c", " ")
  if not plain:find "[\128-\255]" and #plain <= 900 then return plain end
  local words, word = {}, ""
  for _, code in utf8.codes(plain) do
    local letter = utf8.char(code)
    if #word + #letter > 42 then
      words[#words + 1], word = word, ""
    end
    word = word .. letter
  end
  words[#words + 1] = word
  for i, part in ipairs(words) do words[i] = "=?UTF-8?B?" .. base64(part) .. "?=" end
  return table.concat(words, "\r\n ")
end

local function date(iso)
  return os.date("!%a, %d %b %Y %H:%M:%S +0000", signalbox.time(iso) // 1 | 0)
end

--- The whole mail. The same notice gives the same Message-ID, so that a mail that was sent twice is
-- shown once.
local function compose(options, notice)
  local host = options.from:match "@([%w.-]+)" or "localhost"
  local body = base64(text.body(notice) .. "\n"):gsub(("."):rep(76), "%0\r\n")
  return table.concat({
    "From: " .. options.from,
    "To: " .. table.concat(options.to, ", "),
    "Subject: " .. header_text(text.title(notice)),
    "Date: " .. date(notice.at),
    string.format("Message-ID: <%s@%s>", notice.id, host),
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    body,
    "",
  }, "\r\n")
end

local function check_address(address, what)
  if type(address) ~= "string" or not address:find "^[^%c%s<>,]+@[^%c%s<>,]+$" then
    error(what .. " is no mail address: " .. tostring(address), 0)
  end
end

-- Refusals that a person can end: without a login, or with a wrong one.
local LOGIN <const> = { [530] = true, [534] = true, [535] = true, [538] = true }

return {
  about = "mail, by SMTP",
  options = { url = "text", from = "text", to = "text_or_names", user = "text", password = "text",
    ca_file = "text" },
  blocks = true,

  prepare = function(options)
    if type(options.url) ~= "string" or not options.url:find "^smtps?://[^/]" then
      error("url is no smtp:// or smtps:// address", 0)
    end
    if type(options.to) == "string" then options.to = { options.to } end
    check_address(options.from, "from")
    if type(options.to) ~= "table" or #options.to == 0 then error("to names nobody", 0) end
    for _, address in ipairs(options.to) do check_address(address, "to") end
  end,

  send = function(options, notice)
    local smtp <const> = require "signalbox.smtp"
    local sent, problem, code = smtp.send { url = options.url, from = options.from,
      to = options.to, user = options.user, password = options.password,
      ca_file = options.ca_file, timeout = options.timeout, message = compose(options, notice) }
    if not sent then
      return nil, problem, { away = code < 400 or code == 421,
        final = code >= 500 and not LOGIN[code] }
    end
    for address, answer in pairs(problem or {}) do
      log.error("a mail went to the others alone, for one address was refused",
        { address = address, error = answer })
    end
    return true
  end,
}
