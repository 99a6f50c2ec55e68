/* Import: a document, read once from front to back, in one transaction.
 *
 * A document is one object or, as NDJSON, several one behind the other. Their keys are the names of
 * tables, whose values are an array of records or a single one, and a few words about the whole. So
 * one grammar reads our JSON, our NDJSON and the predecessor's export. */
#include "store/record.h"
#include "store/window.h"

#include <stdio.h>
#include <string.h>

#include "store/migrations.h"
#include "text/json.h"

#define PREDECESSOR_VERSIONS 4 /* its documents say 1 to 4 */
#define OUR_FIRST_VERSION 1001
#define LATER_MAX 8

typedef struct Import {
    Store *store;
    const ImportOptions *options;
    ImportReport *report;
    Window *window;
    Record record;
    Buffer ids;
    ExchangeHash *hash;
    TimeText now;
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

static bool is_table(const ExchangeTable *table, const char *name) {
    return strcmp(table->name, name) == 0;
}

/* ---- records ---- */

/* Binds the record to its table's insert and runs it. */
static Status insert(Import *import, bool *added, Error *error) {
    St *st;
    Status status = db_statement(import->store->main, import->record.table->in, &st, error);
    if (status == STATUS_OK) {
        status = record_insert(&import->record, st, added, error);
        st_release(st);
    }
    return status;
}

/* A statement with up to four values; ROW where it gives one, read by `take`. */
static Status look_up(Import *import, const Query *query, const Value *values, int count,
                      int64_t out[2], Error *error) {
    St *st;
    Status status = db_statement(import->store->main, query, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (int i = 0; i < count; i++) {
        st_bind(st, i + 1, values[i]);
    }
    status = st_step(st, error);
    if (status == STATUS_ROW) {
        out[0] = st_int(st, 0);
        out[1] = st_column_count(st) > 1 ? st_int(st, 1) : 0;
    }
    if (status == STATUS_OK) {
        out[0] = st_changes(st);
        out[1] = st_inserted(st);
    }
    st_release(st);
    return status;
}

/* The forms of Python's isoformat become ours, so that one moment is one text; see migration 1003.
 * Ours are left as they are, to the byte. */
static void normalise_time(Import *import, Value *value, TimeText text) {
    int64_t micros;
    Error ignored;
    if (import->report->schema_version < OUR_FIRST_VERSION && value->type == VALUE_TEXT &&
        iso_read("detected_at", value->as.text.data, value->as.text.size, &micros, &ignored) ==
            STATUS_OK) {
        iso_write(micros, text);
        *value = value_text(text_of_time(text));
    }
}

static Status map_signal(Import *import, Value document_id, int64_t id, bool added, Error *error) {
    if (document_id.type == VALUE_NULL) {
        return STATUS_OK;
    }
    int64_t out[2] = {0, 0};
    Status status = look_up(import, &query_import_map_put,
                            (Value[]){document_id, value_int(id), value_int(added)}, 3, out, error);
    if (status == STATUS_OK && out[0] == 0) {
        status = error_invalid(error, "id", "id %lld is given to two signals",
                               (long long)document_id.as.integer);
    }
    return status;
}

/* The signal that is there already, or 0. */
static Status find_signal(Import *import, int64_t *id, Error *error) {
    Record *record = &import->record;
    int64_t out[2] = {0, 0};
    Status status =
        look_up(import, &query_signal_find,
                (Value[]){*record_value(record, "canonical_key"),
                          *record_value(record, "signal_type"),
                          *record_value(record, "source_api"),
                          *record_value(record, "detected_at")},
                4, out, error);
    *id = status == STATUS_ROW ? out[0] : 0;
    return status == STATUS_ROW ? STATUS_OK : status;
}

static Status last_signal(Import *import, int64_t *id, Error *error) {
    Value given = *record_value(&import->record, "id");
    if (given.type == VALUE_INT) {
        *id = given.as.integer;
        return STATUS_OK;
    }
    return find_signal(import, id, error);
}

/* Inserts the signal under another number. */
static Status renumber(Import *import, int64_t *id, Error *error) {
    Record *record = &import->record;
    ImportReport *report = import->report;
    int64_t number = record_value(record, "id")->as.integer;
    bool added;
    *record_value(record, "id") = value_null();
    Status status = insert(import, &added, error);
    if (status == STATUS_OK) {
        status = find_signal(import, id, error);
    }
    if (status == STATUS_OK) {
        if (report->renumbered < IMPORT_MAPPED_MAX) {
            report->mapped[report->renumbered].from = number;
            report->mapped[report->renumbered].to = *id;
        }
        report->renumbered++;
    }
    return status;
}

static Status take_signal(Import *import, bool *added, Error *error) {
    Record *record = &import->record;
    double confidence = record_value(record, "confidence")->as.number;
    if (!(confidence >= 0 && confidence <= 1)) {
        return error_invalid(error, "confidence", "confidence is %.15g, and must be from 0 to 1",
                             confidence);
    }
    TimeText detected;
    normalise_time(import, record_value(record, "detected_at"), detected);
    Value document_id = *record_value(record, "id");
    int64_t id = 0;
    Status status = insert(import, added, error);
    if (status == STATUS_OK && !*added) {
        status = find_signal(import, &id, error);
    }
    if (status == STATUS_OK && *added) {
        status = last_signal(import, &id, error);
    } else if (status == STATUS_OK && id == 0) { /* its number is another signal's here */
        status = renumber(import, &id, error);
        *added = true;
    }
    return status == STATUS_OK ? map_signal(import, document_id, id, *added, error) : status;
}

static Status take_processing(Import *import, bool *added, Error *error) {
    Record *record = &import->record;
    ProcessingState state;
    Value *status_name = record_value(record, "status");
    if (!processing_state_parse(status_name->as.text, &state)) {
        return error_invalid(error, "status",
                             "status is \"%.*s\", and must be pending, queued, pushed, rejected or "
                             "failed",
                             status_name->as.text.size < 40 ? (int)status_name->as.text.size : 40,
                             status_name->as.text.data);
    }
    Value *signal_id = record_value(record, "signal_id");
    int64_t out[2] = {0, 0};
    Status status = look_up(import, &query_import_map_get, signal_id, 1, out, error);
    if (status == STATUS_OK) {
        return error_invalid(error, "signal_id", "signal_id %lld is no signal of this document",
                             (long long)signal_id->as.integer);
    }
    if (status != STATUS_ROW || out[1] == 0) {
        return status == STATUS_ROW ? STATUS_OK : status; /* the state that is here stands */
    }
    *signal_id = value_int(out[0]);
    Value made = *record_value(record, "processed_at");
    if (made.type == VALUE_NULL) {
        made = value_text(text_of_time(import->now));
    }
    if (record_value(record, "created_at")->type == VALUE_NULL) {
        *record_value(record, "created_at") = made;
    }
    if (record_value(record, "updated_at")->type == VALUE_NULL) {
        *record_value(record, "updated_at") = *record_value(record, "created_at");
    }
    status = insert(import, added, error);
    if (status == STATUS_OK && !*added) {
        *record_value(record, "id") = value_null();
        status = insert(import, added, error);
    }
    return status;
}

/* The numbers of signals in a JSON array, as they are here; what the document has no signal for
 * stays. The text is left as it is where nothing changes. */
static Status map_ids(Import *import, const ExchangeColumn *column, Value *value, Error *error) {
    JsonReader reader;
    JsonToken token;
    Buffer *mapped = &import->ids;
    bool changed = false;
    buffer_clear(mapped);
    buffer_append_byte(mapped, '[');
    json_reader_init(&reader, value->as.text.data, value->as.text.size, JSON_STRICT);
    Status status = json_next(&reader, &token, error);
    if (status == STATUS_OK && token.kind != JSON_ARRAY_BEGIN) {
        token.kind = JSON_NULL; /* no array: refused below */
    }
    while (status == STATUS_OK && (status = json_next(&reader, &token, error)) == STATUS_OK &&
           token.kind == JSON_INTEGER) {
        int64_t out[2] = {token.integer, 0};
        status = look_up(import, &query_import_map_get, (Value[]){value_int(token.integer)}, 1, out,
                         error);
        if (status != STATUS_ROW) {
            out[0] = token.integer;
        }
        changed |= out[0] != token.integer;
        buffer_append_text(mapped, mapped->size > 1 ? "," : "");
        json_write_integer(mapped, out[0]);
        status = status == STATUS_ROW ? STATUS_OK : status;
    }
    if (status == STATUS_OK && token.kind != JSON_ARRAY_END) {
        return error_invalid(error, column->name, "%s must be an array of numbers of signals",
                             column->name);
    }
    buffer_append_byte(mapped, ']');
    if (status == STATUS_OK && changed) {
        *value = value_text((Text){mapped->data, mapped->size});
    }
    return mapped->failed ? error_set(error, STATUS_NO_MEMORY, "not enough memory") : status;
}

/* A row of any other table: where its number alone is taken, it gets another. */
static Status take_row(Import *import, bool *added, Error *error) {
    Record *record = &import->record;
    const ExchangeTable *table = record->table;
    Status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && table->columns[i].name; i++) {
        if (table->columns[i].type == COLUMN_IDS) {
            status = map_ids(import, &table->columns[i], &record->values[i], error);
        }
    }
    if (status == STATUS_OK) {
        status = insert(import, added, error);
    }
    if (status == STATUS_OK && !*added && strcmp(table->columns[0].name, "id") == 0 &&
        record->values[0].type != VALUE_NULL) {
        record->values[0] = value_null();
        status = insert(import, added, error);
    }
    return status;
}

static Status store_record(Import *import, bool *added, Error *error) {
    const ExchangeTable *table = import->record.table;
    if (is_table(table, "signals")) {
        return take_signal(import, added, error);
    }
    if (is_table(table, "processing")) {
        return take_processing(import, added, error);
    }
    return take_row(import, added, error);
}

/* Puts the place before what is wrong. */
static Status locate(const Import *import, const ExchangeTable *table, int64_t line, Error *error) {
    char message[sizeof error->message];
    memcpy(message, error->message, sizeof message);
    snprintf(error->message, sizeof error->message, "line %lld, %s record %lld: %.*s",
             (long long)line, table->name, (long long)import->records[table_index(table)],
             (int)sizeof message - 80, message);
    error->index = import->records[table_index(table)];
    return error->status;
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
    exchange_hash_add(import->hash, table->name, object);
    status = record_read(&import->record, table, object, import->options->ignore_unknown, error);
    bool added = false;
    if (status == STATUS_OK) {
        status = store_record(import, &added, error);
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
    bool has_ids = is_table(table, "processing");
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
    import->has_signals |= is_table(table, "signals");
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
    bool ours = version >= OUR_FIRST_VERSION && version <= newest;
    if (!ours && !(version >= 1 && version <= PREDECESSOR_VERSIONS)) {
        return error_invalid(error, "schema_version",
                             "schema_version is %.*s, and must be 1 to %d (the predecessor's) or "
                             "%d to %d",
                             token->size < 30 ? (int)token->size : 30, token->text,
                             PREDECESSOR_VERSIONS, OUR_FIRST_VERSION, newest);
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
static const char *const words[] = {"counts", "exported_at", "schema_version", "format", "checksum"};

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
                             "their checksum is %s, and the document's is %s",
                             checksum, import->checksum);
    }
    import->report->checked = true;
    return STATUS_OK;
}

static Status take_document(Import *import, Error *error) {
    Status status = take_object(import, error);
    int byte = 0;
    while (status == STATUS_OK && (status = window_peek(import->window, &byte, error)) == STATUS_OK &&
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

/* Before the transaction: to define a table inside it would have its rows counted by triggers. */
static Status prepare_map(Import *import, Error *error) {
    int64_t out[2];
    Status status = look_up(import, &query_import_map_make, NULL, 0, out, error);
    return status == STATUS_OK ? look_up(import, &query_import_map_clear, NULL, 0, out, error)
                               : status;
}

static Status import_all(Import *import, Error *error) {
    WriteScope scope;
    Status status = prepare_map(import, error);
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
    now_text(import.now);
    Status status = window_open(path, &import.window, error);
    if (status != STATUS_OK) {
        return status;
    }
    import.hash = exchange_hash_new();
    status = import.hash ? import_all(&import, error)
                         : error_set(error, STATUS_NO_MEMORY, "not enough memory");
    exchange_hash_free(import.hash);
    record_free(&import.record);
    buffer_free(&import.ids);
    window_close(import.window);
    return status;
}
