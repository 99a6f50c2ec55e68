/* What an export holds and an import takes: the tables, their columns, and how rows are hashed. */
#ifndef SIGNALBOX_EXCHANGE_H
#define SIGNALBOX_EXCHANGE_H

#include "store/internal.h"

typedef enum ColumnType {
    COLUMN_INTEGER,
    COLUMN_NUMBER,
    COLUMN_TEXT,
    COLUMN_NAME, /* a text that isn't empty */
    COLUMN_TIME, /* a text that reads as a time */
    COLUMN_JSON, /* a text that is JSON, NaN and Infinity allowed */
    COLUMN_IDS,  /* a text that is a JSON array of signals' numbers */
    COLUMN_BYTES /* a text, or what is none as {"hex":"..."} */
} ColumnType;

typedef struct ExchangeColumn {
    const char *name;
    ColumnType type;
    bool required; /* must be there and not null */
} ExchangeColumn;

#define EXCHANGE_COLUMNS_MAX 24

typedef struct ExchangeTable {
    const char *name; /* the document's key */
    const Query *out, *in;
    ExchangeColumn columns[EXCHANGE_COLUMNS_MAX]; /* as `out` gives them; ended by a NULL name */
} ExchangeTable;

/* All of them, in the document's order; those that others refer to come first. What isn't here is
 * of no use elsewhere: claims, counters (which are counted anew), records of runs, the schema's
 * own. */
extern const ExchangeTable exchange_tables[];
extern const size_t exchange_table_count;

/* The table of that name, or NULL. */
const ExchangeTable *exchange_table_find(Text name);

bool exchange_has_column(const ExchangeTable *table, Text name);

static inline bool exchange_is(const ExchangeTable *table, const char *name) {
    return __builtin_strcmp(table->name, name) == 0;
}

/* The version of documents' shape: changes when an older program could misread one. */
#define EXCHANGE_FORMAT 1

/* A running checksum of records: XXH3, 128 bits, over the name of each record's table and the keys
 * and values that are its columns'. A document that was laid out anew, or whose keys stand in another
 * order, has the same; one whose records say something else, or stand elsewhere, has another. */
typedef struct ExchangeHash ExchangeHash;
ExchangeHash *exchange_hash_new(void);
/* INVALID for what is no object; whoever reads the record says where. */
Status exchange_hash_add(ExchangeHash *hash, const ExchangeTable *table, Text record);
/* 32 hexadecimal digits and a NUL. */
void exchange_hash_text(const ExchangeHash *hash, char out[33]);
void exchange_hash_free(ExchangeHash *hash);

#endif
