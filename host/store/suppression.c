/* The suppression cache: what the CRM holds already. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

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

/* One run of writes. */
typedef struct Writing {
    Store *store;
    const Suppression *entries;
    const Suppression **sorted; /* by key, and of one key as they came: the last wins */
    TimeText (*times)[2];       /* cached and expires, of each of those */
} Writing;

static int compare_keys(const void *one, const void *other) {
    const Suppression *a = *(const Suppression *const *)one,
                      *b = *(const Suppression *const *)other;
    size_t common = a->canonical_key.size < b->canonical_key.size ? a->canonical_key.size
                                                                  : b->canonical_key.size;
    int order = memcmp(a->canonical_key.data, b->canonical_key.data, common);
    if (order == 0) {
        order = (a->canonical_key.size > b->canonical_key.size) -
                (a->canonical_key.size < b->canonical_key.size);
    }
    return order != 0 ? order : (a > b) - (a < b);
}

static Status writing_begin(Writing *writing, size_t count, Error *error) {
    writing->sorted = malloc(count * sizeof *writing->sorted);
    writing->times = malloc(count * sizeof *writing->times);
    if (count > 0 && (!writing->sorted || !writing->times)) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    for (size_t i = 0; i < count; i++) {
        writing->sorted[i] = &writing->entries[i];
    }
    qsort(writing->sorted, count, sizeof *writing->sorted, compare_keys);
    int64_t now = iso_now(), later = default_expiry(writing->store, now);
    for (size_t i = 0; i < count; i++) {
        const Suppression *entry = writing->sorted[i];
        iso_write(entry->cached_at == STORE_TIME_NONE ? now : entry->cached_at,
                  writing->times[i][0]);
        iso_write(entry->expires_at == STORE_TIME_NONE ? later : entry->expires_at,
                  writing->times[i][1]);
    }
    return STATUS_OK;
}

static void writing_end(Writing *writing) {
    free(writing->sorted);
    free(writing->times);
}

static void bind_entry(void *context, St *st, size_t index) {
    const Writing *writing = context;
    const Suppression *entry = writing->sorted[index];
    bind_text(st, 1, entry->canonical_key);
    bind_text(st, 2, entry->notion_page_id);
    bind_text(st, 3, entry->status);
    bind_text(st, 4, entry->company_name);
    bind_text(st, 5, text_of_time(writing->times[index][0]));
    bind_text(st, 6, text_of_time(writing->times[index][1]));
    bind_text(st, 7, entry->metadata);
}

static Status note_entry(void *context, St *st, size_t index, Error *error) {
    (void)st;
    (void)index;
    return check_interrupted(((Writing *)context)->store, error);
}

static Status put_all(Writing *writing, size_t count, Error *error) {
    St *st;
    Status status = db_statement(writing->store->main, &query_suppression_put, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = st_many(st, count, bind_entry, note_entry, writing, error);
    if (status != STATUS_OK) {
        error->index = writing->sorted[error->index - 1] - writing->entries + 1;
    }
    st_release(st);
    return status;
}

static Status check_all(const Suppression *entries, size_t count, Error *error) {
    for (size_t i = 0; i < count; i++) {
        Status status = check_entry(&entries[i], error);
        if (status != STATUS_OK) {
            error->index = (int64_t)i + 1;
            return status;
        }
    }
    return STATUS_OK;
}

Status store_update_suppression(Store *store, const Suppression *entries, size_t count,
                                int64_t *written, Error *error) {
    Writing writing = {.store = store, .entries = entries};
    WriteScope scope;
    Status status = check_all(entries, count, error);
    if (status == STATUS_OK) {
        status = writing_begin(&writing, count, error);
    }
    if (status == STATUS_OK) {
        status = write_begin_checked(store, &scope, error);
    }
    if (status == STATUS_OK) {
        status = write_end(store, &scope, put_all(&writing, count, error), error);
    }
    writing_end(&writing);
    *written = status == STATUS_OK ? (int64_t)count : 0;
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
    Status status = write_begin_checked(store, &scope, error);
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
