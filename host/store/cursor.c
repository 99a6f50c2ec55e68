/* Cursors: rows of one snapshot.
 *
 * Outside a transaction each cursor has a connection of its own in a read transaction, so that it
 * sees one moment and neither blocks writers nor is changed by them; a few such connections are
 * kept for the next cursors. Inside its caller's transaction it reads through the writer's. */
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
    if (store->options.untrusted || (store->tx_depth > 0 && store->tx_caller == store->caller)) {
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

Status reader_next(Reader *reader, Error *error) {
    if (!reader->store) {
        return error_set(error, STATUS_CLOSED, "the store was closed while its rows were read");
    }
    if (reader->ended) {
        return error_set(error, STATUS_CONFLICT,
                         "the transaction that these rows were read in is over");
    }
    if (!reader->st) {
        return STATUS_OK;
    }
    if (reader->started) {
        reader->started = false;
        return STATUS_ROW;
    }
    Status status = st_stream(reader->st, error);
    if (status != STATUS_ROW) {
        reader_close(reader);
    }
    return status;
}

/* ---- signals ---- */

/* What a cursor asks: a text put together from paragraphs, and its values. Texts are copied, for
 * the cursor outlives the call that they came with. */
typedef struct Question {
    Buffer sql;
    Buffer texts;
    int count;
    struct {
        bool is_text;
        int64_t integer;
        size_t offset, size; /* in `texts` */
    } values[8];
} Question;

struct SignalCursor {
    Reader reader; /* first */
    Question question;
    int64_t left;  /* signals until the limit; below 0: no limit */
    bool begun;
    int64_t id;    /* of the signal before */
};

static void ask(Question *question, const Query *paragraph) {
    buffer_append_text(&question->sql, paragraph->sql);
    buffer_append_byte(&question->sql, '\n');
}

static void ask_int(Question *question, const Query *paragraph, int64_t value) {
    ask(question, paragraph);
    question->values[question->count++].integer = value;
}

static void ask_text(Question *question, const Query *paragraph, Text text) {
    if (!text.data) {
        return;
    }
    ask(question, paragraph);
    int i = question->count++;
    question->values[i].is_text = true;
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
        if (question->values[i].is_text) {
            const char *data = question->texts.data ? question->texts.data : "";
            bind_text(cursor->reader.st, i + 1,
                      (Text){data + question->values[i].offset, question->values[i].size});
        } else {
            bind_int(cursor->reader.st, i + 1, question->values[i].integer);
        }
    }
}

static SignalCursor *cursor_new(Error *error) {
    SignalCursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor) {
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

Status store_claim_signals(Store *store, const ClaimSet *claims, SignalCursor **out,
                           Error *error) {
    *out = NULL;
    SignalCursor *cursor = cursor_new(error);
    if (!cursor) {
        return STATUS_NO_MEMORY;
    }
    size_t count = claim_set_count(claims);
    cursor->left = -1;
    ask_int(&cursor->question, &query_signal_select_claimed,
            count ? claim_set_get(claims, 0)->fence : 0);
    cursor->question.values[cursor->question.count++].integer =
        count ? claim_set_get(claims, count - 1)->fence : -1;
    return cursor_start(store, cursor, out, error);
}

Status signal_cursor_next(SignalCursor *cursor, Signal *signal, Error *error) {
    if (cursor->left == 0) {
        reader_close(&cursor->reader);
    }
    Status status;
    int64_t id = 0;
    do { /* of a signal with several processing rows the first counts */
        status = reader_next(&cursor->reader, error);
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

void signal_cursor_close(SignalCursor *cursor) {
    if (!cursor) {
        return;
    }
    reader_close(&cursor->reader);
    buffer_free(&cursor->question.sql);
    buffer_free(&cursor->question.texts);
    free(cursor);
}
