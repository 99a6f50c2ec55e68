/* What SQLite's result codes mean in our words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/sqlite.h"

#define WRITE_LOCK_BYTE 120       /* of the -shm file: held by who writes in WAL mode */
#define RESERVED_BYTE 0x40000001L /* of the database file: by who writes with a rollback journal */

/* The process that holds a write lock on `byte` of the file `path`, or 0. It is read from the
 * kernel's list, for asking by fcntl needs a descriptor of the file, and closing that would drop
 * our own locks. */
static long lock_holder(const char *path, long long byte) {
    struct stat status;
    FILE *locks = stat(path, &status) == 0 ? fopen("/proc/locks", "re") : NULL;
    long holder = 0;
    char line[256];
    while (locks && holder == 0 && fgets(line, sizeof line, locks)) {
        long process;
        unsigned long long inode, first, last;
        char end[32];
        if (strstr(line, "->") || sscanf(line, "%*s POSIX %*s WRITE %ld %*x:%*x:%llu %llu %31s",
                                         &process, &inode, &first, end) != 4) {
            continue;
        }
        last = strcmp(end, "EOF") == 0 ? ~0ULL : strtoull(end, NULL, 10);
        if (inode == status.st_ino && first <= (unsigned long long)byte &&
            (unsigned long long)byte <= last) {
            holder = process;
        }
    }
    if (locks) {
        fclose(locks);
    }
    return holder;
}

/* "process 4711 (python3)"; the words end up in `buffer`. */
static const char *describe_holder(const char *path, char *buffer, size_t size) {
    char name[600];
    long holder = lock_holder(sqlite_file_beside(path, "-shm", name, sizeof name), WRITE_LOCK_BYTE);
    if (holder == 0) {
        holder = lock_holder(path, RESERVED_BYTE);
    }
    if (holder == 0) {
        return "another program";
    }
    if (holder == (long)getpid()) {
        return "another connection of this program";
    }
    char program[64] = "";
    snprintf(name, sizeof name, "/proc/%ld/comm", holder);
    FILE *file = fopen(name, "re");
    if (file) {
        if (!fgets(program, sizeof program, file)) {
            program[0] = '\0';
        }
        program[strcspn(program, "\n")] = '\0';
        fclose(file);
    }
    snprintf(buffer, size, program[0] ? "process %ld (%s)" : "process %ld", holder, program);
    return buffer;
}

static Status status_of_io(int code, int number) {
    switch (code) {
    case SQLITE_IOERR_NOMEM: return STATUS_NO_MEMORY;
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA: return STATUS_CORRUPT;
    default: return number == ENOSPC || number == EDQUOT ? STATUS_FULL : STATUS_IO;
    }
}

static Status status_of_cantopen(int number) {
    switch (number) {
    case ENOENT: return STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: return STATUS_READONLY;
    case ENOSPC:
    case EDQUOT: return STATUS_FULL;
    default: return STATUS_IO;
    }
}

static Status status_of(int code, int number) {
    switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return STATUS_BUSY;
    case SQLITE_READONLY: return code == SQLITE_READONLY_DBMOVED ? STATUS_IO : STATUS_READONLY;
    case SQLITE_PERM: return STATUS_READONLY;
    case SQLITE_FULL: return STATUS_FULL;
    case SQLITE_IOERR: return status_of_io(code, number);
    case SQLITE_CANTOPEN: return status_of_cantopen(number);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return STATUS_CORRUPT;
    case SQLITE_INTERRUPT: return STATUS_INTERRUPTED;
    case SQLITE_NOMEM: return STATUS_NO_MEMORY;
    case SQLITE_ABORT: return STATUS_CONFLICT;
    case SQLITE_CONSTRAINT:
        return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
                       code == SQLITE_CONSTRAINT_ROWID
                   ? STATUS_DUPLICATE
                   : STATUS_INVALID;
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG: return STATUS_INVALID;
    default: return STATUS_SQL;
    }
}

static void describe(const SqliteDb *db, sqlite3 *connection, int code, int number, Error *error) {
    char holder[128];
    const char *said = sqlite3_errmsg(connection);
    const char *system = number ? strerror(number) : sqlite3_errstr(code);
    switch (error->status) {
    case STATUS_BUSY:
        if ((code & 0xFF) == SQLITE_LOCKED) {
            error_set(error, STATUS_BUSY, "%s: it is in use on this connection", said);
        } else {
            error_set(error, STATUS_BUSY, "'%s' is busy: %s is writing (waited %g s)", db->path,
                      describe_holder(db->path, holder, sizeof holder), db->busy_timeout);
        }
        break;
    case STATUS_READONLY:
        error_set(error, STATUS_READONLY,
                  db->mode == DB_READ ? "'%s' was opened for reading only"
                                      : "'%s' can't be written",
                  db->path);
        break;
    case STATUS_FULL:
        error_set(error, STATUS_FULL, "no space is left on the disk of '%s'", db->path);
        break;
    case STATUS_IO:
        error_set(error, STATUS_IO, "reading or writing '%s' failed: %s", db->path, system);
        break;
    case STATUS_NOT_FOUND:
        error_set(error, STATUS_NOT_FOUND, "a file of '%s' is gone", db->path);
        break;
    case STATUS_CORRUPT:
        error_set(error, STATUS_CORRUPT,
                  (code & 0xFF) == SQLITE_NOTADB ? "'%s' is not a database" : "'%s' is damaged: %s",
                  db->path, said);
        break;
    case STATUS_INTERRUPTED: error_set(error, STATUS_INTERRUPTED, "interrupted"); break;
    case STATUS_CONFLICT:
        error_set(error, STATUS_CONFLICT, "the transaction that this ran in is over");
        break;
    case STATUS_NO_MEMORY: error_set(error, STATUS_NO_MEMORY, "not enough memory"); break;
    default: error_set(error, error->status, "%s", said);
    }
}

Status sqlite_fail_of(SqliteDb *db, sqlite3 *connection, int code, Error *error) {
    int extended = sqlite3_extended_errcode(connection);
    if ((code & 0xFF) == code && (extended & 0xFF) == code) {
        code = extended;
    }
    int primary = code & 0xFF;
    int number = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN
                     ? sqlite3_system_errno(connection)
                     : 0;
    error->status = status_of(code, number);
    if (primary == SQLITE_BUSY && atomic_load(&db->interrupted)) {
        error->status = STATUS_INTERRUPTED;
    }
    describe(db, connection, code, number, error);
    return error->status;
}

Status sqlite_fail(SqliteDb *db, int code, Error *error) {
    bool dead = db->in_transaction && sqlite3_get_autocommit(db->connection);
    Status status = sqlite_fail_of(db, db->connection, code, error);
    error->tx_dead = dead;
    return status;
}
