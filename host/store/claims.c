/* Claims: companies that one worker alone may decide on.
 *
 * A claim is a row with a fence, the number of the claim among all that were ever made. Whoever
 * holds it names the fence with each write, so that a worker which lost its lease can't write over
 * the one that took its place. A claim is free again when its lease has ended, or when its worker
 * is gone: the database tells who is alive (db_worker_alive), however a worker died. */
#include "store/internal.h"
#include "store/signal_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ClaimSet {
    Claim *claims;
    size_t count, capacity;
    TimeText lease_until;
    SignalList signals;
};

size_t claim_set_count(const ClaimSet *set) {
    return set->count;
}

const Claim *claim_set_get(const ClaimSet *set, size_t index) {
    return &set->claims[index];
}

const Signal *claim_set_signals(const ClaimSet *set, size_t *count) {
    *count = set->signals.count;
    return set->signals.signals;
}

void claim_set_free(ClaimSet *set) {
    if (!set) {
        return;
    }
    signal_list_free(&set->signals);
    for (size_t i = 0; i < set->count; i++) {
        free((char *)set->claims[i].canonical_key.data);
    }
    free(set->claims);
    free(set);
}

static Status claim_set_add(ClaimSet *set, Text key, int64_t fence, Error *error) {
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 64;
        Claim *grown = realloc(set->claims, capacity * sizeof *grown);
        if (!grown) {
            return error_set(error, STATUS_NO_MEMORY, "not enough memory");
        }
        set->claims = grown;
        set->capacity = capacity;
    }
    char *copy = malloc(key.size + 1);
    if (!copy) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    memcpy(copy, key.data, key.size);
    copy[key.size] = '\0';
    set->claims[set->count++] = (Claim){{copy, key.size}, fence, text_of_time(set->lease_until)};
    return STATUS_OK;
}

/* ---- freeing what nobody holds any more ---- */

Status store_worker(Store *store, int64_t *worker, Error *error) {
    Status status = STATUS_OK;
    if (store->worker == 0) {
        status = db_worker_hold(store->main, &store->worker, error);
    }
    *worker = store->worker;
    return status;
}

Status store_worker_alive(Store *store, int64_t worker, bool *alive, Error *error) {
    *alive = worker == store->worker;
    return *alive ? STATUS_OK : db_worker_alive(store->main, worker, alive, error);
}

static Status free_worker(Store *store, int64_t worker, Error *error) {
    bool alive = true;
    Status status = store_worker_alive(store, worker, &alive, error);
    if (status == STATUS_OK && !alive) {
        status = run_query(store, &query_claim_free_worker, (Value[]){value_int(worker)}, 1, NULL,
                           error);
    }
    return status;
}

/* The workers are listed first and asked after: their claims are not to vanish under the list. */
static Status free_dead(Store *store, Error *error) {
    int64_t *workers = NULL;
    size_t count = 0, capacity = 0;
    St *st;
    Status status = db_statement(store->main, &query_claim_workers, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    while ((status = st_step(st, error)) == STATUS_ROW) {
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            int64_t *grown = realloc(workers, capacity * sizeof *grown);
            if (!grown) {
                status = error_set(error, STATUS_NO_MEMORY, "not enough memory");
                break;
            }
            workers = grown;
        }
        workers[count++] = st_int(st, 0);
    }
    st_release(st);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = free_worker(store, workers[i], error);
    }
    free(workers);
    return status;
}

/* ---- claiming ---- */

typedef struct Claiming {
    Store *store;
    const ClaimOptions *options;
    ClaimSet *set;
    int64_t fence;
    bool holds; /* whether any company waits */
    TimeText now;
    char owner[128];
} Claiming;

/* The highest fence that was ever given out, also by this store in a transaction that was rolled
 * back: who holds that one must not be taken for the next. */
static Status read_fence(Store *store, int64_t *fence, Error *error) {
    St *st;
    Status status = db_statement(store->main, &query_claim_fence, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        *fence = st_int(st, 0) > store->fence ? st_int(st, 0) : store->fence;
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        status = error_set(error, STATUS_SCHEMA,
                           "the counter of claims is missing: run "
                           "signalbox validate --repair");
    }
    st_release(st);
    return status;
}

/* Takes one company, unless this very call has it already. */
static Status take(Claiming *claiming, St *insert, Text key, Error *error) {
    bind_text(insert, 1, key);
    bind_int(insert, 2, claiming->fence + 1);
    bind_int(insert, 3, claiming->store->worker);
    bind_text(insert, 4,
              claiming->options->owner.data ? claiming->options->owner : text_of(claiming->owner));
    bind_text(insert, 5, text_of_time(claiming->now));
    bind_text(insert, 6, text_of_time(claiming->set->lease_until));
    Status status = st_run(insert, error);
    st_reset(insert);
    if (status != STATUS_OK || st_changes(insert) == 0) {
        return status;
    }
    claiming->store->fence = ++claiming->fence;
    status = claim_set_add(claiming->set, key, claiming->fence, error);
    if (status == STATUS_OK && claiming->holds) {
        status = hold_wake(claiming->store, key, text_of_time(claiming->now), error);
    }
    return status;
}

static Status take_due(Claiming *claiming, Error *error) {
    Store *store = claiming->store;
    const ClaimOptions *options = claiming->options;
    St *due = NULL, *insert = NULL;
    Status status = db_statement(store->main, &query_claim_insert, &insert, error);
    if (status == STATUS_OK) {
        status = db_statement(
            store->main, options->signal_type.data ? &query_claim_due_of_type : &query_claim_due,
            &due, error);
    }
    if (status == STATUS_OK) {
        bind_text(due, 1, text_of_time(claiming->now));
        if (options->signal_type.data) {
            bind_text(due, 2, options->signal_type);
        }
    }
    while (status == STATUS_OK && (int64_t)claiming->set->count < options->limit) {
        status = st_stream(due, error);
        if (status != STATUS_ROW) {
            break;
        }
        status = take(claiming, insert, st_text(due, 0), error);
    }
    st_release(due);
    st_release(insert);
    return status;
}

static Status claim_all(Claiming *claiming, Error *error) {
    Store *store = claiming->store;
    int64_t micros;
    Status status = db_now(store->main, &micros, error);
    if (status != STATUS_OK) {
        return status;
    }
    iso_write(micros, claiming->now);
    lease_end(micros, claiming->options->lease, claiming->set->lease_until);
    status = free_dead(store, error);
    if (status == STATUS_OK) {
        status = run_query(store, &query_claim_free_expired,
                           (Value[]){value_text(text_of_time(claiming->now))}, 1, NULL, error);
    }
    if (status == STATUS_OK) {
        /* Also the first write to a table that is counted: what it switches would end take_due's
         * statement, were that running already. */
        status = run_query(store, &query_processing_fill, NULL, 0, NULL, error);
    }
    if (status == STATUS_OK) {
        status = holds_any(store, &claiming->holds, error);
    }
    if (status == STATUS_OK) {
        status = read_fence(store, &claiming->fence, error);
    }
    if (status == STATUS_OK) {
        status = take_due(claiming, error);
    }
    if (status == STATUS_OK && claiming->set->count > 0) {
        status = run_query(store, &query_claim_fence_set, (Value[]){value_int(claiming->fence)}, 1,
                           NULL, error);
    }
    return status;
}

static Status check_options(const ClaimOptions *options, Error *error) {
    if (options->limit < 1) {
        return error_invalid(error, "limit", "limit is %lld, and must be 1 or more",
                             (long long)options->limit);
    }
    Status status = lease_check(options->lease, error);
    if (status == STATUS_OK) {
        status = check_text("owner", options->owner, false, error);
    }
    if (status == STATUS_OK) {
        status = check_text("signal_type", options->signal_type, false, error);
    }
    return status;
}

/* host:pid, for people. */
static void name_owner(char *owner, size_t size) {
    char host[64] = "localhost";
    if (gethostname(host, sizeof host) == 0) {
        host[sizeof host - 1] = '\0';
    }
    snprintf(owner, size, "%s:%ld", host, (long)getpid());
}

/* Reads the signals of what was claimed: on the writer's connection, which has just been where they
 * are, though no longer holding up other writers. */
static Status read_signals(Store *store, ClaimSet *set, Error *error) {
    St *st;
    Status status = db_statement(store->main, &query_claim_signals, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_int(st, 1, set->claims[0].fence);
    bind_int(st, 2, set->claims[set->count - 1].fence);
    while ((status = st_step(st, error)) == STATUS_ROW) {
        Signal signal;
        signal_from_row(st, &signal);
        if (signal_list_add(&set->signals, &signal, error) != STATUS_OK) {
            status = STATUS_NO_MEMORY;
            break;
        }
    }
    st_release(st);
    signal_list_place(&set->signals);
    return status;
}

/* Gives all of them back, for what was claimed can't be handed out. */
static void release_all(Store *store, const ClaimSet *set) {
    Error ignored;
    for (size_t i = 0; i < set->count; i++) {
        store_claim_release(store, set->claims[i].canonical_key, set->claims[i].fence, &ignored);
    }
}

Status store_claim(Store *store, const ClaimOptions *options, ClaimSet **out, Error *error) {
    *out = NULL;
    Status status = check_options(options, error);
    if (status != STATUS_OK) {
        return status;
    }
    ClaimSet *set = calloc(1, sizeof *set);
    if (!set) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    Claiming claiming = {.store = store, .options = options, .set = set};
    name_owner(claiming.owner, sizeof claiming.owner);
    WriteScope scope;
    status = write_begin(store, &scope, error);
    if (status == STATUS_OK) {
        int64_t worker;
        status = store_worker(store, &worker, error);
        if (status == STATUS_OK) {
            status = claim_all(&claiming, error);
        }
        status = write_end(store, &scope, status, error);
    }
    if (status == STATUS_OK && set->count > 0) {
        status = read_signals(store, set, error);
        if (status != STATUS_OK) {
            release_all(store, set);
        }
    }
    if (status == STATUS_OK) {
        *out = set;
    } else {
        claim_set_free(set);
    }
    return status;
}

void claims_drop(Store *store) {
    if (store->worker == 0) {
        return;
    }
    /* Tried only: a worker that is gone is found by the next claim anyway. */
    Error ignored;
    WriteScope scope;
    if (write_begin(store, &scope, &ignored) == STATUS_OK) {
        Status status = run_query(store, &query_claim_free_worker,
                                  (Value[]){value_int(store->worker)}, 1, NULL, &ignored);
        write_end(store, &scope, status, &ignored);
    }
    db_worker_drop(store->main, store->worker);
    store->worker = 0;
}
