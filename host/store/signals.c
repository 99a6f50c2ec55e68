/* Signals: saving each once, and looking single ones up. */
#include "store/internal.h"

#include <math.h>

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
    if (status == STATUS_OK && !(signal->confidence >= 0 && signal->confidence <= 1)) {
        status = error_invalid(error, "confidence", "confidence is %.15g, and must be from 0 to 1",
                               signal->confidence);
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

/* The statements of one run of saves, all on the writer's connection. */
typedef struct Saving {
    Store *store;
    St *insert, *processing;
    bool holds; /* whether any company waits */
    TimeText now;
    int64_t now_micros;
} Saving;

static Status saving_begin(Store *store, Saving *saving, Error *error) {
    *saving = (Saving){.store = store, .now_micros = iso_now()};
    iso_write(saving->now_micros, saving->now);
    Status status = db_statement(store->main, &query_signal_insert, &saving->insert, error);
    if (status == STATUS_OK) {
        status = db_statement(store->main, &query_processing_insert, &saving->processing, error);
    }
    return status == STATUS_OK ? holds_any(store, &saving->holds, error) : status;
}

static void saving_end(Saving *saving) {
    st_release(saving->insert);
    st_release(saving->processing);
}

/* Runs a statement to its end and makes it ready for the next values. */
static Status run_again(St *st, Error *error) {
    Status status = st_run(st, error);
    st_reset(st);
    return status;
}

/* One signal with its processing row; *id is 0 where it is there already. */
static Status save(Saving *saving, const NewSignal *signal, int64_t *id, Error *error) {
    TimeText detected;
    iso_write(signal->detected_at == STORE_TIME_NONE ? saving->now_micros : signal->detected_at,
              detected);
    St *st = saving->insert;
    bind_text(st, 1, signal->signal_type);
    bind_text(st, 2, signal->source_api);
    bind_text(st, 3, signal->canonical_key);
    bind_text(st, 4, signal->company_name);
    st_bind(st, 5, value_double(signal->confidence));
    bind_text(st, 6, signal->raw_data);
    bind_text(st, 7, text_of_time(detected));
    bind_text(st, 8, text_of_time(saving->now));
    Status status = run_again(st, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (st_changes(st) == 0) {
        *id = 0;
        return STATUS_OK;
    }
    *id = st_inserted(st);
    bind_int(saving->processing, 1, *id);
    bind_text(saving->processing, 2, text_of_time(saving->now));
    bind_text(saving->processing, 3, text_of_time(detected));
    status = run_again(saving->processing, error);
    if (status == STATUS_OK && saving->holds) {
        status = hold_wake(saving->store, signal->canonical_key, text_of_time(saving->now), error);
    }
    return status;
}

static int printed(Text text) {
    return text.size < 80 ? (int)text.size : 80;
}

/* DUPLICATE, with the id of the signal that is there. */
static Status report_duplicate(const Saving *saving, const NewSignal *signal, Error *error) {
    TimeText detected;
    iso_write(signal->detected_at == STORE_TIME_NONE ? saving->now_micros : signal->detected_at,
              detected);
    St *st;
    Status status = db_statement(saving->store->main, &query_signal_find, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_text(st, 1, signal->canonical_key);
    bind_text(st, 2, signal->signal_type);
    bind_text(st, 3, signal->source_api);
    bind_text(st, 4, text_of_time(detected));
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        int64_t id = st_int(st, 0);
        status = error_set(error, STATUS_DUPLICATE,
                           "%.*s of %.*s by %.*s at %s is stored already, as signal %lld",
                           printed(signal->signal_type), signal->signal_type.data,
                           printed(signal->canonical_key), signal->canonical_key.data,
                           printed(signal->source_api), signal->source_api.data, detected,
                           (long long)id);
        error->id = id;
    } else if (status == STATUS_OK) {
        status = error_set(error, STATUS_CONFLICT, "a signal that was there has gone meanwhile");
    }
    st_release(st);
    return status;
}

Status store_save_signal(Store *store, const NewSignal *signal, int64_t *id, Error *error) {
    *id = 0;
    Status status = signal_check(signal, error);
    if (status != STATUS_OK) {
        return status;
    }
    WriteScope scope;
    status = write_begin(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    Saving saving;
    status = saving_begin(store, &saving, error);
    if (status == STATUS_OK) {
        status = save(&saving, signal, id, error);
    }
    if (status == STATUS_OK && *id == 0) {
        status = report_duplicate(&saving, signal, error);
    }
    saving_end(&saving);
    return write_end(store, &scope, status, error);
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

Status store_save_signals(Store *store, const NewSignal *signals, size_t count,
                          bool duplicate_is_error, int64_t *saved, int64_t *duplicates,
                          Error *error) {
    *saved = *duplicates = 0;
    Status status = check_all(signals, count, error);
    if (status != STATUS_OK) {
        return status;
    }
    WriteScope scope;
    status = write_begin(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    Saving saving;
    int64_t new_rows = 0;
    status = saving_begin(store, &saving, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        int64_t id;
        status = save(&saving, &signals[i], &id, error);
        new_rows += id != 0;
        if (status == STATUS_OK && id == 0 && duplicate_is_error) {
            status = report_duplicate(&saving, &signals[i], error);
        }
        if (status != STATUS_OK) {
            error->index = (int64_t)i + 1;
        }
    }
    saving_end(&saving);
    status = write_end(store, &scope, status, error);
    if (status == STATUS_OK) {
        *saved = new_rows;
        *duplicates = (int64_t)count - new_rows;
    }
    return status;
}

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
