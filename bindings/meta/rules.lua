---@meta
-- luacheck: ignore 111 112 113 212 241 631
-- What a rule file sees beside plain Lua, for the Lua language server: rules/NAME.lua in a folder
-- of scripts. A spec holds the names against those of the sandbox, both ways.

-- ---- rules --------------------------------------------------------------------------------------

---@alias signalbox.span string | number # seconds, or "2s", "10m", "1h", "7d"

---@alias signalbox.Finding boolean | number | signalbox.Instance[] | nil

---@class signalbox.Alert
---@field when fun(): signalbox.Finding what is wrong: the value, or an instance each
---@field for_? signalbox.span how long it must hold before the alert fires
---@field severity? "info" | "warning" | "critical"
---@field summary? string can contain {value} and the names of labels
---@field description? string
---@field runbook? string
---@field labels? table<string, string>
---@field resolve_when? fun(): any it fires until that holds
---@field keep_firing_for? signalbox.span
---@field n_of_m? integer[] {3, 5}: in three of the last five checks
---@field no_data? "ok" | "keep" | "alert" what nil from `when` means
---@field inhibits? string[] names of other alerts
---@field depends_on? string[]

---@class signalbox.Instance
---@field labels table<string, string>
---@field value? number
---@field summary? string

--- Declares an alert, as often as a file likes.
---@param name string
---@param rule signalbox.Alert
function alert(name, rule) end

-- ---- what a rule looks at -----------------------------------------------------------------------

--- What get_stats gives, and due, oldest_due_at, last_signal, last_saved_at, database_bytes,
--- wal_bytes, disk_free_bytes.
---@type table<string, any>
stats = {}

--- A store for reading: row, rows, and the reading calls.
---@type signalbox.Store
store = {}

--- The present, in epoch seconds.
---@return number
function now() end

---@param time signalbox.time
---@return number
function time(time) end

---@param time signalbox.time
---@return string
function iso(time) end

--- A span in seconds: seconds "2h" is 7200.
---@param span signalbox.span
---@return number
function seconds(span) end

--- Hours since the newest signal of a type (of any, without one) was detected; huge where none was.
---@param signal_type? string
---@return number
function hours_since_last(signal_type) end

--- The value where it is over the limit, else false.
---@param value number?
---@param limit number
---@return number | boolean | nil
function above(value, limit) end

---@param value number?
---@param limit number
---@return number | boolean | nil
function below(value, limit) end

--- An instance for each entry for which `judge` gives a number or true; its label is the key.
---@param label string
---@param entries table
---@param judge fun(value: any, key: any): number | boolean | nil
---@return signalbox.Instance[]
function each(label, entries, judge) end

--- A figure over time, oldest first, and what it is now. Its name is dotted, as in
--- "processing_status.pending".
---@param figure string
---@param span signalbox.span
---@return { at: number, value: number }[]
function history(figure, span) end

--- By how much a figure has grown during the last `span`; nil before there is a sample.
---@param figure string
---@param span signalbox.span
---@return number?
function change(figure, span) end

--- The same an hour.
---@param figure string
---@param span signalbox.span
---@return number?
function per_hour(figure, span) end

---@param figure string
---@param span signalbox.span
---@return number?
function least(figure, span) end

---@param figure string
---@param span signalbox.span
---@return number?
function most(figure, span) end

---@param figure string
---@param span signalbox.span
---@return number?
function mean(figure, span) end

---@class signalbox.RunOfCommand
---@field command string
---@field name? string
---@field status string
---@field started_at number
---@field finished_at? number
---@field age number seconds since it ended
---@field counts table<string, any>
---@field error? string

--- The runs of a command ("collect", "sync", "process", "backup") during the last `span`, newest
--- first.
---@param command string
---@param span signalbox.span
---@return signalbox.RunOfCommand[]
function runs(command, span) end

---@param command string
---@param name? string
---@param status? "done"|"failed"|"running"
---@return signalbox.RunOfCommand?
function last_run(command, name, status) end

---@class signalbox.RunTotals
---@field runs integer
---@field first_at number
---@field last_at number
---@field failed_in_row integer that failed since one was done

--- The runs of a command that began during the last `span`, by name.
---@param command string
---@param span signalbox.span
---@return table<string, signalbox.RunTotals>
function run_totals(command, span) end

--- What the runs of a command counted under `count` ("saved", "duplicates" ...) during the last
--- `span`, in all.
---@param command string
---@param count string
---@param span signalbox.span
---@return number
function run_sum(command, count, span) end

-- ---- tests of rules -----------------------------------------------------------------------------

--- A test: a name, then its steps. Both forms do, test "NAME" { ... } and test("NAME", { ... }).
---@param name string
---@param steps? table
---@return fun(steps: table)
function test(name, steps) end

--- A step at a moment of the test: at "47h" { expect "quiet" }.
---@param moment signalbox.span
---@return fun(actions: table): table
function at(moment) end

--- Saves a signal of a type, with other fields where they are given.
---@param signal_type string | table
---@param fields? table
---@return table
function signal(signal_type, fields) end

--- Figures that are laid over those of the test's store.
---@param values table<string, any>
---@return table
function figures(values) end

--- A run of a command, as one that has just ended.
---@param command string
---@param fields? table
---@return table
function run(command, fields) end

--- What the alert is to be: "quiet", "pending", "firing".
---@param state_or_name string
---@param state? string
---@return table
function expect(state_or_name, state) end
