/* The rows of an import. A document's signals keep their number where that is free; what else
 * speaks of them follows them to the number they got. Nothing that is there already is changed. */
#ifndef SIGNALBOX_IMPORT_ROWS_H
#define SIGNALBOX_IMPORT_ROWS_H

#include "store/record.h"

typedef struct ImportRows {
    Store *store;
    ImportReport *report; /* its schema_version is read, what was renumbered written */
    Record record;        /* the one in hand */
    Buffer ids;
    TimeText now;
} ImportRows;

/* Before the transaction: to define a table inside it would have its rows counted by triggers. */
Status import_rows_begin(ImportRows *rows, Error *error);

/* Puts rows->record into its table. *added tells whether it was not there. */
Status import_rows_store(ImportRows *rows, bool *added, Error *error);

void import_rows_end(ImportRows *rows);

#endif
