/* The seam to a database.
 *
 * A Db is one connection, a St one statement of it; both belong to one thread. The store above asks
 * for what it needs in these words and never learns which engine answers: it asks `db_caps` what
 * can be done, not what it is called. A new engine is a new table of the functions at the end of
 * this file (struct Driver) and a line in driver.c that knows its URL.
 *
 * What holds for every driver:
 *   - An expected outcome is never a failed statement: on some engines a failed statement ends the
 *     transaction. Say INSERT ... ON CONFLICT DO NOTHING, then look.
 *   - Rows that others may be after are touched in the order of their keys, counters last, so that
 *     two writers never wait for each other. New signals are the exception: they are numbered in
 *     the order in which they were given, and it is for the paragraph of an engine with many
 *     writers (DB_CAP_MANY_WRITERS) to lock their keys first.
 *   - Texts that are bound are borrowed until the statement is released, bound anew, or done;
 *     texts of a column are borrowed until the next step or release.
 *   - Every function that can fail fills `error` in and leaves the connection usable. */
#ifndef SIGNALBOX_DRIVER_H
#define SIGNALBOX_DRIVER_H

#include "driver/query.h"
#include "error.h"

typedef struct Driver Driver;

/* The head of every connection and of every statement; a driver's own follows it. */
typedef struct Db {
    const Driver *driver;
} Db;
typedef struct St {
    const Driver *driver;
} St;

/* Bytes with a length; `data` NULL means absent (SQL's NULL). Ends in a NUL that isn't counted
 * only where a function says so. */
typedef struct Text {
    const char *data;
    size_t size;
} Text;

typedef enum ValueType {
    VALUE_NULL,
    VALUE_INT,
    VALUE_DOUBLE,
    VALUE_TEXT,
    VALUE_BLOB
} ValueType;

typedef struct Value {
    ValueType type;
    union {
        int64_t integer;
        double number;
        Text text; /* TEXT and BLOB */
    } as;
} Value;

/* What a connection is opened for. */
typedef enum DbMode {
    DB_CREATE,
    DB_WRITE,
    DB_READ
} DbMode;

/* A table whose rows are counted: the driver keeps counters(name, value, n) true, in the same
 * transaction as the rows, for every change that goes through it, and the file's triggers do the
 * same for other programs. `column` NULL counts all rows under the value ''. */
typedef struct Counted {
    const char *table;
    const char *column;
    const char *name; /* counters.name */
} Counted;

/* For a process that strangers' statements run in, to be opened with DB_READ: db_statement_text
 * takes nothing but reading of ordinary tables with plain functions, of bounded size. */
typedef struct DbUntrusted {
    int64_t memory;              /* bytes that the engine may use in this whole process */
    bool (*late)(void *context); /* asked now and then; true breaks the statement off */
    void *context;
} DbUntrusted;

/* Is told the text of each statement that begins to run; must not call the driver. */
typedef void DbTrace(void *context, const char *sql);

typedef struct DbOptions {
    DbMode mode;
    bool relaxed;           /* a commit may return before it is on the disk */
    bool unseen;            /* nobody else knows the file yet: it has no log and isn't synced, which
                               whoever makes it known does; a crash leaves nothing of use */
    double busy_timeout;    /* seconds that a writer waits for another, 0 and up */
    const Counted *counted; /* NULL-table-terminated, static; NULL counts nothing */
    bool side;              /* a second connection to a file that is open in this process: small
                                  cache, no making of files */
    const DbUntrusted *untrusted; /* NULL: the statements are the user's own; copied */
    DbTrace *trace;               /* or NULL */
    void *trace_context;
} DbOptions;

/* What an engine can do, to be asked for instead of its name. */
enum {
    DB_CAP_MANY_WRITERS = 1 << 0, /* writers beside each other */
    DB_CAP_FILE = 1 << 1,         /* the database is a file: db_backup, db_file work */
    DB_CAP_NOTIFY = 1 << 2,       /* other connections can be woken */
    DB_CAP_FULL_TEXT = 1 << 3     /* full-text search */
};

/* What a transaction is for. */
typedef enum TxKind {
    TX_READ,        /* one snapshot, from the first statement on */
    TX_WRITE,       /* alone: what a user's transaction gets; `busy` after the busy time */
    TX_WRITE_SHARED /* a store operation's own: beside each other, never beside WRITE */
} TxKind;

typedef enum SavepointAct {
    SAVEPOINT_SET,
    SAVEPOINT_KEEP,
    SAVEPOINT_UNDO
} SavepointAct;

/* Opens one connection with all its session state set. `url` is a path, or a URL of an engine that
 * this build knows. A file is made with mode 0600, its missing parent folders too (DB_CREATE only).
 * NOT_FOUND, READONLY, CORRUPT (no database), INVALID (link, second name, remote file system),
 * BUSY, UNAVAILABLE. On failure *db is NULL. */
Status db_open(const char *url, const DbOptions *options, Db **db, Error *error);

/* Rolls back what is open, ends its statements, frees it. NULL is allowed. */
void db_close(Db *db);

/* The statement of `query`, prepared at first use and kept with the connection. Where it is in use
 * already (an iterator inside an iterator), one of its own. Give it back with st_release. */
static inline Status db_statement(Db *db, const Query *query, St **st, Error *error);

/* A statement of a user's own text: one statement, `?`, `?N`, `:name`, `@name`, `$name` for
 * parameters. SQL: what is not one, what ends or begins a transaction, ATTACH, DETACH, VACUUM INTO
 * and the PRAGMAs that change journal, WAL or durability. The most recently used ones are kept. */
static inline Status db_statement_text(Db *db, const char *sql, size_t size, St **st, Error *error);

/* Resets it, forgets what was bound, and gives it back. May come early. NULL is allowed. */
static inline void st_release(St *st);

/* Resets it for another run; what is bound stays. */
static inline void st_reset(St *st);

/* Parameters, from 1. What can't be bound is reported by the step that follows. */
static inline void st_bind(St *st, int index, Value value);
static inline int st_parameter_count(St *st);
/* The number of parameter `name` (given without its mark), or 0. */
static inline int st_parameter_index(St *st, const char *name);
/* Its name without the mark, or NULL where it has none. */
static inline const char *st_parameter_name(St *st, int index);

/* The next of few rows: ROW, OK at the end, or an error. */
static inline Status st_step(St *st, Error *error);

/* The next of any number of rows, in constant memory, while other statements run on the same
 * connection; inside a transaction only. */
static inline Status st_stream(St *st, Error *error);

/* Runs it to its end and drops what rows there are. */
static inline Status st_run(St *st, Error *error);

/* Gives row `index` of many, from 0, its parameters; texts stay what they are until st_many
 * returns. */
typedef void ManyBind(void *context, St *st, size_t index);
/* Is told that row `index` has run: st_changes and st_inserted are that row's. What it returns
 * other than OK ends the rest. */
typedef Status ManyDone(void *context, St *st, size_t index, Error *error);

/* Runs a statement that gives no rows once for each of `count` rows of parameters, in as few trips
 * as the engine can; `done` may be NULL. Inside a transaction of the caller's, who rolls it back
 * where this fails: error->index is the row then, from 1. */
static inline Status st_many(St *st, size_t count, ManyBind *bind, ManyDone *done, void *context,
                             Error *error);

/* Columns, from 0. */
static inline int st_column_count(St *st);
static inline const char *st_column_name(St *st, int index);
static inline Value st_column(St *st, int index);
/* The same where the type is known; a NULL is 0, 0.0 or an absent text. */
static inline int64_t st_int(St *st, int index);
static inline double st_double(St *st, int index);
static inline Text st_text(St *st, int index);

/* Rows that the last run changed. */
static inline int64_t st_changes(St *st);
/* The number of the row that the last run inserted, where st_changes is 1; its table has a single
 * integer key. */
static inline int64_t st_inserted(St *st);
/* True where running it can't change the database. */
static inline bool st_readonly(St *st);

static inline Status db_begin(Db *db, TxKind kind, Error *error);
/* Brings the counters up to date, then commits. An error with `unknown` may have happened or not;
 * in either case the transaction is over. */
static inline Status db_commit(Db *db, Error *error);
/* Never fails: what can't be rolled back is rolled back already. */
static inline void db_rollback(Db *db);
/* Whether a transaction is open; false too after the engine rolled it back by itself. */
static inline bool db_in_transaction(Db *db);
/* Savepoints nest: `depth` 1 is the outermost. KEEP and UNDO end it. */
static inline Status db_savepoint(Db *db, SavepointAct act, int depth, Error *error);

/* Many statements, of a migration: inside a transaction of the caller's. The error says which
 * statement it was, by its number and its first words. */
static inline Status db_script(Db *db, const char *sql, Error *error);

/* The running call gives INTERRUPTED. From any thread and from a signal handler, while the
 * connection is open. */
static inline void db_interrupt(Db *db);

static inline unsigned db_caps(Db *db);
/* The database's own clock, in microseconds since 1970: leases are measured by it. */
static inline Status db_now(Db *db, int64_t *now, Error *error);
/* Path or URL as shown to people: resolved, without credentials. Lives as long as the
 * connection. */
static inline const char *db_label(Db *db);

/* Who is alive. A worker is a number that this process holds until it lets go or dies, however it
 * dies; any other process can ask. `db_worker_hold` makes one up. */
static inline Status db_worker_hold(Db *db, int64_t *worker, Error *error);
static inline void db_worker_drop(Db *db, int64_t worker);
static inline Status db_worker_alive(Db *db, int64_t worker, bool *alive, Error *error);

/* Copies the database, as one moment saw it, to a new file (0600, not there yet) while others
 * write. `progress` may be NULL; it gets pages done and in all and stops the copy with INTERRUPTED
 * by returning false. Only with `synced` is the copy on the disk when this returns. DB_CAP_FILE
 * only. */
typedef bool BackupProgress(void *context, int64_t done, int64_t total);
static inline Status db_backup(Db *db, const char *path, bool synced, BackupProgress *progress,
                               void *context, Error *error);

/* Work that is due between transactions (a checkpoint); cheap where there is none. With `full` all
 * of it, and waiting for others. */
static inline Status db_tidy(Db *db, bool full, Error *error);

/* Writes the database anew without its free pages; others wait meanwhile. BUSY inside a
 * transaction, or where somebody is writing. DB_CAP_FILE only. */
static inline Status db_compact(Db *db, Error *error);

/* True where `path` (of an open or closed file, links followed) is one of the files of a database
 * that this process has open: closing any descriptor of those would drop the engine's locks. */
bool driver_owns_file(const char *path);
bool driver_owns_descriptor(int descriptor);

/* What a driver fills in: the functions above by their names. */
struct Driver {
    Status (*open)(const char *url, const DbOptions *options, Db **db, Error *error);
    void (*close)(Db *db);
    Status (*statement)(Db *db, const Query *query, St **st, Error *error);
    Status (*statement_text)(Db *db, const char *sql, size_t size, St **st, Error *error);
    void (*release)(St *st);
    void (*reset)(St *st);
    void (*bind)(St *st, int index, Value value);
    int (*parameter_count)(St *st);
    int (*parameter_index)(St *st, const char *name);
    const char *(*parameter_name)(St *st, int index);
    Status (*step)(St *st, Error *error);
    Status (*stream)(St *st, Error *error);
    Status (*many)(St *st, size_t count, ManyBind *bind, ManyDone *done, void *context,
                   Error *error);
    int (*column_count)(St *st);
    const char *(*column_name)(St *st, int index);
    Value (*column)(St *st, int index);
    int64_t (*column_int)(St *st, int index);
    double (*column_double)(St *st, int index);
    Text (*column_text)(St *st, int index);
    int64_t (*changes)(St *st);
    int64_t (*inserted)(St *st);
    bool (*readonly)(St *st);
    Status (*begin)(Db *db, TxKind kind, Error *error);
    Status (*commit)(Db *db, Error *error);
    void (*rollback)(Db *db);
    bool (*in_transaction)(Db *db);
    Status (*savepoint)(Db *db, SavepointAct act, int depth, Error *error);
    Status (*script)(Db *db, const char *sql, Error *error);
    void (*interrupt)(Db *db);
    unsigned (*caps)(Db *db);
    Status (*now)(Db *db, int64_t *now, Error *error);
    const char *(*label)(Db *db);
    Status (*worker_hold)(Db *db, int64_t *worker, Error *error);
    void (*worker_drop)(Db *db, int64_t worker);
    Status (*worker_alive)(Db *db, int64_t worker, bool *alive, Error *error);
    Status (*backup)(Db *db, const char *path, bool synced, BackupProgress *progress, void *context,
                     Error *error);
    Status (*tidy)(Db *db, bool full, Error *error);
    Status (*compact)(Db *db, Error *error);
};

extern const Driver sqlite_driver;

#include "driver/driver_calls.h"

#endif
