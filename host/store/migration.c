/* The schema's steps, applied. */
#include "store/internal.h"
#include "store/migrations.h"

#define SEED_VERSION 1002     /* the seed's tables, which a predecessor's file has */
#define PREDECESSOR_LAST 1000 /* its own numbers end below ours */

typedef struct SchemaState {
    bool has_table, has_any; /* of migrations; at all */
    int version;             /* the newest that was applied */
    int predecessor;         /* the newest of the predecessor's own */
} SchemaState;

static Status read_state(Db *db, SchemaState *state, Error *error) {
    *state = (SchemaState){0};
    St *st;
    Status status = db_statement(db, &query_migration_state, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        state->has_table = st_int(st, 0) != 0;
        state->has_any = st_int(st, 1) != 0;
        status = STATUS_OK;
    }
    st_release(st);
    if (status != STATUS_OK || !state->has_table) {
        return status;
    }
    status = db_statement(db, &query_migration_version, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        state->version = (int)st_int(st, 0);
        state->predecessor = (int)st_int(st, 1);
        status = STATUS_OK;
    }
    st_release(st);
    return status;
}

static Status record(Db *db, const Migration *migration, Error *error) {
    TimeText now;
    St *st;
    Status status = db_statement(db, &query_migration_record, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_int(st, 1, migration->version);
    bind_text(st, 2, now_text(now));
    bind_text(st, 3, text_of(migration->name));
    status = st_run(st, error);
    st_release(st);
    if (status != STATUS_OK) {
        return status;
    }
    status = db_statement(db, &query_migration_checksum, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_int(st, 1, migration->version);
    bind_text(st, 2, text_of(migration->checksum));
    status = st_run(st, error);
    st_release(st);
    return status;
}

/* Applies one step unless another process was first. */
static Status apply(Db *db, const Migration *migration, Error *error) {
    SchemaState state;
    Status status = db_begin(db, TX_WRITE, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = read_state(db, &state, error);
    if (status == STATUS_OK && state.version < migration->version) {
        bool adopted = migration->version == SEED_VERSION && state.predecessor > 0;
        if (!adopted) {
            status = db_script(db, migration->up, error);
        }
        if (status == STATUS_OK) {
            status = record(db, migration, error);
        }
    }
    if (status == STATUS_OK) {
        return db_commit(db, error);
    }
    db_rollback(db);
    return status;
}

static Status refuse_foreign(const Store *store, Error *error) {
    return error_set(error, STATUS_SCHEMA, "%s is a database of something else: it has tables, and "
                     "none of signalbox's", store_label(store));
}

static Status refuse_newer(const Store *store, int version, int newest, Error *error) {
    return error_set(error, STATUS_SCHEMA,
                     "%s: the schema is version %d, newer than this program's %d: it can be opened "
                     "for reading only, or with a newer signalbox",
                     store_label(store), version, newest);
}

static Status refuse_older(const Store *store, int version, int newest, Error *error) {
    return error_set(error, STATUS_SCHEMA,
                     "%s: the schema is version %d, this program needs %d: run signalbox migrate "
                     "up %s",
                     store_label(store), version, newest, store_label(store));
}

Status migration_check(Store *store, Error *error) {
    SchemaState state;
    Status status = read_state(store->main, &state, error);
    if (status != STATUS_OK) {
        return status;
    }
    int newest = migrations[migration_count - 1].version;
    if (!state.has_table && state.has_any) {
        return refuse_foreign(store, error);
    }
    if (state.version > newest) {
        return store_readonly(store) ? STATUS_OK
                                     : refuse_newer(store, state.version, newest, error);
    }
    if (state.version == newest) {
        return STATUS_OK;
    }
    if (store_readonly(store) || !store->options.migrate) {
        return refuse_older(store, state.version, newest, error);
    }
    for (int i = 0; status == STATUS_OK && i < migration_count; i++) {
        if (migrations[i].version > state.version) {
            status = apply(store->main, &migrations[i], error);
        }
    }
    return status;
}
