/* What the holder of a claim does: looks whether it still is, renews it, ends it.
 *
 * Each of these names the fence and changes nothing where it holds no more. */
#include "store/internal.h"

Status lease_check(double lease, Error *error) {
    if (lease > 0) {
        return STATUS_OK;
    }
    return error_invalid(error, "lease", "lease is %.15g, and must be more than 0 seconds", lease);
}

void lease_end(int64_t now, double lease, TimeText out) {
    double room = (double)(ISO_TIME_MAX - now);
    iso_write(lease * 1e6 >= room ? ISO_TIME_MAX : now + (int64_t)(lease * 1e6), out);
}

Status store_claim_check(Store *store, Text key, int64_t fence, Error *error) {
    Db *db;
    St *st;
    int64_t micros;
    Status status = read_connection(store, &db, error);
    if (status == STATUS_OK) {
        status = db_now(db, &micros, error);
    }
    if (status == STATUS_OK) {
        status = db_statement(db, &query_claim_held, &st, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    TimeText now;
    iso_write(micros, now);
    bind_text(st, 1, key);
    bind_int(st, 2, fence);
    bind_int(st, 3, store->worker);
    bind_text(st, 4, text_of_time(now));
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        status = error_set(error, STATUS_CONFLICT,
                           "the claim on %.*s is lost: its lease ended, or it was settled or "
                           "released",
                           key.size < 200 ? (int)key.size : 200, key.data);
    }
    st_release(st);
    return status;
}

static Status claim_end(Store *store, Text key, int64_t fence, Error *error) {
    return run_query(store, &query_claim_end,
                     (Value[]){value_text(key), value_int(fence), value_int(store->worker)}, 3,
                     NULL, error);
}

Status store_claim_renew(Store *store, Text key, int64_t fence, double lease, Text *lease_until,
                         Error *error) {
    Status status = lease_check(lease, error);
    if (status != STATUS_OK) {
        return status;
    }
    WriteScope scope;
    status = write_begin_checked(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_claim_check(store, key, fence, error);
    int64_t micros = 0;
    if (status == STATUS_OK) {
        status = db_now(store->main, &micros, error);
    }
    TimeText until;
    if (status == STATUS_OK) {
        lease_end(micros, lease, until);
        status = run_query(store, &query_claim_renew,
                           (Value[]){value_text(key), value_int(fence), value_int(store->worker),
                                     value_text(text_of_time(until))},
                           4, NULL, error);
    }
    status = write_end(store, &scope, status, error);
    if (status == STATUS_OK) {
        *lease_until = text_of_time(until);
        status = texts_keep(store, (Text *[]){lease_until}, 1, error);
    }
    return status;
}

Status store_claim_release(Store *store, Text key, int64_t fence, Error *error) {
    WriteScope scope;
    Status status = write_begin_checked(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_claim_check(store, key, fence, error);
    if (status == STATUS_OK) {
        status = claim_end(store, key, fence, error);
    }
    return write_end(store, &scope, status, error);
}

/* NOT_FOUND unless the signal is the company's. */
static Status check_member(St *member, Text key, int64_t id, Error *error) {
    bind_int(member, 1, id);
    bind_text(member, 2, key);
    Status status = st_step(member, error);
    if (status == STATUS_ROW) {
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        status = error_set(error, STATUS_NOT_FOUND, "%.*s has no signal %lld",
                           key.size < 200 ? (int)key.size : 200, key.data, (long long)id);
    }
    st_reset(member);
    return status;
}

/* NOT_FOUND unless all of them are the company's. */
static Status check_members(Store *store, Text key, const int64_t *ids, size_t count,
                            Error *error) {
    St *member = NULL;
    Status status = db_statement(store->main, &query_claim_member, &member, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = check_member(member, key, ids[i], error);
    }
    st_release(member);
    return status;
}

Status store_claim_hold(Store *store, Text key, int64_t fence, int64_t until, Text reason,
                        const int64_t *ids, size_t count, Error *error) {
    Status status = check_time("until", until, error);
    if (status == STATUS_OK) {
        status = check_text("reason", reason, false, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    TimeText time;
    iso_write(until == STORE_TIME_NONE ? ISO_TIME_MAX : until, time);
    WriteScope scope;
    status = write_begin_checked(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_claim_check(store, key, fence, error);
    if (status == STATUS_OK) {
        status = check_members(store, key, ids, count, error);
    }
    if (status == STATUS_OK) {
        status = hold_set(store, key, text_of_time(time), reason, ids, count, error);
    }
    if (status == STATUS_OK) {
        status = claim_end(store, key, fence, error);
    }
    return write_end(store, &scope, status, error);
}

/* Leaves in `ids` those that were marked. */
static Status settle(Store *store, int64_t *ids, size_t *count, const Mark *mark, Error *error) {
    TimeText time;
    Text now = now_text(time), pending = text_of(processing_state_name(STATE_PENDING));
    size_t given = *count;
    St *st = NULL;
    *count = 0;
    Status status = mark_statement(store, mark, &st, error);
    for (size_t i = 0; status == STATUS_OK && i < given; i++) {
        status = mark_run(st, ids[i], mark, pending, (Text){0}, now, error);
        if (status == STATUS_OK && st_changes(st) > 0) {
            ids[(*count)++] = ids[i];
        }
    }
    st_release(st);
    return status;
}

Status store_claim_settle(Store *store, Text key, int64_t fence, int64_t *ids, size_t *count,
                          const Mark *mark, Error *error) {
    Status status = mark_check(mark, error);
    if (status != STATUS_OK) {
        return status;
    }
    WriteScope scope;
    status = write_begin_checked(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_claim_check(store, key, fence, error);
    if (status == STATUS_OK) {
        status = check_members(store, key, ids, *count, error);
    }
    if (status == STATUS_OK) {
        status = settle(store, ids, count, mark, error);
    }
    if (status == STATUS_OK) {
        status = claim_end(store, key, fence, error);
    }
    return write_end(store, &scope, status, error);
}
