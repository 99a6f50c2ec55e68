---@meta signalbox
-- luacheck: ignore 212 241 631
-- What the module is, for the Lua language server: names, types, and what each call promises. A
-- spec holds the names against the module's, both ways.
--
-- Where a call can go wrong in a sound program it gives `nil, err`: see signalbox.Error. Arguments
-- of the wrong type raise.

---@class signalbox
---@field version string
---@field null lightuserdata JSON's null; the same value as cjson.null
local signalbox = {}

---@alias signalbox.time string | number # ISO 8601 text (UTC without an offset) or epoch seconds

---@alias signalbox.state "pending" | "queued" | "pushed" | "rejected" | "failed"

---@alias signalbox.Code
---| "duplicate" | "not_found" | "invalid" | "busy" | "readonly" | "full" | "io" | "corrupt"
---| "schema" | "interrupted" | "closed" | "conflict" | "unavailable" | "sql"

---@class signalbox.Error prints as its message
---@field code signalbox.Code
---@field message string one line
---@field detail signalbox.ErrorDetail

---@class signalbox.ErrorDetail
---@field field? string of `invalid`: which value it is about
---@field id? integer of `duplicate`: the signal that is there
---@field index? integer which item of a list, from 1
---@field saved? integer how many of the call were saved before
---@field unknown? true a commit may have happened or not

-- ---- stores -------------------------------------------------------------------------------------

---@class signalbox.OpenOptions
---@field mode? "rwc" | "rw" | "ro" `rwc`: made where it is not there
---@field migrate? boolean true: pending migrations are applied
---@field durability? "full" | "normal" `normal`: the last commits can be lost in a power cut
---@field busy_timeout? number seconds that a write waits for another program's; 5
---@field suppression_ttl_days? number how long a suppression entry holds; 7
---@field trace? boolean the statements that run are kept for store:traced()
---@field snapshot? boolean with mode "ro": all that is read is of the moment of the opening
---@field unseen? boolean a new file that nobody else knows yet: no log, no syncing until then
---@field any_schema? boolean an older schema is taken as it is: for looking, and for `migrate`

--- Opens a store, or makes it. The path's default is what `--db` named, $SIGNALBOX_DB, signals.db.
---@param path_or_url? string
---@param options? signalbox.OpenOptions
---@return signalbox.Store? store, signalbox.Error? err
function signalbox.open(path_or_url, options) end

--- How the database finds what a statement, or what a function asks of the store that it gets; what
--- the function writes is undone.
---@param query string | fun(store: signalbox.Store): any
---@param path? string
---@return string? plan, signalbox.Error? err
function signalbox.explain(query, path) end

--- A store. `local store <close> = assert(signalbox.open())` closes it at the end of the scope.
---@class signalbox.Store
local Store = {}

--- Closes it, with all that is open in it: iterators then raise `closed`, calls give it. May be
--- repeated.
---@return true
function Store:close() end

-- ---- signals ------------------------------------------------------------------------------------

---@class signalbox.NewSignal
---@field signal_type string
---@field source_api string
---@field canonical_key string
---@field confidence number from 0 to 1
---@field raw_data table | string a table, or JSON text that is kept byte for byte
---@field company_name? string
---@field detected_at? signalbox.time now, where it is left out

--- A signal as it is stored, with what became of it. `pairs` gives all fields; `raw_data` and
--- `metadata` are decoded when they are first read.
---@class signalbox.Signal
---@field id integer
---@field signal_type string
---@field source_api string
---@field canonical_key string
---@field company_name? string
---@field confidence number
---@field raw_data any
---@field raw_json string the exact text of raw_data
---@field detected_at string
---@field created_at string
---@field status signalbox.state
---@field notion_page_id? string
---@field processed_at? string
---@field error_message? string
---@field metadata? any
---@field metadata_json? string the exact text of metadata

--- Saves one signal, durably. A signal with the same key, type, source and time is `duplicate`.
---@param signal signalbox.NewSignal | signalbox.Signal
---@return integer? id, signalbox.Error? err
function Store:save_signal(signal) end

---@class signalbox.SaveOptions
---@field on_duplicate? "skip" | "error" `error`: the call is one transaction, and a repeat ends it
---@field batch? integer signals a transaction; 1000

--- Saves many, a transaction a batch, each drawn whole before its transaction opens: the iterator
--- may wait, read and write.
---@param source signalbox.NewSignal[] | fun(): signalbox.NewSignal?
---@param options? signalbox.SaveOptions
---@return { saved: integer, duplicates: integer }? result, signalbox.Error? err
function Store:save_signals(source, options) end

--- nil alone where there is none.
---@param id integer
---@return signalbox.Signal? signal, signalbox.Error? err
function Store:get_signal(id) end

--- The newest first.
---@param options? { limit: integer?, signal_type: string? }
---@return signalbox.Signal[]? signals, signalbox.Error? err
function Store:get_pending_signals(options) end

--- The newest first.
---@param canonical_key string
---@return signalbox.Signal[]? signals, signalbox.Error? err
function Store:get_signals_for_company(canonical_key) end

--- Whether the company has a signal.
---@param canonical_key string
---@return boolean? duplicate, signalbox.Error? err
function Store:is_duplicate(canonical_key) end

---@class signalbox.Filter
---@field canonical_key? string
---@field signal_type? string
---@field source_api? string
---@field status? signalbox.state
---@field since? signalbox.time detected then or later
---@field before? signalbox.time detected earlier
---@field order? "newest" | "oldest" | "id"
---@field limit? integer

--- Signals one by one, for `for`: in constant memory, of one moment, and closed however the loop
--- ends. What fails at opening is nil, err (`for s in assert(store:signals{...}) do`); what fails
--- later raises.
---@param filter? signalbox.Filter
---@return (fun(): signalbox.Signal)? next_signal, signalbox.Error? err
function Store:signals(filter) end

-- ---- processing ---------------------------------------------------------------------------------

--- Each of the marks is a person's word: it holds whatever the signal's state and whoever claims
--- the company. The claim stays what it is, and its settling leaves that signal alone. Metadata
--- that is there stays where none is given.
---@param id integer
---@param notion_page_id string
---@param metadata? table | string
---@return true? done, signalbox.Error? err
function Store:mark_pushed(id, notion_page_id, metadata) end

---@param id integer
---@param reason string
---@param metadata? table | string
---@return true? done, signalbox.Error? err
function Store:mark_rejected(id, reason, metadata) end

---@param id integer
---@param metadata? table | string
---@return true? done, signalbox.Error? err
function Store:mark_queued(id, metadata) end

---@param id integer
---@param reason string
---@param metadata? table | string
---@return true? done, signalbox.Error? err
function Store:mark_failed(id, reason, metadata) end

--- Makes it pending again, due at once, and forgets its page, reason and time.
---@param id integer
---@return true? done, signalbox.Error? err
function Store:reopen(id) end

---@return table<signalbox.state, integer>? counts, signalbox.Error? err
function Store:get_processing_stats() end

-- ---- claims -------------------------------------------------------------------------------------

---@class signalbox.ClaimOptions
---@field limit? integer companies; 50
---@field lease? number seconds; 300
---@field owner? string a name for people; host:pid
---@field signal_type? string only companies with a due signal of this type

--- Takes companies that are due, those that have waited longest first, so that nobody else is given
--- them, in this process or another. A claim ends by settle, hold or release, when its lease ends,
--- when its store is closed, or when its process dies; never by collection.
---
---     for _, claim in ipairs(assert(store:claim { limit = 10 })) do
---       local page = decide(claim.signals)
---       if page then
---         assert(claim:settle { state = "pushed", notion_page_id = page })
---       else
---         assert(claim:hold { for_ = 86400, reason = "one source" })
---       end
---     end
---@param options? signalbox.ClaimOptions
---@return signalbox.Claim[]? claims, signalbox.Error? err
function Store:claim(options) end

--- What came of a delivery: marks those of the signals that are queued or failed, in one
--- transaction, and gives their number. What a person said of one meanwhile stays.
---@param ids integer[]
---@param settlement signalbox.Settlement without signal_ids
---@return integer? marked, signalbox.Error? err
function Store:settle_queued(ids, settlement) end

--- The number that this store's claims carry: for work of one's own that is to be seen as abandoned
--- when this process dies.
---@return integer? number, signalbox.Error? err
function Store:worker() end

--- Whether the store of that number is still open, in this process or another.
---@param number integer
---@return boolean? alive, signalbox.Error? err
function Store:worker_alive(number) end

--- A company that is one worker's for a while. All methods give `conflict`, and change nothing,
--- once it is somebody else's or over.
---@class signalbox.Claim
---@field canonical_key string
---@field signals signalbox.Signal[] all of the company, newest first
---@field fence integer rises with every claim ever made
---@field lease_until string
---@field lease number seconds
---@field store signalbox.Store
local Claim = {}

---@class signalbox.Settlement
---@field state "queued" | "pushed" | "rejected" | "failed"
---@field notion_page_id? string of `pushed`
---@field reason? string of `rejected` and `failed`
---@field metadata? table | string
---@field signal_ids? integer[] which of the company's signals; all that are in `claim.signals`

--- Marks the claim's signals that are still pending, and ends the claim, in one transaction: gives
--- the ids of those. Signals that arrived since the claim keep the company due.
---@param settlement signalbox.Settlement
---@return true? done, integer[]|signalbox.Error ids
function Claim:settle(settlement) end

--- Sets the company aside until a time, or until a new signal of it arrives, whichever is first
--- (without a time: only that), and ends the claim. Its signals stay pending.
---@param options? { until_: signalbox.time?, for_: number?, reason: string? }
---@return true? done, signalbox.Error? err
function Claim:hold(options) end

--- A new lease from now, as long as the first where none is given.
---@param lease? number seconds
---@return string? lease_until, signalbox.Error? err
function Claim:renew(lease) end

--- Gives it back as it was: due at once.
---@return true? done, signalbox.Error? err
function Claim:release() end

--- Whether it is still held: for writes of one's own, in the same transaction with them.
---@return true? held, signalbox.Error? err
function Claim:check() end

-- ---- suppression cache --------------------------------------------------------------------------

---@class signalbox.SuppressionEntry
---@field canonical_key string
---@field notion_page_id string
---@field status string
---@field company_name? string
---@field metadata? any
---@field cached_at? signalbox.time now
---@field expires_at? signalbox.time now and the ttl

--- Inserts or replaces, in one transaction; of one key twice the last wins.
---@param source signalbox.SuppressionEntry[] | fun(): signalbox.SuppressionEntry?
---@return integer? written, signalbox.Error? err
function Store:update_suppression_cache(source) end

--- nil alone where there is none, or it has expired.
---@param canonical_key string
---@return signalbox.SuppressionEntry? entry, signalbox.Error? err
function Store:check_suppression(canonical_key) end

---@return integer? removed, signalbox.Error? err
function Store:clean_expired_cache() end

-- ---- statistics ---------------------------------------------------------------------------------

---@class signalbox.Stats
---@field total_signals integer
---@field signals_by_type table<string, integer>
---@field processing_status table<signalbox.state, integer>
---@field active_suppression_entries integer
---@field held integer companies that wait for a time or a new signal
---@field database_path string

--- Costs the same however many signals there are.
---@return signalbox.Stats? stats, signalbox.Error? err
function Store:get_stats() end

--- The statements that ran since the last call, of a store that was opened with `trace`.
---@return string[]
function Store:traced() end

---Moves what the log has into the database file; this happens by itself, too.
---@return true|nil, signalbox.Error?
function Store:checkpoint() end

---Gives the space of what was deleted back to the disk. Others wait meanwhile.
---@return true|nil, signalbox.Error?
function Store:compact() end

---Copies the database, as one moment saw it, to a new file while others write.
---@param path string nothing is there yet
---@param options? signalbox.BackupOptions
---@return true|nil
---@return signalbox.Error?
function Store:backup(path, options) end

---@class signalbox.BackupOptions
---@field progress? fun(done: integer, total: integer): boolean? pages; false stops the copy
---@field sync? boolean false: the copy need not be on the disk when the call returns


-- ---- transactions and SQL -----------------------------------------------------------------------

--- Runs `fn(...)` in a transaction, or a savepoint inside another, and gives what it returned after
--- the commit. It is rolled back where `fn` raises (the same error goes on) or returns nil or false
--- with an error. It belongs to its coroutine: other coroutines' writes are `busy` meanwhile, and
--- nothing in it may wait.
---@param fn fun(...): ...
---@param ... any
---@return any ...
function Store:transaction(fn, ...) end

--- The other form: `local transaction <close> = assert(store:begin())`.
---@return signalbox.Transaction? transaction, signalbox.Error? err
function Store:begin() end

--- Rolled back at the end of its scope, or when it is collected, unless it was committed.
---@class signalbox.Transaction
local Transaction = {}

---@return true? done, signalbox.Error? err
function Transaction:commit() end

---@return true? done, signalbox.Error? err
function Transaction:rollback() end

---@alias signalbox.value nil | boolean | number | string | lightuserdata

--- Runs one statement. Parameters are given one by one (`?`), or as one table of names (`:name`).
--- A string is a text, and a blob where it is not UTF-8 or has a NUL byte in it.
---@param sql string
---@param ... signalbox.value | table<string, signalbox.value>
---@return integer? rows_changed, signalbox.Error? err
function Store:exec(sql, ...) end

--- Runs a statement that writes once for each row: a list of as many values as it has parameters,
--- signalbox.null for NULL. All of it or none, also inside a transaction; an error's detail.index
--- is the row's place.
---@param sql string
---@param rows signalbox.value[][]
---@return integer? rows_changed, integer[] | signalbox.Error by_each how many each row has changed
function Store:exec_many(sql, rows) end

--- The first row, by column name; nil alone where there is none.
---@param sql string
---@param ... signalbox.value | table<string, signalbox.value>
---@return table<string, any>? row, signalbox.Error? err
function Store:row(sql, ...) end

--- Rows one by one, as `signals` gives them. A NULL is absent from its row; the closing value (the
--- fourth of what `for` takes) has `columns`, the names of all in their order, while it is open.
---@param sql string
---@param ... signalbox.value | table<string, signalbox.value>
---@return (fun(): table<string, any>)? next_row, signalbox.Error? err
function Store:rows(sql, ...) end

-- ---- schema -------------------------------------------------------------------------------------

---@class signalbox.Migration
---@field version integer
---@field name string
---@field up string SQL
---@field down string SQL
---@field checksum string SHA-256 of both

--- The steps of the schema that this program has, lowest first.
---@return signalbox.Migration[]
function signalbox.migrations() end

--- `version` is the newest that was applied, `predecessor` the newest of the predecessor's own, or
--- 0.
---@return { version: integer, newest: integer, predecessor: integer }? schema, signalbox.Error? err
function Store:schema() end

---@class signalbox.MigrateOptions
---@field to? integer 0, or the predecessor's version: before ours; the newest
---@field force? boolean also where rows are dropped, which else is `conflict`
---@field dry_run? boolean only says what there is to do

---@class signalbox.MigrateReport
---@field from integer
---@field to integer
---@field down boolean
---@field adopted boolean 1002 isn't run: its tables are a predecessor's
---@field steps integer[] in the order of their running

--- Moves the schema, up or down, in one transaction. What holds data is copied before to a file
--- beside it, which is removed when all went well and named in the error where not.
---@param options? signalbox.MigrateOptions
---@return signalbox.MigrateReport? report, signalbox.Error? err
function Store:migrate(options) end

-- ---- export and import --------------------------------------------------------------------------

---@class signalbox.ExportOptions
---@field format? "json" | "ndjson" | "csv" json
---@field table? string of csv: which
---@field progress? fun(rows: integer): boolean? false breaks off; the store can't be used in it

--- Writes all that is needed to rebuild the store to an open file, as one moment has it, in
--- constant memory, while others write.
---@param file file*
---@param options? signalbox.ExportOptions
---@return integer? rows, signalbox.Error? err
function Store:export(file, options) end

---@class signalbox.ImportOptions
---@field dry_run? boolean everything but the commit
---@field ignore_unknown? boolean keys that this program doesn't know are dropped, not refused
---@field progress? fun(done: integer, total: integer): boolean? bytes; as of export

---@class signalbox.ImportReport
---@field added integer
---@field skipped integer there already
---@field renumbered integer signals whose number was another one's here
---@field mapped { from: integer, to: integer }[] the first hundred of them: numbers there and here
---@field clamped integer signals of one of our documents whose confidence wasn't from 0 to 1
---@field orphans integer processing rows in it whose signal was gone: left out
---@field reopened integer queued signals whose delivery is not in the outbox here: pending again
---@field refused integer records that break a rule, in a dry run; else the first ends the import
---@field refusals string[] the first twenty of them: where, and what is wrong
---@field checked boolean it had counts and a checksum, and they agree
---@field dropped boolean something in it wasn't known, and was ignored
---@field schema_version integer of the document
---@field tables table<string, { added: integer, skipped: integer, refused: integer }>

--- Reads an export, also the predecessor's, in one transaction: all or nothing. `-` is stdin.
--- `invalid` names line, table and record.
---@param path string
---@param options? signalbox.ImportOptions
---@return signalbox.ImportReport? report, signalbox.Error? err
function Store:import(path, options) end

---@class signalbox.RowFault
---@field table string
---@field column? string
---@field fault string "text", "empty", "missing", "type", "word", "id", "share", "time", "order",
---"json", "ids", "nan", "naive", "unreadable"
---@field count integer
---@field keys string of the first rows, "id 4, 7"; of an unreadable table: why

--- Holds every row of what an export has against the rules of an import.
---@return signalbox.RowFault[]? faults, signalbox.Error? err
function Store:check_rows() end

-- ---- times --------------------------------------------------------------------------------------

--- The present, as text.
---@return string
function signalbox.now() end

--- Epoch seconds.
---@param time signalbox.time
---@return number? seconds, signalbox.Error? err
function signalbox.time(time) end

--- The text as it is stored: "2026-01-06T09:24:26.485578+00:00".
---@param time signalbox.time
---@return string? text, signalbox.Error? err
function signalbox.iso(time) end

--- Writes out what Lua has buffered of a file, and waits until the disk has it.
---@param file file*
---@return true?, signalbox.Error? err
function signalbox.fsync(file) end

-- ---- JSON ---------------------------------------------------------------------------------------

--- Marks a table as an array, so that it is written as [] when it is empty.
---@generic T: table
---@param list? T
---@return T
function signalbox.array(list) end

--- Exact where cjson is not: 64-bit integers and every float come back as they were.
signalbox.json = {}

--- Compact, keys sorted.
---@param value any
---@return string? text, signalbox.Error? err
function signalbox.json.encode(value) end

--- `lenient` also takes the words NaN, Infinity and -Infinity.
---@param text string
---@param options? { lenient: boolean? }
---@return any value, signalbox.Error? err
function signalbox.json.decode(text, options) end

-- ---- waiting ------------------------------------------------------------------------------------

--- Starts a task: a coroutine that yields where it waits. A script ends when its tasks have.
---@param fn fun(...): ...
---@param ... any
---@return signalbox.Task
function signalbox.spawn(fn, ...) end

---@class signalbox.Task
local Task = {}

--- What it returned; or nil, err where it raised.
---@return any ...
function Task:wait() end

--- Ends it, running what it has to close.
function Task:cancel() end

---@return string
function Task:status() end

--- Waits for one task as task:wait() does, or until all the others have ended.
---@param task? signalbox.Task
---@return any ...
function signalbox.wait(task) end

---@param seconds number
function signalbox.sleep(seconds) end

---@class signalbox.Request
---@field url string
---@field method? string
---@field headers? table<string, string>
---@field body? string
---@field timeout? number seconds; 30
---@field connect_timeout? number seconds; 10
---@field max_size? integer bytes of a body
---@field max_redirects? integer 5
---@field file? string where the body goes
---@field on_data? fun(piece: string) takes the body piece by piece
---@field auth? { bearer: string?, user: string?, password: string? }
---@field proxy? string in place of the one in the environment; never for this machine itself
---@field ca_file? string

---@class signalbox.Response
---@field status integer
---@field headers table<string, string>
---@field body? string
---@field url string

--- One request. Any status is a response; only where none came is there an error.
---@param request signalbox.Request
---@return signalbox.Response? response, signalbox.Error? err
function signalbox.http(request) end

--- Whether a secret may be sent to that address: over https, or to this machine itself.
---@param url string
---@return boolean
function signalbox.is_private(url) end

---@class signalbox.Command
---@field [integer] string the program and its arguments
---@field stdin? string
---@field cwd? string
---@field env? table<string, string | false> added to ours; false takes one away
---@field timeout? number seconds
---@field max_size? integer bytes of output

---@class signalbox.Result
---@field status integer 128 + N where signal N ended it
---@field signal? integer
---@field stdout string
---@field stderr string

--- Another program, its output collected.
---@param command signalbox.Command
---@return signalbox.Result? result, signalbox.Error? err
function signalbox.run(command) end

return signalbox
