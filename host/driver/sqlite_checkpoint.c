/* Checkpoints: moving the log's pages into the database.
 *
 * SQLite up to 3.51.2, Debian's 3.40.1 among them, can corrupt the file when a checkpoint that
 * doesn't hold the write lock meets a writer that starts the log anew: that is every automatic
 * checkpoint, and a FULL, RESTART or TRUNCATE one that finds somebody writing. So automatic ones
 * are off on every connection, and ours runs on a connection of its own while the main one holds
 * the write lock without writing. The last connection's checkpoint at closing is safe: it has the
 * file to itself. */
#include "driver/sqlite.h"

#define CHECKPOINT_PAGES 500  /* a stall of about 10 ms; below the 1000 of other programs' own */
#define PATIENCE_PAGES 2000   /* beyond it we wait for other writers instead of trying later */

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

/* Takes the write lock without writing. */
static int take_lock(SqliteDb *db, bool wait) {
    double busy_timeout = db->busy_timeout;
    if (!wait) {
        db->busy_timeout = 0;
    }
    int code = sqlite_control(db, CONTROL_BEGIN_IMMEDIATE, NULL);
    db->busy_timeout = busy_timeout;
    return code;
}

static Status checkpoint(SqliteDb *db, bool wait, Error *error) {
    Status status = STATUS_OK;
    if (!db->checkpointer) {
        status = sqlite_open_another(db, SQLITE_OPEN_READWRITE, &db->checkpointer, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    int code = take_lock(db, wait);
    if (code != SQLITE_OK) {
        return (code & 0xFF) == SQLITE_BUSY && !wait ? STATUS_OK : sqlite_fail(db, code, error);
    }
    int pages = 0, done = 0;
    code = sqlite3_wal_checkpoint_v2(db->checkpointer, "main", SQLITE_CHECKPOINT_PASSIVE, &pages,
        &done);
    if (code != SQLITE_OK) {
        status = sqlite_fail_of(db, db->checkpointer, code, error);
    }
    sqlite_control(db, CONTROL_ROLLBACK, NULL);
    /* The next writer starts the log anew, unless a reader needs it still: then it goes on growing,
     * and what is new is moved when there is as much again. */
    db->checkpoint_at = db->log_pages + CHECKPOINT_PAGES;
    return status;
}

Status sqlite_tidy(Db *head, bool full, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    if (db->mode == DB_READ || (!full && db->log_pages < db->checkpoint_at)) {
        return STATUS_OK;
    }
    if (!sqlite3_get_autocommit(db->connection)) {
        return full ? error_set(error, STATUS_BUSY, "a transaction is open") : STATUS_OK;
    }
    return checkpoint(db, full || db->log_pages >= PATIENCE_PAGES, error);
}
