/* Forces the interleaving in which SQLite's WAL-reset bug corrupts a file: a checkpoint has read
 * the log's header and is about to copy; a writer finds everything copied already and starts the
 * log anew; the checkpoint goes on with the header of before.
 *
 *   wal_reset DB store   the checkpoint is the store's
 *   wal_reset DB plain   it is one as SQLite makes it by itself
 *
 * Prints "written" where the writer got in between, else "busy", then the number of rows that are
 * there beside those that should be, and what PRAGMA integrity_check says. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

static sqlite3 *writer;
static int expected;
static const char *outcome = "not reached";

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static int run(sqlite3 *connection, const char *sql) {
    int code = sqlite3_exec(connection, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK && code != SQLITE_BUSY) {
        fail(sql, sqlite3_errmsg(connection));
    }
    return code;
}

static int insert(int rows) {
    char sql[300];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) "
             "INSERT INTO filler(text) SELECT hex(randomblob(700)) FROM c",
             rows);
    int code = run(writer, sql);
    expected += code == SQLITE_OK ? rows : 0;
    return code;
}

/* ---- a file system that stops a checkpoint between its two halves ---------------------------- */

typedef struct Stopping {
    sqlite3_file head;
    sqlite3_file *real;
} Stopping;

static sqlite3_vfs *real_vfs;
static int armed;

#define REAL(file) (((Stopping *)(file))->real)
#define PASS(name, parameters, ...)                                \
    static int pass_##name parameters {                            \
        return REAL(f)->pMethods->x##name(REAL(f), ##__VA_ARGS__); \
    }
PASS(Read, (sqlite3_file * f, void *p, int n, sqlite3_int64 o), p, n, o)
PASS(Write, (sqlite3_file * f, const void *p, int n, sqlite3_int64 o), p, n, o)
PASS(Truncate, (sqlite3_file * f, sqlite3_int64 n), n)
PASS(Sync, (sqlite3_file * f, int flags), flags)
PASS(FileSize, (sqlite3_file * f, sqlite3_int64 *n), n)
PASS(Lock, (sqlite3_file * f, int level), level)
PASS(Unlock, (sqlite3_file * f, int level), level)
PASS(CheckReservedLock, (sqlite3_file * f, int *held), held)
PASS(FileControl, (sqlite3_file * f, int op, void *p), op, p)
PASS(SectorSize, (sqlite3_file * f))
PASS(DeviceCharacteristics, (sqlite3_file * f))
PASS(ShmMap, (sqlite3_file * f, int r, int n, int e, void volatile **p), r, n, e, p)
PASS(ShmLock, (sqlite3_file * f, int o, int n, int flags), o, n, flags)
PASS(ShmUnmap, (sqlite3_file * f, int d), d)
PASS(Fetch, (sqlite3_file * f, sqlite3_int64 o, int n, void **p), o, n, p)

static void pass_ShmBarrier(sqlite3_file *f) {
    REAL(f)->pMethods->xShmBarrier(REAL(f));
}

static int pass_Close(sqlite3_file *f) {
    int code = REAL(f)->pMethods->xClose(REAL(f));
    free(REAL(f));
    return code;
}

/* Called by a checkpoint that has read a header which is new to it, before it copies. */
static int stop_Unfetch(sqlite3_file *f, sqlite3_int64 offset, void *page) {
    if (armed && !page) {
        armed = 0;
        outcome = insert(4) == SQLITE_OK ? "written" : "busy";
    }
    return REAL(f)->pMethods->xUnfetch(REAL(f), offset, page);
}

static const sqlite3_io_methods methods = {3,
                                           pass_Close,
                                           pass_Read,
                                           pass_Write,
                                           pass_Truncate,
                                           pass_Sync,
                                           pass_FileSize,
                                           pass_Lock,
                                           pass_Unlock,
                                           pass_CheckReservedLock,
                                           pass_FileControl,
                                           pass_SectorSize,
                                           pass_DeviceCharacteristics,
                                           pass_ShmMap,
                                           pass_ShmLock,
                                           pass_ShmBarrier,
                                           pass_ShmUnmap,
                                           pass_Fetch,
                                           stop_Unfetch};

static int stopping_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *out) {
    Stopping *stopping = (Stopping *)file;
    (void)vfs;
    stopping->real = calloc(1, (size_t)real_vfs->szOsFile);
    int code = real_vfs->xOpen(real_vfs, name, stopping->real, flags, out);
    stopping->head.pMethods = stopping->real->pMethods ? &methods : NULL;
    if (code != SQLITE_OK) {
        free(stopping->real);
    }
    return code;
}

static void stop_checkpoints(void) {
    static sqlite3_vfs vfs;
    real_vfs = sqlite3_vfs_find(NULL);
    vfs = *real_vfs;
    vfs.zName = "stopping";
    vfs.szOsFile = sizeof(Stopping);
    vfs.xOpen = stopping_open;
    sqlite3_vfs_register(&vfs, 1);
}

/* ---- the interleaving ------------------------------------------------------------------------ */

static void check_rows(const char *path) {
    sqlite3 *reader;
    sqlite3_stmt *stmt;
    if (sqlite3_open_v2(path, &reader, SQLITE_OPEN_READWRITE, "unix") != SQLITE_OK) {
        fail("reopening", sqlite3_errmsg(reader));
    }
    int rows = -1;
    if (sqlite3_prepare_v2(reader, "SELECT count(*) FROM filler", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        rows = sqlite3_column_int(stmt, 0);
    }
    sqlite3_finalize(stmt);
    const char *integrity = "can't be read";
    if (sqlite3_prepare_v2(reader, "PRAGMA integrity_check(1)", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        integrity = (const char *)sqlite3_column_text(stmt, 0);
    }
    printf("%s\n%d of %d\n%s\n", outcome, rows, expected, integrity);
    sqlite3_finalize(stmt);
    sqlite3_close(reader);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fail("usage", "wal_reset DB store|plain");
    }
    const char *path = arguments[1];
    bool guarded = strcmp(arguments[2], "store") == 0;
    Error error;
    Store *store;
    StoreOptions options = store_options_default();
    sqlite3 *plain;
    stop_checkpoints();
    if (store_open(path, &options, &store, &error) != STATUS_OK) {
        fail("opening", error.message);
    }
    if (sqlite3_open_v2(path, &writer, SQLITE_OPEN_READWRITE, "unix") != SQLITE_OK ||
        sqlite3_open(path, &plain) != SQLITE_OK) {
        fail("opening", "a second connection");
    }
    sqlite3_wal_autocheckpoint(writer, 0);
    sqlite3_wal_autocheckpoint(plain, 0);
    run(writer, "CREATE TABLE filler(id INTEGER PRIMARY KEY, text TEXT)");
    insert(400);
    /* Both that may be the one that checkpoints have seen some log by now ... */
    if (store_checkpoint(store, &error) != STATUS_OK) {
        fail("checkpoint", error.message);
    }
    run(plain, "SELECT count(*) FROM filler");
    /* ... which another has started anew and copied whole. */
    insert(400);
    run(writer, "UPDATE filler SET text = hex(randomblob(700))");
    run(writer, "PRAGMA wal_checkpoint(PASSIVE)");

    armed = 1;
    if (guarded) {
        store_checkpoint(store, &error);
    } else {
        sqlite3_wal_checkpoint_v2(plain, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    sqlite3_close(plain);
    sqlite3_close(writer);
    store_close(store);
    check_rows(path);
    return 0;
}
