/* One record of a document: its fields, checked against the columns of its table. */
#ifndef SIGNALBOX_RECORD_H
#define SIGNALBOX_RECORD_H

#include "store/exchange.h"

typedef struct Record {
    const ExchangeTable *table;
    Value values[EXCHANGE_COLUMNS_MAX]; /* by column; texts are in the document or in `texts` */
    bool given[EXCHANGE_COLUMNS_MAX];
    Buffer texts;
    const ExchangeTable *bound; /* the table whose insert `columns` is of */
    int parameters;
    signed char columns[EXCHANGE_COLUMNS_MAX + 1]; /* of each parameter */
} Record;

/* Reads an object into `record` (whose texts are used again). INVALID says which field and why. */
Status record_read(Record *record, const ExchangeTable *table, Text object, bool ignore_unknown,
                   Error *error);
void record_free(Record *record);

/* The value of a column; NULL-typed where it is absent. */
Value *record_value(Record *record, const char *column);

/* Runs an insert whose parameters are named after the columns. *added tells whether it did. */
Status record_insert(Record *record, St *st, bool *added, Error *error);

#endif
