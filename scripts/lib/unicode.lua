--- Two spellings of one text made the same: what a key needs of Unicode, and no more.
--
-- A company is "CAFÉ" in one source, "Café" with a combining accent in another (macOS writes file
-- names so) and "Ｃａｆé" in a third, typed on a Japanese keyboard. `fold` makes one text of the
-- three. It is not all of NFKC: ligatures, circled letters and other ornaments stay what they are,
-- since names hardly ever hold them, and the tables would be ten times the size.
--
-- The tables below are taken from the Unicode Character Database 14 (unicode.org, Unicode licence),
-- in hexadecimal, and read when the first text that is not ASCII asks for them.

local unicode = {}

-- Capital letters: first-last, "/2" where only every second is one; after the colon, how far it is
-- to the small letter.
local LOWER <const> = [[
C0-D6:32 D8-DE:32 100-12E/2:1 132-136/2:1 139-147/2:1 14A-176/2:1 178:-121 179-17D/2:1 181:210
182-184/2:1 186:206 187:1 189-18A:205 18B:1 18E:79 18F:202 190:203 191:1 193:205 194:207 196:211
197:209 198:1 19C:211 19D:213 19F:214 1A0-1A4/2:1 1A6:218 1A7:1 1A9:218 1AC:1 1AE:218 1AF:1
1B1-1B2:217 1B3-1B5/2:1 1B7:219 1B8:1 1BC:1 1C4:2 1C5:1 1C7:2 1C8:1 1CA:2 1CB-1DB/2:1 1DE-1EE/2:1
1F1:2 1F2-1F4/2:1 1F6:-97 1F7:-56 1F8-21E/2:1 220:-130 222-232/2:1 23A:10795 23B:1 23D:-163
23E:10792 241:1 243:-195 244:69 245:71 246-24E/2:1 370-372/2:1 376:1 37F:116 386:38 388-38A:37
38C:64 38E-38F:63 391-3A1:32 3A3-3AB:32 3CF:8 3D8-3EE/2:1 3F4:-60 3F7:1 3F9:-7 3FA:1 3FD-3FF:-130
400-40F:80 410-42F:32 460-480/2:1 48A-4BE/2:1 4C0:15 4C1-4CD/2:1 4D0-52E/2:1 531-556:48
10A0-10C5:7264 10C7:7264 10CD:7264 13A0-13EF:38864 13F0-13F5:8 1C90-1CBA:-3008 1CBD-1CBF:-3008
1E00-1E94/2:1 1E9E:-7615 1EA0-1EFE/2:1 1F08-1F0F:-8 1F18-1F1D:-8 1F28-1F2F:-8 1F38-1F3F:-8
1F48-1F4D:-8 1F59-1F5F/2:-8 1F68-1F6F:-8 1F88-1F8F:-8 1F98-1F9F:-8 1FA8-1FAF:-8 1FB8-1FB9:-8
1FBA-1FBB:-74 1FBC:-9 1FC8-1FCB:-86 1FCC:-9 1FD8-1FD9:-8 1FDA-1FDB:-100 1FE8-1FE9:-8
1FEA-1FEB:-112 1FEC:-7 1FF8-1FF9:-128 1FFA-1FFB:-126 1FFC:-9 2126:-7517 212A:-8383 212B:-8262
2132:28 2160-216F:16 2183:1 24B6-24CF:26 2C00-2C2F:48 2C60:1 2C62:-10743 2C63:-3814 2C64:-10727
2C67-2C6B/2:1 2C6D:-10780 2C6E:-10749 2C6F:-10783 2C70:-10782 2C72:1 2C75:1 2C7E-2C7F:-10815
2C80-2CE2/2:1 2CEB-2CED/2:1 2CF2:1 A640-A66C/2:1 A680-A69A/2:1 A722-A72E/2:1 A732-A76E/2:1
A779-A77B/2:1 A77D:-35332 A77E-A786/2:1 A78B:1 A78D:-42280 A790-A792/2:1 A796-A7A8/2:1 A7AA:-42308
A7AB:-42319 A7AC:-42315 A7AD:-42305 A7AE:-42308 A7B0:-42258 A7B1:-42282 A7B2:-42261 A7B3:928
A7B4-A7C2/2:1 A7C4:-48 A7C5:-42307 A7C6:-35384 A7C7-A7C9/2:1 A7D0:1 A7D6-A7D8/2:1 A7F5:1
10400-10427:40 104B0-104D3:40 10570-1057A:39 1057C-1058A:39 1058C-10592:39 10594-10595:39
10C80-10CB2:64 118A0-118BF:32 16E40-16E5F:32 1E900-1E921:34
]]

-- A combining mark, then each small letter that it can follow and what the two make together.
local COMPOSED <const> = [[
300 aàeèiìnǹoòuùwẁyỳâầêềôồüǜăằēḕōṑơờưừαὰεὲηὴιὶοὸυὺωὼϊῒϋῢеѐиѝἀἂἁἃἐἒἑἓἠἢἡἣἰἲἱἳὀὂὁὃὐὒὑὓὠὢὡὣ
301 aácćeégǵiíkḱlĺmḿnńoópṕrŕsśuúwẃyýzźâấåǻæǽçḉêếïḯôốõṍøǿüǘăắēḗōṓũṹơớưứαάεέηήιίοόυύωώϊΐϋΰϒϓгѓкќ
301 ἀἄἁἅἐἔἑἕἠἤἡἥἰἴἱἵὀὄὁὅὐὔὑὕὠὤὡὥ
302 aâcĉeêgĝhĥiîjĵoôsŝuûwŵyŷzẑạậẹệọộ
303 aãeẽiĩnñoõuũvṽyỹâẫêễôỗăẵơỡưữ
304 aāeēgḡiīoōuūyȳäǟæǣõȭöȫüǖǫǭȧǡȯȱαᾱιῑυῡиӣуӯḷḹṛṝ
306 aăeĕgğiĭoŏuŭȩḝαᾰιῐυῠаӑеӗжӂийуўạặ
307 aȧbḃcċdḋeėfḟgġhḣmṁnṅoȯpṗrṙsṡtṫwẇxẋyẏzżśṥšṧſẛṣṩ
308 aäeëhḧiïoötẗuüwẅxẍyÿõṏūṻιϊυϋϒϔаӓеёжӝзӟиӥоӧуӱчӵыӹэӭіїәӛөӫ
309 aảeẻiỉoỏuủyỷâẩêểôổăẳơởưử
30A aåuůwẘyẙ
30B oőuűуӳ
30C aǎcčdďeěgǧhȟiǐjǰkǩlľnňoǒrřsštťuǔzžüǚʒǯ
30F aȁeȅiȉoȍrȑuȕѵѷ
311 aȃeȇiȋoȏrȓuȗ
313 αἀεἐηἠιἰοὀρῤυὐωὠ
314 αἁεἑηἡιἱοὁρῥυὑωὡ
31B oơuư
323 aạbḅdḍeẹhḥiịkḳlḷmṃnṇoọrṛsṣtṭuụvṿwẉyỵzẓơợưự
324 uṳ
325 aḁ
326 sștț
327 cçdḑeȩgģhḩkķlļnņrŗsştţ
328 aąeęiįoǫuų
32D dḓeḙlḽnṋtṱuṷ
32E hḫ
330 eḛiḭuṵ
331 bḇdḏhẖkḵlḻnṉrṟtṯzẕ
342 αᾶηῆιῖυῦωῶϊῗϋῧἀἆἁἇἠἦἡἧἰἶἱἷὐὖὑὗὠὦὡὧ
345 άᾴήῄαᾳηῃωῳώῴἀᾀἁᾁἂᾂἃᾃἄᾄἅᾅἆᾆἇᾇἠᾐἡᾑἢᾒἣᾓἤᾔἥᾕἦᾖἧᾗὠᾠὡᾡὢᾢὣᾣὤᾤὥᾥὦᾦὧᾧὰᾲὴῂὼῲᾶᾷῆῇῶῷ
653 اآ
654 اأوؤيئہۂےۓەۀ
655 اإ
3099 うゔかがきぎくぐけげこごさざしじすずせぜそぞただちぢつづてでとどはばひびふぶへべほぼゝゞウヴカガキギクグケゲコゴサザシジスズセゼソゾタダチヂツヅテデトドハバヒビフブヘベホボワヷヰヸ
3099 ヱヹヲヺヽヾ
309A はぱひぴふぷへぺほぽハパヒピフプヘペホポ
]]

-- The same for the vowel signs of Indic scripts, which cannot be read side by side.
local SIGNS <const> = [[
928+93C=929 930+93C=931 933+93C=934 9C7+9BE=9CB 9C7+9D7=9CC B47+B3E=B4B B47+B56=B48 B47+B57=B4C
BC6+BBE=BCA BC7+BBE=BCB B92+BD7=B94 BC6+BD7=BCC C46+C56=C48 CC6+CC2=CCA CBF+CD5=CC0 CC6+CD5=CC7
CCA+CD5=CCB CC6+CD6=CC8 D46+D3E=D4A D47+D3E=D4B D46+D57=D4C DD9+DCA=DDA DDC+DCA=DDD DD9+DCF=DDC
DD9+DDF=DDE 1025+102E=1026 1B05+1B35=1B06 1B07+1B35=1B08 1B09+1B35=1B0A 1B0B+1B35=1B0C
1B0D+1B35=1B0E 1B11+1B35=1B12 1B3A+1B35=1B3B 1B3C+1B35=1B3D 1B3E+1B35=1B40 1B3F+1B35=1B41
1B42+1B35=1B43 11099+110BA=1109A 1109B+110BA=1109C 110A5+110BA=110AB 11131+11127=1112E
11132+11127=1112F 11347+1133E=1134B 11347+11357=1134C 114B9+114B0=114BC 114B9+114BA=114BB
114B9+114BD=114BE 115B8+115AF=115BA 115B9+115AF=115BB 11935+11930=11938
]]

-- What is no part of a word: punctuation, symbols, spaces, controls, and what is for private use.
local APART <const> = [[
80-A9 AB-B1 B4 B6-B8 BB BF D7 F7 2C2-2C5 2D2-2DF 2E5-2EB 2ED 2EF-2FF 375 37E 384-385 387 3F6 482
55A-55F 589-58F 5BE 5C0 5C3 5C6 5F3-60F 61B-61F 66A-66D 6D4 6DD-6DE 6E9 6FD-6FE 700-70F 7F6-7F9
7FE-7FF 830-83E 85E 888 890-891 8E2 964-965 970 9F2-9F3 9FA-9FB 9FD A76 AF0-AF1 B70 BF3-BFA C77
C7F C84 D4F D79 DF4 E3F E4F E5A-E5B F01-F17 F1A-F1F F34 F36 F38 F3A-F3D F85 FBE-FC5 FC7-FDA
104A-104F 109E-109F 10FB 1360-1368 1390-1399 1400 166D-166E 1680 169B-169C 16EB-16ED 1735-1736
17D4-17D6 17D8-17DB 1800-180A 180E 1940-1945 19DE-19FF 1A1E-1A1F 1AA0-1AA6 1AA8-1AAD 1B5A-1B6A
1B74-1B7E 1BFC-1BFF 1C3B-1C3F 1C7E-1C7F 1CC0-1CC7 1CD3 1FBD 1FBF-1FC1 1FCD-1FCF 1FDD-1FDF
1FED-1FEF 1FFD-206F 207A-207E 208A-208E 20A0-20C0 2100-2101 2103-2106 2108-2109 2114 2116-2118
211E-2123 2125 2127 2129 212E 213A-213B 2140-2144 214A-214D 214F 218A-244A 249C-24E9 2500-2775
2794-2BFF 2CE5-2CEA 2CF9-2CFC 2CFE-2CFF 2D70 2E00-2E2E 2E30-3004 3008-3020 3030 3036-3037
303D-303F 309B-309C 30A0 30FB 3190-3191 3196-319F 31C0-31E3 3200-321E 322A-3247 3250 3260-327F
328A-32B0 32C0-33FF 4DC0-4DFF A490-A4C6 A4FE-A4FF A60D-A60F A673 A67E A6F2-A716 A720-A721
A789-A78A A828-A82B A836-A839 A874-A877 A8CE-A8CF A8F8-A8FA A8FC A92E-A92F A95F A9C1-A9CD
A9DE-A9DF AA5C-AA5F AA77-AA79 AADE-AADF AAF0-AAF1 AB5B AB6A-AB6B ABEB D800-F8FF FB29 FBB2-FBC2
FD3E-FD4F FDCF FDFC-FDFF FE10-FE19 FE30-FE6B FEFF-FF0F FF1A-FF20 FF3B-FF40 FF5B-FF65 FFE0-FFFD
10100-10102 10137-1013F 10179-10189 1018C-101FC 1039F 103D0 1056F 10857 10877-10878 1091F 1093F
10A50-10A58 10A7F 10AC8 10AF0-10AF6 10B39-10B3F 10B99-10B9C 10EAD 10F55-10F59 10F86-10F89
11047-1104D 110BB-110C1 110CD 11140-11143 11174-11175 111C5-111C8 111CD 111DB 111DD-111DF
11238-1123D 112A9 1144B-1144F 1145A-1145D 114C6 115C1-115D7 11641-11643 11660-1166C 116B9
1173C-1173F 1183B 11944-11946 119E2 11A3F-11A46 11A9A-11A9C 11A9E-11AA2 11C41-11C45 11C70-11C71
11EF7-11EF8 11FD5-11FFF 12470-12474 12FF1-12FF2 13430-13438 16A6E-16A6F 16AF5 16B37-16B3F
16B44-16B45 16E97-16E9A 16FE2 1BC9C 1BC9F-1BCA3 1CF50-1D164 1D16A-1D16C 1D173-1D17A 1D183-1D184
1D18C-1D1A9 1D1AE-1D241 1D245 1D300-1D356 1D6C1 1D6DB 1D6FB 1D715 1D735 1D74F 1D76F 1D789 1D7A9
1D7C3 1D800-1D9FF 1DA37-1DA3A 1DA6D-1DA74 1DA76-1DA83 1DA85-1DA8B 1E14F 1E2FF 1E95E-1E95F 1ECAC
1ECB0 1ED2E 1EEF0-1F0F5 1F10D-1FBCA E0001-E007F F0000-10FFFD
]]

-- Invisible characters, which take part in no comparison: joiners, direction marks, selectors.
local IGNORED <const> = [[
AD 34F 61C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0
FFF0-FFF8 1BCA0-1BCA3 1D173-1D17A E0000-E0FFF
]]

local SPACES <const> = "85 A0 1680 2000-200A 2028-2029 202F 205F 3000"

-- U+FF66 to U+FF9D, half as wide as they should be.
local HALF_WIDTH_KATAKANA <const> =
  "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"

--- Calls `each(first, last, rest)` for every range of a table above.
local function each_range(text, each)
  for first, last, rest in text:gmatch "(%x+)%-?(%x*)(%S*)" do
    local from = tonumber(first, 16)
    each(from, last == "" and from or tonumber(last, 16), rest)
  end
end

-- One character beyond ASCII.
local CHARACTER <const> = "[\xC2-\xF4][\x80-\xBF]*"

--- What a character becomes; absent, it stays.
local function read_mapping()
  local char, map = utf8.char, {}
  each_range(LOWER, function(first, last, rest)
    local every, way = rest:match "^(/?2?):(-?%d+)$"
    for code = first, last, every == "" and 1 or 2 do map[char(code)] = char(code + way) end
  end)
  map["İ"] = "i\u{307}"                            -- the one capital whose small form is two
  each_range(IGNORED, function(first, last)
    for code = first, last do map[char(code)] = "" end
  end)
  each_range(SPACES, function(first, last)
    for code = first, last do map[char(code)] = " " end
  end)
  for code = 0xFF01, 0xFF5E do                     -- full-width ASCII
    map[char(code)] = char(code - 0xFEE0):lower()
  end
  local code = 0xFF66
  for _, katakana in utf8.codes(HALF_WIDTH_KATAKANA) do
    map[char(code)], code = char(katakana), code + 1
  end
  map["\u{FF9E}"], map["\u{FF9F}"] = "\u{3099}", "\u{309A}"    -- their voicing marks
  return map
end

local PAIR <const> = "(" .. utf8.charpattern .. ")(" .. utf8.charpattern .. ")"

--- By mark, then by letter: the letter with that mark.
local function read_compositions()
  local composed = {}
  local function add(mark, letter, whole)
    composed[mark] = composed[mark] or {}
    composed[mark][letter] = whole
  end
  for mark, letters in COMPOSED:gmatch "(%x+) (%S+)" do
    for letter, whole in letters:gmatch(PAIR) do
      add(tonumber(mark, 16), utf8.codepoint(letter), utf8.codepoint(whole))
    end
  end
  for letter, mark, whole in SIGNS:gmatch "(%x+)%+(%x+)=(%x+)" do
    add(tonumber(mark, 16), tonumber(letter, 16), tonumber(whole, 16))
  end
  return composed
end

--- A Korean syllable from its letters, which is arithmetic in Unicode; nil for other code points.
local function compose_hangul(before, code)
  if before >= 0x1100 and before <= 0x1112 and code >= 0x1161 and code <= 0x1175 then
    return 0xAC00 + ((before - 0x1100) * 21 + code - 0x1161) * 28
  elseif before >= 0xAC00 and before <= 0xD7A3 and (before - 0xAC00) % 28 == 0
    and code >= 0x11A8 and code <= 0x11C2 then
    return before + code - 0x11A7
  end
end

local mapping, compositions                   -- read at first use

-- The first bytes of all marks above: a text without them has nothing to compose.
local MAY_COMPOSE <const> = "[\xCC\xCD\xD9\xE0\xE1\xE3\xF0]"

local function compose(text)
  local out, n = {}, 0
  for _, code in utf8.codes(text) do
    local before = out[n]
    local with = before and compositions[code]
    local whole = with and with[before] or before and compose_hangul(before, code)
    if whole then
      out[n] = whole
    else
      n = n + 1
      out[n] = code
    end
  end
  for i = 1, n do out[i] = utf8.char(out[i]) end
  return table.concat(out)
end

--- The form that all spellings of a text share: small letters, composed, of normal width, without
--- invisible characters, every kind of space being U+0020. Folding twice changes nothing.
---@param text string
---@return string|nil folded  nil where the text is not UTF-8
function unicode.fold(text)
  local length = utf8.len(text)
  if length == #text then return text:lower() end
  if not length then return nil end
  if not mapping then mapping, compositions = read_mapping(), read_compositions() end
  text = text:lower():gsub(CHARACTER, mapping)
  return text:find(MAY_COMPOSE) and compose(text) or text
end

-- The ranges of APART, read at first use.
local apart

--- Whether a code point is a part of words. What Unicode 14 does not know counts as one, for it is
--- more likely a new script than new punctuation.
local function is_word(code)
  if not apart then
    apart = {}
    each_range(APART, function(first, last) apart[#apart + 1] = { first, last } end)
  end
  local low, high = 1, #apart
  while low <= high do
    local middle = (low + high) // 2
    local range = apart[middle]
    if code < range[1] then
      high = middle - 1
    elseif code > range[2] then
      low = middle + 1
    else
      return false
    end
  end
  return true
end

-- A space for each character that is no part of words, false for one that is.
local separators = setmetatable({}, { __index = function(self, character)
  local separator = not is_word(utf8.codepoint(character)) and " "
  self[character] = separator
  return separator
end })

--- The text with a space in place of every character beyond ASCII that is no letter, mark or digit.
---@param text string  UTF-8
---@return string
function unicode.words(text)
  return (text:gsub(CHARACTER, separators))
end

return unicode
