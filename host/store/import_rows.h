/* The rows of an import. A document's signals keep their number where that is free; what else
 * speaks of them follows them to the number they got. Nothing that is there already is changed, but
 * for a suppression entry that has expired. */
#ifndef SIGNALBOX_IMPORT_ROWS_H
#define SIGNALBOX_IMPORT_ROWS_H

#include "store/import_map.h"
#include "store/record.h"

typedef struct ImportRows {
    Store *store;
    ImportReport *report; /* what was renumbered, clamped and reopened is written */
    bool verbatim;        /* the document is one of ours, and its values are kept as they are */
    ImportMap map;
    Record record;        /* the one in hand */
    Buffer ids;           /* a list of them as they are here, */
    bool ids_changed;     /* which isn't as the document has it */
    TimeText now;
} ImportRows;

/* Before the transaction (import_map.h). */
Status import_rows_begin(ImportRows *rows, Error *error);

/* Puts rows->record into its table. *added tells whether it was not there. */
Status import_rows_store(ImportRows *rows, bool *added, Error *error);

/* After the last record, in the transaction. `last_signal_id` is the highest number that the
 * document's store ever gave: it is given to no other signal here; 0 where it isn't known. */
Status import_rows_finish(ImportRows *rows, int64_t last_signal_id, Error *error);

void import_rows_free(ImportRows *rows);

#endif
