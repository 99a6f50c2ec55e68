/* What becomes of a record: which row it is, what number it gets, and what is there already. */
#include "store/import_rows.h"

#include <string.h>

#include "store/migrations.h"
#include "text/json.h"

/* Binds the record to its table's insert and runs it. */
static Status insert(ImportRows *rows, bool *added, Error *error) {
    St *st;
    Status status = db_statement(rows->store->main, rows->record.table->in, &st, error);
    if (status == STATUS_OK) {
        status = record_insert(&rows->record, st, added, error);
        st_release(st);
    }
    return status;
}

/* A statement with up to four values; ROW where it gives one, read by `take`. */
static Status look_up(ImportRows *rows, const Query *query, const Value *values, int count,
                      int64_t out[2], Error *error) {
    St *st;
    Status status = db_statement(rows->store->main, query, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (int i = 0; i < count; i++) {
        st_bind(st, i + 1, values[i]);
    }
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        out[0] = st_int(st, 0);
        out[1] = st_column_count(st) > 1 ? st_int(st, 1) : 0;
    }
    if (status == STATUS_OK) {
        out[0] = st_changes(st);
        out[1] = st_inserted(st);
    }
    st_release(st);
    return status;
}

/* The forms of Python's isoformat become ours, so that one moment is one text; see migration 1003.
 * Ours are left as they are, to the byte. */
static void normalise_time(ImportRows *rows, Value *value, TimeText text) {
    int64_t micros;
    Error ignored;
    if (rows->report->schema_version < migrations[0].version && value->type == VALUE_TEXT &&
        iso_read("detected_at", value->as.text.data, value->as.text.size, &micros, &ignored) ==
            STATUS_OK) {
        iso_write(micros, text);
        *value = value_text(text_of_time(text));
    }
}

static Status map_signal(ImportRows *rows, Value document_id, int64_t id, bool added,
                         Error *error) {
    if (document_id.type == VALUE_NULL) {
        return STATUS_OK;
    }
    int64_t out[2] = {0, 0};
    Status status = look_up(rows, &query_import_map_put,
                            (Value[]){document_id, value_int(id), value_int(added)}, 3, out, error);
    if (status == STATUS_OK && out[0] == 0) {
        status = error_invalid(error, "id", "id %lld is given to two signals",
                               (long long)document_id.as.integer);
    }
    return status;
}

/* The signal that is there already, or 0. */
static Status find_signal(ImportRows *rows, int64_t *id, Error *error) {
    Record *record = &rows->record;
    int64_t out[2] = {0, 0};
    Status status =
        look_up(rows, &query_signal_find,
                (Value[]){*record_value(record, "canonical_key"),
                          *record_value(record, "signal_type"),
                          *record_value(record, "source_api"),
                          *record_value(record, "detected_at")},
                4, out, error);
    *id = status == STATUS_ROW ? out[0] : 0;
    return status == STATUS_ROW ? STATUS_OK : status;
}

static Status last_signal(ImportRows *rows, int64_t *id, Error *error) {
    Value given = *record_value(&rows->record, "id");
    if (given.type == VALUE_INT) {
        *id = given.as.integer;
        return STATUS_OK;
    }
    return find_signal(rows, id, error);
}

/* Inserts the signal under another number. */
static Status renumber(ImportRows *rows, int64_t *id, Error *error) {
    Record *record = &rows->record;
    ImportReport *report = rows->report;
    int64_t number = record_value(record, "id")->as.integer;
    bool added;
    *record_value(record, "id") = value_null();
    Status status = insert(rows, &added, error);
    if (status == STATUS_OK) {
        status = find_signal(rows, id, error);
    }
    if (status == STATUS_OK) {
        if (report->renumbered < IMPORT_MAPPED_MAX) {
            report->mapped[report->renumbered].from = number;
            report->mapped[report->renumbered].to = *id;
        }
        report->renumbered++;
    }
    return status;
}

static Status take_signal(ImportRows *rows, bool *added, Error *error) {
    Record *record = &rows->record;
    double confidence = record_value(record, "confidence")->as.number;
    if (!(confidence >= 0 && confidence <= 1)) {
        return error_invalid(error, "confidence", "confidence is %.15g, and must be from 0 to 1",
                             confidence);
    }
    TimeText detected;
    normalise_time(rows, record_value(record, "detected_at"), detected);
    Value document_id = *record_value(record, "id");
    int64_t id = 0;
    Status status = insert(rows, added, error);
    if (status == STATUS_OK && !*added) {
        status = find_signal(rows, &id, error);
    }
    if (status == STATUS_OK && *added) {
        status = last_signal(rows, &id, error);
    } else if (status == STATUS_OK && id == 0) { /* its number is another signal's here */
        status = renumber(rows, &id, error);
        *added = true;
    }
    return status == STATUS_OK ? map_signal(rows, document_id, id, *added, error) : status;
}

static Status take_processing(ImportRows *rows, bool *added, Error *error) {
    Record *record = &rows->record;
    ProcessingState state;
    Value *status_name = record_value(record, "status");
    if (!processing_state_parse(status_name->as.text, &state)) {
        return error_invalid(error, "status",
                             "status is \"%.*s\", and must be pending, queued, pushed, rejected or "
                             "failed",
                             status_name->as.text.size < 40 ? (int)status_name->as.text.size : 40,
                             status_name->as.text.data);
    }
    Value *signal_id = record_value(record, "signal_id");
    int64_t out[2] = {0, 0};
    Status status = look_up(rows, &query_import_map_get, signal_id, 1, out, error);
    if (status == STATUS_OK) {
        return error_invalid(error, "signal_id", "signal_id %lld is no signal of this document",
                             (long long)signal_id->as.integer);
    }
    if (status != STATUS_ROW || out[1] == 0) {
        return status == STATUS_ROW ? STATUS_OK : status; /* the state that is here stands */
    }
    *signal_id = value_int(out[0]);
    Value made = *record_value(record, "processed_at");
    if (made.type == VALUE_NULL) {
        made = value_text(text_of_time(rows->now));
    }
    if (record_value(record, "created_at")->type == VALUE_NULL) {
        *record_value(record, "created_at") = made;
    }
    if (record_value(record, "updated_at")->type == VALUE_NULL) {
        *record_value(record, "updated_at") = *record_value(record, "created_at");
    }
    status = insert(rows, added, error);
    if (status == STATUS_OK && !*added) {
        *record_value(record, "id") = value_null();
        status = insert(rows, added, error);
    }
    return status;
}

/* The numbers of signals in a JSON array, as they are here; what the document has no signal for
 * stays. The text is left as it is where nothing changes. */
static Status map_ids(ImportRows *rows, const ExchangeColumn *column, Value *value, Error *error) {
    JsonReader reader;
    JsonToken token;
    Buffer *mapped = &rows->ids;
    bool changed = false;
    buffer_clear(mapped);
    buffer_append_byte(mapped, '[');
    json_reader_init(&reader, value->as.text.data, value->as.text.size, JSON_STRICT);
    Status status = json_next(&reader, &token, error);
    if (status == STATUS_OK && token.kind != JSON_ARRAY_BEGIN) {
        token.kind = JSON_NULL; /* no array: refused below */
    }
    while (status == STATUS_OK && (status = json_next(&reader, &token, error)) == STATUS_OK &&
           token.kind == JSON_INTEGER) {
        int64_t out[2] = {token.integer, 0};
        status = look_up(rows, &query_import_map_get, (Value[]){value_int(token.integer)}, 1, out,
                         error);
        if (status != STATUS_ROW) {
            out[0] = token.integer;
        }
        changed |= out[0] != token.integer;
        buffer_append_text(mapped, mapped->size > 1 ? "," : "");
        json_write_integer(mapped, out[0]);
        status = status == STATUS_ROW ? STATUS_OK : status;
    }
    if (status == STATUS_OK && token.kind != JSON_ARRAY_END) {
        return error_invalid(error, column->name, "%s must be an array of numbers of signals",
                             column->name);
    }
    buffer_append_byte(mapped, ']');
    if (status == STATUS_OK && changed) {
        *value = value_text((Text){mapped->data, mapped->size});
    }
    return mapped->failed ? error_set(error, STATUS_NO_MEMORY, "not enough memory") : status;
}

/* A row of any other table: where its number alone is taken, it gets another. */
static Status take_row(ImportRows *rows, bool *added, Error *error) {
    Record *record = &rows->record;
    const ExchangeTable *table = record->table;
    Status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && table->columns[i].name; i++) {
        if (table->columns[i].type == COLUMN_IDS) {
            status = map_ids(rows, &table->columns[i], &record->values[i], error);
        }
    }
    if (status == STATUS_OK) {
        status = insert(rows, added, error);
    }
    if (status == STATUS_OK && !*added && strcmp(table->columns[0].name, "id") == 0 &&
        record->values[0].type != VALUE_NULL) {
        record->values[0] = value_null();
        status = insert(rows, added, error);
    }
    return status;
}

Status import_rows_store(ImportRows *rows, bool *added, Error *error) {
    const ExchangeTable *table = rows->record.table;
    if (exchange_is(table, "signals")) {
        return take_signal(rows, added, error);
    }
    if (exchange_is(table, "processing")) {
        return take_processing(rows, added, error);
    }
    return take_row(rows, added, error);
}

Status import_rows_begin(ImportRows *rows, Error *error) {
    int64_t out[2];
    Status status = look_up(rows, &query_import_map_make, NULL, 0, out, error);
    return status == STATUS_OK ? look_up(rows, &query_import_map_clear, NULL, 0, out, error)
                               : status;
}

void import_rows_end(ImportRows *rows) {
    record_free(&rows->record);
    buffer_free(&rows->ids);
}
