/* Transactions: the caller's own, which nest, and those of single operations.
 *
 * One connection writes. A transaction belongs to the caller that began it, for the callers of a
 * store are coroutines on one thread: were the connection simply shared, one task's acknowledged
 * save would sit in another's transaction and vanish with its rollback. */
#include "store/internal.h"

#include <stdio.h>

static Status refuse_other(const Store *store, Error *error) {
    return error_set(error, STATUS_BUSY,
                     "another task is in a transaction of this store (begun at %s): wait until it "
                     "has ended",
                     store->tx_place[0] ? store->tx_place : "an unknown place");
}

/* Whether the caller's transaction was ended by the engine behind its back. */
static bool transaction_died(const Store *store) {
    return store->tx_depth > 0 && !db_in_transaction(store->main);
}

static void transaction_over(Store *store) {
    readers_end_transaction(store);
    store->tx_depth = 0;
    store->tx_caller = NULL;
    store->tx_place[0] = '\0';
}

static Status refuse_dead(Error *error) {
    return error_set(error, STATUS_CONFLICT,
                     "the transaction was rolled back after an earlier error: begin it again");
}

static Status begin(Store *store, TxKind kind, Error *error) {
    Status status = store_writable(store, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (store->tx_depth == 0) {
        return db_begin(store->main, kind, error);
    }
    if (store->tx_caller != store->caller) {
        return refuse_other(store, error);
    }
    if (transaction_died(store)) {
        return refuse_dead(error);
    }
    return db_savepoint(store->main, SAVEPOINT_SET, store->tx_depth, error);
}

Status store_begin(Store *store, const char *where, int *depth, Error *error) {
    Status status = begin(store, TX_WRITE, error);
    if (status == STATUS_OK) {
        if (store->tx_depth++ == 0) {
            store->tx_caller = store->caller;
            store->tx_serial++;
            snprintf(store->tx_place, sizeof store->tx_place, "%s", where ? where : "");
        }
        *depth = store->tx_depth;
    }
    return status;
}

static Status refuse_over(Error *error) {
    return error_set(error, STATUS_CONFLICT, "the transaction is over already");
}

Status store_commit(Store *store, int depth, Error *error) {
    if (depth < 1 || depth > store->tx_depth) {
        return refuse_over(error);
    }
    if (store->tx_caller != store->caller) {
        return refuse_other(store, error);
    }
    if (transaction_died(store)) {
        transaction_over(store);
        return refuse_dead(error);
    }
    if (depth > 1) {
        Status status = db_savepoint(store->main, SAVEPOINT_KEEP, depth - 1, error);
        if (status == STATUS_OK) {
            store->tx_depth = depth - 1;
        }
        return status;
    }
    readers_end_transaction(store);
    Status status = db_commit(store->main, error);
    transaction_over(store);
    return status;
}

Status store_rollback(Store *store, int depth, Error *error) {
    if (depth < 1 || depth > store->tx_depth) {
        return refuse_over(error);
    }
    if (depth > 1 && !transaction_died(store)) {
        Status status = db_savepoint(store->main, SAVEPOINT_UNDO, depth - 1, error);
        if (status == STATUS_OK) {
            store->tx_depth = depth - 1;
        }
        return status;
    }
    readers_end_transaction(store);
    db_rollback(store->main);
    transaction_over(store);
    return STATUS_OK;
}

int store_transaction(const Store *store, bool *mine) {
    *mine = store->tx_depth > 0 && store->tx_caller == store->caller;
    return store->tx_depth;
}

const char *store_transaction_place(const Store *store) {
    return store->tx_place;
}

int64_t store_transaction_serial(const Store *store) {
    return store->tx_serial;
}

Status write_begin(Store *store, WriteScope *scope, Error *error) {
    *scope = (WriteScope){.depth = store->tx_depth, .savepoint = store->tx_depth > 0};
    return begin(store, TX_WRITE_SHARED, error);
}

Status write_begin_single(Store *store, WriteScope *scope, Error *error) {
    if (store->tx_depth == 0 || store->tx_caller != store->caller || transaction_died(store)) {
        return write_begin(store, scope, error);
    }
    *scope = (WriteScope){.depth = store->tx_depth};
    return STATUS_OK;
}

Status write_begin_checked(Store *store, WriteScope *scope, Error *error) {
    Status status = write_begin_single(store, scope, error);
    scope->checked = true;
    return status;
}

/* Whether a status says that nothing was changed, of a write that looks first. */
static bool is_refusal(Status status) {
    return status == STATUS_INVALID || status == STATUS_NOT_FOUND || status == STATUS_CONFLICT;
}

static Status end_transaction(Store *store, Status status, Error *error) {
    if (status == STATUS_OK) {
        return db_commit(store->main, error);
    }
    db_rollback(store->main);
    return status;
}

static Status end_savepoint(Store *store, int depth, Status status, Error *error) {
    if (transaction_died(store)) {
        return status == STATUS_OK ? refuse_dead(error) : status;
    }
    if (status == STATUS_OK) {
        return db_savepoint(store->main, SAVEPOINT_KEEP, depth, error);
    }
    Error undoing;
    db_savepoint(store->main, SAVEPOINT_UNDO, depth, &undoing);
    return status;
}

Status write_end(Store *store, WriteScope *scope, Status status, Error *error) {
    if (scope->depth == 0) {
        return end_transaction(store, status, error);
    }
    if (scope->savepoint) {
        return end_savepoint(store, scope->depth, status, error);
    }
    if (scope->checked && status != STATUS_OK && !is_refusal(status)) {
        db_rollback(store->main);
    }
    return status;
}
