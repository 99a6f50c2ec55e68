/* SQL of the caller's own: one statement a call, its parameters bound, never spliced. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

/* Rows that a statement gave while it wrote: it had to run to its end at once. */
typedef struct KeptRows {
    Value *values; /* row by row; the texts' data are offsets into `texts` until all are in */
    size_t count, capacity;
    Buffer texts;
    Buffer names; /* one behind the other, each with its NUL */
    int columns;
    size_t rows, at;
} KeptRows;

struct SqlCursor {
    Reader reader; /* first; unused where the rows are kept */
    bool single;   /* reader.st runs outside a transaction and reader isn't linked */
    bool wrote;
    KeptRows kept;
};

/* ---- writing ---- */

/* What other triggers would do for a foreign program: rows without their copies get them. */
static Status fill(Store *store, Error *error) {
    return run_query(store, &query_processing_fill, NULL, 0, NULL, error);
}

static Status keep_value(KeptRows *kept, Value value, Error *error) {
    if (kept->count == kept->capacity) {
        size_t capacity = kept->capacity ? kept->capacity * 2 : 32;
        Value *grown = realloc(kept->values, capacity * sizeof *grown);
        if (!grown) {
            return error_set(error, STATUS_NO_MEMORY, "not enough memory");
        }
        kept->values = grown;
        kept->capacity = capacity;
    }
    if (value.type == VALUE_TEXT || value.type == VALUE_BLOB) {
        buffer_append(&kept->texts, value.as.text.data, value.as.text.size);
        buffer_append_byte(&kept->texts, '\0');
        value.as.text.data = NULL;
    }
    kept->values[kept->count++] = value;
    return STATUS_OK;
}

/* Gives the kept texts their places, now that the buffer moves no more. */
static Status settle_texts(KeptRows *kept, Error *error) {
    if (kept->texts.failed || kept->names.failed) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    size_t offset = 0;
    for (size_t i = 0; i < kept->count; i++) {
        Value *value = &kept->values[i];
        if (value->type == VALUE_TEXT || value->type == VALUE_BLOB) {
            value->as.text.data = kept->texts.data + offset;
            offset += value->as.text.size + 1;
        }
    }
    return STATUS_OK;
}

static void keep_names(St *st, KeptRows *kept) {
    kept->columns = st_column_count(st);
    for (int i = 0; i < kept->columns; i++) {
        buffer_append_text(&kept->names, st_column_name(st, i));
        buffer_append_byte(&kept->names, '\0');
    }
}

/* Runs a statement to its end and keeps its rows. */
static Status run_and_keep(St *st, KeptRows *kept, Error *error) {
    keep_names(st, kept);
    Status status;
    while ((status = st_step(st, error)) == STATUS_ROW) {
        for (int i = 0; i < kept->columns; i++) {
            Status added = keep_value(kept, st_column(st, i), error);
            if (added != STATUS_OK) {
                return added;
            }
        }
        kept->rows++;
    }
    return status == STATUS_OK ? settle_texts(kept, error) : status;
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
        status = fill(store, error);
    }
    status = write_end(store, &scope, status, error);
    if (status == STATUS_OK && changed) {
        *changed = rows;
    }
    return status;
}

/* Prepares and binds on one connection. */
static Status prepare(Db *db, Text sql, SqlBind *bind, void *context, St **st, Error *error) {
    Status status = db_statement_text(db, sql.data, sql.size, st, error);
    if (status == STATUS_OK && bind) {
        status = bind(context, *st, error);
        if (status != STATUS_OK) {
            st_release(*st);
            *st = NULL;
        }
    }
    return status;
}

Status store_exec(Store *store, Text sql, SqlBind *bind, void *context, int64_t *changed,
                  Error *error) {
    *changed = 0;
    Db *db;
    Status status = read_connection(store, &db, error);
    if (status != STATUS_OK) {
        return status;
    }
    St *st = NULL;
    status = prepare(store->main, sql, bind, context, &st, error);
    if (status == STATUS_OK && st_readonly(st) && db != store->main) {
        st_release(st);
        st = NULL;
        status = prepare(db, sql, bind, context, &st, error);
    }
    if (status == STATUS_OK) {
        status =
            st_readonly(st) ? st_run(st, error) : write_statement(store, st, NULL, changed, error);
    }
    st_release(st);
    return status;
}

/* ---- rows ---- */

/* Chooses where a statement that only reads runs. `st` was prepared on the writer's connection. */
static Status read_rows(Store *store, SqlCursor *cursor, Text sql, SqlBind *bind, void *context,
                        St *st, Error *error) {
    Db *db = NULL;
    Status status = STATUS_OK;
    if (cursor->single) {
        status = read_connection(store, &db, error);
    } else {
        status = reader_open(store, &cursor->reader, error);
        db = cursor->reader.db;
    }
    if (status == STATUS_OK && db == store->main) {
        cursor->reader.st = st;
        return STATUS_OK;
    }
    st_release(st);
    if (status == STATUS_OK) {
        status = prepare(db, sql, bind, context, &cursor->reader.st, error);
    }
    return status;
}

Status store_rows(Store *store, Text sql, bool single, SqlBind *bind, void *context,
                  SqlCursor **out, Error *error) {
    *out = NULL;
    SqlCursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    cursor->single = single;
    St *st = NULL;
    Status status = prepare(store->main, sql, bind, context, &st, error);
    if (status == STATUS_OK && !st_readonly(st)) {
        cursor->wrote = true;
        status = write_statement(store, st, &cursor->kept, NULL, error);
        st_release(st);
    } else if (status == STATUS_OK) {
        status = read_rows(store, cursor, sql, bind, context, st, error);
        if (status == STATUS_OK && !single) {
            keep_names(cursor->reader.st, &cursor->kept); /* that are told of no rows as well */
            status = reader_start(&cursor->reader, error);
        }
    }
    if (status == STATUS_OK) {
        *out = cursor;
    } else {
        sql_cursor_close(cursor);
    }
    return status;
}

Status sql_cursor_next(SqlCursor *cursor, Error *error) {
    if (cursor->wrote) {
        if (cursor->kept.at == cursor->kept.rows) {
            return STATUS_OK;
        }
        cursor->kept.at++;
        return STATUS_ROW;
    }
    return cursor->single ? st_step(cursor->reader.st, error) : reader_next(&cursor->reader, error);
}

int sql_cursor_columns(SqlCursor *cursor) {
    return cursor->reader.st ? st_column_count(cursor->reader.st) : cursor->kept.columns;
}

const char *sql_cursor_name(SqlCursor *cursor, int index) {
    if (cursor->reader.st) {
        return st_column_name(cursor->reader.st, index);
    }
    const char *name = cursor->kept.names.data;
    while (index-- > 0) {
        name += strlen(name) + 1;
    }
    return name;
}

Value sql_cursor_value(SqlCursor *cursor, int index) {
    if (!cursor->wrote) {
        return st_column(cursor->reader.st, index);
    }
    const KeptRows *kept = &cursor->kept;
    return kept->values[(kept->at - 1) * (size_t)kept->columns + (size_t)index];
}

void sql_cursor_close(SqlCursor *cursor) {
    if (!cursor) {
        return;
    }
    if (cursor->single) {
        st_release(cursor->reader.st);
    } else {
        reader_close(&cursor->reader);
    }
    free(cursor->kept.values);
    buffer_free(&cursor->kept.texts);
    buffer_free(&cursor->kept.names);
    free(cursor);
}
