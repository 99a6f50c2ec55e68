#include "store/manifest.h"

#include <string.h>

#include "store/migrations.h"
#include "text/json.h"
#include "text/utf8.h"

#define PREDECESSOR_VERSIONS 4 /* its documents say 1 to 4 */

static const char *const words[WORD_COUNT] = {"exported_at", "schema_version", "format",
                                              "counts", "last_signal_id", "checksum"};

ManifestWord manifest_word(Text key) {
    for (int i = 0; i < WORD_COUNT; i++) {
        if (text_is(key, words[i])) {
            return (ManifestWord)i;
        }
    }
    return WORD_NONE;
}

const char *manifest_word_name(ManifestWord word) {
    return words[word];
}

static int shown(const JsonToken *token) {
    return (int)utf8_cut(token->text, token->size, 30);
}

static Status take_version(Manifest *manifest, const JsonToken *token, Error *error) {
    int newest = migrations[migration_count - 1].version;
    int64_t version = token->kind == JSON_INTEGER ? token->integer : 0;
    bool ours = version >= migrations[0].version && version <= newest;
    if (!ours && !(version >= 1 && version <= PREDECESSOR_VERSIONS)) {
        return error_invalid(error, "schema_version",
                             "schema_version is %.*s, and must be 1 to %d (the predecessor's) or "
                             "%d to %d",
                             shown(token), token->text, PREDECESSOR_VERSIONS,
                             migrations[0].version, newest);
    }
    manifest->schema_version = version;
    return STATUS_OK;
}

static Status take_format(const JsonToken *token, Error *error) {
    return token->kind == JSON_INTEGER && token->integer == EXCHANGE_FORMAT
               ? STATUS_OK
               : error_invalid(error, "format", "format is %.*s, and this program reads %d",
                               shown(token), token->text, EXCHANGE_FORMAT);
}

static Status take_exported_at(const JsonToken *token, Error *error) {
    int64_t ignored;
    return token->kind == JSON_STRING
               ? iso_read("exported_at", token->text, token->size, &ignored, error)
               : error_invalid(error, "exported_at", "exported_at must be a string");
}

static Status take_last_signal_id(Manifest *manifest, const JsonToken *token, Error *error) {
    manifest->last_signal_id = token->integer;
    return token->kind == JSON_INTEGER && token->integer >= 0 && token->integer <= EXCHANGE_ID_MAX
               ? STATUS_OK
               : error_invalid(error, "last_signal_id",
                               "last_signal_id is %.*s, and must be from 0 to %lld", shown(token),
                               token->text, (long long)EXCHANGE_ID_MAX);
}

static Status take_checksum(Manifest *manifest, const JsonToken *token, Error *error) {
    if (token->kind != JSON_STRING || token->size != sizeof manifest->checksum - 1) {
        return error_invalid(error, "checksum", "checksum must be 32 hexadecimal digits");
    }
    memcpy(manifest->checksum, token->text, token->size);
    return STATUS_OK;
}

/* The members of an object whose brace was read. */
static Status take_counts(Manifest *manifest, JsonReader *reader, bool ignore_unknown,
                          Error *error) {
    JsonToken key, value;
    Status status;
    while ((status = json_next(reader, &key, error)) == STATUS_OK && key.kind == JSON_KEY) {
        const ExchangeTable *table = exchange_table_find((Text){key.text, key.size});
        status = json_next(reader, &value, error);
        if (status != STATUS_OK) {
            break;
        }
        if (value.kind != JSON_INTEGER) {
            return error_invalid(error, "counts", "counts must be whole numbers by table");
        }
        if (table) {
            manifest->counts[exchange_index(table)] = value.integer;
        } else if (!ignore_unknown) {
            return error_invalid(error, "counts", "counts has \"%.*s\", and there is no such table",
                                 shown(&key), key.text);
        }
    }
    return status;
}

Status manifest_take(Manifest *manifest, ManifestWord word, Text value, bool ignore_unknown,
                     Error *error) {
    JsonReader reader;
    JsonToken token;
    json_reader_init(&reader, value.data, value.size, JSON_STRICT);
    Status status = json_next(&reader, &token, error);
    if (status != STATUS_OK) {
        return status;
    }
    manifest->given[word] = true;
    switch (word) {
    case WORD_EXPORTED_AT: return take_exported_at(&token, error);
    case WORD_SCHEMA_VERSION: return take_version(manifest, &token, error);
    case WORD_FORMAT: return take_format(&token, error);
    case WORD_LAST_SIGNAL_ID: return take_last_signal_id(manifest, &token, error);
    case WORD_CHECKSUM: return take_checksum(manifest, &token, error);
    default:
        return token.kind == JSON_OBJECT_BEGIN
                   ? take_counts(manifest, &reader, ignore_unknown, error)
                   : error_invalid(error, "counts", "counts must be an object");
    }
}

static Status check_counts(const Manifest *manifest, const ExchangeHash *hash, Error *error) {
    for (size_t i = 0; i < exchange_table_count; i++) {
        int64_t rows = exchange_hash_rows(hash, &exchange_tables[i]);
        if (manifest->counts[i] != rows) {
            return error_invalid(error, "counts",
                                 "the document counts %lld records of %s, and has %lld",
                                 (long long)manifest->counts[i], exchange_tables[i].name,
                                 (long long)rows);
        }
    }
    return STATUS_OK;
}

static Status check_sum(const Manifest *manifest, const ExchangeHash *hash, bool dropped,
                        bool *checked, Error *error) {
    char sum[33];
    exchange_hash_text(hash, manifest->schema_version, manifest->last_signal_id, sum);
    *checked = memcmp(sum, manifest->checksum, sizeof sum - 1) == 0;
    return *checked || dropped
               ? STATUS_OK
               : error_invalid(error, "checksum",
                               "the records are not those that were exported: their checksum is "
                               "%s, and the document's is %s; one that was changed on purpose is "
                               "taken without its \"format\"",
                               sum, manifest->checksum);
}

Status manifest_check(const Manifest *manifest, const ExchangeHash *hash, bool dropped,
                      bool *checked, Error *error) {
    *checked = false;
    if (!manifest->given[WORD_SCHEMA_VERSION]) {
        return error_invalid(error, "schema_version",
                             "schema_version is missing: this is no export of a store");
    }
    if (!manifest->given[WORD_FORMAT]) {
        return STATUS_OK; /* the predecessor's has no sums */
    }
    if (!manifest->given[WORD_COUNTS] || !manifest->given[WORD_CHECKSUM]) {
        return error_invalid(error, "checksum",
                             "the document ends without its counts and checksum: it is truncated");
    }
    Status status = check_counts(manifest, hash, error);
    return status == STATUS_OK ? check_sum(manifest, hash, dropped, checked, error) : status;
}
