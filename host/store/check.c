/* The rows of a store, held against the rules of an import: what an export has must be what an
 * import takes. */
#include "store/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/json.h"
#include "text/utf8.h"

#define SHOWN 5 /* rows that a fault names */
#define COUNTED_SINCE 1003 /* the seed's processing rows have a column less before */

typedef struct Check {
    RowFault *faults;
    size_t count, capacity;
    const ExchangeTable *table; /* the one in hand */
    bool failed;                /* no memory */
} Check;

/* The fault of that kind, made where it isn't there; NULL without memory. */
static RowFault *find_fault(Check *check, const char *column, const char *kind) {
    for (size_t i = 0; i < check->count; i++) {
        RowFault *fault = &check->faults[i];
        if (fault->table == check->table->name && fault->column == column && fault->fault == kind) {
            return fault;
        }
    }
    if (check->count == check->capacity) {
        size_t capacity = check->capacity ? check->capacity * 2 : 16;
        RowFault *grown = realloc(check->faults, capacity * sizeof *grown);
        if (!grown) {
            check->failed = true;
            return NULL;
        }
        check->faults = grown;
        check->capacity = capacity;
    }
    RowFault *fault = &check->faults[check->count++];
    *fault = (RowFault){.table = check->table->name, .column = column, .fault = kind};
    return fault;
}

/* What a row is named by: its first column, which is its number or the first part of its key. */
static void add_key(RowFault *fault, const char *column, Value key) {
    size_t used = strlen(fault->keys), room = sizeof fault->keys - used;
    const char *before = used ? "," : column;
    if (key.type == VALUE_INT) {
        snprintf(fault->keys + used, room, "%s %lld", before, (long long)key.as.integer);
    } else if (key.type == VALUE_TEXT && utf8_is_text(key.as.text.data, key.as.text.size)) {
        int size = (int)utf8_cut(key.as.text.data, key.as.text.size, 30);
        snprintf(fault->keys + used, room, "%s %.*s", before, size, key.as.text.data);
    }
}

static void add_fault(Check *check, const ExchangeColumn *column, const char *kind, Value key) {
    RowFault *fault = find_fault(check, column->name, kind);
    if (fault && fault->count++ < SHOWN) {
        add_key(fault, check->table->columns[0].name, key);
    }
}

/* ---- values ---- */

/* The order of texts is that of times where all are UTC and have the same parts, or leave parts out
 * at the end: the forms of Python's isoformat and ours. */
static const char *judge_time(Text text) {
    int64_t micros;
    Error ignored;
    if (iso_read("", text.data, text.size, &micros, &ignored) != STATUS_OK) {
        return "time";
    }
    size_t digits = 0;
    while (digits < text.size && (strchr("0123456789-:.", text.data[digits]) ||
                                  (digits == 10 && text.data[digits] == 'T')) &&
           !(digits > 10 && text.data[digits] == '-')) {
        digits++;
    }
    if (digits == text.size) {
        return "naive";
    }
    return text_is((Text){text.data + digits, text.size - digits}, "+00:00") ? NULL : "order";
}

static const char *judge_json(Text text) {
    Error ignored;
    if (json_check("", text.data, text.size, JSON_STRICT, &ignored) == STATUS_OK) {
        return NULL;
    }
    return json_check("", text.data, text.size, JSON_LENIENT, &ignored) == STATUS_OK ? "nan"
                                                                                     : "json";
}

static const char *judge_text(const ExchangeColumn *column, Value value) {
    Text text = value.as.text;
    if (column->type == COLUMN_BYTES) {
        return NULL;
    }
    if (!utf8_is_text(text.data, text.size)) {
        return "text";
    }
    return column->type == COLUMN_NAME && text.size == 0 ? "empty" : NULL;
}

static const char *judge_number(const ExchangeColumn *column, Value value) {
    Error ignored;
    if (column->type == COLUMN_SHARE && value.type == VALUE_DOUBLE &&
        !(value.as.number >= 0 && value.as.number <= 1)) {
        return "share";
    }
    if (column_check(column, value, &ignored) == STATUS_OK) {
        return NULL;
    }
    return column->type == COLUMN_ID && value.type == VALUE_INT ? "id" : "type";
}

/* The fault of a value, or NULL. */
static const char *judge(const ExchangeColumn *column, Value value) {
    Error ignored;
    if (value.type == VALUE_NULL) {
        return column->required ? "missing" : NULL;
    }
    if (column->type <= COLUMN_SHARE) {
        return judge_number(column, value);
    }
    if (value.type != VALUE_TEXT && value.type != VALUE_BLOB) {
        return "type";
    }
    if (exchange_words(column->type)) {
        return column_check(column, value, &ignored) == STATUS_OK ? NULL : "word";
    }
    switch (column->type) {
    case COLUMN_TIME: return judge_time(value.as.text);
    case COLUMN_JSON: return judge_json(value.as.text);
    case COLUMN_IDS: return column_check(column, value, &ignored) == STATUS_OK ? NULL : "ids";
    default: return judge_text(column, value);
    }
}

/* ---- tables ---- */

static void check_row(Check *check, St *st) {
    const ExchangeColumn *columns = check->table->columns;
    for (int i = 0; columns[i].name; i++) {
        const char *kind = judge(&columns[i], exchange_value(&columns[i], st_column(st, i)));
        if (kind) {
            add_fault(check, &columns[i], kind, st_column(st, 0));
        }
    }
}

static Status check_table(Check *check, Db *db, int64_t version, Error *error) {
    const Query *query = check->table->out;
    if (version < COUNTED_SINCE && exchange_is(check->table, "processing")) {
        query = &query_check_seed_processing;
    }
    St *st;
    Status status = db_statement(db, query, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    while (!check->failed && (status = st_stream(st, error)) == STATUS_ROW) {
        check_row(check, st);
    }
    st_release(st);
    return check->failed ? error_set(error, STATUS_NO_MEMORY, "not enough memory") : status;
}

/* A damaged page or a missing column is told, and the other tables are looked at. */
static Status note_unreadable(Check *check, Status status, Error *error) {
    if (status == STATUS_INTERRUPTED || status == STATUS_NO_MEMORY) {
        return status;
    }
    RowFault *fault = find_fault(check, NULL, "unreadable");
    if (fault) {
        fault->count++;
        snprintf(fault->keys, sizeof fault->keys, "%.*s",
                 (int)utf8_cut(error->message, strlen(error->message), sizeof fault->keys - 1),
                 error->message);
    }
    return STATUS_OK;
}

Status store_check_rows(Store *store, RowFault **faults, size_t *count, Error *error) {
    Check check = {0};
    Reader reader;
    StoreSchema schema;
    Status status = store_schema(store, &schema, error);
    if (status == STATUS_OK) {
        status = reader_open(store, &reader, error);
    }
    if (status == STATUS_OK) {
        int64_t version = schema.version < 1000 ? 1002 : schema.version; /* it has the seed's */
        for (size_t i = 0; status == STATUS_OK && i < exchange_table_count; i++) {
            check.table = &exchange_tables[i];
            if (check.table->since <= version) {
                status = check_table(&check, reader.db, version, error);
            }
            if (status != STATUS_OK) {
                status = note_unreadable(&check, status, error);
            }
        }
        reader_close(&reader);
    }
    *faults = check.faults;
    *count = check.count;
    return status;
}
