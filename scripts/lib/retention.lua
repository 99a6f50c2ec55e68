--- Which of many dated things to keep: the rules of `forget`, as restic's and borg's.
--
-- The newest of each of the last N hours, days, ISO weeks, months and years that have any is kept,
-- and the last N of all; what one rule keeps is kept. While a rule has not found its N, the oldest
-- of all is kept too, so that a history grows to its full length. All by the calendar of UTC.
local M = {}

local SECONDS_A_DAY <const> = 86400

-- Dates ------------------------------------------------------------------------------------------

--- Days from 1970-01-01 to a day of the Gregorian calendar.
local function days_of(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
  return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    - 719468
end

local function days_in(year, month)
  return days_of(month == 12 and year + 1 or year, month % 12 + 1, 1) - days_of(year, month, 1)
end

--- The time of day that `text` begins with, and its offset from UTC; and how long they are.
local function read_clock(text)
  local hour, minute, finish = text:match "^[T_ %-]?(%d%d)[:%-h]?(%d%d)()"
  if not hour or tonumber(hour) > 23 or tonumber(minute) > 59 then return 0, 0 end
  local second, after = text:match("^[:%-]?(%d%d)()", finish)
  if second and tonumber(second) <= 60 then finish = after else second = 0 end
  finish = text:match("^[.,]%d+()", finish) or finish
  local offset = 0
  local sign, oh, om, past = text:match("^([+%-])(%d%d):?(%d%d)()", finish)
  if sign then
    offset = (math.tointeger(oh) * 60 + math.tointeger(om)) * (sign == "-" and -60 or 60)
    finish = past
  elseif text:sub(finish, finish):find "[Zz]" then
    finish = finish + 1
  end
  local seconds = tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second) - offset
  return math.tointeger(seconds), finish - 1
end

--- The first date in a name, with the time behind it where there is one: seconds since 1970, and
--- where it begins and ends. Without an offset it is UTC. nil where there is none.
---@param name string
---@return integer? time
---@return integer? first
---@return integer? last
function M.date_in(name)
  local from = 1
  while true do
    local first, last, year, month, day = name:find("(%d%d%d%d)%-?(%d%d)%-?(%d%d)", from)
    if not first then return nil end
    year, month, day = math.tointeger(year), math.tointeger(month), math.tointeger(day)
    if not name:sub(first - 1, first - 1):find "%d" and year >= 1970 and month >= 1 and month <= 12
      and day >= 1 and day <= days_in(year, month) then
      local seconds, length = read_clock(name:sub(last + 1))
      return days_of(year, month, day) * SECONDS_A_DAY + seconds, first, last + length
    end
    from = first + 1
  end
end

--- Of a time: the ISO year and week, as one number.
local function week_of(time)
  local day = time // SECONDS_A_DAY
  local thursday = day - (day + 3) % 7 + 3
  local year = tonumber(os.date("!%Y", thursday * SECONDS_A_DAY))
  return year * 100 + (thursday - days_of(year, 1, 1)) // 7 + 1
end

-- Rules ------------------------------------------------------------------------------------------

--- The rules in the order in which they are told; `slot` is the same for times that share a place.
local RULES <const> = {
  { name = "last", slot = function(_, position) return position end },
  { name = "hourly", slot = function(time) return time // 3600 end },
  { name = "daily", slot = function(time) return time // SECONDS_A_DAY end },
  { name = "weekly", slot = week_of },
  { name = "monthly", slot = function(time) return os.date("!%Y-%m", time) end },
  { name = "yearly", slot = function(time) return os.date("!%Y", time) end },
}

--- Declares --keep-last to --keep-yearly on an argparse parser.
function M.arguments(parser, convert)
  for _, rule in ipairs(RULES) do
    local about = rule.name == "last" and "keep the last N" or
      string.format("keep the newest of each of the last N %s", ({ hourly = "hours",
        daily = "days", weekly = "weeks", monthly = "months", yearly = "years" })[rule.name])
    parser:option("--keep-" .. rule.name, about):argname "<n>":convert(convert)
  end
end

--- The policy that arguments say: {last=, hourly=, ...}; nil where they keep nothing.
function M.policy(args)
  local policy, any = {}, false
  for _, rule in ipairs(RULES) do
    policy[rule.name] = args["keep_" .. rule.name] or 0
    any = any or policy[rule.name] > 0
  end
  return any and policy or nil
end

--- Says of each item why it is kept: `item.reasons`, empty where it is not. Items have a `time`.
---@param items { time: integer, reasons: string[]? }[] sorted by this, newest first
---@param policy table<string, integer>
function M.apply(items, policy)
  table.sort(items, function(a, b)
    if a.time ~= b.time then return a.time > b.time end
    return (a.key or "") > (b.key or "")
  end)
  for _, item in ipairs(items) do item.reasons = {} end
  for _, rule in ipairs(RULES) do
    local left, before = policy[rule.name] or 0, nil
    for position, item in ipairs(items) do
      if left == 0 then break end
      local slot = rule.slot(item.time, position)
      if slot ~= before then
        item.reasons[#item.reasons + 1] = rule.name
      elseif position == #items then
        item.reasons[#item.reasons + 1] = "oldest " .. rule.name
      end
      if slot ~= before or position == #items then left, before = left - 1, slot end
    end
  end
  return items
end

return M
