/* What an export holds and an import takes: the tables, their columns, and how rows are hashed. */
#ifndef SIGNALBOX_EXCHANGE_H
#define SIGNALBOX_EXCHANGE_H

#include "store/internal.h"

typedef enum ColumnType {
    COLUMN_INTEGER,
    COLUMN_ID, /* a row's number, 1 to EXCHANGE_ID_MAX */
    COLUMN_NUMBER,
    COLUMN_SHARE, /* a number from 0 to 1 */
    COLUMN_TEXT,  /* a text, or bytes that are none as {"hex":"..."} */
    COLUMN_NAME,  /* the same, not empty */
    COLUMN_BYTES, /* the same, and a blob is told from a text */
    COLUMN_TIME,  /* a text that reads as a time */
    COLUMN_JSON,  /* a text that is JSON, NaN and Infinity allowed */
    COLUMN_IDS,   /* a text that is a JSON array of signals' numbers */
    COLUMN_PROCESSING_STATE, /* one of exchange_words, as all that follow */
    COLUMN_OUTBOX_STATE,
    COLUMN_ALERT_STATE,
    COLUMN_NOTICE_STATE
} ColumnType;

/* The words that a column of that type takes, as "ready, sending or sent"; NULL where it isn't of
 * such a type. */
const char *exchange_words(ColumnType type);

/* What a number in JSON says exactly in every language. One near SQLite's own bound would end all
 * saving: there would be no next. */
#define EXCHANGE_ID_MAX (INT64_C(1) << 53)

typedef struct ExchangeColumn {
    const char *name;
    ColumnType type;
    bool required; /* must be there and not null */
} ExchangeColumn;

#define EXCHANGE_COLUMNS_MAX 24

typedef struct ExchangeTable {
    const char *name; /* the document's key */
    int since;        /* the migration that brings it */
    const Query *out, *in;
    ExchangeColumn columns[EXCHANGE_COLUMNS_MAX]; /* as `out` gives them; ended by a NULL name */
} ExchangeTable;

/* All of them, in the document's order; those that others refer to come first. What isn't here is
 * of no use elsewhere: claims, counters (which are counted anew), records of runs, the schema's
 * own. */
extern const ExchangeTable exchange_tables[];
extern const size_t exchange_table_count; /* at most EXCHANGE_TABLES_MAX */

static inline size_t exchange_index(const ExchangeTable *table) {
    return (size_t)(table - exchange_tables);
}

/* The table of that name, or NULL. */
const ExchangeTable *exchange_table_find(Text name);

static inline bool exchange_is(const ExchangeTable *table, const char *name) {
    return __builtin_strcmp(table->name, name) == 0;
}

/* Whether a statement gives the table's columns, in their order: what is written in SQL and what is
 * written in C can't grow apart unseen. */
Status exchange_check_columns(const ExchangeTable *table, St *st, Error *error);

/* A row's value as a document can say it: a number of its column's type, null where there is no
 * such number. */
Value exchange_value(const ExchangeColumn *column, Value value);

/* The version of documents' shape: changes when an older program could misread one. */
#define EXCHANGE_FORMAT 1

/* A running checksum of rows: XXH3, 128 bits, a sum a table over its rows in their order, each the
 * values of its columns in theirs. So it is of what a document says, however it is laid out and in
 * which order its keys stand. */
typedef struct ExchangeHash ExchangeHash;
ExchangeHash *exchange_hash_new(void);
/* `values` as exchange_value gives them. */
void exchange_hash_row(ExchangeHash *hash, const ExchangeTable *table, const Value *values);
int64_t exchange_hash_rows(const ExchangeHash *hash, const ExchangeTable *table);
/* Of the version, the highest number ever given to a signal, and each table that has rows; 32
 * hexadecimal digits and a NUL. */
void exchange_hash_text(const ExchangeHash *hash, int64_t schema_version, int64_t last_signal_id,
                        char out[33]);
void exchange_hash_free(ExchangeHash *hash);

#endif
