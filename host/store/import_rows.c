/* What becomes of a record: which row it is, what number it gets, and what is there already. */
#include "store/import_rows.h"

#include <string.h>

#include "text/json.h"

/* Binds the record to its table's insert and runs it. */
static Status insert(ImportRows *rows, bool *added, Error *error) {
    St *st;
    Status status = db_statement(rows->store->main, rows->record.table->in, &st, error);
    if (status == STATUS_OK) {
        status = record_insert(&rows->record, st, text_of_time(rows->now), added, error);
        st_release(st);
    }
    return status;
}

/* Inserts it under another number where its own is what is taken. */
static Status insert_anyhow(ImportRows *rows, bool *added, Error *error) {
    Value *id = record_value(&rows->record, "id");
    Status status = insert(rows, added, error);
    if (status == STATUS_OK && !*added && id && id->type != VALUE_NULL) {
        *id = value_null();
        status = insert(rows, added, error);
    }
    return status;
}

/* ---- signals ---- */

/* The signal that is there already, or 0. */
static Status find_signal(ImportRows *rows, int64_t *id, Error *error) {
    Record *record = &rows->record;
    Value values[] = {*record_value(record, "canonical_key"), *record_value(record, "signal_type"),
                      *record_value(record, "source_api"), *record_value(record, "detected_at")};
    *id = 0;
    Status status = query_numbers(rows->store->main, &query_signal_find, values, 4, id, 1, error);
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
static Status renumber(ImportRows *rows, int64_t *id, bool *added, Error *error) {
    Record *record = &rows->record;
    ImportReport *report = rows->report;
    int64_t number = record_value(record, "id")->as.integer;
    *record_value(record, "id") = value_null();
    Status status = insert(rows, added, error);
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

/* Inserts the signal, or finds the one that it is. */
static Status place_signal(ImportRows *rows, int64_t *id, bool *added, Error *error) {
    Status status = insert(rows, added, error);
    if (status == STATUS_OK && *added) {
        return last_signal(rows, id, error);
    }
    if (status == STATUS_OK) {
        status = find_signal(rows, id, error);
    }
    return status == STATUS_OK && *id == 0 ? renumber(rows, id, added, error) : status;
}

/* A document of ours tells what a file held that a predecessor made, whose confidence has no
 * bounds. */
static Status take_confidence(ImportRows *rows, Error *error) {
    Value *value = record_value(&rows->record, "confidence");
    double given = value->as.number;
    Status status = check_confidence(given, error);
    if (status != STATUS_OK && rows->verbatim) {
        *value = value_double(given < 0 ? 0 : 1);
        rows->report->clamped++;
        status = STATUS_OK;
    }
    return status;
}

static Status take_signal(ImportRows *rows, bool *added, Error *error) {
    Record *record = &rows->record;
    Value *detected = record_value(record, "detected_at"), written = *detected;
    Value document_id = *record_value(record, "id");
    int64_t id = 0;
    bool taken = false;
    Status status = take_confidence(rows, error);
    if (status == STATUS_OK && !rows->verbatim) {
        record_normalise_times(record);
    }
    if (status == STATUS_OK) {
        status = place_signal(rows, &id, added, error);
    }
    /* Two signals of one moment, told apart by how it is written: the second keeps its form, as
     * migration 1003 leaves it. */
    if (status == STATUS_OK && !*added && detected->as.text.data != written.as.text.data) {
        status = import_map_taken(&rows->map, id, &taken, error);
    }
    if (status == STATUS_OK && taken) {
        *detected = written;
        status = place_signal(rows, &id, added, error);
    }
    return status == STATUS_OK && document_id.type == VALUE_INT
               ? import_map_put(&rows->map, document_id.as.integer, id, *added, error)
               : status;
}

/* ---- what speaks of them ---- */

/* The predecessor's export leaves out when a row was made. */
static void fill_times(ImportRows *rows) {
    Record *record = &rows->record;
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
}

static Status take_processing(ImportRows *rows, bool *added, Error *error) {
    Value *signal_id = record_value(&rows->record, "signal_id");
    bool brought;
    int64_t id;
    Status status = import_map_get(&rows->map, signal_id->as.integer, &id, &brought, error);
    if (status == STATUS_OK && rows->verbatim) { /* a program without foreign keys took it */
        rows->report->orphans++;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        return error_invalid(error, "signal_id", "signal_id %lld is no signal of this document",
                             (long long)signal_id->as.integer);
    }
    if (status != STATUS_ROW || !brought) {
        return status == STATUS_ROW ? STATUS_OK : status; /* the state that is here stands */
    }
    *signal_id = value_int(id);
    fill_times(rows);
    return insert_anyhow(rows, added, error);
}

/* Calls `each` with the numbers in a JSON array, whose shape column_check has seen. */
typedef Status TakeId(ImportRows *rows, int64_t id, Error *error);

static Status each_id(ImportRows *rows, Text ids, TakeId *each, Error *error) {
    JsonReader reader;
    JsonToken token;
    json_reader_init(&reader, ids.data, ids.size, JSON_STRICT);
    Status status = json_next(&reader, &token, error);
    while (status == STATUS_OK && (status = json_next(&reader, &token, error)) == STATUS_OK &&
           token.kind == JSON_INTEGER) {
        status = each(rows, token.integer, error);
    }
    return status;
}

static Status map_id(ImportRows *rows, int64_t id, Error *error) {
    int64_t here;
    bool added;
    Status status = import_map_get(&rows->map, id, &here, &added, error);
    if (status == STATUS_ROW || status == STATUS_OK) {
        here = status == STATUS_ROW ? here : id;
        rows->ids_changed |= here != id;
        buffer_append_text(&rows->ids, rows->ids.size > 1 ? "," : "");
        json_write_integer(&rows->ids, here);
        status = STATUS_OK;
    }
    return status;
}

/* The numbers of signals as they are here; what the document has no signal for stays. The text is
 * left as it is where nothing changes. */
static Status map_ids(ImportRows *rows, Value *value, Error *error) {
    rows->ids_changed = false;
    buffer_clear(&rows->ids);
    buffer_append_byte(&rows->ids, '[');
    Status status = each_id(rows, value->as.text, map_id, error);
    buffer_append_byte(&rows->ids, ']');
    if (rows->ids_changed) {
        *value = value_text((Text){rows->ids.data, rows->ids.size});
    }
    return rows->ids.failed ? error_set(error, STATUS_NO_MEMORY, "not enough memory") : status;
}

static Status strand(ImportRows *rows, int64_t id, Error *error) {
    return import_map_strand(&rows->map, id, error);
}

/* A row of any other table. */
static Status take_row(ImportRows *rows, bool *added, Error *error) {
    Record *record = &rows->record;
    Value *ids = record_value(record, "signal_ids"), written = ids ? *ids : value_null();
    Status status = ids ? map_ids(rows, ids, error) : STATUS_OK;
    if (status == STATUS_OK) {
        status = insert_anyhow(rows, added, error);
    }
    if (status == STATUS_OK && !*added && exchange_is(record->table, "outbox")) {
        status = each_id(rows, written.as.text, strand, error);
    }
    return status;
}

Status import_rows_store(ImportRows *rows, bool *added, Error *error) {
    const ExchangeTable *table = rows->record.table;
    *added = false;
    if (exchange_is(table, "signals")) {
        return take_signal(rows, added, error);
    }
    if (!rows->verbatim) {
        record_normalise_times(&rows->record);
    }
    return exchange_is(table, "processing") ? take_processing(rows, added, error)
                                            : take_row(rows, added, error);
}

/* ---- before and after ---- */

Status import_rows_begin(ImportRows *rows, Error *error) {
    return import_map_begin(&rows->map, rows->store, error);
}

/* Raises the highest number that was ever given. */
static Status raise_last_id(ImportRows *rows, int64_t last_signal_id, Error *error) {
    Value last = value_int(last_signal_id);
    int64_t there = 0;
    Status status = query_numbers(rows->store->main, &query_exchange_has_sequence, NULL, 0, &there,
                                  1, error);
    if (status != STATUS_ROW || !there) {
        return status == STATUS_ROW ? STATUS_OK : status;
    }
    status = run_query(rows->store, &query_import_sequence_make, &last, 1, NULL, error);
    return status == STATUS_OK
               ? run_query(rows->store, &query_import_sequence_raise, &last, 1, NULL, error)
               : status;
}

Status import_rows_finish(ImportRows *rows, int64_t last_signal_id, Error *error) {
    Status status = import_map_reopen(&rows->map, text_of_time(rows->now),
                                      &rows->report->reopened, error);
    return status == STATUS_OK && last_signal_id > 0 ? raise_last_id(rows, last_signal_id, error)
                                                     : status;
}

void import_rows_free(ImportRows *rows) {
    record_free(&rows->record);
    buffer_free(&rows->ids);
}
