/* A connection on which strangers' statements run: they may read ordinary tables with plain
 * functions, and use so much and no more. What the connection's owner asks by name is not held to
 * it. That nothing can be written is the file's mode's doing; this is the second lock. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "driver/sqlite.h"
#include "gen/queries.h"

#define OPS_BETWEEN_LOOKS 1000
#define INDEX_REGION 32768 /* bytes that SQLite maps at a time */

static const char *const functions[] = {
    "abs",
    "avg",
    "char",
    "coalesce",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "dense_rank",
    "first_value",
    "format",
    "glob",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_quote",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "percent_rank",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "strftime",
    "substr",
    "substring",
    "sum",
    "time",
    "total",
    "trim",
    "typeof",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
    "->",
    "->>",
    "acos",
    "asin",
    "atan",
    "ceil",
    "ceiling",
    "cos",
    "degrees",
    "exp",
    "floor",
    "ln",
    "log",
    "log10",
    "log2",
    "mod",
    "pi",
    "pow",
    "power",
    "radians",
    "sin",
    "sqrt",
    "tan",
    "trunc",
};

static bool function_is_plain(const char *name) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (sqlite3_stricmp(name, functions[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* db->readable is the names of the tables, each with its NUL, and an empty one at the end. */
static bool table_is_readable(const SqliteDb *db, const char *name) {
    for (const char *at = db->readable; *at; at += strlen(at) + 1) {
        if (strcmp(at, name) == 0) {
            return true;
        }
    }
    return strcmp(name, "json_each") == 0 || strcmp(name, "json_tree") == 0;
}

bool sqlite_untrusted_allows(const SqliteDb *db, int action, const char *first,
                             const char *second) {
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE: return true;
    case SQLITE_READ: return table_is_readable(db, first);
    case SQLITE_FUNCTION: return second && function_is_plain(second);
    default: return false;
    }
}

static Status list_tables(SqliteDb *db, Error *error) {
    St *st;
    size_t size = 0;
    Status status = sqlite_statement(&db->head, &query_readable_tables, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    while ((status = sqlite_step(st, error)) == STATUS_ROW) {
        Text name = sqlite_column_string(st, 0);
        char *grown = realloc(db->readable, size + name.size + 2);
        if (!grown) {
            status = error_set(error, STATUS_NO_MEMORY, "not enough memory");
            break;
        }
        db->readable = grown;
        memcpy(grown + size, name.data, name.size);
        size += name.size + 1;
        grown[size - 1] = grown[size] = '\0';
    }
    sqlite_release(st);
    if (status == STATUS_OK && !db->readable && !(db->readable = calloc(1, 1))) {
        status = error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    return status;
}

/* Maps all of the log's index now: whoever is locked in later can't map what it meets then. */
static int map_index(SqliteDb *db) {
    sqlite3_file *file = NULL;
    char name[PATH_MAX];
    struct stat index;
    int code = sqlite3_file_control(db->connection, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK || !file || !file->pMethods || file->pMethods->iVersion < 2 ||
        stat(sqlite_file_beside(db->path, "-shm", name, sizeof name), &index) != 0) {
        return code;
    }
    for (int i = 0; code == SQLITE_OK && i < index.st_size / INDEX_REGION; i++) {
        void volatile *region;
        code = file->pMethods->xShmMap(file, i, INDEX_REGION, 0, &region);
    }
    return code;
}

static int look_at_clock(void *context) {
    const SqliteDb *db = context;
    return db->untrusted.late && db->untrusted.late(db->untrusted.context);
}

Status sqlite_untrusted_begin(SqliteDb *db, const DbUntrusted *untrusted, Error *error) {
    static const struct {
        int which, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, 4 << 20},
        {SQLITE_LIMIT_SQL_LENGTH, 64 << 10},
        {SQLITE_LIMIT_COLUMN, 200},
        {SQLITE_LIMIT_EXPR_DEPTH, 100},
        {SQLITE_LIMIT_COMPOUND_SELECT, 20},
        {SQLITE_LIMIT_VDBE_OP, 25000},
        {SQLITE_LIMIT_FUNCTION_ARG, 32},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 1000},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    Status status = list_tables(db, error);
    if (status != STATUS_OK) {
        return status;
    }
    int code = sqlite3_exec(
        db->connection, "PRAGMA query_only=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192;",
        NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(db->connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_db_config(db->connection, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    }
    if (code == SQLITE_OK && !db->immutable) {
        code = map_index(db);
    }
    if (code != SQLITE_OK) {
        return sqlite_fail(db, code, error);
    }
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        sqlite3_limit(db->connection, limits[i].which, limits[i].value);
    }
    sqlite3_hard_heap_limit64(untrusted->memory);
    db->untrusted = *untrusted;
    sqlite3_progress_handler(db->connection, OPS_BETWEEN_LOOKS, look_at_clock, db);
    return STATUS_OK;
}
