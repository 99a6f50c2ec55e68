/* Where a document's signals went: their number there, and here.
 *
 * Most come one after the other and keep their number: those are told by a few runs of numbers. The
 * others, and all of a document with more gaps than that, lie in a temporary table, which spills to
 * a file: so a million cost no memory, and nearly no time. */
#ifndef SIGNALBOX_IMPORT_MAP_H
#define SIGNALBOX_IMPORT_MAP_H

#include "store/internal.h"

#define IMPORT_RUNS_MAX 256

typedef struct ImportMap {
    Store *store;
    struct {
        int64_t first, last;
    } runs[IMPORT_RUNS_MAX]; /* added under the numbers they had, in rising order */
    int run_count;
    bool spilled;  /* the table has some */
    bool stranded; /* import_map_strand was called */
} ImportMap;

/* Before the transaction: to define a table inside it would have its rows counted by triggers. */
Status import_map_begin(ImportMap *map, Store *store, Error *error);

/* Signal `document_id` is signal `id` here, and was `added` now or there already. INVALID where the
 * document has given the number before. */
Status import_map_put(ImportMap *map, int64_t document_id, int64_t id, bool added, Error *error);

/* ROW where the document has a signal of that number. */
Status import_map_get(ImportMap *map, int64_t document_id, int64_t *id, bool *added, Error *error);

/* Whether signal `id` here is one of the document's. */
Status import_map_taken(ImportMap *map, int64_t id, bool *taken, Error *error);

/* The signal, if it was added, waits for a delivery that is not in the outbox here. */
Status import_map_strand(ImportMap *map, int64_t document_id, Error *error);

/* Makes those of them pending that are queued; *count tells how many. */
Status import_map_reopen(ImportMap *map, Text now, int64_t *count, Error *error);

#endif
