/* What the files of the SQLite driver share; driver.h has the contracts. */
#ifndef SIGNALBOX_SQLITE_H
#define SIGNALBOX_SQLITE_H

#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>
#include <stdatomic.h>

#include "driver/driver.h"
#include "driver/sqlite_file.h"

#define SAVEPOINT_DEPTH 8 /* so deep their statements are kept */
#define SAVEPOINT_VERBS 3
#define IDLE_TEXTS 64 /* statements of users' texts that are kept prepared */

typedef struct SqliteDb SqliteDb;
typedef struct SqliteSt SqliteSt;
typedef struct RowCounter RowCounter;

/* What a statement does, as the authorizer saw it when it was prepared. */
enum {
    DOES_WRITE = 1 << 0,         /* may change the database */
    DOES_DEFINE = 1 << 1,        /* CREATE, DROP, ALTER */
    DOES_TOUCH_COUNTED = 1 << 2, /* writes to a counted table */
    DOES_READ_COUNTERS = 1 << 3, /* reads the table of counters */
    DOES_USERS_WORK = 1 << 4,    /* its text is a user's */
    DOES_TELL = 1 << 5           /* a PRAGMA that only looks, whatever the engine thinks of it */
};

/* Where a statement came from, which decides what releasing it means. */
typedef enum StKind {
    ST_SLOT,
    ST_COPY,
    ST_TEXT
} StKind;

struct SqliteSt {
    St head;
    SqliteDb *db;
    sqlite3_stmt *stmt;
    SqliteSt *next, *previous; /* all statements of the connection */
    StKind kind;
    unsigned does;        /* DOES_... */
    bool in_use;          /* handed out */
    bool running;         /* stepped since its last reset */
    int failure;          /* of a bind or a column: reported by the next step */
    char *text;           /* a user's, whole; the engine keeps it up to its first semicolon */
    size_t hash, size;    /* of that */
    int64_t total_before; /* rows ever changed, before this run */
    int64_t changes;
};

/* The statements of the driver's own. */
enum {
    CONTROL_BEGIN,
    CONTROL_BEGIN_IMMEDIATE,
    CONTROL_COMMIT,
    CONTROL_ROLLBACK,
    CONTROL_COOKIE,
    CONTROL_COUNT
};

struct SqliteDb {
    Db head;
    sqlite3 *connection;
    char *path; /* resolved */
    OpenFile file;
    DbMode mode;
    bool side, relaxed;
    DbTrace *trace; /* or NULL */
    void *trace_context;
    bool immutable;     /* opened without locks, for nobody can write; see sqlite_open.c */
    struct stat opened; /* of an immutable file */

    /* statements */
    SqliteSt **slots; /* by Query.slot */
    SqliteSt *statements;
    SqliteSt *idle[IDLE_TEXTS]; /* least recently used first */
    int idle_count;
    unsigned noted;    /* DOES_... of what is being prepared */
    bool guarded;      /* it is a user's text */
    char refusal[128]; /* why it was refused; or empty */

    /* transactions */
    sqlite3_stmt *control[CONTROL_COUNT];
    sqlite3_stmt *savepoints[SAVEPOINT_DEPTH][SAVEPOINT_VERBS];
    bool in_transaction; /* begun, and not ended by a call */
    bool unseen;         /* DbOptions.unseen */
    bool log_checked;    /* the file is known to be in WAL mode, */
    bool log_is_new;     /* and wasn't before the first transaction, which isn't committed yet */
    double busy_timeout;
    int64_t waiting_since; /* microseconds; of the busy handler */
    uint64_t random;
    atomic_bool interrupted;

    /* checkpoints */
    sqlite3 *checkpointer;
    int log_pages;     /* in the log after the last commit */
    int checkpoint_at; /* when that is reached */
    int64_t log_limit; /* bytes that the log is cut to when it is started anew; 0: none */

    RowCounter *counter; /* NULL where nothing is counted */

    /* strangers' statements */
    char *readable; /* names of tables that they may read; NULL: no strangers here */
    DbUntrusted untrusted;

    /* workers */
    int workers_file; /* -1: not open */
    int64_t *workers; /* held by this connection */
    size_t worker_count;
};

/* sqlite_error.c: what a result code means. */
Status sqlite_fail(SqliteDb *db, int code, Error *error);
/* The same for another connection to the same file. */
Status sqlite_fail_of(SqliteDb *db, sqlite3 *connection, int code, Error *error);

/* sqlite_open.c */
Status sqlite_open(const char *url, const DbOptions *options, Db **db, Error *error);
void sqlite_close(Db *db);
/* A further connection to the file for the driver's own use, with a small cache. */
Status sqlite_open_another(SqliteDb *db, int flags, sqlite3 **connection, Error *error);

/* sqlite_guard.c: for sqlite3_set_authorizer. */
int sqlite_authorize(void *db, int action, const char *first, const char *second,
                     const char *schema, const char *trigger);

/* sqlite_statement.c */
void sqlite_statements_end(SqliteDb *db);
Status sqlite_statement(Db *db, const Query *query, St **st, Error *error);
Status sqlite_statement_text(Db *db, const char *sql, size_t size, St **st, Error *error);
void sqlite_release(St *st);
void sqlite_reset_statement(St *st);
void sqlite_bind(St *st, int index, Value value);
int sqlite_parameter_count(St *st);
int sqlite_parameter_index(St *st, const char *name);
const char *sqlite_parameter_name(St *st, int index);
Status sqlite_step(St *st, Error *error);
Status sqlite_many(St *st, size_t count, ManyBind *bind, ManyDone *done, void *context,
                   Error *error);
int sqlite_column_count(St *st);
const char *sqlite_column_name(St *st, int index);
Value sqlite_column(St *st, int index);
int64_t sqlite_column_int(St *st, int index);
double sqlite_column_number(St *st, int index);
Text sqlite_column_string(St *st, int index);
int64_t sqlite_changes(St *st);
int64_t sqlite_inserted(St *st);
bool sqlite_readonly(St *st);
Status sqlite_script(Db *db, const char *sql, Error *error);

/* sqlite_transaction.c */
int sqlite_wait_busy(void *db, int count);
/* Runs one of the driver's own statements; *result, where it isn't NULL, gets its first column. */
int sqlite_control(SqliteDb *db, int which, int64_t *result);
Status sqlite_begin(Db *db, TxKind kind, Error *error);
Status sqlite_commit(Db *db, Error *error);
void sqlite_rollback(Db *db);
bool sqlite_in_transaction(Db *db);
Status sqlite_savepoint(Db *db, SavepointAct act, int depth, Error *error);
void sqlite_interrupt_all(Db *db);

/* sqlite_checkpoint.c */
void sqlite_checkpoint_begin(SqliteDb *db);
Status sqlite_tidy(Db *db, bool full, Error *error);
Status sqlite_compact(Db *db, Error *error);

/* sqlite_count.c. All but the first are to be called with db->counter set. */
Status sqlite_count_open(SqliteDb *db, const Counted *counted, Error *error);
void sqlite_count_close(SqliteDb *db);
bool sqlite_counts_table(const SqliteDb *db, const char *table);
/* A write transaction has begun. */
Status sqlite_count_begin(SqliteDb *db, Error *error);
/* A statement is about to run that writes to counted tables, defines, or reads the counters. */
Status sqlite_count_statement(SqliteDb *db, unsigned does, Error *error);
/* It has run, with or without success. */
void sqlite_count_settle(SqliteDb *db, bool success);
/* Writes what was counted to the table; the transaction goes on. */
Status sqlite_count_flush(SqliteDb *db, Error *error);
/* The transaction was rolled back, or committed: forgets what was counted. */
void sqlite_count_forget(SqliteDb *db);
/* A savepoint is set; the one of `depth` ends, and those inside it, taking back what was counted
 * since with `undo`. */
Status sqlite_count_savepoint(SqliteDb *db, Error *error);
void sqlite_count_end_savepoint(SqliteDb *db, int depth, bool undo);
/* Leaves the counting to the file's triggers until the transaction ends. */
Status sqlite_count_by_triggers(SqliteDb *db, Error *error);

/* sqlite_untrusted.c */
Status sqlite_untrusted_begin(SqliteDb *db, const DbUntrusted *untrusted, Error *error);
/* What the authorizer asks about a stranger's text. */
bool sqlite_untrusted_allows(const SqliteDb *db, int action, const char *first, const char *second);

/* sqlite_worker.c */
void sqlite_workers_end(SqliteDb *db);
Status sqlite_worker_hold(Db *db, int64_t *worker, Error *error);
void sqlite_worker_drop(Db *db, int64_t worker);
Status sqlite_worker_alive(Db *db, int64_t worker, bool *alive, Error *error);

/* sqlite_backup.c */
Status sqlite_backup(Db *db, const char *path, bool synced, BackupProgress *progress, void *context,
                     Error *error);

#endif
