/* Checkpoints: moving the log's pages into the database.
 *
 * SQLite up to 3.51.2, Debian's 3.40.1 among them, can corrupt the file when a checkpoint that
 * doesn't hold the write lock meets a writer that starts the log anew: that is every automatic
 * checkpoint, and a FULL, RESTART or TRUNCATE one that finds somebody writing. So automatic ones
 * are off on every connection, and ours runs on a connection of its own while the main one holds
 * the write lock and has written nothing, before a transaction. The last connection's checkpoint at
 * closing is safe: it has the file to itself. */
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "driver/sqlite.h"

#define CHECKPOINT_PAGES 500 /* a stall of about 10 ms; below the 1000 of other programs' own */
#define UNMOVED_PAGES 4000   /* from here on a failure to move them is the writer's too */
#define LOG_KEPT (64 << 20)  /* bytes of a log that are kept for the next pages */
#define LOG_CUT (8 << 20)    /* the most that is cut off at once */

static int note_commit(void *context, sqlite3 *connection, const char *schema, int pages) {
    SqliteDb *db = context;
    (void)connection;
    (void)schema;
    if (pages < db->log_pages) {
        db->checkpoint_at = CHECKPOINT_PAGES; /* the log was started anew */
    }
    db->log_pages = pages;
    return SQLITE_OK;
}

void sqlite_checkpoint_begin(SqliteDb *db) {
    db->checkpoint_at = CHECKPOINT_PAGES;
    sqlite3_wal_hook(db->connection, note_commit, db);
}

static Status open_checkpointer(SqliteDb *db, Error *error) {
    return db->checkpointer
               ? STATUS_OK
               : sqlite_open_another(db, SQLITE_OPEN_READWRITE, &db->checkpointer, error);
}

/* A log that has grown under a long reader, a backup perhaps, is given back to the disk bit by bit:
 * the transaction that starts it anew cuts it, and to cut off 200 MiB stalls all writers for a
 * tenth of a second. */
static void limit_log(SqliteDb *db) {
    char text[PATH_MAX];
    struct stat status;
    int64_t limit = LOG_KEPT;
    if (stat(sqlite_file_beside(db->path, "-wal", text, sizeof text), &status) == 0 &&
        status.st_size > LOG_KEPT + LOG_CUT) {
        limit = status.st_size - LOG_CUT;
    }
    if (limit != db->log_limit) {
        snprintf(text, sizeof text, "PRAGMA journal_size_limit=%lld", (long long)limit);
        if (sqlite3_exec(db->connection, text, NULL, NULL, NULL) == SQLITE_OK) {
            db->log_limit = limit;
        }
    }
}

/* The caller holds the write lock and has written nothing. */
static Status move_pages(SqliteDb *db, Error *error) {
    Status status = open_checkpointer(db, error);
    if (status != STATUS_OK) {
        return status;
    }
    /* The next transaction starts the log anew, unless a reader needs it still: then it goes on
     * growing, and what is new is moved when there is as much again. */
    db->checkpoint_at = db->log_pages + CHECKPOINT_PAGES;
    limit_log(db);
    int code =
        sqlite3_wal_checkpoint_v2(db->checkpointer, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : sqlite_fail_of(db, db->checkpointer, code, error);
}

/* Whether a failure may wait. Pages that can't be moved yet are no loss, and the next try may
 * succeed; but the log must not grow for ever without anybody hearing of it. */
static bool may_wait(const SqliteDb *db, Status status, bool full) {
    return !full && (status == STATUS_BUSY || db->log_pages < UNMOVED_PAGES);
}

Status sqlite_tidy(Db *head, bool full, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    if (db->mode == DB_READ || (!full && db->log_pages < db->checkpoint_at)) {
        return STATUS_OK;
    }
    if (!sqlite3_get_autocommit(db->connection)) {
        return full ? error_set(error, STATUS_BUSY, "a transaction is open") : STATUS_OK;
    }
    int code = sqlite_control(db, CONTROL_BEGIN_IMMEDIATE, NULL);
    if (code != SQLITE_OK) {
        return sqlite_fail(db, code, error);
    }
    Status status = move_pages(db, error);
    sqlite_control(db, CONTROL_ROLLBACK, NULL);
    return status == STATUS_OK || may_wait(db, status, full) ? STATUS_OK : status;
}

/* On the connection beside: nothing counts its rows, nobody's statements are prepared on it. */
Status sqlite_compact(Db *head, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    if (db->mode == DB_READ) {
        return error_set(error, STATUS_READONLY, "'%s' is open for reading only", db->path);
    }
    if (!sqlite3_get_autocommit(db->connection)) {
        return error_set(error, STATUS_BUSY, "a transaction is open");
    }
    Status status = open_checkpointer(db, error);
    if (status != STATUS_OK) {
        return status;
    }
    atomic_store(&db->interrupted, false);
    sqlite3_busy_handler(db->checkpointer, sqlite_wait_busy, db);
    int code = sqlite3_exec(db->checkpointer, "VACUUM", NULL, NULL, NULL);
    sqlite3_busy_handler(db->checkpointer, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : sqlite_fail_of(db, db->checkpointer, code, error);
}
