/* A copy of the database while others write.
 *
 * The source is a connection of its own that holds one read transaction through the whole copy: its
 * snapshot stands still, so that the copy can go in steps (with its progress, and breaks for
 * Ctrl-C) and never starts over, as SQLite's backup does when somebody else commits between two
 * steps. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "driver/sqlite.h"

#define STEP_PAGES 256

/* Makes the file, which nobody else may have made: what a link leads to is not ours to write. */
static Status make_target(const char *path, Error *error) {
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return errno == EEXIST ? error_set(error, STATUS_INVALID, "'%s' is there already", path)
                               : sqlite_file_error(error, errno, "can't make", path);
    }
    close(file);
    return STATUS_OK;
}

static Status sync_file(const char *path, int flags, Error *error) {
    int file = open(path, flags | O_CLOEXEC);
    if (file < 0) {
        return sqlite_file_error(error, errno, "can't open", path);
    }
    Status status =
        fsync(file) == 0 ? STATUS_OK : sqlite_file_error(error, errno, "can't sync", path);
    close(file);
    return status;
}

static Status sync_target(const char *path, Error *error) {
    char folder[PATH_MAX];
    Status status = sync_file(path, O_RDONLY, error);
    const char *slash = strrchr(path, '/');
    sqlite_file_beside(slash ? path : ".", "", folder, sizeof folder);
    if (slash) {
        folder[slash == path ? 1 : slash - path] = '\0';
    }
    return status == STATUS_OK ? sync_file(folder, O_RDONLY | O_DIRECTORY, error) : status;
}

static Status copy_pages(SqliteDb *db, sqlite3 *from, sqlite3 *to, BackupProgress *progress,
                         void *context, Error *error) {
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (!backup) {
        return sqlite_fail_of(db, to, sqlite3_errcode(to), error);
    }
    int code;
    bool stopped = false;
    do {
        code = sqlite3_backup_step(backup, STEP_PAGES);
        int64_t total = sqlite3_backup_pagecount(backup);
        stopped = atomic_load(&db->interrupted) ||
                  (progress && (code == SQLITE_OK || code == SQLITE_DONE) &&
                   !progress(context, total - sqlite3_backup_remaining(backup), total));
    } while (code == SQLITE_OK && !stopped);
    int ended = sqlite3_backup_finish(backup);
    if (stopped) {
        return error_set(error, STATUS_INTERRUPTED, "the backup was broken off");
    }
    if (code != SQLITE_DONE || ended != SQLITE_OK) {
        return sqlite_fail_of(db, to, code != SQLITE_DONE ? code : ended, error);
    }
    return STATUS_OK;
}

/* Nothing but us reads the copy before it is whole: it needs no journal, and one sync at the
 * end. */
static Status open_target(SqliteDb *db, const char *path, sqlite3 **to, Error *error) {
    int code = sqlite3_open_v2(path, to,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                                   SQLITE_OPEN_EXRESCODE,
                               NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(*to,
                            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                            "PRAGMA cache_size=-2048;",
                            NULL, NULL, NULL);
    }
    return code == SQLITE_OK ? STATUS_OK : sqlite_fail_of(db, *to, code, error);
}

Status sqlite_backup(Db *head, const char *path, bool synced, BackupProgress *progress,
                     void *context, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    sqlite3 *from = NULL, *to = NULL;
    Status status = make_target(path, error);
    if (status != STATUS_OK) {
        return status;
    }
    atomic_store(&db->interrupted, false);
    status = sqlite_open_another(db, SQLITE_OPEN_READONLY, &from, error);
    if (status == STATUS_OK) {
        sqlite3_busy_handler(from, sqlite_wait_busy, db);
        int code = sqlite3_exec(from, "BEGIN; PRAGMA schema_version;", NULL, NULL, NULL);
        status = code == SQLITE_OK ? STATUS_OK : sqlite_fail_of(db, from, code, error);
    }
    if (status == STATUS_OK) {
        status = open_target(db, path, &to, error);
    }
    if (status == STATUS_OK) {
        status = copy_pages(db, from, to, progress, context, error);
    }
    sqlite3_close(to);
    sqlite3_close(from);
    if (status == STATUS_OK && synced) {
        status = sync_target(path, error);
    }
    if (status != STATUS_OK) {
        unlink(path);
    }
    return status;
}
