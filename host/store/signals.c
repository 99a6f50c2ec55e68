/* Signals: saving each once, and looking single ones up. */
#include "store/internal.h"

#include <stdlib.h>

Status signal_check(const NewSignal *signal, Error *error) {
    Status status = check_text("signal_type", signal->signal_type, true, error);
    if (status == STATUS_OK) {
        status = check_text("source_api", signal->source_api, true, error);
    }
    if (status == STATUS_OK) {
        status = check_text("canonical_key", signal->canonical_key, true, error);
    }
    if (status == STATUS_OK) {
        status = check_text("company_name", signal->company_name, false, error);
    }
    if (status == STATUS_OK) {
        status = check_confidence(signal->confidence, error);
    }
    if (status == STATUS_OK && !signal->raw_data.data) {
        status = error_invalid(error, "raw_data", "raw_data is missing");
    }
    if (status == STATUS_OK) {
        status = check_json("raw_data", signal->raw_data, error);
    }
    if (status == STATUS_OK) {
        status = check_time("detected_at", signal->detected_at, error);
    }
    return status;
}

/* ---- saving ---- */

/* A signal that was not there yet. */
typedef struct NewRow {
    int64_t id;
    size_t index; /* in the list */
} NewRow;

/* One run of saves. */
typedef struct Saving {
    Store *store;
    const NewSignal *signals;
    bool duplicate_is_error;
    TimeText now;
    TimeText *detected; /* of each signal */
    NewRow *rows;       /* of the new ones */
    size_t new_count;
} Saving;

static Status saving_begin(Saving *saving, size_t count, Error *error) {
    int64_t now = iso_now();
    iso_write(now, saving->now);
    saving->detected = malloc(count * sizeof *saving->detected);
    saving->rows = malloc(count * sizeof *saving->rows);
    if (count > 0 && (!saving->detected || !saving->rows)) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    for (size_t i = 0; i < count; i++) {
        int64_t time = saving->signals[i].detected_at;
        iso_write(time == STORE_TIME_NONE ? now : time, saving->detected[i]);
    }
    return STATUS_OK;
}

static void saving_end(Saving *saving) {
    free(saving->detected);
    free(saving->rows);
}

static int printed(Text text) {
    return text.size < 80 ? (int)text.size : 80;
}

/* DUPLICATE, with the id of the signal that is there. */
static Status report_duplicate(const Saving *saving, size_t index, Error *error) {
    const NewSignal *signal = &saving->signals[index];
    St *st;
    Status status = db_statement(saving->store->main, &query_signal_find, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_text(st, 1, signal->canonical_key);
    bind_text(st, 2, signal->signal_type);
    bind_text(st, 3, signal->source_api);
    bind_text(st, 4, text_of_time(saving->detected[index]));
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        int64_t id = st_int(st, 0);
        status = error_set(
            error, STATUS_DUPLICATE, "%.*s of %.*s by %.*s at %s is stored already, as signal %lld",
            printed(signal->signal_type), signal->signal_type.data, printed(signal->canonical_key),
            signal->canonical_key.data, printed(signal->source_api), signal->source_api.data,
            saving->detected[index], (long long)id);
        error->id = id;
    } else if (status == STATUS_OK) {
        status = error_set(error, STATUS_CONFLICT, "a signal that was there has gone meanwhile");
    }
    st_release(st);
    return status;
}

static void bind_signal(void *context, St *st, size_t index) {
    const Saving *saving = context;
    const NewSignal *signal = &saving->signals[index];
    bind_text(st, 1, signal->signal_type);
    bind_text(st, 2, signal->source_api);
    bind_text(st, 3, signal->canonical_key);
    bind_text(st, 4, signal->company_name);
    st_bind(st, 5, value_double(signal->confidence));
    bind_text(st, 6, signal->raw_data);
    bind_text(st, 7, text_of_time(saving->detected[index]));
    bind_text(st, 8, text_of_time(saving->now));
}

static Status note_signal(void *context, St *st, size_t index, Error *error) {
    Saving *saving = context;
    if (st_changes(st) > 0) {
        saving->rows[saving->new_count++] = (NewRow){st_inserted(st), index};
    } else if (saving->duplicate_is_error) {
        return report_duplicate(saving, index, error);
    }
    return check_interrupted(saving->store, error);
}

static void bind_processing(void *context, St *st, size_t index) {
    const Saving *saving = context;
    const NewRow *row = &saving->rows[index];
    bind_int(st, 1, row->id);
    bind_text(st, 2, text_of_time(saving->now));
    bind_text(st, 3, text_of_time(saving->detected[row->index]));
}

static Status note_processing(void *context, St *st, size_t index, Error *error) {
    (void)st;
    (void)index;
    return check_interrupted(((Saving *)context)->store, error);
}

static Status wake(const Saving *saving, Error *error) {
    bool any;
    Status status = holds_any(saving->store, &any, error);
    for (size_t i = 0; status == STATUS_OK && any && i < saving->new_count; i++) {
        status = hold_wake(saving->store, saving->signals[saving->rows[i].index].canonical_key,
                           text_of_time(saving->now), error);
    }
    return status;
}

static Status save_rows(Saving *saving, size_t count, Error *error) {
    Db *db = saving->store->main;
    St *signals = NULL, *processing = NULL;
    Status status = db_statement(db, &query_signal_insert, &signals, error);
    if (status == STATUS_OK) {
        status = st_many(signals, count, bind_signal, note_signal, saving, error);
    }
    if (status == STATUS_OK) {
        status = db_statement(db, &query_processing_insert, &processing, error);
    }
    if (status == STATUS_OK) {
        status =
            st_many(processing, saving->new_count, bind_processing, note_processing, saving, error);
        if (status != STATUS_OK) {
            error->index = (int64_t)saving->rows[error->index - 1].index + 1;
        }
    }
    st_release(signals);
    st_release(processing);
    return status == STATUS_OK ? wake(saving, error) : status;
}

static Status check_all(const NewSignal *signals, size_t count, Error *error) {
    for (size_t i = 0; i < count; i++) {
        Status status = signal_check(&signals[i], error);
        if (status != STATUS_OK) {
            error->index = (int64_t)i + 1;
            return status;
        }
    }
    return STATUS_OK;
}

/* In one transaction; what was saved is in saving->rows. */
static Status save(Saving *saving, size_t count, Error *error) {
    Status status = check_all(saving->signals, count, error);
    if (status == STATUS_OK) {
        status = saving_begin(saving, count, error);
    }
    WriteScope scope;
    if (status == STATUS_OK) {
        status = write_begin(saving->store, &scope, error);
    }
    if (status == STATUS_OK) {
        status = write_end(saving->store, &scope, save_rows(saving, count, error), error);
    }
    return status;
}

Status store_save_signal(Store *store, const NewSignal *signal, int64_t *id, Error *error) {
    Saving saving = {.store = store, .signals = signal, .duplicate_is_error = true};
    Status status = save(&saving, 1, error);
    *id = status == STATUS_OK ? saving.rows[0].id : 0;
    error->index = 0;
    saving_end(&saving);
    return status;
}

Status store_save_signals(Store *store, const NewSignal *signals, size_t count,
                          bool duplicate_is_error, int64_t *saved, int64_t *duplicates,
                          Error *error) {
    Saving saving = {.store = store, .signals = signals, .duplicate_is_error = duplicate_is_error};
    Status status = save(&saving, count, error);
    *saved = status == STATUS_OK ? (int64_t)saving.new_count : 0;
    *duplicates = status == STATUS_OK ? (int64_t)(count - saving.new_count) : 0;
    saving_end(&saving);
    return status;
}

/* ---- reading ---- */

void signal_from_row(St *st, Signal *signal) {
    signal->id = st_int(st, 0);
    signal->signal_type = st_text(st, 1);
    signal->source_api = st_text(st, 2);
    signal->canonical_key = st_text(st, 3);
    signal->company_name = st_text(st, 4);
    signal->confidence = st_double(st, 5);
    signal->raw_data = st_text(st, 6);
    signal->detected_at = st_text(st, 7);
    signal->created_at = st_text(st, 8);
    signal->status = st_text(st, 9);
    signal->notion_page_id = st_text(st, 10);
    signal->processed_at = st_text(st, 11);
    signal->error_message = st_text(st, 12);
    signal->metadata = st_text(st, 13);
}

Status store_get_signal(Store *store, int64_t id, Signal *signal, Error *error) {
    Db *db;
    Status status = read_connection(store, &db, error);
    St *st = NULL;
    if (status == STATUS_OK) {
        status = db_statement(db, &query_signal_get, &st, error);
    }
    if (status == STATUS_OK) {
        bind_int(st, 1, id);
        status = st_step(st, error);
    }
    if (status == STATUS_ROW) {
        signal_from_row(st, signal);
        Text *const texts[] = SIGNAL_TEXTS(signal);
        Status kept = texts_keep(store, texts, sizeof texts / sizeof *texts, error);
        status = kept == STATUS_OK ? STATUS_ROW : kept;
    }
    st_release(st);
    return status;
}

Status store_is_duplicate(Store *store, Text canonical_key, bool *duplicate, Error *error) {
    Status status = check_text("canonical_key", canonical_key, true, error);
    Db *db = NULL;
    if (status == STATUS_OK) {
        status = read_connection(store, &db, error);
    }
    St *st = NULL;
    if (status == STATUS_OK) {
        status = db_statement(db, &query_signal_is_duplicate, &st, error);
    }
    if (status == STATUS_OK) {
        bind_text(st, 1, canonical_key);
        status = st_step(st, error);
    }
    if (status == STATUS_ROW) {
        *duplicate = st_int(st, 0) != 0;
        status = STATUS_OK;
    }
    st_release(st);
    return status;
}
