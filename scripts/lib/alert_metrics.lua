--- Figures of the store and of its alerts in Prometheus' text format, for a scrape of a file or for
-- node_exporter's textfile collector (no time stamps, one family in one piece, written whole).
local cli <const> = require "signalbox.cli"
local signalbox <const> = require "signalbox"
local alert_book <const> = require "signalbox.alert_book"
local alert_check <const> = require "signalbox.alert_check"
local alert_store <const> = require "signalbox.alert_store"
local rules <const> = require "signalbox.rules"

local M = {}

local function escape(text)
  return (text:gsub('[\\"\n]', { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }))
end

local function number(value)
  return math.type(value) == "integer" and tostring(value) or string.format("%.17g", value)
end

--- Appends one family; samples are {labels=, value=}. Without samples it is left out.
local function family(lines, name, about, samples)
  if #samples == 0 then return end
  lines[#lines + 1] = string.format("# HELP %s %s", name, about)
  lines[#lines + 1] = string.format("# TYPE %s gauge", name)
  for _, sample in ipairs(samples) do
    local labels = {}
    for label, value in pairs(sample.labels or {}) do
      labels[#labels + 1] = string.format('%s="%s"', label, escape(tostring(value)))
    end
    table.sort(labels)
    lines[#lines + 1] = string.format("%s%s %s", name,
      #labels > 0 and "{" .. table.concat(labels, ",") .. "}" or "", number(sample.value))
  end
end

local function single(value)
  return value and { { value = value } } or {}
end

local function by(label, values)
  local samples = {}
  for key, value in pairs(values or {}) do
    samples[#samples + 1] = { labels = { [label] = key }, value = value }
  end
  table.sort(samples, function(a, b) return a.labels[label] < b.labels[label] end)
  return samples
end

--- Labels of an alert as Prometheus' own ALERTS series has them.
local function alert_samples(store)
  local samples = {}
  for _, instance in ipairs(alert_book.list(alert_store.load_book(store))) do
    if instance.state == "pending" or instance.state == "firing" then
      local labels = {}
      for name, value in pairs(instance.labels) do labels[name] = value end
      labels.alertname, labels.alertstate = instance.name, instance.state
      labels.severity = instance.severity
      samples[#samples + 1] = { labels = labels, value = 1 }
    end
  end
  return samples
end

--- The text.
---@param values table figures
function M.text(store, values, now)
  local lines = {}
  family(lines, "signalbox_signals", "Signals in the store by type.",
    by("signal_type", values.signals_by_type))
  family(lines, "signalbox_processing", "Signals by the state of their processing.",
    by("status", values.processing_status))
  family(lines, "signalbox_due", "Pending signals that nothing holds back.", single(values.due))
  family(lines, "signalbox_oldest_due_age_seconds", "Age of the oldest signal that is due.",
    single(values.oldest_due_at and math.max(0, now - values.oldest_due_at)))
  family(lines, "signalbox_held_companies", "Companies that wait for a time or a new signal.",
    single(values.held))
  family(lines, "signalbox_suppression_entries", "Active entries of the suppression cache.",
    single(values.active_suppression_entries))
  family(lines, "signalbox_last_signal_timestamp_seconds", "When the newest signal was detected.",
    by("signal_type", values.last_signal))
  family(lines, "signalbox_database_bytes", "Size of the database file.",
    single(values.database_bytes))
  family(lines, "signalbox_wal_bytes", "Size of the write-ahead log.", single(values.wal_bytes))
  family(lines, "signalbox_disk_free_bytes", "Free space where the database is.",
    single(values.disk_free_bytes))
  family(lines, "signalbox_notices", "Notices of alerts by their delivery.",
    by("status", alert_store.count_notices(store)))
  family(lines, "signalbox_alerts", "Alerts that are pending or firing.",
    alert_samples(store))
  return table.concat(lines, "\n") .. "\n"
end

--- Writes the file whole, or not at all.
local function write_file(path, text)
  local partial = string.format("%s.%d.tmp", path, math.random(1 << 30))
  local file, problem = io.open(partial, "wb")
  if not file then cli.fail(problem) end
  local ok, why = file:write(text)
  ok, why = ok and file:close() or nil, why
  if ok then ok, why = os.rename(partial, path) end
  if not ok then
    os.remove(partial)
    cli.fail(why or "it could not be written")
  end
end

--- The command; args as scripts/alerts.lua declares them.
function M.run(args)
  local store <close> = cli.open(args)
  local now = signalbox.time(signalbox.now())
  local session <close> = rules.session { database = assert(store:get_stats()).database_path }
  session:start()
  local values = alert_check.figures(store, session.sizes, now, alert_store.last_sample(store))
  local text = M.text(store, values, now)
  if args.out then return write_file(args.out, text) end
  io.stdout:write(text)
end

return M
