--- How alerts read in a message.
local M = {}

local MOST_LINES <const> = 20

--- `text` in one line and without what moves a terminal: a rule's texts can be a stranger's.
local function plain(text)
  return (tostring(text):gsub("[%c\127]+", " "):gsub("\194[\128-\159]", " "))
end

--- Labels as {team="a", zone="b"}; empty for none.
---@param labels table<string, string>
function M.labels(labels)
  local names = {}
  for name in pairs(labels) do names[#names + 1] = name end
  if #names == 0 then return "" end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = string.format('%s="%s"', name, plain(labels[name])) end
  return "{" .. table.concat(names, ", ") .. "}"
end

--- One alert in one line: "HighPending (warning): 1,200 signals are due".
function M.line(alert)
  local marks = (alert.acknowledged and " (acknowledged)" or "") ..
    (alert.flapping and " (flapping)" or "")
  local about = alert.summary and alert.summary ~= alert.name and ": " .. plain(alert.summary) or ""
  return string.format("%s%s (%s)%s%s", alert.name, M.labels(alert.labels),
    alert.severity or "warning", about, marks)
end

--- A notice in a few words: "FIRING: HighPending (warning): ...", "FIRING: 3 alerts" or "FIRING: 3
-- alerts, 1 resolved".
function M.title(notice)
  local what = notice.status == "firing" and "FIRING" or "RESOLVED"
  if notice.reason == "repeated" then what = "STILL FIRING" end
  if #notice.alerts == 1 then return what .. ": " .. M.line(notice.alerts[1]) end
  local resolved = 0
  for _, alert in ipairs(notice.alerts) do
    if alert.state == "resolved" then resolved = resolved + 1 end
  end
  local firing = #notice.alerts - resolved
  if firing == 0 or resolved == 0 then
    return string.format("%s: %d alerts", what, #notice.alerts)
  end
  return string.format("%s: %d %s, %d resolved", what, firing,
    firing == 1 and "alert" or "alerts", resolved)
end

--- A notice as lines, one an alert, the first lines of the longest ones only.
---@param escape? fun(text: string): string
function M.body(notice, escape)
  escape = escape or function(text) return text end
  local lines = {}
  for i, alert in ipairs(notice.alerts) do
    if i > MOST_LINES then
      lines[#lines + 1] = string.format("... and %d more", #notice.alerts - MOST_LINES)
      break
    end
    lines[#lines + 1] = string.format("%s  %s", alert.state:upper(), escape(M.line(alert)))
    if alert.description then lines[#lines + 1] = "    " .. escape(alert.description) end
    if alert.runbook then lines[#lines + 1] = "    " .. escape(alert.runbook) end
  end
  return table.concat(lines, "\n")
end

return M
