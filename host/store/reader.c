/* Readers: rows of one snapshot.
 *
 * Outside a transaction each reader has a connection of its own in a read transaction, so that it
 * sees one moment and neither blocks writers nor is changed by them; a few such connections are
 * kept for the next readers. Inside its caller's transaction it reads through the writer's. */
#include "store/internal.h"

#include <stdlib.h>

static Status side_connection(Store *store, Db **db, Error *error) {
    DbOptions options = {
        .mode = DB_READ,
        .busy_timeout = store->options.busy_timeout,
        .side = true,
        .trace = store->options.trace,
        .trace_context = store->options.trace_context,
    };
    return db_open(db_label(store->main), &options, db, error);
}

Status read_connection(Store *store, Db **db, Error *error) {
    *db = store->main;
    if (store->tx_depth == 0 || store->tx_caller == store->caller) {
        return STATUS_OK;
    }
    Status status = STATUS_OK;
    if (!store->aside) {
        status = side_connection(store, &store->aside, error);
    }
    *db = store->aside;
    return status;
}

static void reader_link(Store *store, Reader *reader) {
    reader->store = store;
    reader->next = store->readers;
    reader->link = &store->readers;
    if (reader->next) {
        reader->next->link = &reader->next;
    }
    store->readers = reader;
}

static void reader_unlink(Reader *reader) {
    *reader->link = reader->next;
    if (reader->next) {
        reader->next->link = reader->link;
    }
    reader->link = NULL;
    reader->next = NULL;
}

Status reader_open(Store *store, Reader *reader, Error *error) {
    *reader = (Reader){0};
    Status status = STATUS_OK;
    if (store_is_snapshot(store) || (store->tx_depth > 0 && store->tx_caller == store->caller)) {
        reader->db = store->main;
        reader->in_transaction = true;
    } else if (store->idle_count > 0) {
        reader->db = store->idle[--store->idle_count];
    } else {
        status = side_connection(store, &reader->db, error);
    }
    if (status == STATUS_OK && !reader->in_transaction) {
        status = db_begin(reader->db, TX_READ, error);
        if (status != STATUS_OK) {
            db_close(reader->db);
            reader->db = NULL;
        }
    }
    if (status == STATUS_OK) {
        reader_link(store, reader);
    }
    return status;
}

void reader_close(Reader *reader) {
    if (!reader->db) {
        return;
    }
    Store *store = reader->store;
    reader_unlink(reader);
    st_release(reader->st);
    reader->st = NULL;
    Db *db = reader->db;
    reader->db = NULL;
    if (reader->in_transaction) {
        return;
    }
    db_rollback(db);
    if (store->idle_count < IDLE_READERS) {
        store->idle[store->idle_count++] = db;
    } else {
        db_close(db);
    }
}

void readers_end_transaction(Store *store) {
    Reader *next;
    for (Reader *reader = store->readers; reader; reader = next) {
        next = reader->next;
        if (reader->in_transaction) {
            reader_close(reader);
            reader->ended = true;
        }
    }
}

Status reader_start(Reader *reader, Error *error) {
    Status status = st_stream(reader->st, error);
    if (status == STATUS_ROW) {
        reader->started = true;
        return STATUS_OK;
    }
    reader_close(reader);
    return status;
}

Status reader_check(const Reader *reader, Error *error) {
    if (!reader->store) {
        return error_set(error, STATUS_CLOSED, "the store was closed while its rows were read");
    }
    if (reader->ended) {
        return error_set(error, STATUS_CONFLICT,
                         "the transaction that these rows were read in is over");
    }
    return STATUS_OK;
}

Status reader_read(Reader *reader, Error *error) {
    if (!reader->st) {
        return STATUS_OK;
    }
    if (reader->started) {
        reader->started = false;
        return STATUS_ROW;
    }
    return st_stream(reader->st, error);
}

Status reader_next(Reader *reader, Error *error) {
    Status status = reader_check(reader, error);
    if (status == STATUS_OK) {
        status = reader_read(reader, error);
    }
    if (status != STATUS_ROW) {
        reader_close(reader);
    }
    return status;
}
