/* One record of a document: its fields, checked against the columns of its table. */
#ifndef SIGNALBOX_RECORD_H
#define SIGNALBOX_RECORD_H

#include "store/exchange.h"

typedef struct Record {
    const ExchangeTable *table;
    Value values[EXCHANGE_COLUMNS_MAX]; /* by column; texts are in the document or in `texts` */
    bool given[EXCHANGE_COLUMNS_MAX];
    bool dropped; /* a key that is no column's was ignored */
    Buffer texts;
    TimeText times[EXCHANGE_COLUMNS_MAX]; /* as record_normalise_times wrote them */
    const ExchangeTable *bound; /* the table whose insert `columns` is of */
    int parameters;
    int columns[EXCHANGE_COLUMNS_MAX + 1]; /* of each parameter */
} Record;

/* Reads an object into `record` (whose texts are used again). INVALID says which field and why. */
Status record_read(Record *record, const ExchangeTable *table, Text object, bool ignore_unknown,
                   Error *error);
void record_free(Record *record);

/* Whether a value is what a document may have in that column; INVALID says why not. A required one
 * that is missing is the caller's to see. */
Status column_check(const ExchangeColumn *column, Value value, Error *error);

/* Brings its times to the form that is stored, so that one moment is one text. */
void record_normalise_times(Record *record);

/* The value of a column, NULL-typed where it is absent; NULL where the table has no such column. */
Value *record_value(Record *record, const char *column);

/* Runs an insert whose parameters are named after the columns, or `now`. *added tells whether it
 * did. */
Status record_insert(Record *record, St *st, Text now, bool *added, Error *error);

#endif
