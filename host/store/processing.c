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

Status mark_run(St *st, int64_t id, const Mark *mark, Text from, Text or_from, Text now,
                Error *error) {
    bind_int(st, 1, id);
    bind_text(st, 2, now);
    bind_text(st, 3, mark->metadata);
    if (mark->state == STATE_PUSHED) {
        bind_text(st, 4, mark->page_id);
    } else if (mark->state == STATE_REJECTED || mark->state == STATE_FAILED) {
        bind_text(st, 4, mark->reason);
    }
    bind_text(st, 5, from);
    bind_text(st, 6, or_from);
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

Status processing_fill(Store *store, Error *error) {
    St *st;
    Status status = db_statement(store->main, &query_processing_unfilled, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = st_step(st, error);
    st_release(st);
    return status == STATUS_ROW ? run_query(store, &query_processing_fill, NULL, 0, NULL, error)
                                : status;
}

static Status mark_one(Store *store, int64_t id, const Mark *mark, Error *error) {
    TimeText time;
    Text now = now_text(time);
    St *st = NULL;
    Status status = mark_statement(store, mark, &st, error);
    if (status == STATUS_OK) {
        status = mark_run(st, id, mark, (Text){0}, (Text){0}, now, error);
    }
    if (status == STATUS_OK && st_changes(st) == 0) {
        status = adopt(store, id, now, error);
        if (status == STATUS_OK) {
            status = mark_run(st, id, mark, (Text){0}, (Text){0}, now, error);
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
    status = write_begin_checked(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    return write_end(store, &scope, mark_one(store, id, mark, error), error);
}

static Status settle_queued(Store *store, const int64_t *ids, size_t count, const Mark *mark,
                            int64_t *marked, Error *error) {
    TimeText time;
    Text now = now_text(time);
    Text queued = text_of(processing_state_name(STATE_QUEUED));
    Text failed = text_of(processing_state_name(STATE_FAILED));
    St *st = NULL;
    Status status = mark_statement(store, mark, &st, error);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = mark_run(st, ids[i], mark, queued, failed, now, error);
        *marked += status == STATUS_OK && st_changes(st) > 0;
    }
    st_release(st);
    return status;
}

Status store_settle_queued(Store *store, const int64_t *ids, size_t count, const Mark *mark,
                           int64_t *marked, Error *error) {
    *marked = 0;
    Status status = mark_check(mark, error);
    if (status != STATUS_OK) {
        return status;
    }
    WriteScope scope;
    status = write_begin_checked(store, &scope, error);
    if (status != STATUS_OK) {
        return status;
    }
    return write_end(store, &scope, settle_queued(store, ids, count, mark, marked, error), error);
}
