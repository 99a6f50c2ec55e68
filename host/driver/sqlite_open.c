/* Opening a connection with all its settings, and the table of the driver's functions. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "driver/sqlite.h"

/* Said once a connection. The journal mode isn't here: a file is turned to WAL when it is first
 * written to (sqlite_transaction.c), so that opening one changes nothing. */
static const char settings[] =
    "PRAGMA foreign_keys=ON;"
    "PRAGMA recursive_triggers=ON;" /* REPLACE fires DELETE triggers */
    "PRAGMA cell_size_check=ON;"    /* a damaged page is an error, not a crash */
    "PRAGMA mmap_size=0;"           /* a truncated file is an error, not a SIGBUS */
    "PRAGMA secure_delete=FAST;";
static const char main_cache[] = "PRAGMA cache_size=-32768;"; /* KiB */
static const char side_cache[] = "PRAGMA cache_size=-2048;";

/* What a stranger's file could bring along has no say: no extensions, no functions in its schema
 * that aren't harmless, no writing to the schema by hand. */
static int restrict_connection(sqlite3 *connection) {
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
    };
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < sizeof options / sizeof *options; i++) {
        code = sqlite3_db_config(connection, options[i].option, options[i].value, NULL);
    }
    return code;
}

/* The file as a URI that says nobody is going to change it. */
static char *immutable_uri(const char *path) {
    static const char hex[] = "0123456789ABCDEF";
    char *uri = malloc(3 * strlen(path) + sizeof "file:?immutable=1");
    if (!uri) {
        return NULL;
    }
    char *to = stpcpy(uri, "file:");
    for (const unsigned char *at = (const unsigned char *)path; *at; at++) {
        if (*at == '?' || *at == '#' || *at == '%') {
            *to++ = '%';
            *to++ = hex[*at >> 4];
            *to++ = hex[*at & 15];
        } else {
            *to++ = (char)*at;
        }
    }
    strcpy(to, "?immutable=1");
    return uri;
}

/* SQLite counts every byte that it allocates, under a lock: a tenth of a save, for a figure that
 * only a limit on memory needs. It can only be told before its first use; where another library of
 * the process was first, it goes on counting. */
static void stop_memory_statistics(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int open_connection(const char *name, int flags, sqlite3 **connection) {
    int code = sqlite3_open_v2(name, connection,
                               flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                                   SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                               NULL);
    if (code == SQLITE_OK) {
        code = restrict_connection(*connection);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_wal_autocheckpoint(*connection, 0);
    }
    return code;
}

static int trace_statement(unsigned event, void *context, void *stmt, void *sql) {
    const SqliteDb *db = context;
    (void)event;
    (void)stmt;
    db->trace(db->trace_context, sql);
    return 0;
}

/* Opens db->connection and reads the file's first page, so that what isn't a database or can't be
 * read is known at once. */
static Status connect_file(SqliteDb *db, const char *name, int flags, Error *error) {
    int code = open_connection(name, flags, &db->connection);
    if (code == SQLITE_OK) {
        code = sqlite3_busy_handler(db->connection, sqlite_wait_busy, db);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db->connection, settings, NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db->connection, db->side ? side_cache : main_cache, NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db->connection,
                            db->unseen    ? "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY;"
                            : db->relaxed ? "PRAGMA synchronous=NORMAL;"
                                          : "PRAGMA synchronous=FULL;",
                            NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite_control(db, CONTROL_COOKIE, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_set_authorizer(db->connection, sqlite_authorize, db);
    }
    if (code == SQLITE_OK && db->trace) {
        code = sqlite3_trace_v2(db->connection, SQLITE_TRACE_STMT, trace_statement, db);
    }
    return code == SQLITE_OK ? STATUS_OK : sqlite_fail(db, code, error);
}

static void disconnect_file(SqliteDb *db) {
    for (int i = 0; i < CONTROL_COUNT; i++) {
        sqlite3_finalize(db->control[i]);
        db->control[i] = NULL;
    }
    for (int i = 0; i < SAVEPOINT_DEPTH * SAVEPOINT_VERBS; i++) {
        sqlite3_stmt **stmt = &db->savepoints[i / SAVEPOINT_VERBS][i % SAVEPOINT_VERBS];
        sqlite3_finalize(*stmt);
        *stmt = NULL;
    }
    sqlite3_close_v2(db->connection);
    db->connection = NULL;
}

static bool log_is_empty(const char *path) {
    char name[PATH_MAX];
    struct stat status;
    return stat(sqlite_file_beside(path, "-wal", name, sizeof name), &status) != 0 ||
           status.st_size == 0;
}

/* A file in WAL mode is read through its -shm, which a folder that we can't write has no room for.
 * Where there is no log that would have to be read with it, the file alone is the database: we read
 * it as one that nobody changes, and each transaction looks whether that still holds. */
static Status connect_sealed(SqliteDb *db, Error *error) {
    if (!log_is_empty(db->path)) {
        return error_set(
            error, STATUS_READONLY,
            "'%s' has changes in its log, '%s-wal', which a folder that can't be written keeps "
            "from being read: copy both to another",
            db->path, db->path);
    }
    char *uri = immutable_uri(db->path);
    if (!uri || stat(db->path, &db->opened) != 0) {
        free(uri);
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    disconnect_file(db);
    Status status = connect_file(db, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, error);
    free(uri);
    db->immutable = status == STATUS_OK;
    return status;
}

Status sqlite_open_another(SqliteDb *db, int flags, sqlite3 **connection, Error *error) {
    int code = open_connection(db->path, flags, connection);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(*connection, side_cache, NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        Status status = sqlite_fail_of(db, *connection, code, error);
        sqlite3_close(*connection);
        *connection = NULL;
        return status;
    }
    return STATUS_OK;
}

/* The path is told by the caller to be sound; the rest is one connection. */
static Status open_found(SqliteDb *db, const DbOptions *options, Error *error) {
    Status status = sqlite_file_enter(&db->file, db->path, error);
    if (status != STATUS_OK) {
        return status;
    }
    bool reading = db->mode == DB_READ;
    status =
        connect_file(db, db->path, reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, error);
    if (status != STATUS_OK && status != STATUS_CORRUPT && status != STATUS_BUSY && reading &&
        sqlite_folder_sealed(db->path)) {
        status = connect_sealed(db, error);
    }
    if (status == STATUS_OK && !reading && sqlite3_db_readonly(db->connection, "main") == 1) {
        status = error_set(error, STATUS_READONLY, "'%s' can't be written", db->path);
    }
    if (status == STATUS_OK && !reading && !db->side && options->counted) {
        status = sqlite_count_open(db, options->counted, error);
    }
    if (status == STATUS_OK && !reading) {
        sqlite_checkpoint_begin(db);
    }
    if (status == STATUS_OK && options->untrusted) {
        status = sqlite_untrusted_begin(db, options->untrusted, error);
    }
    return status;
}

Status sqlite_open(const char *url, const DbOptions *options, Db **result, Error *error) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!options->untrusted) {
        pthread_once(&once, stop_memory_statistics);
    }
    SqliteDb *db = calloc(1, sizeof *db);
    if (!db) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    db->head.driver = &sqlite_driver;
    db->mode = options->mode;
    db->side = options->side;
    db->relaxed = options->relaxed;
    db->unseen = options->unseen;
    db->log_checked = options->unseen;
    db->trace = options->trace;
    db->trace_context = options->trace_context;
    db->busy_timeout = options->busy_timeout;
    db->workers_file = -1;
    if (getrandom(&db->random, sizeof db->random, 0) != sizeof db->random) {
        db->random = (uint64_t)(uintptr_t)db;
    }
    db->random |= 1;

    Status status = sqlite_file_find(url, options, &db->path, error);
    if (status == STATUS_OK) {
        status = open_found(db, options, error);
    }
    if (status != STATUS_OK) {
        sqlite_close(&db->head);
        return status;
    }
    *result = &db->head;
    return STATUS_OK;
}

/* A connection that can't write leaves the -shm and an empty -wal behind that it had to make; the
 * last one that can takes them away. */
static void take_away_empty_log(SqliteDb *db) {
    char name[PATH_MAX];
    struct stat status;
    if (stat(sqlite_file_beside(db->path, "-wal", name, sizeof name), &status) != 0 ||
        status.st_size > 0 || access(db->path, W_OK) != 0 || sqlite_folder_sealed(db->path)) {
        return;
    }
    sqlite3 *connection = NULL;
    if (open_connection(db->path, SQLITE_OPEN_READWRITE, &connection) == SQLITE_OK) {
        sqlite3_exec(connection, "PRAGMA schema_version", NULL, NULL, NULL);
    }
    sqlite3_close(connection);
}

void sqlite_close(Db *head) {
    SqliteDb *db = (SqliteDb *)head;
    if (db->connection) {
        sqlite_rollback(head);
    }
    sqlite_workers_end(db);
    sqlite_statements_end(db);
    sqlite_count_close(db);
    sqlite3_close_v2(db->checkpointer);
    if (db->connection && db->unseen) {
        sqlite3_exec(db->connection, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
    }
    bool reader = db->connection && db->mode == DB_READ && !db->side && !db->immutable;
    disconnect_file(db);
    if (reader) {
        take_away_empty_log(db);
    }
    sqlite_file_leave(&db->file);
    free(db->readable);
    free(db->path);
    free(db);
}

static unsigned sqlite_caps(Db *db) {
    (void)db;
    return DB_CAP_FILE | DB_CAP_FULL_TEXT;
}

static Status sqlite_now(Db *db, int64_t *now, Error *error) {
    struct timespec time;
    (void)db;
    if (clock_gettime(CLOCK_REALTIME, &time) != 0) {
        return error_set(error, STATUS_IO, "the clock can't be read");
    }
    *now = (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
    return STATUS_OK;
}

static const char *sqlite_label(Db *db) {
    return ((SqliteDb *)db)->path;
}

const Driver sqlite_driver = {
    .open = sqlite_open,
    .close = sqlite_close,
    .statement = sqlite_statement,
    .statement_text = sqlite_statement_text,
    .release = sqlite_release,
    .reset = sqlite_reset_statement,
    .bind = sqlite_bind,
    .parameter_count = sqlite_parameter_count,
    .parameter_index = sqlite_parameter_index,
    .parameter_name = sqlite_parameter_name,
    .step = sqlite_step,
    .stream = sqlite_step,
    .many = sqlite_many,
    .column_count = sqlite_column_count,
    .column_name = sqlite_column_name,
    .column = sqlite_column,
    .column_int = sqlite_column_int,
    .column_double = sqlite_column_number,
    .column_text = sqlite_column_string,
    .changes = sqlite_changes,
    .inserted = sqlite_inserted,
    .readonly = sqlite_readonly,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .in_transaction = sqlite_in_transaction,
    .savepoint = sqlite_savepoint,
    .script = sqlite_script,
    .interrupt = sqlite_interrupt_all,
    .caps = sqlite_caps,
    .now = sqlite_now,
    .label = sqlite_label,
    .worker_hold = sqlite_worker_hold,
    .worker_drop = sqlite_worker_drop,
    .worker_alive = sqlite_worker_alive,
    .backup = sqlite_backup,
    .tidy = sqlite_tidy,
    .compact = sqlite_compact,
};
