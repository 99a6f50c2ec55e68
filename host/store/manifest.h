/* What a document says of itself as a whole, and whether that is true. */
#ifndef SIGNALBOX_MANIFEST_H
#define SIGNALBOX_MANIFEST_H

#include "store/exchange.h"

typedef enum ManifestWord {
    WORD_NONE = -1,
    WORD_EXPORTED_AT,
    WORD_SCHEMA_VERSION,
    WORD_FORMAT,
    WORD_COUNTS,
    WORD_LAST_SIGNAL_ID,
    WORD_CHECKSUM,
    WORD_COUNT
} ManifestWord;

typedef struct Manifest {
    bool given[WORD_COUNT];
    int64_t schema_version, last_signal_id;
    int64_t counts[EXCHANGE_TABLES_MAX]; /* by table, in their order */
    char checksum[33];
} Manifest;

/* Which word a key is. */
ManifestWord manifest_word(Text key);
const char *manifest_word_name(ManifestWord word);

/* Reads the value of a word. INVALID says what it must be. */
Status manifest_take(Manifest *manifest, ManifestWord word, Text value, bool ignore_unknown,
                     Error *error);

/* Holds it against the rows that were there. Where some of the document was dropped, its sum is of
 * more than what was read, and can't be held against anything: *checked is false then, as for a
 * document without sums (the predecessor's). */
Status manifest_check(const Manifest *manifest, const ExchangeHash *hash, bool dropped,
                      bool *checked, Error *error);

#endif
