/* Transactions, savepoints, and waiting for other writers. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver/sqlite.h"

static int64_t monotonic_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static uint64_t next_random(SqliteDb *db) {
    db->random ^= db->random << 13; /* xorshift */
    db->random ^= db->random >> 7;
    db->random ^= db->random << 17;
    return db->random;
}

/* SQLite's own handler sleeps longer and longer, and starves whoever waits longest; short sleeps of
 * random length are fair (four writers: 0.86 of each other's share instead of 0.00). */
int sqlite_wait_busy(void *context, int count) {
    SqliteDb *db = context;
    if (count == 0) {
        db->waiting_since = monotonic_now();
    }
    if (atomic_load(&db->interrupted) ||
        (double)(monotonic_now() - db->waiting_since) >= db->busy_timeout * 1e6) {
        return 0;
    }
    struct timespec pause = {0, (long)(200000 + next_random(db) % 800000)};
    nanosleep(&pause, NULL);
    return 1;
}

int sqlite_control(SqliteDb *db, int which, int64_t *result) {
    static const char *const texts[CONTROL_COUNT] = {
        [CONTROL_BEGIN] = "BEGIN",
        [CONTROL_BEGIN_IMMEDIATE] = "BEGIN IMMEDIATE",
        [CONTROL_COMMIT] = "COMMIT",
        [CONTROL_ROLLBACK] = "ROLLBACK",
        [CONTROL_COOKIE] = "PRAGMA schema_version",
    };
    int code = SQLITE_OK;
    if (!db->control[which]) {
        code = sqlite3_prepare_v3(db->connection, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                  &db->control[which], NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(db->control[which]);
        if (code == SQLITE_ROW && result) {
            *result = sqlite3_column_int64(db->control[which], 0);
        }
        int ended = sqlite3_reset(db->control[which]);
        if (code == SQLITE_ROW || code == SQLITE_DONE) {
            code = ended;
        }
    }
    return code;
}

/* ---- before a transaction -------------------------------------------------------------------- */

/* A file that was deleted or replaced goes on for who has it open, and what is written to it is
 * lost. */
static Status check_place(SqliteDb *db, Error *error) {
    int moved = 0;
    if (db->immutable) {
        char name[PATH_MAX];
        struct stat now, log;
        if (stat(db->path, &now) != 0 || now.st_ino != db->opened.st_ino ||
            now.st_size != db->opened.st_size || now.st_mtim.tv_sec != db->opened.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != db->opened.st_mtim.tv_nsec ||
            (stat(sqlite_file_beside(db->path, "-wal", name, sizeof name), &log) == 0 &&
             log.st_size > 0)) {
            return error_set(error, STATUS_IO,
                             "'%s' was changed by another program while it is open: open it again",
                             db->path);
        }
    } else if (sqlite3_file_control(db->connection, "main", SQLITE_FCNTL_HAS_MOVED, &moved) ==
                   SQLITE_OK &&
               moved) {
        return error_set(
            error, STATUS_IO,
            "'%s' was deleted or replaced while it is open: close it and open it again", db->path);
    }
    return STATUS_OK;
}

/* Runs a PRAGMA of the journal mode; *is_log tells whether that is WAL now. */
static int journal_mode(SqliteDb *db, const char *pragma, bool *is_log) {
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db->connection, pragma, -1, &stmt, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        *is_log = strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") == 0;
        code = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return code;
}

/* Turns a new file, or one that the predecessor made, to WAL mode. The mode stays in the file, once
 * something is committed to it. */
static Status check_log(SqliteDb *db, Error *error) {
    bool was_log = false, is_log = false;
    int code;
    do {
        code = journal_mode(db, "PRAGMA journal_mode", &was_log);
        is_log = was_log;
        if (code == SQLITE_OK && !was_log) {
            code = journal_mode(db, "PRAGMA journal_mode=WAL", &is_log);
        }
        /* The mode's change doesn't always ask the busy handler. */
    } while ((code & 0xFF) == SQLITE_BUSY && sqlite_wait_busy(db, 1));
    if (code != SQLITE_OK) {
        return sqlite_fail(db, code, error);
    }
    if (!is_log) {
        return error_set(error, STATUS_IO, "'%s' can't be turned to WAL mode", db->path);
    }
    db->log_checked = true;
    db->log_is_new = !was_log;
    return STATUS_OK;
}

/* Nothing came of it: a file that stays another program's stays as that had it. Others that have it
 * open meanwhile keep it in WAL mode, which they know by now. */
static void undo_log(SqliteDb *db) {
    bool is_log;
    atomic_store(&db->interrupted, true); /* nobody is waited for */
    journal_mode(db, "PRAGMA journal_mode=DELETE", &is_log);
    db->log_checked = db->log_is_new = false;
}

/* ---- transactions ---------------------------------------------------------------------------- */

Status sqlite_begin(Db *head, TxKind kind, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    bool write = kind != TX_READ;
    if (write && db->mode == DB_READ) {
        return error_set(error, STATUS_READONLY, "'%s' was opened for reading only", db->path);
    }
    atomic_store(&db->interrupted, false);
    Status status = check_place(db, error);
    if (status == STATUS_OK && write && !db->log_checked) {
        db->waiting_since = monotonic_now();
        status = check_log(db, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (write) {
        status = sqlite_tidy(head, false, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    int code = sqlite_control(db, write ? CONTROL_BEGIN_IMMEDIATE : CONTROL_BEGIN, NULL);
    if (code != SQLITE_OK) {
        return sqlite_fail(db, code, error);
    }
    db->in_transaction = true;
    if (write && db->counter) {
        status = sqlite_count_begin(db, error);
    }
    if (status != STATUS_OK) {
        sqlite_rollback(head);
    }
    return status;
}

Status sqlite_commit(Db *head, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    if (!sqlite_in_transaction(head)) {
        sqlite_rollback(head);
        error_set(error, STATUS_CONFLICT, "the transaction was rolled back already");
        error->tx_dead = true;
        return STATUS_CONFLICT;
    }
    Status status = db->counter ? sqlite_count_flush(db, error) : STATUS_OK;
    if (status == STATUS_OK) {
        int code = sqlite_control(db, CONTROL_COMMIT, NULL);
        if (code != SQLITE_OK) {
            status = sqlite_fail(db, code, error);
            /* The last page is written before it is synced: where that failed, it may be found
             * after a crash. */
            error->unknown = (code & 0xFF) == SQLITE_IOERR;
        }
    }
    if (status == STATUS_OK) {
        db->log_is_new = false;
    } else {
        sqlite_rollback(head);
        error->tx_dead = true;
    }
    if (db->counter) {
        sqlite_count_forget(db);
    }
    db->in_transaction = false;
    return status;
}

void sqlite_rollback(Db *head) {
    SqliteDb *db = (SqliteDb *)head;
    if (!sqlite3_get_autocommit(db->connection)) {
        sqlite_control(db, CONTROL_ROLLBACK, NULL);
    }
    if (db->log_is_new) {
        undo_log(db);
    }
    if (db->counter) {
        sqlite_count_forget(db);
    }
    db->in_transaction = false;
}

bool sqlite_in_transaction(Db *head) {
    return !sqlite3_get_autocommit(((SqliteDb *)head)->connection);
}

enum {
    SAVEPOINT_VERB_SET,
    SAVEPOINT_VERB_UNDO,
    SAVEPOINT_VERB_RELEASE
};

static int run_savepoint(SqliteDb *db, int verb, int depth) {
    static const char *const verbs[SAVEPOINT_VERBS] = {"SAVEPOINT", "ROLLBACK TO", "RELEASE"};
    sqlite3_stmt *deep = NULL;
    sqlite3_stmt **stmt = depth < SAVEPOINT_DEPTH ? &db->savepoints[depth][verb] : &deep;
    int code = SQLITE_OK;
    if (!*stmt) {
        char sql[64];
        snprintf(sql, sizeof sql, "%s s%d", verbs[verb], depth);
        code = sqlite3_prepare_v3(db->connection, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    }
    if (code == SQLITE_OK) {
        sqlite3_step(*stmt);
        code = sqlite3_reset(*stmt);
    }
    sqlite3_finalize(deep);
    return code;
}

static Status set_savepoint(SqliteDb *db, int depth, Error *error) {
    int code = run_savepoint(db, SAVEPOINT_VERB_SET, depth);
    if (code != SQLITE_OK) {
        return sqlite_fail(db, code, error);
    }
    Status status = db->counter ? sqlite_count_savepoint(db, error) : STATUS_OK;
    if (status != STATUS_OK) {
        run_savepoint(db, SAVEPOINT_VERB_RELEASE, depth);
    }
    return status;
}

static Status end_savepoint(SqliteDb *db, int depth, bool undo, Error *error) {
    int code = undo ? run_savepoint(db, SAVEPOINT_VERB_UNDO, depth) : SQLITE_OK;
    if (code == SQLITE_OK) {
        code = run_savepoint(db, SAVEPOINT_VERB_RELEASE, depth);
    }
    if (code != SQLITE_OK) {
        return sqlite_fail(db, code, error);
    }
    if (db->counter) {
        sqlite_count_end_savepoint(db, depth, undo);
    }
    return STATUS_OK;
}

Status sqlite_savepoint(Db *head, SavepointAct act, int depth, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    if (sqlite_in_transaction(head)) {
        return act == SAVEPOINT_SET ? set_savepoint(db, depth, error)
                                    : end_savepoint(db, depth, act == SAVEPOINT_UNDO, error);
    }
    if (act == SAVEPOINT_UNDO) {
        return STATUS_OK;
    }
    error_set(error, STATUS_CONFLICT, "the transaction was rolled back already");
    error->tx_dead = true;
    return STATUS_CONFLICT;
}

void sqlite_interrupt_all(Db *head) {
    SqliteDb *db = (SqliteDb *)head;
    atomic_store(&db->interrupted, true);
    sqlite3_interrupt(db->connection);
    if (db->checkpointer) {
        sqlite3_interrupt(db->checkpointer);
    }
}
