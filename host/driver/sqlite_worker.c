/* Who is alive, told by the kernel: a worker is a byte of the file beside the database, locked by
 * an "open file description" lock, which is gone the moment that its process is, however it
 * ended. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/sqlite.h"

static bool is_current(int file, const char *name) {
    struct stat held, named;
    return fstat(file, &held) == 0 && stat(name, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

/* Makes the file, for whoever may write the database: as SQLite makes the log, with its mode, and
 * where root does it, its owner. That somebody else made it meanwhile is as good. */
static int make_workers(const SqliteDb *db, const char *name) {
    struct stat database;
    if (stat(db->path, &database) != 0) {
        return -1;
    }
    mode_t mode = database.st_mode & 0666;
    int file = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (file < 0) {
        return errno == EEXIST ? open(name, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
    }
    if (fchmod(file, mode) != 0 ||
        (geteuid() == 0 && fchown(file, database.st_uid, database.st_gid) != 0)) {
        errno = 0; /* a file system without owners: then it is everybody's, or ours alone */
    }
    return file;
}

/* Opens db->workers_file where it isn't, making it where `make` says so. *there: whether it is. */
static Status open_workers(SqliteDb *db, bool make, bool *there, Error *error) {
    char name[PATH_MAX];
    sqlite_file_beside(db->path, "-workers", name, sizeof name);
    *there = true;
    if (db->workers_file >= 0 && (db->worker_count > 0 || is_current(db->workers_file, name))) {
        return STATUS_OK;
    }
    if (db->workers_file >= 0) {
        close(db->workers_file);
    }
    db->workers_file = open(name, O_NOFOLLOW | O_CLOEXEC | (make ? O_RDWR : O_RDONLY));
    if (db->workers_file < 0 && errno == ENOENT && make) {
        db->workers_file = make_workers(db, name);
    }
    if (db->workers_file >= 0) {
        return STATUS_OK;
    }
    *there = false;
    return errno == ENOENT && !make ? STATUS_OK
                                    : sqlite_file_error(error, errno, "can't open", name);
}

static struct flock byte_lock(short type, int64_t worker) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = worker, .l_len = 1};
}

Status sqlite_worker_hold(Db *head, int64_t *worker, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    bool there;
    /* A file opened for asking is open for reading only. */
    if (db->workers_file >= 0 && db->worker_count == 0) {
        close(db->workers_file);
        db->workers_file = -1;
    }
    Status status = open_workers(db, true, &there, error);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t *workers = realloc(db->workers, (db->worker_count + 1) * sizeof *workers);
    if (!workers) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    db->workers = workers;
    struct flock lock;
    do {
        uint64_t number;
        if (getrandom(&number, sizeof number, 0) != sizeof number) {
            return error_set(error, STATUS_IO, "the system gives no random numbers");
        }
        *worker =
            (int64_t)(number >> 2) + 1; /* a number is never used twice, so none is confused */
        lock = byte_lock(F_WRLCK, *worker);
        errno = 0;
    } while (fcntl(db->workers_file, F_OFD_SETLK, &lock) != 0 &&
             (errno == EAGAIN || errno == EINTR));
    if (errno != 0) {
        return sqlite_file_error(error, errno, "can't lock", db->path);
    }
    db->workers[db->worker_count++] = *worker;
    return STATUS_OK;
}

void sqlite_worker_drop(Db *head, int64_t worker) {
    SqliteDb *db = (SqliteDb *)head;
    for (size_t i = 0; i < db->worker_count; i++) {
        if (db->workers[i] == worker) {
            struct flock lock = byte_lock(F_UNLCK, worker);
            fcntl(db->workers_file, F_OFD_SETLK, &lock);
            db->workers[i] = db->workers[--db->worker_count];
            return;
        }
    }
}

Status sqlite_worker_alive(Db *head, int64_t worker, bool *alive, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    *alive = false;
    for (size_t i = 0; i < db->worker_count; i++) {
        if (db->workers[i] == worker) {
            *alive = true; /* a lock is not in the way of its own holder */
            return STATUS_OK;
        }
    }
    if (worker <= 0 || worker == INT64_MAX) {
        return STATUS_OK;
    }
    bool there;
    Status status = open_workers(db, false, &there, error);
    if (status != STATUS_OK || !there) {
        return status;
    }
    struct flock lock = byte_lock(F_WRLCK, worker);
    if (fcntl(db->workers_file, F_OFD_GETLK, &lock) != 0) {
        return sqlite_file_error(error, errno, "can't ask for locks of", db->path);
    }
    *alive = lock.l_type != F_UNLCK;
    return STATUS_OK;
}

void sqlite_workers_end(SqliteDb *db) {
    if (db->workers_file >= 0) {
        close(db->workers_file);
    }
    free(db->workers);
}
