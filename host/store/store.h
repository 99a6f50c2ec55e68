/* The signal store: a plain C library. Installed as <signalbox/store.h>.
 *
 * A Store is one open database, for one thread. It keeps *signals* (what a collector noticed about
 * a company), what became of each (its *processing*), a *suppression cache* of what the CRM holds
 * already, and the *claims* and *holds* of batch workers.
 *
 * Reads that give one row fill in a struct whose texts are borrowed until the next call on the
 * store; reads that give many give a cursor. Times go in as microseconds since 1970 UTC and come
 * out as the text that is stored ("2026-01-06T09:24:26.485578+00:00").
 *
 * Every write is a durable transaction of its own, or part of the one that its caller has begun. */
#ifndef SIGNALBOX_STORE_H
#define SIGNALBOX_STORE_H

#include "driver/driver.h"
#include "error.h"

typedef struct Store Store;

#define STORE_TIME_NONE INT64_MIN /* "absent" for a time; where a default exists, the default */

typedef struct StoreOptions {
    DbMode mode;
    bool migrate;              /* apply pending migrations; never in DB_READ */
    bool any_schema;           /* take an older schema as it is: for looking at a file, and for
                                  store_migrate; what else is called may find a table missing */
    bool relaxed;              /* durability "normal" */
    bool unseen;               /* a new file that nobody else knows yet (driver.h) */
    double busy_timeout;       /* seconds */
    double suppression_ttl;    /* seconds that a suppression entry holds */
    bool snapshot;             /* with DB_READ: all that is read is of the moment of the opening */
    const DbUntrusted *untrusted; /* NULL; or, with DB_READ, strangers' statements run here: all of
                                     them on one snapshot, taken now, and on one connection, so that
                                     nothing is opened later */
    DbTrace *trace;            /* NULL; or is told the statements of all its connections */
    void *trace_context;
} StoreOptions;

/* What API.md names as defaults. */
StoreOptions store_options_default(void);

/* Opens or makes a store. SCHEMA where it is older in DB_READ or with `migrate` false, or newer for
 * writing, or no store at all; the message has the command that mends it. */
Status store_open(const char *url, const StoreOptions *options, Store **store, Error *error);

/* Rolls back what is open, ends its claims, closes every connection. Cursors of it stay safe to
 * close and give CLOSED. NULL is allowed. */
void store_close(Store *store);

/* Path or URL as shown to people. */
const char *store_label(const Store *store);
bool store_readonly(const Store *store);
/* READONLY where it is: for a call that would write, and finds nothing to. */
Status store_writable(const Store *store, Error *error);
unsigned store_caps(const Store *store);

/* Breaks off the call that runs now, with INTERRUPTED; for another thread or a signal handler. */
void store_interrupt(Store *store);

/* Who calls from here on: an opaque token (in Lua the coroutine). A transaction belongs to the
 * caller that began it: a write of another caller meanwhile is BUSY at once, its reads see what was
 * committed. A call begins here: an interruption of an earlier one is forgotten. */
void store_caller(Store *store, const void *token);

/* ---- signals --------------------------------------------------------------------------------- */

#define STORE_JSON_MAX ((size_t)32 << 20) /* bytes of a JSON text */

typedef struct NewSignal {
    Text signal_type, source_api, canonical_key; /* UTF-8 without NUL, not empty */
    Text company_name;                           /* may be absent */
    Text raw_data; /* JSON text, kept byte for byte; at most STORE_JSON_MAX */
    double confidence;                           /* 0 to 1 */
    int64_t detected_at;                         /* STORE_TIME_NONE: now */
} NewSignal;

/* A signal with what became of it. Absent texts have NULL data; `confidence` NaN where a foreign
 * program stored none. */
typedef struct Signal {
    int64_t id;
    Text signal_type, source_api, canonical_key, company_name, raw_data, detected_at, created_at;
    double confidence;
    Text status, notion_page_id, processed_at, error_message, metadata;
} Signal;

/* Where its texts are, in the order of the columns: an initialiser for an array. */
#define SIGNAL_TEXTS(signal)                                                                       \
    {&(signal)->signal_type,   &(signal)->source_api, &(signal)->canonical_key,                    \
     &(signal)->company_name,  &(signal)->raw_data,   &(signal)->detected_at,                      \
     &(signal)->created_at,    &(signal)->status,     &(signal)->notion_page_id,                   \
     &(signal)->processed_at,  &(signal)->error_message, &(signal)->metadata}

/* DUPLICATE with error->id where the same key, type, source and time is there. */
Status store_save_signal(Store *store, const NewSignal *signal, int64_t *id, Error *error);

/* Saves `count` signals in one transaction. Repeats are skipped and counted, or with
 * `duplicate_is_error` end it with DUPLICATE. Any error rolls all of them back, with error->index
 * the position from 1. */
Status store_save_signals(Store *store, const NewSignal *signals, size_t count,
                          bool duplicate_is_error, int64_t *saved, int64_t *duplicates,
                          Error *error);

/* Checks one signal as saving would, without the store: INVALID with the field. */
Status signal_check(const NewSignal *signal, Error *error);

/* ROW and the signal, or OK where there is none. */
Status store_get_signal(Store *store, int64_t id, Signal *signal, Error *error);
Status store_is_duplicate(Store *store, Text canonical_key, bool *duplicate, Error *error);

typedef enum SignalOrder { ORDER_NEWEST, ORDER_OLDEST, ORDER_ID } SignalOrder;

typedef struct SignalFilter {
    Text canonical_key, signal_type, source_api, status; /* absent: any */
    int64_t since, before; /* on detected_at, since <= t < before; STORE_TIME_NONE: open */
    SignalOrder order;
    int64_t limit;         /* -1: none */
} SignalFilter;

/* Rows of one snapshot, in constant memory. Inside the caller's transaction it sees the
 * transaction's own writes and ends with it (CONFLICT from then on); outside it has a connection of
 * its own, and writes made while it runs neither block it nor show in it. */
typedef struct SignalCursor SignalCursor;

/* The signals that `filter` asks for. Newest is by detected_at, then by id. */
Status store_signals(Store *store, const SignalFilter *filter, SignalCursor **cursor, Error *error);

/* Pending signals, newest first; `signal_type` may be absent, `limit` -1. */
Status store_pending_signals(Store *store, Text signal_type, int64_t limit, SignalCursor **cursor,
                             Error *error);

/* ROW with the next signal, OK at the end. The texts are the cursor's, and stay until the next call
 * on it, whatever becomes of the store. */
Status signal_cursor_next(SignalCursor *cursor, Signal *signal, Error *error);

/* At any time, also after store_close. NULL is allowed. */
void signal_cursor_close(SignalCursor *cursor);

/* ---- processing ------------------------------------------------------------------------------ */

/* PENDING to FAILED are stored as the words pending, queued, pushed, rejected, failed. */
typedef enum ProcessingState {
    STATE_PENDING, STATE_QUEUED, STATE_PUSHED, STATE_REJECTED, STATE_FAILED, STATE_COUNT
} ProcessingState;

const char *processing_state_name(ProcessingState state);
/* False where `name` is none of them. */
bool processing_state_parse(Text name, ProcessingState *state);

typedef struct Mark {
    ProcessingState state;
    Text page_id;  /* PUSHED: required */
    Text reason;   /* REJECTED, FAILED: required */
    Text metadata; /* JSON text; absent: what is there stays */
} Mark;

/* Moves one signal to mark->state; PENDING is `reopen`: it is due at once, its page, reason and
 * time are cleared. NOT_FOUND where there is no such signal. A claim of the company stays what it
 * is: its holder's settling leaves a signal alone that is no longer pending. */
Status store_mark(Store *store, int64_t id, const Mark *mark, Error *error);

/* Signals by state, from the counters. */
Status store_processing_stats(Store *store, int64_t counts[STATE_COUNT], Error *error);

/* ---- claims ---------------------------------------------------------------------------------- */

typedef struct ClaimOptions {
    int64_t limit;    /* companies, 1 and up */
    double lease;     /* seconds */
    Text owner;       /* a name for people; absent: host:pid */
    Text signal_type; /* only companies that have a due signal of this type; absent: any */
} ClaimOptions;

/* A company that this store alone may decide on, until its lease ends. The fence rises with every
 * claim that is ever made: who holds an older one has lost it. */
typedef struct Claim {
    Text canonical_key;
    int64_t fence;
    Text lease_until;
} Claim;

typedef struct ClaimSet ClaimSet; /* what one store_claim gave; owns its texts */

/* Takes the companies that have been due longest, and reads all their signals. Claims of workers
 * that died or closed, and those whose lease has ended, are free. */
Status store_claim(Store *store, const ClaimOptions *options, ClaimSet **claims, Error *error);
size_t claim_set_count(const ClaimSet *claims);
const Claim *claim_set_get(const ClaimSet *claims, size_t index);
/* The signals in the order of the claims, newest first in each; *count gets how many. */
const Signal *claim_set_signals(const ClaimSet *claims, size_t *count);
void claim_set_free(ClaimSet *claims);

/* OK while `fence` holds `key`, else CONFLICT: for writes of one's own in the same transaction. */
Status store_claim_check(Store *store, Text key, int64_t fence, Error *error);
/* A new lease from now. CONFLICT where it is lost. */
Status store_claim_renew(Store *store, Text key, int64_t fence, double lease, Text *lease_until,
                         Error *error);
/* Gives it back as it was: due at once. CONFLICT where it is lost. */
Status store_claim_release(Store *store, Text key, int64_t fence, Error *error);
/* Sets `ids` (signals of the company) aside until `until` (STORE_TIME_NONE: for good) or until a
 * new signal of it is saved; those that are pending stay so. Ends the claim. A pending signal that
 * is none of them, for it arrived since the claim, keeps the company due. CONFLICT and NOT_FOUND as
 * below. */
Status store_claim_hold(Store *store, Text key, int64_t fence, int64_t until, Text reason,
                        const int64_t *ids, size_t count, Error *error);
/* Marks those of `ids` (signals of the company) that are still pending, and ends the claim, in one
 * transaction; leaves in `ids` those that it marked. CONFLICT where the claim is lost, NOT_FOUND
 * for a signal that isn't the company's; then nothing is changed. */
Status store_claim_settle(Store *store, Text key, int64_t fence, int64_t *ids, size_t *count,
                          const Mark *mark, Error *error);
/* What came of a delivery: marks those of `ids` that are queued or failed, in one transaction. What
 * a person said of a signal meanwhile stays. */
Status store_settle_queued(Store *store, const int64_t *ids, size_t count, const Mark *mark,
                           int64_t *marked, Error *error);

/* The number that this store's claims carry, made at first use: for work of one's own that is to
 * be seen as abandoned when this process dies. */
Status store_worker(Store *store, int64_t *worker, Error *error);
/* Whether the store with that number is still open, in this process or another. */
Status store_worker_alive(Store *store, int64_t worker, bool *alive, Error *error);

/* ---- suppression cache ----------------------------------------------------------------------- */

typedef struct Suppression {
    Text canonical_key, notion_page_id, status; /* the first two not empty */
    Text company_name, metadata;                /* may be absent; metadata is JSON text */
    int64_t cached_at, expires_at;              /* going in; STORE_TIME_NONE: now, now + ttl */
    Text cached_at_text, expires_at_text;       /* coming out */
} Suppression;

/* Where the texts are of one that came out, in the order of the columns. */
#define SUPPRESSION_TEXTS(entry)                                                                   \
    {&(entry)->canonical_key,  &(entry)->notion_page_id,  &(entry)->status,                        \
     &(entry)->company_name,   &(entry)->cached_at_text,  &(entry)->expires_at_text,               \
     &(entry)->metadata}

/* Inserts or replaces, in one transaction; of one key twice the last wins. error->index as
 * above. */
Status store_update_suppression(Store *store, const Suppression *entries, size_t count,
                                int64_t *written, Error *error);
/* ROW and the entry, or OK where there is none or it has expired. */
Status store_check_suppression(Store *store, Text canonical_key, Suppression *entry, Error *error);
Status store_clean_expired(Store *store, int64_t *removed, Error *error);

/* ---- statistics ------------------------------------------------------------------------------ */

typedef struct TypeCount {
    Text signal_type;
    int64_t count;
} TypeCount;

typedef struct Stats {
    int64_t total_signals, active_suppression, held;
    int64_t by_state[STATE_COUNT];
    size_t type_count;
    TypeCount *types; /* ordered by type; owned: stats_free */
} Stats;

/* Costs the same at a thousand rows and at ten million. */
Status store_stats(Store *store, Stats *stats, Error *error);
void stats_free(Stats *stats);

/* ---- transactions ---------------------------------------------------------------------------- */

/* Begins a transaction of the caller's, or inside one a savepoint; *depth is 1 for the outermost.
 * BUSY where another caller of this store, or after the busy time another program, is writing.
 * `where` names the place for people ("rules.lua:12"); copied. */
Status store_begin(Store *store, const char *where, int *depth, Error *error);
/* Ends the transaction or savepoint of `depth`, and those inside it. CONFLICT where it is over
 * already. Commit: READONLY, FULL, IO ... and all of it is rolled back. */
Status store_commit(Store *store, int depth, Error *error);
Status store_rollback(Store *store, int depth, Error *error);
/* Depth of the open transaction, 0 for none; `mine` whether it is the present caller's. */
int store_transaction(const Store *store, bool *mine);
/* Where it was begun; empty where none is open. */
const char *store_transaction_place(const Store *store);
/* Grows by one with every outermost begin: tells whether a transaction is still the same. */
int64_t store_transaction_serial(const Store *store);

/* ---- SQL ------------------------------------------------------------------------------------- */

/* Gives the statement its parameters (st_bind). Texts stay the caller's: until store_exec returns,
 * or until the cursor is closed. */
typedef Status SqlBind(void *context, St *st, Error *error);

/* Runs one statement to its end; *changed gets the rows changed. What writes is a transaction of
 * its own, or part of the caller's. */
Status store_exec(Store *store, Text sql, SqlBind *bind, void *context, int64_t *changed,
                  Error *error);

/* The runs of a statement for many rows of parameters. */
typedef struct SqlMany {
    size_t count;
    SqlBind *fit;   /* whether they are of this statement; binds nothing */
    ManyBind *bind; /* (driver.h) */
    ManyDone *done;
    void *context; /* of the three */
} SqlMany;

/* Runs a statement that writes once for each row of parameters, all of it or none: a transaction of
 * its own, or a savepoint in the caller's. error->index is the row, from 1, also of one that does
 * not fit the statement. */
Status store_exec_many(Store *store, Text sql, const SqlMany *many, int64_t *changed, Error *error);

/* Rows of one statement: of one snapshot, as a SignalCursor's; with `single` the first one only,
 * which is cheaper. A statement that writes (INSERT ... RETURNING) runs at once, to its end. */
typedef struct SqlCursor SqlCursor;

Status store_rows(Store *store, Text sql, bool single, SqlBind *bind, void *context,
                  SqlCursor **cursor, Error *error);
/* ROW, or OK at the end. */
Status sql_cursor_next(SqlCursor *cursor, Error *error);
int sql_cursor_columns(SqlCursor *cursor); /* also where there are no rows */
/* Borrowed while the cursor is open. */
const char *sql_cursor_name(SqlCursor *cursor, int index);
/* Of the row that was read last; texts stay until the next call on the cursor, whatever becomes of
 * the store. */
Value sql_cursor_value(SqlCursor *cursor, int index);
/* At any time, also after store_close. NULL is allowed. */
void sql_cursor_close(SqlCursor *cursor);

/* ---- schema ---------------------------------------------------------------------------------- */

typedef struct StoreSchema {
    int64_t version; /* the newest migration that was applied; 0: none */
    int newest;      /* the newest that this program has */
    int64_t predecessor; /* the newest of the predecessor's own, where it made the file; else 0 */
} StoreSchema;

Status store_schema(Store *store, StoreSchema *schema, Error *error);

typedef struct MigrateOptions {
    int to;       /* the version to go to; 0, or the predecessor's: before ours; -1: the newest */
    bool force;   /* also where rows are dropped */
    bool dry_run; /* only says which steps there would be */
} MigrateOptions;

typedef struct MigrateReport {
    int64_t from;
    int to;
    bool down;
    bool adopted;                  /* the seed's step isn't run: its tables are a predecessor's */
    const struct Migration *steps; /* `count` of them, lowest first (store/migrations.h) */
    size_t count;
} MigrateReport;

/* Moves the schema, up or down, in one transaction. A database that holds data is copied before, to
 * a file beside it that is removed when all went well and named in the error where not. CONFLICT
 * where rows would be dropped without `force`. */
Status store_migrate(Store *store, const MigrateOptions *options, MigrateReport *report,
                     Error *error);

/* ---- exchange -------------------------------------------------------------------------------- */

typedef enum ExportFormat { EXPORT_JSON, EXPORT_NDJSON, EXPORT_CSV } ExportFormat;

typedef struct ExportOptions {
    ExportFormat format;
    const char *table; /* CSV: which; a document has all */
    /* Takes the next bytes; its status ends the export. */
    Status (*write)(void *context, const char *data, size_t size, Error *error);
    /* May be NULL; told now and then how many rows are done; false breaks off. */
    bool (*progress)(void *context, int64_t rows);
    void *context;
} ExportOptions;

/* Writes the store as one snapshot has it, in constant memory, while others write: every row that
 * is needed to rebuild it, raw_data and metadata as strings of JSON, counts and a checksum last. */
Status store_export(Store *store, const ExportOptions *options, int64_t *rows, Error *error);

typedef struct ImportOptions {
    bool dry_run;        /* everything but the commit */
    bool ignore_unknown; /* keys that this program doesn't know are dropped, not refused */
    bool (*progress)(void *context, int64_t done, int64_t total); /* bytes; may be NULL */
    void *context;
} ImportOptions;

typedef struct ImportTable {
    const char *name;
    int64_t added, skipped, refused; /* skipped: there already */
} ImportTable;

#define EXCHANGE_TABLES_MAX 32
#define IMPORT_MAPPED_MAX 100
#define IMPORT_REFUSALS_MAX 20

typedef struct ImportReport {
    int64_t schema_version; /* of the document */
    bool checked;           /* it had counts and a checksum, and they agree */
    bool dropped;           /* something in it wasn't known, and was ignored */
    int64_t renumbered;     /* signals whose number was taken by another one here */
    struct {
        int64_t from, to;
    } mapped[IMPORT_MAPPED_MAX]; /* the first of those: their number there and here */
    int64_t clamped;  /* signals of one of our documents whose confidence wasn't from 0 to 1 */
    int64_t orphans;  /* processing rows in it whose signal was gone: left out */
    int64_t reopened; /* queued signals whose delivery is not in the outbox here: due again */
    int64_t refused;  /* records that break a rule: in a dry run, for else the first ends it */
    char refusals[IMPORT_REFUSALS_MAX][256]; /* the first of those */
    size_t table_count;
    ImportTable tables[EXCHANGE_TABLES_MAX];
} ImportReport;

/* Reads a document (its own, the predecessor's, or NDJSON) from a file, or from standard input
 * where `path` is "-", in one transaction: all or nothing. What is there already is skipped,
 * numbers are kept where they are free. INVALID names line, table and record. */
Status store_import(Store *store, const char *path, const ImportOptions *options,
                    ImportReport *report, Error *error);

/* ---- checking -------------------------------------------------------------------------------- */

/* What is wrong with values of one column: how many, and the keys of the first rows. */
typedef struct RowFault {
    const char *table, *column; /* as an export names them */
    const char *fault; /* "text", "empty", "missing", "type", "word", "id", "share", "time",
                          "order", "json", "ids"; "nan" and "naive", which a predecessor may
                          have; and "unreadable", of a whole table: `keys` says why */
    int64_t count;
    char keys[256]; /* of the first few rows: "id 4, 7" */
} RowFault;

/* Holds every row of what an export has against the rules of an import. *faults is to be freed,
 * also where it fails (INTERRUPTED, NO_MEMORY). */
Status store_check_rows(Store *store, RowFault **faults, size_t *count, Error *error);

/* ---- upkeep ---------------------------------------------------------------------------------- */

/* A copy of the database to a new file, as one moment saw it, while others write (driver.h). */
Status store_backup(Store *store, const char *path, bool synced, BackupProgress *progress,
                    void *context, Error *error);
/* Checkpoints what there is. */
Status store_checkpoint(Store *store, Error *error);
/* Gives the space of what was deleted back to the disk. SQL where the database is no file; else as
 * db_compact. */
Status store_compact(Store *store, Error *error);

#endif
