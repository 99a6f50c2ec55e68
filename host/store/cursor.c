/* Signals one by one: what is asked, and reading ahead. */
#include "store/internal.h"
#include "store/signal_list.h"

#include <stdlib.h>

/* What a cursor asks: a text put together from paragraphs, and its values. Texts are copied, for
 * the cursor outlives the call that they came with. */
typedef struct Question {
    Buffer sql;
    Buffer texts;
    int count;
    struct {
        size_t offset, size; /* in `texts` */
    } values[8];
} Question;

enum {
    AHEAD_ROWS = 32,       /* signals that are read in one go, at most */
    AHEAD_BYTES = 64 * 1024 /* and about how many bytes of text */
};

struct SignalCursor {
    Reader reader; /* first */
    Question question;
    int64_t left;  /* signals until the limit; below 0: no limit */
    bool begun;
    int64_t id;    /* of the signal read last */

    SignalList ahead;
    size_t at, wanted;
    Status behind; /* what came behind them: ROW while there may be more */
    Error error;
};

static void ask(Question *question, const Query *paragraph) {
    buffer_append_text(&question->sql, paragraph->sql);
    buffer_append_byte(&question->sql, '\n');
}

static void ask_text(Question *question, const Query *paragraph, Text text) {
    if (!text.data) {
        return;
    }
    ask(question, paragraph);
    int i = question->count++;
    question->values[i].offset = question->texts.size;
    question->values[i].size = text.size;
    buffer_append(&question->texts, text.data, text.size);
}

static void ask_time(Question *question, const Query *paragraph, int64_t micros) {
    if (micros != STORE_TIME_NONE) {
        TimeText text;
        iso_write(micros, text);
        ask_text(question, paragraph, text_of_time(text));
    }
}

/* The backlog is asked by its own index where that gives the order. */
static bool asks_backlog(const SignalFilter *filter) {
    ProcessingState state;
    return processing_state_parse(filter->status, &state) && state == STATE_PENDING &&
           !filter->canonical_key.data && filter->order != ORDER_ID;
}

static void ask_filter(Question *question, const SignalFilter *filter) {
    bool backlog = asks_backlog(filter);
    if (backlog) {
        ask(question, &query_signal_select_pending);
    } else {
        ask(question, filter->status.data ? &query_signal_select_in_state : &query_signal_select);
    }
    ask_text(question, &query_signal_where_key, filter->canonical_key);
    ask_text(question, &query_signal_where_type, filter->signal_type);
    ask_text(question, &query_signal_where_source, filter->source_api);
    if (!backlog) {
        ask_text(question, &query_signal_where_status, filter->status);
    }
    ask_time(question, backlog ? &query_pending_where_since : &query_signal_where_since,
             filter->since);
    ask_time(question, backlog ? &query_pending_where_before : &query_signal_where_before,
             filter->before);
    if (filter->order == ORDER_ID) {
        ask(question, &query_signal_order_id);
    } else if (filter->order == ORDER_OLDEST) {
        ask(question, backlog ? &query_pending_order_oldest : &query_signal_order_oldest);
    } else {
        ask(question, backlog ? &query_pending_order_newest : &query_signal_order_newest);
    }
}

static Status check_status_name(Text name, Error *error) {
    ProcessingState state;
    if (!name.data || processing_state_parse(name, &state)) {
        return STATUS_OK;
    }
    return error_invalid(error, "status",
                         "status is \"%.*s\", and must be pending, queued, pushed, rejected or "
                         "failed",
                         (int)(name.size < 40 ? name.size : 40), name.data);
}

static Status check_filter(const SignalFilter *filter, Error *error) {
    Status status = check_text("canonical_key", filter->canonical_key, false, error);
    if (status == STATUS_OK) {
        status = check_text("signal_type", filter->signal_type, false, error);
    }
    if (status == STATUS_OK) {
        status = check_text("source_api", filter->source_api, false, error);
    }
    if (status == STATUS_OK) {
        status = check_status_name(filter->status, error);
    }
    if (status == STATUS_OK) {
        status = check_time("since", filter->since, error);
    }
    if (status == STATUS_OK) {
        status = check_time("before", filter->before, error);
    }
    return status;
}

static void cursor_bind(SignalCursor *cursor) {
    const Question *question = &cursor->question;
    for (int i = 0; i < question->count; i++) {
        const char *data = question->texts.data ? question->texts.data : "";
        bind_text(cursor->reader.st, i + 1,
                  (Text){data + question->values[i].offset, question->values[i].size});
    }
}

static SignalCursor *cursor_new(Error *error) {
    SignalCursor *cursor = calloc(1, sizeof *cursor);
    if (cursor) {
        cursor->behind = STATUS_ROW;
    } else {
        error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    return cursor;
}

/* Puts the cursor's question to a reader; on failure the cursor is gone. */
static Status cursor_start(Store *store, SignalCursor *cursor, SignalCursor **out, Error *error) {
    const Question *question = &cursor->question;
    Status status = STATUS_OK;
    if (question->sql.failed || question->texts.failed) {
        status = error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    if (status == STATUS_OK) {
        status = reader_open(store, &cursor->reader, error);
    }
    if (status == STATUS_OK) {
        status = db_statement_text(cursor->reader.db, question->sql.data, question->sql.size,
                                   &cursor->reader.st, error);
    }
    if (status == STATUS_OK) {
        cursor_bind(cursor);
        status = reader_start(&cursor->reader, error);
    }
    if (status == STATUS_OK) {
        *out = cursor;
    } else {
        signal_cursor_close(cursor);
    }
    return status;
}

Status store_signals(Store *store, const SignalFilter *filter, SignalCursor **out, Error *error) {
    *out = NULL;
    Status status = check_filter(filter, error);
    if (status != STATUS_OK) {
        return status;
    }
    SignalCursor *cursor = cursor_new(error);
    if (!cursor) {
        return STATUS_NO_MEMORY;
    }
    ask_filter(&cursor->question, filter);
    cursor->left = filter->limit;
    return cursor_start(store, cursor, out, error);
}

Status store_pending_signals(Store *store, Text signal_type, int64_t limit, SignalCursor **out,
                             Error *error) {
    SignalFilter filter = {
        .signal_type = signal_type,
        .status = text_of("pending"),
        .since = STORE_TIME_NONE,
        .before = STORE_TIME_NONE,
        .order = ORDER_NEWEST,
        .limit = limit,
    };
    return store_signals(store, &filter, out, error);
}

/* Reads one signal; texts are borrowed from the statement. */
static Status read_signal(SignalCursor *cursor, Signal *signal) {
    Status status;
    int64_t id = 0;
    if (cursor->left == 0) {
        return STATUS_OK;
    }
    do { /* of a signal with several processing rows the first counts */
        status = reader_read(&cursor->reader, &cursor->error);
        if (status != STATUS_ROW) {
            return status;
        }
        id = st_int(cursor->reader.st, 0);
    } while (cursor->begun && id == cursor->id);
    cursor->begun = true;
    cursor->id = id;
    cursor->left -= cursor->left > 0;
    signal_from_row(cursor->reader.st, signal);
    return status;
}

/* Reads the next signals. The engine and the caller then each work through some in a row, which
 * keeps either's code in the processor; one first and then twice as many each time, for a loop that
 * is left early. */
static void read_ahead(SignalCursor *cursor) {
    SignalList *ahead = &cursor->ahead;
    signal_list_clear(ahead);
    cursor->at = 0;
    cursor->wanted = cursor->wanted == 0 ? 1 : cursor->wanted * 2;
    if (cursor->wanted > AHEAD_ROWS) {
        cursor->wanted = AHEAD_ROWS;
    }
    do {
        Signal signal;
        cursor->behind = read_signal(cursor, &signal);
        if (cursor->behind == STATUS_ROW &&
            signal_list_add(ahead, &signal, &cursor->error) != STATUS_OK) {
            ahead->count = 0;
            cursor->behind = STATUS_NO_MEMORY;
        }
    } while (cursor->behind == STATUS_ROW && ahead->count < cursor->wanted &&
             ahead->texts.size < AHEAD_BYTES);
    signal_list_place(ahead);
}

Status signal_cursor_next(SignalCursor *cursor, Signal *signal, Error *error) {
    Status status = reader_check(&cursor->reader, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (cursor->at == cursor->ahead.count && cursor->behind == STATUS_ROW) {
        read_ahead(cursor);
    }
    if (cursor->at < cursor->ahead.count) {
        *signal = cursor->ahead.signals[cursor->at++];
        return STATUS_ROW;
    }
    reader_close(&cursor->reader);
    if (cursor->behind != STATUS_OK) {
        *error = cursor->error;
    }
    return cursor->behind;
}

void signal_cursor_close(SignalCursor *cursor) {
    if (!cursor) {
        return;
    }
    reader_close(&cursor->reader);
    buffer_free(&cursor->question.sql);
    buffer_free(&cursor->question.texts);
    signal_list_free(&cursor->ahead);
    free(cursor);
}
