/* What a statement does, and what a user's may not: SQLite asks here for everything that it
 * compiles. The answers are kept with the statement; nothing is asked again when it runs. */
#include <stdio.h>
#include <string.h>

#include "driver/sqlite.h"

static int refuse(SqliteDb *db, const char *why) {
    snprintf(db->refusal, sizeof db->refusal, "%s", why);
    return SQLITE_DENY;
}

/* PRAGMAs that only look; with an argument it is a table or a number of rows. All others are read
 * without one, but for those that act even so. */
static bool pragma_is_harmless(const char *name, const char *argument) {
    static const char *const looking[] = {
        "table_info",  "table_xinfo",      "table_list",        "index_list",      "index_info",
        "index_xinfo", "foreign_key_list", "foreign_key_check", "integrity_check", "quick_check"};
    static const char *const acting[] = {"wal_checkpoint", "incremental_vacuum", "optimize",
                                         "shrink_memory"};
    for (size_t i = 0; i < sizeof looking / sizeof *looking; i++) {
        if (sqlite3_stricmp(name, looking[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof acting / sizeof *acting; i++) {
        if (sqlite3_stricmp(name, acting[i]) == 0) {
            return false;
        }
    }
    return argument == NULL;
}

/* What a user's text may not do, for it is the store's. */
static int guard(SqliteDb *db, int action, const char *first, const char *second,
                 const char *schema) {
    switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return refuse(db, "transactions and savepoints are begun and ended by the store's own "
                          "calls, not by a statement");
    case SQLITE_ATTACH:
    case SQLITE_DETACH: return refuse(db, "ATTACH and DETACH are not allowed: a store is one file");
    case SQLITE_INSERT: /* of a table, view or trigger into the list of them */
        return schema && strcmp(schema, "temp") == 0
                   ? refuse(db, "TEMP is not allowed: the connection that reads rows would not see "
                                "it")
                   : SQLITE_OK;
    case SQLITE_PRAGMA:
        if (!pragma_is_harmless(first, second)) {
            return refuse(db, "this PRAGMA is not allowed: the settings of the file are the "
                              "store's");
        }
        db->noted |= DOES_TELL;
        return SQLITE_OK;
    default: return SQLITE_OK;
    }
}

int sqlite_authorize(void *context, int action, const char *first, const char *second,
                     const char *schema, const char *trigger) {
    SqliteDb *db = context;
    if (trigger && !db->guarded) {
        return SQLITE_OK; /* what a trigger would do for a statement of ours: it won't run */
    }
    if (db->readable && db->guarded && !sqlite_untrusted_allows(db, action, first, second)) {
        return refuse(db, "only reading of the store's tables, with plain functions, is allowed "
                          "here");
    }
    if (db->guarded && guard(db, action, first, second, schema) != SQLITE_OK) {
        return SQLITE_DENY;
    }
    switch (action) {
    case SQLITE_READ:
        if (db->counter && strcmp(first, "counters") == 0) {
            db->noted |= DOES_READ_COUNTERS;
        }
        return SQLITE_OK;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        if (db->counter && sqlite_counts_table(db, first)) {
            db->noted |= DOES_TOUCH_COUNTED;
        }
        return SQLITE_OK;
    case SQLITE_SELECT:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
    case SQLITE_REINDEX:
    case SQLITE_ANALYZE:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_PRAGMA: return SQLITE_OK;
    default: db->noted |= DOES_DEFINE; return SQLITE_OK;
    }
}
