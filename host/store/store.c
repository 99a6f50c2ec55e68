/* Opening and closing a store. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

/* What get_stats tells, kept as the rows change. */
static const Counted counted[] = {
    {"signals", "signal_type", "signals_by_type"},
    {"signal_processing", "status", "processing_status"},
    {"suppression_cache", NULL, "suppression_entries"},
    {"company_holds", NULL, "company_holds"},
    {NULL, NULL, NULL},
};

StoreOptions store_options_default(void) {
    return (StoreOptions){
        .mode = DB_CREATE,
        .migrate = true,
        .relaxed = false,
        .busy_timeout = 5,
        .suppression_ttl = 7 * 86400.0,
    };
}

/* A snapshot begins with the first statement in it. */
static Status begin_snapshot(Store *store, Error *error) {
    StoreSchema schema;
    Status status = db_begin(store->main, TX_READ, error);
    return status == STATUS_OK ? store_schema(store, &schema, error) : status;
}

Status store_open(const char *url, const StoreOptions *options, Store **out, Error *error) {
    *out = NULL;
    Store *store = calloc(1, sizeof *store);
    char *copy = strdup(url);
    if (!store || !copy) {
        free(store);
        free(copy);
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    store->url = copy;
    store->options = *options;
    DbOptions db_options = {
        .mode = options->mode,
        .relaxed = options->relaxed,
        .unseen = options->unseen,
        .busy_timeout = options->busy_timeout,
        .counted = options->mode == DB_READ ? NULL : counted,
        .untrusted = options->untrusted,
        .trace = options->trace,
        .trace_context = options->trace_context,
    };
    Status status = db_open(url, &db_options, &store->main, error);
    if (status == STATUS_OK) {
        status = migration_check(store, error);
    }
    if (status == STATUS_OK && store_is_snapshot(store)) {
        status = begin_snapshot(store, error);
    }
    if (status == STATUS_OK) {
        *out = store;
    } else {
        store_close(store);
    }
    return status;
}

void store_close(Store *store) {
    if (!store) {
        return;
    }
    while (store->readers) {
        Reader *reader = store->readers;
        reader_close(reader);
        reader->store = NULL; /* says why its rows end */
    }
    if (store->tx_depth > 0) {
        db_rollback(store->main);
        store->tx_depth = 0;
    }
    claims_drop(store);
    for (int i = 0; i < store->idle_count; i++) {
        db_close(store->idle[i]);
    }
    db_close(store->aside);
    db_close(store->main);
    buffer_free(&store->row);
    free(store->url);
    free(store);
}

const char *store_label(const Store *store) {
    return db_label(store->main);
}

bool store_readonly(const Store *store) {
    return store->options.mode == DB_READ;
}

Status store_writable(const Store *store, Error *error) {
    return store_readonly(store) ? error_set(error, STATUS_READONLY, "%s is open for reading only",
                                             store_label(store))
                                 : STATUS_OK;
}

unsigned store_caps(const Store *store) {
    return db_caps(store->main);
}

void store_interrupt(Store *store) {
    atomic_store(&store->interrupted, true);
    db_interrupt(store->main);
    if (store->aside) {
        db_interrupt(store->aside);
    }
    for (Reader *reader = store->readers; reader; reader = reader->next) {
        if (reader->db) {
            db_interrupt(reader->db);
        }
    }
}

void store_caller(Store *store, const void *token) {
    store->caller = token;
    atomic_store(&store->interrupted, false);
}

Status check_interrupted(Store *store, Error *error) {
    return atomic_exchange(&store->interrupted, false)
               ? error_set(error, STATUS_INTERRUPTED, "interrupted")
               : STATUS_OK;
}

Status query_numbers(Db *db, const Query *query, const Value *values, int count, int64_t *out,
                     int columns, Error *error) {
    St *st;
    Status status = db_statement(db, query, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (int i = 0; i < count; i++) {
        st_bind(st, i + 1, values[i]);
    }
    status = st_step(st, error);
    for (int i = 0; status == STATUS_ROW && i < columns; i++) {
        out[i] = st_int(st, i);
    }
    st_release(st);
    return status;
}

Status run_query(Store *store, const Query *query, const Value *values, int count, int64_t *changed,
                 Error *error) {
    St *st;
    Status status = db_statement(store->main, query, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (int i = 0; i < count; i++) {
        st_bind(st, i + 1, values[i]);
    }
    status = st_run(st, error);
    if (changed) {
        *changed = st_changes(st);
    }
    st_release(st);
    return status;
}

Status store_backup(Store *store, const char *path, bool synced, BackupProgress *progress,
                    void *context, Error *error) {
    Db *db;
    Status status = read_connection(store, &db, error);
    return status == STATUS_OK ? db_backup(db, path, synced, progress, context, error) : status;
}

Status store_checkpoint(Store *store, Error *error) {
    return db_tidy(store->main, true, error);
}

Status store_compact(Store *store, Error *error) {
    if (!(db_caps(store->main) & DB_CAP_FILE)) {
        return error_set(error, STATUS_SQL, "a server gives space back by itself");
    }
    Status status = db_compact(store->main, error);
    return status == STATUS_OK ? store_checkpoint(store, error) : status;
}
