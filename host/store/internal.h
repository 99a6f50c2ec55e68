/* What the files of the store share. */
#ifndef SIGNALBOX_STORE_INTERNAL_H
#define SIGNALBOX_STORE_INTERNAL_H

#include <stdatomic.h>

#include "store/store.h"
#include "gen/queries.h"
#include "text/buffer.h"
#include "text/iso_time.h"

#define IDLE_READERS 4 /* snapshot connections kept for the next cursor */

/* Something that reads rows: one statement and what it needs to be ended from either side, by its
 * owner or by the store. The head of SignalCursor and SqlCursor. */
typedef struct Reader {
    Store *store;      /* NULL once the store is closed */
    Db *db;            /* NULL once it is detached */
    St *st;            /* NULL at the end of its rows, too */
    bool in_transaction; /* it reads through the caller's transaction and ends with it */
    bool ended;          /* that transaction is over */
    bool started;        /* the first row is there already */
    struct Reader *next, **link;
} Reader;

struct Store {
    Db *main;              /* the writer; in a read-only store the reader of single rows */
    Db *idle[IDLE_READERS];
    int idle_count;
    Db *aside;             /* single rows for a caller while another one's transaction is open */
    Reader *readers;       /* all that are open */
    char *url;
    StoreOptions options;
    const void *caller;
    const void *tx_caller;
    atomic_bool interrupted; /* since the call began */
    int tx_depth;
    int64_t tx_serial;
    char tx_place[128];
    int64_t worker;        /* 0 until the first claim */
    int64_t fence;         /* the highest that a claim of it ever had */
    Buffer row;            /* texts of the last single row that was given out */
};

/* Whether all that is read is of the moment of its opening, on one connection. */
static inline bool store_is_snapshot(const Store *store) {
    return store->options.untrusted || store->options.snapshot;
}

typedef char TimeText[ISO_TIME_LENGTH + 1];

static inline Text text_of(const char *data) {
    return (Text){data, data ? __builtin_strlen(data) : 0};
}

static inline bool text_is(Text text, const char *word) {
    return __builtin_strlen(word) == text.size && __builtin_memcmp(word, text.data, text.size) == 0;
}

static inline Text text_of_time(const TimeText time) {
    return (Text){time, ISO_TIME_LENGTH};
}

/* The present as text. */
static inline Text now_text(TimeText out) {
    iso_write(iso_now(), out);
    return text_of_time(out);
}

static inline void bind_text(St *st, int index, Text text) {
    st_bind(st, index, value_text(text));
}

static inline void bind_int(St *st, int index, int64_t value) {
    st_bind(st, index, value_int(value));
}

/* ---- text.c ---- */

/* INVALID unless it is UTF-8 without NUL; and there, and not empty, where `required`. */
Status check_text(const char *field, Text text, bool required, Error *error);
/* INVALID unless it is from 0 to 1. */
Status check_confidence(double confidence, Error *error);
/* INVALID unless absent or JSON. */
Status check_json(const char *field, Text text, Error *error);
/* INVALID unless STORE_TIME_NONE or within the years that can be written. */
Status check_time(const char *field, int64_t micros, Error *error);

/* Moves `count` texts out of a statement into the store's row buffer, where they stay until the
 * next single row is read. */
Status texts_keep(Store *store, Text *const *texts, size_t count, Error *error);

/* ---- transaction.c ---- */

/* A store operation's own scope of writing: a transaction, or inside the caller's a part of it. */
typedef struct WriteScope {
    int depth;    /* of the caller's transaction; 0: none */
    bool savepoint;
    bool checked;
} WriteScope;

/* Inside the caller's transaction a savepoint: whatever fails is taken back. */
Status write_begin(Store *store, WriteScope *scope, Error *error);
/* A write of one statement, which is a whole by itself. */
Status write_begin_single(Store *store, WriteScope *scope, Error *error);
/* A write that looks at all that may be wrong (INVALID, NOT_FOUND, CONFLICT) before it changes
 * anything. What fails it after that is the engine's failure, and takes the caller's transaction
 * with it: so it needs no savepoint, for which the engine copies each page that is changed. */
Status write_begin_checked(Store *store, WriteScope *scope, Error *error);
/* Commits where `status` is OK, else rolls back and returns `status`. */
Status write_end(Store *store, WriteScope *scope, Status status, Error *error);

/* The connection on which the caller reads single rows. */
Status read_connection(Store *store, Db **db, Error *error);

/* ---- reader.c ---- */

/* Opens a reader for the caller: in its transaction, else on a snapshot of its own. */
Status reader_open(Store *store, Reader *reader, Error *error);
/* Ends it and gives its connection back. Twice is harmless. */
void reader_close(Reader *reader);
/* Reads on to the first row, so that the snapshot is that of this moment, and what fails does so
 * now. */
Status reader_start(Reader *reader, Error *error);
/* CLOSED or CONFLICT where the store or the reader's transaction is over. */
Status reader_check(const Reader *reader, Error *error);
/* The next row of reader->st, without that check; OK at the end. */
Status reader_read(Reader *reader, Error *error);
/* Both; closes itself at the end and where it fails. */
Status reader_next(Reader *reader, Error *error);
/* Detaches every reader that reads through the transaction which ends now. */
void readers_end_transaction(Store *store);

/* ---- signals.c ---- */

/* Fills in the columns of signal_select, borrowed from the statement. */
void signal_from_row(St *st, Signal *signal);

/* ---- processing.c ---- */

Status mark_check(const Mark *mark, Error *error);
/* What the triggers would have done for a program that ran none: rows without their copies get
 * them. Looks first, for there are hardly ever any and writing costs more. */
Status processing_fill(Store *store, Error *error);
/* The statement that moves signals to mark->state, and one run of it on a signal in the state
 * `from` or `or_from`; in any where both are absent. */
Status mark_statement(Store *store, const Mark *mark, St **st, Error *error);
Status mark_run(St *st, int64_t id, const Mark *mark, Text from, Text or_from, Text now,
                Error *error);

/* ---- holds.c ---- */

/* Whether any company waits. */
Status holds_any(Store *store, bool *any, Error *error);
/* The company waits no longer, if it did: what was set aside of it is due from `now` on. */
Status hold_wake(Store *store, Text key, Text now, Error *error);
/* A signal was marked: with `pending` its company is to be looked at now; else it waits no longer
 * where that was its last pending one. */
Status hold_marked(Store *store, int64_t id, bool pending, Text now, Error *error);
/* The company waits until then, and `ids`, signals of it, with it; unless one that is none of them
 * is pending, or none at all. */
Status hold_set(Store *store, Text key, Text until, Text reason, const int64_t *ids, size_t count,
                Error *error);

/* ---- migration.c ---- */

/* Brings the schema to what the program needs, or says why it can't be used. */
Status migration_check(Store *store, Error *error);

/* ---- claims.c ---- */

/* Lets go of every claim of this store. */
void claims_drop(Store *store);

/* ---- claim_holder.c ---- */

/* INVALID unless more than 0 seconds. */
Status lease_check(double lease, Error *error);
/* When a lease ends that begins now. */
void lease_end(int64_t now, double lease, TimeText out);

/* ---- store.c ---- */

/* INTERRUPTED where somebody has asked for it since the call began: for what the engine hears
 * nothing of, many short statements in a row. */
Status check_interrupted(Store *store, Error *error);

/* The first row of a query, `columns` whole numbers: ROW, or OK where there is none. */
Status query_numbers(Db *db, const Query *query, const Value *values, int count, int64_t *out,
                     int columns, Error *error);

/* Runs a statement on the writer's connection to its end; `changed` may be NULL. */
Status run_query(Store *store, const Query *query, const Value *values, int count,
                 int64_t *changed, Error *error);

#endif
