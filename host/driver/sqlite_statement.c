/* Statements: how they are prepared, kept, run and read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/sqlite.h"
#include "gen/queries.h"

/* ---- preparing ------------------------------------------------------------------------------- */

static Status refuse_statement(SqliteDb *db, int code, Error *error) {
    if (db->refusal[0] != '\0') {
        return error_set(error, STATUS_SQL, "%s", db->refusal);
    }
    Status status = sqlite_fail(db, code, error);
    if (status == STATUS_INVALID) {
        error->status = STATUS_SQL; /* the text is too long */
    }
    return error->status;
}

static Status prepare(SqliteDb *db, const char *sql, size_t size, bool guarded, SqliteSt **result,
                      const char **tail, Error *error) {
    SqliteSt *st = calloc(1, sizeof *st);
    if (!st) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    db->noted = 0;
    db->guarded = guarded;
    db->refusal[0] = '\0';
    int code = size > INT32_MAX ? SQLITE_TOOBIG
                                : sqlite3_prepare_v3(db->connection, sql, (int)size,
                                                     SQLITE_PREPARE_PERSISTENT, &st->stmt, tail);
    db->guarded = false;
    if (code != SQLITE_OK || !st->stmt) {
        free(st);
        return code != SQLITE_OK ? refuse_statement(db, code, error)
                                 : error_set(error, STATUS_SQL, "the statement is empty");
    }
    st->head.driver = &sqlite_driver;
    st->db = db;
    bool looks = sqlite3_stmt_readonly(st->stmt) || sqlite3_stmt_isexplain(st->stmt) ||
                 ((db->noted & DOES_TELL) && sqlite3_strnicmp(sql, "PRAGMA", 6) == 0);
    st->does = (db->noted & ~(unsigned)DOES_TELL) | (guarded ? DOES_USERS_WORK : 0) |
               (looks ? 0 : DOES_WRITE);
    st->next = db->statements;
    if (st->next) {
        st->next->previous = st;
    }
    db->statements = st;
    *result = st;
    return STATUS_OK;
}

static void end_statement(SqliteSt *st) {
    if (st->previous) {
        st->previous->next = st->next;
    } else {
        st->db->statements = st->next;
    }
    if (st->next) {
        st->next->previous = st->previous;
    }
    sqlite3_finalize(st->stmt);
    free(st);
}

void sqlite_statements_end(SqliteDb *db) {
    while (db->statements) {
        end_statement(db->statements); /* NOLINT: it moves the list's head on */
    }
    free(db->slots);
    db->slots = NULL;
    db->idle_count = 0;
}

Status sqlite_statement(Db *head, const Query *query, St **result, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    SqliteSt *st = db->slots ? db->slots[query->slot] : NULL;
    if (!st || st->in_use) {
        bool first = !st;
        if (!db->slots && !(db->slots = calloc(QUERY_COUNT, sizeof(SqliteSt *)))) {
            return error_set(error, STATUS_NO_MEMORY, "not enough memory");
        }
        Status status = prepare(db, query->sql, strlen(query->sql), false, &st, NULL, error);
        if (status != STATUS_OK) {
            return status;
        }
        st->kind = first ? ST_SLOT : ST_COPY;
        if (first) {
            db->slots[query->slot] = st;
        }
    }
    st->in_use = true;
    *result = &st->head;
    return STATUS_OK;
}

/* ---- users' texts ---------------------------------------------------------------------------- */

static size_t hash_text(const char *text, size_t size) {
    size_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    }
    return hash;
}

/* Takes the idle statement of this text out of the row of those that are kept; or NULL. */
static SqliteSt *take_idle(SqliteDb *db, const char *sql, size_t size, size_t hash) {
    for (int i = db->idle_count - 1; i >= 0; i--) {
        SqliteSt *st = db->idle[i];
        if (st->hash == hash && st->size == size && memcmp(sqlite3_sql(st->stmt), sql, size) == 0) {
            db->idle_count--;
            memmove(db->idle + i, db->idle + i + 1,
                    (size_t)(db->idle_count - i) * sizeof *db->idle);
            return st;
        }
    }
    return NULL;
}

static void keep_idle(SqliteDb *db, SqliteSt *st) {
    if (db->idle_count == IDLE_TEXTS) {
        end_statement(db->idle[0]);
        db->idle_count--;
        memmove(db->idle, db->idle + 1, (size_t)db->idle_count * sizeof *db->idle);
    }
    db->idle[db->idle_count++] = st;
}

/* Whether `sql` begins with this word, after spaces and comments. */
static bool begins_with_word(const char *sql, const char *end, const char *word) {
    while (sql < end) {
        if (strchr(" \t\n\r\f;", *sql)) {
            sql++;
        } else if (end - sql >= 2 && memcmp(sql, "--", 2) == 0) {
            const char *line = memchr(sql, '\n', (size_t)(end - sql));
            sql = line ? line : end;
        } else if (end - sql >= 2 && memcmp(sql, "/*", 2) == 0) {
            const char *close = memmem(sql + 2, (size_t)(end - sql) - 2, "*/", 2);
            sql = close ? close + 2 : end;
        } else {
            break;
        }
    }
    size_t length = strlen(word);
    return (size_t)(end - sql) >= length && sqlite3_strnicmp(sql, word, (int)length) == 0;
}

/* Whether nothing but spaces, comments and semicolons is left. */
static bool nothing_follows(SqliteDb *db, const char *tail, const char *end) {
    while (tail < end) {
        sqlite3_stmt *stmt = NULL;
        const char *next = end;
        db->guarded = true;
        int code = sqlite3_prepare_v3(db->connection, tail, (int)(end - tail), 0, &stmt, &next);
        db->guarded = false;
        bool empty = code == SQLITE_OK && !stmt;
        sqlite3_finalize(stmt);
        if (!empty) {
            return false;
        }
        tail = next;
    }
    return true;
}

static Status prepare_text(SqliteDb *db, const char *sql, size_t size, SqliteSt **st,
                           Error *error) {
    const char *tail = NULL;
    if (memchr(sql, '\0', size)) {
        return error_set(error, STATUS_SQL, "a statement can't contain NUL");
    }
    if (begins_with_word(sql, sql + size, "VACUUM")) {
        return error_set(error, STATUS_SQL, "VACUUM is not allowed: make a backup instead");
    }
    Status status = prepare(db, sql, size, true, st, &tail, error);
    if (status == STATUS_OK && !nothing_follows(db, tail, sql + size)) {
        end_statement(*st);
        status = error_set(error, STATUS_SQL, "more than one statement, or text behind the first");
    }
    return status;
}

Status sqlite_statement_text(Db *head, const char *sql, size_t size, St **result, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    size_t hash = hash_text(sql, size);
    SqliteSt *st = take_idle(db, sql, size, hash);
    if (!st) {
        Status status = prepare_text(db, sql, size, &st, error);
        if (status != STATUS_OK) {
            return status;
        }
        st->kind = ST_TEXT;
        st->hash = hash;
        st->size = size;
    }
    st->in_use = true;
    *result = &st->head;
    return STATUS_OK;
}

/* ---- running --------------------------------------------------------------------------------- */

static void stop(SqliteSt *st) {
    if (st->running) {
        sqlite3_reset(st->stmt);
        st->running = false;
    }
    st->failure = SQLITE_OK;
}

void sqlite_reset_statement(St *head) {
    stop((SqliteSt *)head);
}

void sqlite_release(St *head) {
    SqliteSt *st = (SqliteSt *)head;
    stop(st);
    sqlite3_clear_bindings(st->stmt);
    st->in_use = false;
    if (st->kind == ST_COPY) {
        end_statement(st);
    } else if (st->kind == ST_TEXT) {
        keep_idle(st->db, st);
    }
}

void sqlite_bind(St *head, int index, Value value) {
    SqliteSt *st = (SqliteSt *)head;
    int code = SQLITE_MISUSE;
    switch (value.type) {
    case VALUE_NULL: code = sqlite3_bind_null(st->stmt, index); break;
    case VALUE_INT: code = sqlite3_bind_int64(st->stmt, index, value.as.integer); break;
    case VALUE_DOUBLE: code = sqlite3_bind_double(st->stmt, index, value.as.number); break;
    case VALUE_TEXT:
        code = sqlite3_bind_text64(st->stmt, index, value.as.text.data, value.as.text.size,
                                   SQLITE_STATIC, SQLITE_UTF8);
        break;
    case VALUE_BLOB:
        code = value.as.text.size == 0 ? sqlite3_bind_zeroblob(st->stmt, index, 0)
                                       : sqlite3_bind_blob64(st->stmt, index, value.as.text.data,
                                                             value.as.text.size, SQLITE_STATIC);
        break;
    }
    if (code != SQLITE_OK && st->failure == SQLITE_OK) {
        st->failure = code;
    }
}

/* Before the first step of a run. */
static Status start(SqliteSt *st, Error *error) {
    if (st->failure != SQLITE_OK) {
        int code = st->failure;
        return code == SQLITE_RANGE
                   ? error_set(error, STATUS_SQL,
                               "a parameter was given that the statement doesn't have")
                   : sqlite_fail(st->db, code, error);
    }
    if (st->does & DOES_WRITE) {
        st->total_before = sqlite3_total_changes64(st->db->connection);
        st->changes = 0;
    }
    if (st->db->counter && st->does & (DOES_TOUCH_COUNTED | DOES_DEFINE | DOES_READ_COUNTERS)) {
        return sqlite_count_statement(st->db, st->does, error);
    }
    return STATUS_OK;
}

/* All rows are changed in the first step, also where it gives rows back. */
static void note_changes(SqliteSt *st, int code) {
    SqliteDb *db = st->db;
    if (st->does & DOES_TOUCH_COUNTED && db->counter) {
        sqlite_count_settle(db, code == SQLITE_ROW || code == SQLITE_DONE);
    }
    /* sqlite3_changes keeps its value where a statement isn't one that changes rows. */
    if (code == SQLITE_DONE && sqlite3_total_changes64(db->connection) != st->total_before) {
        st->changes = sqlite3_changes64(db->connection);
    }
}

Status sqlite_step(St *head, Error *error) {
    SqliteSt *st = (SqliteSt *)head;
    if (!st->running) {
        if (st->does & ~(unsigned)DOES_USERS_WORK || st->failure != SQLITE_OK) {
            Status status = start(st, error);
            if (status != STATUS_OK) {
                return status;
            }
        }
        st->running = true;
    }
    int code = sqlite3_step(st->stmt);
    if (st->does & DOES_WRITE) {
        note_changes(st, code);
    }
    if (code == SQLITE_ROW && st->failure == SQLITE_OK) {
        return STATUS_ROW;
    }
    if (code == SQLITE_DONE && st->failure == SQLITE_OK) {
        return STATUS_OK;
    }
    return sqlite_fail(st->db, st->failure != SQLITE_OK ? st->failure : code, error);
}

int64_t sqlite_changes(St *st) {
    return ((SqliteSt *)st)->changes;
}

int64_t sqlite_inserted(St *st) {
    return sqlite3_last_insert_rowid(((SqliteSt *)st)->db->connection);
}

bool sqlite_readonly(St *st) {
    return !(((SqliteSt *)st)->does & DOES_WRITE);
}

/* ---- parameters and columns ------------------------------------------------------------------ */

int sqlite_parameter_count(St *st) {
    return sqlite3_bind_parameter_count(((SqliteSt *)st)->stmt);
}

int sqlite_parameter_index(St *head, const char *name) {
    sqlite3_stmt *stmt = ((SqliteSt *)head)->stmt;
    int count = sqlite3_bind_parameter_count(stmt);
    for (int i = 1; i <= count; i++) {
        const char *other = sqlite3_bind_parameter_name(stmt, i);
        if (other && other[0] != '?' && strcmp(other + 1, name) == 0) {
            return i;
        }
    }
    return 0;
}

const char *sqlite_parameter_name(St *st, int index) {
    const char *name = sqlite3_bind_parameter_name(((SqliteSt *)st)->stmt, index);
    return name && name[0] != '?' ? name + 1 : NULL;
}

int sqlite_column_count(St *st) {
    return sqlite3_column_count(((SqliteSt *)st)->stmt);
}

const char *sqlite_column_name(St *st, int index) {
    return sqlite3_column_name(((SqliteSt *)st)->stmt, index);
}

/* A text that is absent though its column is not NULL: there was no memory for it. */
static void note_missing(SqliteSt *st, int index) {
    if (sqlite3_column_type(st->stmt, index) != SQLITE_NULL) {
        st->failure = SQLITE_NOMEM;
    }
}

/* By way of the value, which takes half of what sqlite3_column_text and _bytes do. SQLite calls it
 * unprotected, against other threads; a connection here belongs to one. */
Text sqlite_column_string(St *head, int index) {
    SqliteSt *st = (SqliteSt *)head;
    sqlite3_value *value = sqlite3_column_value(st->stmt, index);
    const char *data = (const char *)sqlite3_value_text(value);
    if (!data) {
        note_missing(st, index);
        return (Text){NULL, 0};
    }
    return (Text){data, (size_t)sqlite3_value_bytes(value)};
}

static Value column_blob(SqliteSt *st, int index) {
    const char *data = sqlite3_column_blob(st->stmt, index);
    size_t size = (size_t)sqlite3_column_bytes(st->stmt, index);
    if (!data && size > 0) {
        st->failure = SQLITE_NOMEM;
    }
    return (Value){.type = VALUE_BLOB, .as.text = {data ? data : "", data ? size : 0}};
}

Value sqlite_column(St *head, int index) {
    SqliteSt *st = (SqliteSt *)head;
    switch (sqlite3_column_type(st->stmt, index)) {
    case SQLITE_INTEGER: return value_int(sqlite3_column_int64(st->stmt, index));
    case SQLITE_FLOAT: return value_double(sqlite3_column_double(st->stmt, index));
    case SQLITE_TEXT: return value_text(sqlite_column_string(head, index));
    case SQLITE_BLOB: return column_blob(st, index);
    default: return value_null();
    }
}

int64_t sqlite_column_int(St *st, int index) {
    return sqlite3_column_int64(((SqliteSt *)st)->stmt, index);
}

double sqlite_column_number(St *st, int index) {
    return sqlite3_column_double(((SqliteSt *)st)->stmt, index);
}

/* ---- scripts --------------------------------------------------------------------------------- */

static Status fail_script(SqliteDb *db, const char *sql, int number, int code, Error *error) {
    Error cause;
    sqlite_fail(db, code, &cause);
    sql += strspn(sql, " \t\r\n");
    Status status = error_set(error, cause.status, "statement %d ('%.*s...'): %s", number,
                              (int)strcspn(sql, "(\n"), sql, cause.message);
    error->tx_dead = cause.tx_dead;
    return status;
}

Status sqlite_script(Db *head, const char *sql, Error *error) {
    SqliteDb *db = (SqliteDb *)head;
    Status status = db->counter ? sqlite_count_by_triggers(db, error) : STATUS_OK;
    for (int number = 1; status == STATUS_OK && *sql != '\0'; number++) {
        sqlite3_stmt *stmt = NULL;
        const char *tail = sql;
        int code = sqlite3_prepare_v3(db->connection, sql, -1, 0, &stmt, &tail);
        while (code == SQLITE_OK && stmt && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
            code = SQLITE_OK;
        }
        if (code != SQLITE_OK && code != SQLITE_DONE) {
            status = fail_script(db, sql, number, code, error);
        }
        sqlite3_finalize(stmt);
        sql = tail;
    }
    return status;
}
