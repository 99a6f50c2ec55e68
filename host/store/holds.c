/* Holds: companies that wait, for a time or for a new signal.
 *
 * A company that waits has a row in company_holds, and its pending signals are due only later. The
 * two are made and ended together, here: a signal that was set aside without a hold would be
 * neither due nor counted as held. */
#include "store/internal.h"

Status holds_any(Store *store, bool *any, Error *error) {
    St *st;
    *any = false;
    Status status = db_statement(store->main, &query_hold_any, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        *any = st_int(st, 0) != 0;
        status = STATUS_OK;
    }
    st_release(st);
    return status;
}

/* ---- ending ---- */

Status hold_wake(Store *store, Text key, Text now, Error *error) {
    int64_t ended = 0;
    Status status = run_query(store, &query_hold_end, (Value[]){value_text(key)}, 1, &ended, error);
    if (status == STATUS_OK && ended > 0) {
        status = run_query(store, &query_hold_wake, (Value[]){value_text(key), value_text(now)}, 2,
                           NULL, error);
    }
    return status;
}

/* Ends the wait of the company that `company` gives, where it has a reason to. */
static Status end_hold(Store *store, St *company, bool wake, Text now, Error *error) {
    Status status = st_step(company, error);
    if (status != STATUS_ROW) {
        return status;
    }
    Text key = st_text(company, 0);
    return wake ? hold_wake(store, key, now, error)
                : run_query(store, &query_hold_end_settled, (Value[]){value_text(key)}, 1, NULL,
                            error);
}

Status hold_marked(Store *store, int64_t id, bool pending, Text now, Error *error) {
    bool any;
    Status status = holds_any(store, &any, error);
    if (status != STATUS_OK || !any) {
        return status;
    }
    St *company;
    status = db_statement(store->main, &query_hold_company, &company, error);
    if (status == STATUS_OK) {
        bind_int(company, 1, id);
        status = end_hold(store, company, pending, now, error);
        st_release(company);
    }
    return status;
}

/* ---- setting ---- */

/* The newest pending signal of the company; 0 where there is none. */
static Status newest_pending(Store *store, Text key, int64_t *id, Error *error) {
    St *st;
    *id = 0;
    Status status = db_statement(store->main, &query_hold_pending, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_text(st, 1, key);
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        *id = st_int(st, 0);
        status = STATUS_OK;
    }
    st_release(st);
    return status;
}

static Status set_aside(Store *store, Text until, const int64_t *ids, size_t count, Error *error) {
    Status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = run_query(store, &query_hold_signal,
                           (Value[]){value_int(ids[i]), value_text(until)}, 2, NULL, error);
    }
    return status;
}

Status hold_set(Store *store, Text key, Text until, Text reason, const int64_t *ids, size_t count,
                Error *error) {
    int64_t newest, last = 0;
    for (size_t i = 0; i < count; i++) {
        last = ids[i] > last ? ids[i] : last;
    }
    Status status = newest_pending(store, key, &newest, error);
    if (status != STATUS_OK || newest == 0 || newest > last) {
        return status; /* none of its signals waits, or one that came later is due with the rest */
    }
    status = set_aside(store, until, ids, count, error);
    if (status != STATUS_OK) {
        return status;
    }
    TimeText now;
    return run_query(store, &query_hold_insert,
                     (Value[]){value_text(key), value_text(until), value_text(reason),
                               value_text(now_text(now))},
                     4, NULL, error);
}
