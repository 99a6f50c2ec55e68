/* SQL of the caller's own: one statement a call, its parameters bound, never spliced. */
#include "store/internal.h"
#include "store/kept_rows.h"

#include <stdlib.h>

/* The rows are kept before they are given out: all at once, of a statement that writes or of which
 * only the first is wanted; else one at a time. */
struct SqlCursor {
    Reader reader; /* first */
    bool streams;  /* from that */
    KeptRows kept;
};

/* Prepares and binds on `db`, or where the statement writes on the writer's connection. */
static Status prepare(Store *store, Db *db, Text sql, SqlBind *bind, void *context, St **st,
                      Error *error) {
    *st = NULL;
    Status status = db_statement_text(db, sql.data, sql.size, st, error);
    if (status == STATUS_OK && db != store->main && !st_readonly(*st)) {
        st_release(*st);
        *st = NULL;
        status = db_statement_text(store->main, sql.data, sql.size, st, error);
    }
    if (status == STATUS_OK && bind) {
        status = bind(context, *st, error);
    }
    return status;
}

/* ---- writing ---- */

/* Runs a statement to its end, and keeps its rows. */
static Status run_and_keep(St *st, KeptRows *kept, Error *error) {
    kept_rows_begin(kept, st);
    Status status;
    while ((status = st_step(st, error)) == STATUS_ROW) {
        if (kept_rows_add(kept, st, error) != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
    }
    return status;
}

/* Runs a statement that writes; `kept` NULL drops its rows. */
static Status write_statement(Store *store, St *st, KeptRows *kept, int64_t *changed,
                              Error *error) {
    WriteScope scope;
    Status status = write_begin_single(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = kept ? run_and_keep(st, kept, error) : st_run(st, error);
    int64_t rows = st_changes(st);
    st_reset(st);
    if (status == STATUS_OK) {
        status = processing_fill(store, error);
    }
    status = write_end(store, &scope, status, error);
    if (status == STATUS_OK && changed) {
        *changed = rows;
    }
    return status;
}

Status store_exec(Store *store, Text sql, SqlBind *bind, void *context, int64_t *changed,
                  Error *error) {
    *changed = 0;
    Db *db;
    St *st = NULL;
    Status status = read_connection(store, &db, error);
    if (status == STATUS_OK) {
        status = prepare(store, db, sql, bind, context, &st, error);
    }
    if (status == STATUS_OK) {
        status =
            st_readonly(st) ? st_run(st, error) : write_statement(store, st, NULL, changed, error);
    }
    st_release(st);
    return status;
}

/* ---- writing much ---- */

typedef struct Running {
    Store *store;
    const SqlMany *many;
    int64_t changed;
} Running;

static void bind_run(void *context, St *st, size_t index) {
    const Running *running = context;
    running->many->bind(running->many->context, st, index);
}

static Status note_run(void *context, St *st, size_t index, Error *error) {
    Running *running = context;
    running->changed += st_changes(st);
    Status status = running->many->done(running->many->context, st, index, error);
    return status == STATUS_OK ? check_interrupted(running->store, error) : status;
}

static Status check_writes(St *st, Error *error) {
    return st_readonly(st) || st_column_count(st) > 0
               ? error_set(
                     error, STATUS_SQL,
                     "exec_many is for statements that write and give no rows: use store:rows")
               : STATUS_OK;
}

static Status run_many(Running *running, St *st, Error *error) {
    WriteScope scope;
    Status status = write_begin(running->store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = st_many(st, running->many->count, bind_run, note_run, running, error);
    if (status == STATUS_OK) {
        status = processing_fill(running->store, error);
    }
    return write_end(running->store, &scope, status, error);
}

Status store_exec_many(Store *store, Text sql, const SqlMany *many, int64_t *changed,
                       Error *error) {
    St *st = NULL;
    Running running = {.store = store, .many = many};
    Status status = db_statement_text(store->main, sql.data, sql.size, &st, error);
    if (status == STATUS_OK) {
        status = check_writes(st, error);
    }
    if (status == STATUS_OK) {
        status = many->fit(many->context, st, error);
    }
    if (status == STATUS_OK) {
        status = run_many(&running, st, error);
    }
    st_release(st);
    *changed = status == STATUS_OK ? running.changed : 0;
    return status;
}

/* ---- rows ---- */

/* The first row alone. */
static Status keep_first(Store *store, Text sql, SqlBind *bind, void *context, KeptRows *kept,
                         Error *error) {
    Db *db;
    St *st = NULL;
    Status status = read_connection(store, &db, error);
    if (status == STATUS_OK) {
        status = prepare(store, db, sql, bind, context, &st, error);
    }
    if (status == STATUS_OK && !st_readonly(st)) {
        status = write_statement(store, st, kept, NULL, error);
    } else if (status == STATUS_OK) {
        status = st_step(st, error);
        kept_rows_begin(kept, st);
        status = status == STATUS_ROW ? kept_rows_add(kept, st, error) : status;
    }
    st_release(st);
    return status;
}

/* All rows, of a moment that is now. */
static Status open_rows(Store *store, SqlCursor *cursor, Text sql, SqlBind *bind, void *context,
                        Error *error) {
    Reader *reader = &cursor->reader;
    Status status = reader_open(store, reader, error);
    if (status == STATUS_OK) {
        status = prepare(store, reader->db, sql, bind, context, &reader->st, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (st_readonly(reader->st)) {
        cursor->streams = true;
        kept_rows_begin(&cursor->kept, reader->st); /* which are told of no rows as well */
        return reader_start(reader, error);
    }
    St *st = reader->st;
    reader->st = NULL;
    reader_close(reader);
    status = write_statement(store, st, &cursor->kept, NULL, error);
    st_release(st);
    return status;
}

Status store_rows(Store *store, Text sql, bool single, SqlBind *bind, void *context,
                  SqlCursor **out, Error *error) {
    *out = NULL;
    SqlCursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    Status status = single ? keep_first(store, sql, bind, context, &cursor->kept, error)
                           : open_rows(store, cursor, sql, bind, context, error);
    if (status == STATUS_OK) {
        *out = cursor;
    } else {
        sql_cursor_close(cursor);
    }
    return status;
}

Status sql_cursor_next(SqlCursor *cursor, Error *error) {
    KeptRows *kept = &cursor->kept;
    if (!cursor->streams) {
        return kept_rows_next(kept) ? STATUS_ROW : STATUS_OK;
    }
    bool first = cursor->reader.started;
    Status status = reader_next(&cursor->reader, error);
    if (status != STATUS_ROW) {
        return status;
    }
    if (first) {
        kept_rows_begin(kept, cursor->reader.st); /* as its first step has found them */
    } else {
        kept_rows_clear(kept);
    }
    status = kept_rows_add(kept, cursor->reader.st, error);
    return status == STATUS_OK && kept_rows_next(kept) ? STATUS_ROW : status;
}

int sql_cursor_columns(SqlCursor *cursor) {
    return cursor->kept.columns;
}

const char *sql_cursor_name(SqlCursor *cursor, int index) {
    return kept_rows_name(&cursor->kept, index);
}

Value sql_cursor_value(SqlCursor *cursor, int index) {
    return kept_rows_value(&cursor->kept, index);
}

void sql_cursor_close(SqlCursor *cursor) {
    if (cursor) {
        reader_close(&cursor->reader);
        kept_rows_free(&cursor->kept);
        free(cursor);
    }
}
