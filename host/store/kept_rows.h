/* Rows that were read from a statement already, and stay whatever becomes of it. */
#ifndef SIGNALBOX_STORE_KEPT_ROWS_H
#define SIGNALBOX_STORE_KEPT_ROWS_H

#include "driver/driver.h"
#include "text/buffer.h"

/* All zero holds none. */
typedef struct KeptRows {
    int columns;
    Buffer names;  /* of the columns, one behind the other, each with its NUL */
    Buffer values; /* Values, row by row; a text's data is the place in `texts` that it has */
    Buffer texts;
    size_t rows, at; /* at: the row that is read, from 1; 0 before the first */
} KeptRows;

/* Forgets the rows that there are, and takes the columns of `st`. */
void kept_rows_begin(KeptRows *kept, St *st);
/* Keeps the row that `st` has come to. NO_MEMORY. */
Status kept_rows_add(KeptRows *kept, St *st, Error *error);
/* Forgets the rows, not the columns. */
void kept_rows_clear(KeptRows *kept);
void kept_rows_free(KeptRows *kept);

/* Goes on to the next row; false at the end. */
bool kept_rows_next(KeptRows *kept);
const char *kept_rows_name(const KeptRows *kept, int column);
/* Of the row that is read; its text stays until a row is added or they are cleared. */
Value kept_rows_value(const KeptRows *kept, int column);

#endif
