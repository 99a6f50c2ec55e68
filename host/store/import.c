/* Import: a document, read once from front to back, in one transaction.
 *
 * A document is one object or, as NDJSON, several one behind the other. Their keys are the names of
 * tables, whose values are an array of records or a single one, and a few words about the whole. So
 * one grammar reads our JSON, our NDJSON and the predecessor's export. */
#include "store/import_rows.h"
#include "store/window.h"

#include <string.h>

#include "store/migrations.h"
#include "text/json.h"

#define PREDECESSOR_VERSIONS 4 /* its documents say 1 to 4 */
#define LATER_MAX 8

typedef struct Import {
    Store *store;
    const ImportOptions *options;
    ImportReport *report;
    Window *window;
    ImportRows rows;
    ExchangeHash *hash;
    bool has_version, has_format, has_signals, has_counts, has_checksum;
    char checksum[33];
    unsigned words;                  /* of the words about the whole, which were there */
    int64_t counts[64], records[64]; /* what the document says, and what was seen; by table */
    struct {
        const ExchangeTable *table;
        int64_t offset, line;
    } later[LATER_MAX]; /* tables that stood before the signals they speak of */
    size_t later_count, passed;
} Import;

static size_t table_index(const ExchangeTable *table) {
    return (size_t)(table - exchange_tables);
}

/* Puts the place before what is wrong. */
static Status locate(const Import *import, const ExchangeTable *table, int64_t line, Error *error) {
    int64_t number = import->records[table_index(table)];
    char field[sizeof error->field];
    memcpy(field, error->field, sizeof field);
    error_invalid(error, field, "line %lld, %s record %lld: %s", (long long)line, table->name,
                  (long long)number, error->message);
    error->index = number;
    return STATUS_INVALID;
}

static Status tell_progress(Import *import, Error *error) {
    const ImportOptions *options = import->options;
    if (options->progress && !options->progress(options->context, window_offset(import->window),
                                                window_size(import->window))) {
        return error_set(error, STATUS_INTERRUPTED, "the import was broken off");
    }
    return STATUS_OK;
}

static Status take_record(Import *import, const ExchangeTable *table, Error *error) {
    int64_t line = window_line(import->window);
    Text object;
    Status status = window_value(import->window, &object, error);
    if (status != STATUS_OK) {
        return status;
    }
    size_t index = table_index(table);
    ImportTable *report = &import->report->tables[index];
    import->records[index]++;
    if (exchange_hash_add(import->hash, table, object) == STATUS_NO_MEMORY) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    status =
        record_read(&import->rows.record, table, object, import->options->ignore_unknown, error);
    bool added = false;
    if (status == STATUS_OK) {
        status = import_rows_store(&import->rows, &added, error);
    }
    if (status != STATUS_OK) {
        return status == STATUS_INVALID ? locate(import, table, line, error) : status;
    }
    report->added += added;
    report->skipped += !added;
    return import->records[index] % 1000 == 0 ? tell_progress(import, error) : STATUS_OK;
}

/* ---- the document ---- */

static Status unexpected(const Import *import, int byte, const char *expected, Error *error) {
    if (byte < 0) {
        return error_set(error, STATUS_INVALID, "line %lld: the document ends where %s is expected",
                         (long long)window_line(import->window), expected);
    }
    return error_set(error, STATUS_INVALID, "line %lld: %s is expected, and there is '%c'",
                     (long long)window_line(import->window), expected,
                     byte >= 0x20 && byte < 0x7f ? byte : '?');
}

static Status expect(Import *import, int wanted, const char *name, Error *error) {
    int byte;
    Status status = window_peek(import->window, &byte, error);
    if (status == STATUS_OK && byte != wanted) {
        return unexpected(import, byte, name, error);
    }
    window_take(import->window);
    return status;
}

/* Goes over an array: `each` for every element; NULL passes over it. */
typedef Status TakeElement(Import *import, const ExchangeTable *table, Error *error);

static Status pass_over(Import *import, const ExchangeTable *table, Error *error) {
    (void)table;
    Text value;
    import->passed++;
    return window_value(import->window, &value, error);
}

static Status take_array(Import *import, const ExchangeTable *table, TakeElement *each,
                         Error *error) {
    Status status = expect(import, '[', "an array of records", error);
    int byte = 0;
    if (status == STATUS_OK) {
        status = window_peek(import->window, &byte, error);
    }
    while (status == STATUS_OK && byte != ']') {
        status = each(import, table, error);
        if (status == STATUS_OK) {
            status = window_peek(import->window, &byte, error);
        }
        if (status == STATUS_OK && byte == ',') {
            window_take(import->window);
            status = window_peek(import->window, &byte, error);
            if (status == STATUS_OK && byte == ']') {
                return unexpected(import, byte, "a record", error);
            }
        } else if (status == STATUS_OK && byte != ']') {
            return unexpected(import, byte, "',' or ']'", error);
        }
    }
    if (status == STATUS_OK) {
        window_take(import->window);
    }
    return status;
}

static bool speaks_of_signals(const ExchangeTable *table) {
    bool has_ids = exchange_is(table, "processing");
    for (int i = 0; !has_ids && table->columns[i].name; i++) {
        has_ids = table->columns[i].type == COLUMN_IDS;
    }
    return has_ids;
}

/* Passes over a table, to come back to it when the signals are known. */
static Status put_off(Import *import, const ExchangeTable *table, Error *error) {
    int64_t offset = window_offset(import->window), line = window_line(import->window);
    import->passed = 0;
    Status status = take_array(import, table, pass_over, error);
    if (status == STATUS_OK && import->later_count == LATER_MAX) {
        return error_set(error, STATUS_INVALID, "line %lld: signals must come first",
                         (long long)line);
    }
    if (status == STATUS_OK && import->passed > 0) {
        import->later[import->later_count].table = table;
        import->later[import->later_count].offset = offset;
        import->later[import->later_count++].line = line;
    }
    return status;
}

static Status take_table(Import *import, const ExchangeTable *table, Error *error) {
    int byte;
    Status status = window_peek(import->window, &byte, error);
    if (status != STATUS_OK) {
        return status;
    }
    import->has_signals |= exchange_is(table, "signals");
    if (byte == '{') {
        return take_record(import, table, error);
    }
    if (!import->has_signals && speaks_of_signals(table)) {
        return put_off(import, table, error);
    }
    return take_array(import, table, take_record, error);
}

static Status take_version(Import *import, const JsonToken *token, Error *error) {
    int newest = migrations[migration_count - 1].version;
    int64_t version = token->kind == JSON_INTEGER ? token->integer : 0;
    bool ours = version >= migrations[0].version && version <= newest;
    if (!ours && !(version >= 1 && version <= PREDECESSOR_VERSIONS)) {
        return error_invalid(error, "schema_version",
                             "schema_version is %.*s, and must be 1 to %d (the predecessor's) or "
                             "%d to %d",
                             token->size < 30 ? (int)token->size : 30, token->text,
                             PREDECESSOR_VERSIONS, migrations[0].version, newest);
    }
    import->has_version = true;
    import->report->schema_version = (int)version;
    return STATUS_OK;
}

static Status take_counts(Import *import, Text object, Error *error) {
    JsonReader reader;
    JsonToken key, value;
    json_reader_init(&reader, object.data, object.size, JSON_STRICT);
    Status status = json_next(&reader, &key, error);
    if (status == STATUS_OK && key.kind != JSON_OBJECT_BEGIN) {
        return error_invalid(error, "counts", "counts must be an object");
    }
    while (status == STATUS_OK) {
        status = json_next(&reader, &key, error);
        if (status != STATUS_OK || key.kind == JSON_OBJECT_END) {
            break;
        }
        status = json_next(&reader, &value, error);
        const ExchangeTable *table = exchange_table_find((Text){key.text, key.size});
        if (status == STATUS_OK && (value.kind != JSON_INTEGER || !table)) {
            return error_invalid(error, "counts", "counts must be whole numbers by table");
        }
        if (status == STATUS_OK) {
            import->counts[table_index(table)] = value.integer;
        }
    }
    import->has_counts = true;
    return status;
}

static Status take_scalar(Import *import, const char *name, Text text, Error *error) {
    JsonReader reader;
    JsonToken token;
    json_reader_init(&reader, text.data, text.size, JSON_STRICT);
    Status status = json_next(&reader, &token, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (strcmp(name, "schema_version") == 0) {
        return take_version(import, &token, error);
    }
    if (strcmp(name, "format") == 0) {
        import->has_format = true;
        return token.kind == JSON_INTEGER && token.integer == EXCHANGE_FORMAT
                   ? STATUS_OK
                   : error_invalid(error, "format", "format is %.*s, and this program reads %d",
                                   token.size < 30 ? (int)token.size : 30, token.text,
                                   EXCHANGE_FORMAT);
    }
    if (token.kind != JSON_STRING) {
        return error_invalid(error, name, "%s must be a string", name);
    }
    if (strcmp(name, "exported_at") == 0) {
        int64_t ignored;
        return iso_read("exported_at", token.text, token.size, &ignored, error);
    }
    import->has_checksum = true;
    if (token.size != sizeof import->checksum - 1) {
        return error_invalid(error, "checksum", "checksum must be 32 hexadecimal digits");
    }
    memcpy(import->checksum, token.text, token.size);
    return STATUS_OK;
}

/* The words about the whole. */
static const char *const words[] = {"counts", "exported_at", "schema_version", "format",
                                    "checksum"};

/* Which of them `key` is, or -1. */
static int word_index(Text key) {
    for (int i = 0; i < (int)(sizeof words / sizeof *words); i++) {
        if (strlen(words[i]) == key.size && memcmp(words[i], key.data, key.size) == 0) {
            return i;
        }
    }
    return -1;
}

static Status refuse_twice(const Import *import, const char *name, Error *error) {
    return error_set(error, STATUS_INVALID, "line %lld: %s is given twice",
                     (long long)window_line(import->window), name);
}

/* A word's value, or what is dropped where `word` is -1. */
static Status take_word(Import *import, int word, Error *error) {
    Text value;
    if (word >= 0 && import->words & 1u << word) {
        return refuse_twice(import, words[word], error);
    }
    Status status = window_value(import->window, &value, error);
    if (status != STATUS_OK || word < 0) {
        return status;
    }
    import->words |= 1u << word;
    return word == 0 ? take_counts(import, value, error)
                     : take_scalar(import, words[word], value, error);
}

/* The member behind a key; `key` is in the window and gone with the first look at the value. */
static Status take_member(Import *import, Text quoted, uint64_t *seen, Error *error) {
    Text key = quoted.size >= 2 ? (Text){quoted.data + 1, quoted.size - 2} : quoted;
    const ExchangeTable *table = exchange_table_find(key);
    int word = word_index(key);
    if (!table && word < 0 && !import->options->ignore_unknown) {
        return error_set(error, STATUS_INVALID,
                         "line %lld: \"%.*s\" is no part of an export this program knows "
                         "(--ignore-unknown drops it)",
                         (long long)window_line(import->window),
                         key.size < 60 ? (int)key.size : 60, key.data);
    }
    uint64_t bit = table ? UINT64_C(1) << table_index(table) : 0;
    if (*seen & bit) {
        return refuse_twice(import, table->name, error);
    }
    *seen |= bit;
    Status status = expect(import, ':', "':'", error);
    if (status != STATUS_OK) {
        return status;
    }
    return table ? take_table(import, table, error) : take_word(import, word, error);
}

static Status take_object(Import *import, Error *error) {
    uint64_t seen = 0;
    Status status = expect(import, '{', "an object", error);
    int byte = 0;
    if (status == STATUS_OK) {
        status = window_peek(import->window, &byte, error);
    }
    while (status == STATUS_OK && byte != '}') {
        if (byte != '"') {
            return unexpected(import, byte, "a key", error);
        }
        Text key;
        status = window_value(import->window, &key, error);
        if (status == STATUS_OK) {
            status = take_member(import, key, &seen, error);
        }
        if (status == STATUS_OK) {
            status = window_peek(import->window, &byte, error);
        }
        if (status == STATUS_OK && byte == ',') {
            window_take(import->window);
            status = window_peek(import->window, &byte, error);
            if (status == STATUS_OK && byte == '}') {
                return unexpected(import, byte, "a key", error);
            }
        } else if (status == STATUS_OK && byte != '}') {
            return unexpected(import, byte, "',' or '}'", error);
        }
    }
    if (status == STATUS_OK) {
        window_take(import->window);
    }
    return status;
}

/* What the document says of itself must be true. */
static Status check_whole(Import *import, Error *error) {
    if (!import->has_version) {
        return error_invalid(error, "schema_version",
                             "schema_version is missing: this is no export of a store");
    }
    if (!import->has_format && !import->has_signals) {
        return error_invalid(error, "signals", "signals is missing: this is no export of a store");
    }
    if (!import->has_format) {
        return STATUS_OK; /* the predecessor's has no sums */
    }
    if (!import->has_counts || !import->has_checksum) {
        return error_invalid(error, "checksum",
                             "the document ends without its counts and checksum: it is truncated");
    }
    for (size_t i = 0; i < exchange_table_count; i++) {
        if (import->counts[i] != import->records[i]) {
            return error_invalid(error, "counts",
                                 "the document counts %lld records of %s, and has %lld",
                                 (long long)import->counts[i], exchange_tables[i].name,
                                 (long long)import->records[i]);
        }
    }
    char checksum[33];
    exchange_hash_text(import->hash, checksum);
    if (memcmp(checksum, import->checksum, 32) != 0) {
        return error_invalid(error, "checksum", "the records are not those that were exported: "
                             "their checksum is %s, and the document's is %s; one that was changed "
                             "on purpose is taken without its \"format\"",
                             checksum, import->checksum);
    }
    import->report->checked = true;
    return STATUS_OK;
}

static Status take_document(Import *import, Error *error) {
    Status status = take_object(import, error);
    int byte = 0;
    while (status == STATUS_OK &&
           (status = window_peek(import->window, &byte, error)) == STATUS_OK &&
           byte >= 0) {
        status = take_object(import, error);
    }
    for (size_t i = 0; status == STATUS_OK && i < import->later_count; i++) {
        status = window_seek(import->window, import->later[i].offset, import->later[i].line, error);
        if (status == STATUS_OK) {
            status = take_array(import, import->later[i].table, take_record, error);
        }
    }
    return status == STATUS_OK ? check_whole(import, error) : status;
}

static Status import_all(Import *import, Error *error) {
    WriteScope scope;
    Status status = import_rows_begin(&import->rows, error);
    if (status == STATUS_OK) {
        status = write_begin(import->store, &scope, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = take_document(import, error);
    if (status == STATUS_OK && import->options->dry_run) {
        Error undone;
        write_end(import->store, &scope, STATUS_INTERRUPTED, &undone);
        return STATUS_OK;
    }
    return write_end(import->store, &scope, status, error);
}

Status store_import(Store *store, const char *path, const ImportOptions *options,
                    ImportReport *report, Error *error) {
    *report = (ImportReport){.table_count = exchange_table_count};
    for (size_t i = 0; i < exchange_table_count; i++) {
        report->tables[i].name = exchange_tables[i].name;
    }
    Import import = {.store = store, .options = options, .report = report};
    import.rows = (ImportRows){.store = store, .report = report};
    now_text(import.rows.now);
    Status status = window_open(path, &import.window, error);
    if (status != STATUS_OK) {
        return status;
    }
    import.hash = exchange_hash_new();
    status = import.hash ? import_all(&import, error)
                         : error_set(error, STATUS_NO_MEMORY, "not enough memory");
    exchange_hash_free(import.hash);
    import_rows_end(&import.rows);
    window_close(import.window);
    return status;
}
