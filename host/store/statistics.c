/* Statistics, from counters that are kept as the rows change. */
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

static void add_state(int64_t by_state[STATE_COUNT], Text value, int64_t n) {
    ProcessingState state;
    if (processing_state_parse(value, &state)) {
        by_state[state] += n;
    }
}

Status store_processing_stats(Store *store, int64_t by_state[STATE_COUNT], Error *error) {
    memset(by_state, 0, STATE_COUNT * sizeof *by_state);
    Db *db;
    St *st = NULL;
    Status status = read_connection(store, &db, error);
    if (status == STATUS_OK) {
        status = db_statement(db, &query_statistics_by, &st, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    bind_text(st, 1, text_of("processing_status"));
    while ((status = st_step(st, error)) == STATUS_ROW) {
        add_state(by_state, st_text(st, 0), st_int(st, 1));
    }
    st_release(st);
    return status;
}

/* Room for one more. There is as much as the next power of two, so it is full when they are as many
 * as one: asking for it at each of 30,000 types copies gigabytes. */
static bool reserve_type(Stats *stats) {
    size_t count = stats->type_count;
    if ((count & (count - 1)) != 0) {
        return true;
    }
    TypeCount *grown = realloc(stats->types, (count ? 2 * count : 1) * sizeof *grown);
    if (grown) {
        stats->types = grown;
    }
    return grown != NULL;
}

static Status add_type(Stats *stats, Text value, int64_t n, Error *error) {
    char *copy = reserve_type(stats) ? malloc(value.size + 1) : NULL;
    if (!copy) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    memcpy(copy, value.data, value.size);
    copy[value.size] = '\0';
    stats->types[stats->type_count++] = (TypeCount){{copy, value.size}, n};
    stats->total_signals += n;
    return STATUS_OK;
}

static bool is(Text text, const char *name) {
    return text.size == strlen(name) && memcmp(text.data, name, text.size) == 0;
}

/* Adds one row of statistics_all. */
static Status add(Stats *stats, Text name, Text value, int64_t n, Error *error) {
    if (is(name, "signals_by_type")) {
        return add_type(stats, value, n, error);
    }
    if (is(name, "processing_status")) {
        add_state(stats->by_state, value, n);
    } else if (is(name, "suppression_entries")) {
        stats->active_suppression += n;
    } else if (is(name, "suppression_expired")) {
        stats->active_suppression -= n;
    } else if (is(name, "company_holds")) {
        stats->held += n;
    } else {
        stats->held -= n; /* company_woken */
    }
    return STATUS_OK;
}

Status store_stats(Store *store, Stats *stats, Error *error) {
    *stats = (Stats){0};
    TimeText now;
    Db *db;
    St *st = NULL;
    Status status = read_connection(store, &db, error);
    if (status == STATUS_OK) {
        status = db_statement(db, &query_statistics_all, &st, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    bind_text(st, 1, now_text(now));
    while ((status = st_step(st, error)) == STATUS_ROW) {
        Status added = add(stats, st_text(st, 0), st_text(st, 1), st_int(st, 2), error);
        if (added != STATUS_OK) {
            status = added;
            break;
        }
    }
    st_release(st);
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
