/* The suppression cache: what the CRM holds already. */
#include "store/internal.h"

static Status check_entry(const Suppression *entry, Error *error) {
    Status status = check_text("canonical_key", entry->canonical_key, true, error);
    if (status == STATUS_OK) {
        status = check_text("notion_page_id", entry->notion_page_id, true, error);
    }
    if (status == STATUS_OK) {
        status = check_text("status", entry->status, true, error);
    }
    if (status == STATUS_OK) {
        status = check_text("company_name", entry->company_name, false, error);
    }
    if (status == STATUS_OK) {
        status = check_json("metadata", entry->metadata, error);
    }
    if (status == STATUS_OK) {
        status = check_time("cached_at", entry->cached_at, error);
    }
    if (status == STATUS_OK) {
        status = check_time("expires_at", entry->expires_at, error);
    }
    return status;
}

/* Now plus the ttl, within the years that can be written. */
static int64_t default_expiry(const Store *store, int64_t now) {
    double micros = store->options.suppression_ttl * 1e6;
    double room = (double)(ISO_TIME_MAX - now);
    return micros >= room ? ISO_TIME_MAX : now + (int64_t)micros;
}

static Status put(Store *store, St *st, const Suppression *entry, int64_t now, Error *error) {
    TimeText cached, expires;
    iso_write(entry->cached_at == STORE_TIME_NONE ? now : entry->cached_at, cached);
    iso_write(entry->expires_at == STORE_TIME_NONE ? default_expiry(store, now)
                                                   : entry->expires_at, expires);
    bind_text(st, 1, entry->canonical_key);
    bind_text(st, 2, entry->notion_page_id);
    bind_text(st, 3, entry->status);
    bind_text(st, 4, entry->company_name);
    bind_text(st, 5, text_of_time(cached));
    bind_text(st, 6, text_of_time(expires));
    bind_text(st, 7, entry->metadata);
    Status status = st_run(st, error);
    st_reset(st);
    return status;
}

Status store_update_suppression(Store *store, const Suppression *entries, size_t count,
                                int64_t *written, Error *error) {
    *written = 0;
    for (size_t i = 0; i < count; i++) {
        Status status = check_entry(&entries[i], error);
        if (status != STATUS_OK) {
            error->index = (int64_t)i + 1;
            return status;
        }
    }
    WriteScope scope;
    Status status = write_begin(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    St *st = NULL;
    status = db_statement(store->main, &query_suppression_put, &st, error);
    int64_t now = iso_now();
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = put(store, st, &entries[i], now, error);
    }
    st_release(st);
    status = write_end(store, &scope, status, error);
    if (status == STATUS_OK) {
        *written = (int64_t)count;
    }
    return status;
}

static Status keep_entry(Store *store, St *st, Suppression *entry, Error *error) {
    *entry = (Suppression){
        .canonical_key = st_text(st, 0),
        .notion_page_id = st_text(st, 1),
        .status = st_text(st, 2),
        .company_name = st_text(st, 3),
        .cached_at_text = st_text(st, 4),
        .expires_at_text = st_text(st, 5),
        .metadata = st_text(st, 6),
    };
    Text *const texts[] = SUPPRESSION_TEXTS(entry);
    return texts_keep(store, texts, sizeof texts / sizeof *texts, error);
}

Status store_check_suppression(Store *store, Text canonical_key, Suppression *entry, Error *error) {
    Status status = check_text("canonical_key", canonical_key, true, error);
    Db *db = NULL;
    if (status == STATUS_OK) {
        status = read_connection(store, &db, error);
    }
    St *st = NULL;
    if (status == STATUS_OK) {
        status = db_statement(db, &query_suppression_check, &st, error);
    }
    TimeText now;
    if (status == STATUS_OK) {
        bind_text(st, 1, canonical_key);
        bind_text(st, 2, now_text(now));
        status = st_step(st, error);
    }
    if (status == STATUS_ROW) {
        Status kept = keep_entry(store, st, entry, error);
        status = kept == STATUS_OK ? STATUS_ROW : kept;
    }
    st_release(st);
    return status;
}

Status store_clean_expired(Store *store, int64_t *removed, Error *error) {
    *removed = 0;
    WriteScope scope;
    Status status = write_begin_single(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    St *st = NULL;
    status = db_statement(store->main, &query_suppression_clean, &st, error);
    TimeText now;
    int64_t rows = 0;
    if (status == STATUS_OK) {
        bind_text(st, 1, now_text(now));
        status = st_run(st, error);
        rows = st_changes(st);
    }
    st_release(st);
    status = write_end(store, &scope, status, error);
    if (status == STATUS_OK) {
        *removed = rows;
    }
    return status;
}
