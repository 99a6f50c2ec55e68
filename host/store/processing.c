/* What becomes of signals. */
#include "store/internal.h"

#include <string.h>

static const char *const state_names[STATE_COUNT] = {
    [STATE_PENDING] = "pending",   [STATE_QUEUED] = "queued", [STATE_PUSHED] = "pushed",
    [STATE_REJECTED] = "rejected", [STATE_FAILED] = "failed",
};

const char *processing_state_name(ProcessingState state) {
    return state_names[state];
}

bool processing_state_parse(Text name, ProcessingState *state) {
    for (int i = 0; name.data && i < STATE_COUNT; i++) {
        if (strlen(state_names[i]) == name.size &&
            memcmp(state_names[i], name.data, name.size) == 0) {
            *state = (ProcessingState)i;
            return true;
        }
    }
    return false;
}

Status mark_check(const Mark *mark, Error *error) {
    Status status = STATUS_OK;
    if (mark->state == STATE_PUSHED) {
        status = check_text("notion_page_id", mark->page_id, true, error);
    } else if (mark->state == STATE_REJECTED || mark->state == STATE_FAILED) {
        status = check_text("reason", mark->reason, true, error);
    }
    if (status == STATUS_OK) {
        status = check_json("metadata", mark->metadata, error);
    }
    return status;
}

Status mark_statement(Store *store, const Mark *mark, St **st, Error *error) {
    static const Query *const queries[STATE_COUNT] = {
        [STATE_PENDING] = &query_processing_reopen, [STATE_QUEUED] = &query_processing_queue,
        [STATE_PUSHED] = &query_processing_push,    [STATE_REJECTED] = &query_processing_reject,
        [STATE_FAILED] = &query_processing_fail,
    };
    return db_statement(store->main, queries[mark->state], st, error);
}

Status mark_run(St *st, int64_t id, const Mark *mark, Text now, Error *error) {
    bind_int(st, 1, id);
    bind_text(st, 2, now);
    bind_text(st, 3, mark->metadata);
    if (mark->state == STATE_PUSHED) {
        bind_text(st, 4, mark->page_id);
    } else if (mark->state == STATE_REJECTED || mark->state == STATE_FAILED) {
        bind_text(st, 4, mark->reason);
    }
    Status status = st_run(st, error);
    st_reset(st);
    return status;
}

/* A predecessor's signal can lack its processing row: makes it. NOT_FOUND where there is no such
 * signal. */
static Status adopt(Store *store, int64_t id, Text now, Error *error) {
    St *st;
    Status status = db_statement(store->main, &query_processing_adopt, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_int(st, 1, id);
    bind_text(st, 2, now);
    status = st_run(st, error);
    if (status == STATUS_OK && st_changes(st) == 0) {
        status = error_set(error, STATUS_NOT_FOUND, "there is no signal %lld", (long long)id);
    }
    st_release(st);
    return status;
}

static Status mark_one(Store *store, int64_t id, const Mark *mark, Error *error) {
    TimeText time;
    Text now = now_text(time);
    St *st = NULL;
    Status status = mark_statement(store, mark, &st, error);
    if (status == STATUS_OK) {
        status = mark_run(st, id, mark, now, error);
    }
    if (status == STATUS_OK && st_changes(st) == 0) {
        status = adopt(store, id, now, error);
        if (status == STATUS_OK) {
            status = mark_run(st, id, mark, now, error);
        }
    }
    st_release(st);
    return status == STATUS_OK ? hold_marked(store, id, mark->state == STATE_PENDING, now, error)
                               : status;
}

Status store_mark(Store *store, int64_t id, const Mark *mark, Error *error) {
    Status status = mark_check(mark, error);
    if (status != STATUS_OK) {
        return status;
    }
    WriteScope scope;
    status = write_begin_single(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    return write_end(store, &scope, mark_one(store, id, mark, error), error);
}
