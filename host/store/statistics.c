/* Statistics, from counters that are kept as the rows change. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

typedef Status EachCount(void *context, Text value, int64_t n, Error *error);

/* Calls `each` with every count of `name`, in the order of the values. */
static Status counts(Db *db, const char *name, EachCount *each, void *context, Error *error) {
    St *st;
    Status status = db_statement(db, &query_statistics_by, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    bind_text(st, 1, text_of(name));
    while ((status = st_step(st, error)) == STATUS_ROW) {
        Status seen = each(context, st_text(st, 0), st_int(st, 1), error);
        if (seen != STATUS_OK) {
            status = seen;
            break;
        }
    }
    st_release(st);
    return status;
}

static Status add_state(void *context, Text value, int64_t n, Error *error) {
    (void)error;
    int64_t *by_state = context;
    ProcessingState state;
    if (processing_state_parse(value, &state)) {
        by_state[state] += n;
    }
    return STATUS_OK;
}

static Status add_type(void *context, Text value, int64_t n, Error *error) {
    Stats *stats = context;
    TypeCount *grown = realloc(stats->types, (stats->type_count + 1) * sizeof *grown);
    char *copy = malloc(value.size + 1);
    if (grown) {
        stats->types = grown;
    }
    if (!grown || !copy) {
        free(copy);
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    memcpy(copy, value.data, value.size);
    copy[value.size] = '\0';
    stats->types[stats->type_count++] = (TypeCount){{copy, value.size}, n};
    stats->total_signals += n;
    return STATUS_OK;
}

static Status add_total(void *context, Text value, int64_t n, Error *error) {
    (void)value;
    (void)error;
    *(int64_t *)context += n;
    return STATUS_OK;
}

/* The counted rows of `name` less those whose time has come. */
static Status count_waiting(Db *db, const char *name, const Query *over, int64_t *n,
                            Error *error) {
    *n = 0;
    Status status = counts(db, name, add_total, n, error);
    St *st = NULL;
    if (status == STATUS_OK) {
        status = db_statement(db, over, &st, error);
    }
    TimeText now;
    if (status == STATUS_OK) {
        bind_text(st, 1, now_text(now));
        status = st_step(st, error);
    }
    if (status == STATUS_ROW) {
        *n -= st_int(st, 0);
        status = STATUS_OK;
    }
    st_release(st);
    return status;
}

Status store_processing_stats(Store *store, int64_t by_state[STATE_COUNT], Error *error) {
    memset(by_state, 0, STATE_COUNT * sizeof *by_state);
    Db *db;
    Status status = read_connection(store, &db, error);
    return status == STATUS_OK ? counts(db, "processing_status", add_state, by_state, error)
                               : status;
}

Status store_stats(Store *store, Stats *stats, Error *error) {
    *stats = (Stats){0};
    Db *db;
    Status status = read_connection(store, &db, error);
    if (status == STATUS_OK) {
        status = counts(db, "signals_by_type", add_type, stats, error);
    }
    if (status == STATUS_OK) {
        status = counts(db, "processing_status", add_state, stats->by_state, error);
    }
    if (status == STATUS_OK) {
        status = count_waiting(db, "suppression_entries", &query_statistics_expired,
                               &stats->active_suppression, error);
    }
    if (status == STATUS_OK) {
        status = count_waiting(db, "company_holds", &query_statistics_woken, &stats->held, error);
    }
    if (status != STATUS_OK) {
        stats_free(stats);
    }
    return status;
}

void stats_free(Stats *stats) {
    for (size_t i = 0; i < stats->type_count; i++) {
        free((char *)stats->types[i].signal_type.data);
    }
    free(stats->types);
    *stats = (Stats){0};
}
