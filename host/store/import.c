/* Import: a document, read from front to back, in one transaction.
 *
 * A document is one object or, as NDJSON, several one behind the other. Their keys are the names of
 * tables, whose values are an array of records or a single one, and a few words about the whole
 * (manifest.h). So one grammar reads our JSON, our NDJSON and the predecessor's export.
 *
 * What speaks of signals comes after them. Where it doesn't, it is passed over and the document
 * read once more, which a file can be. */
#include "store/import_rows.h"
#include "store/manifest.h"
#include "store/window.h"

#include <stdio.h>
#include <string.h>

#include "text/utf8.h"

typedef struct Import {
    const ImportOptions *options;
    ImportReport *report;
    Window *window;
    ImportRows rows;
    ExchangeHash *hash;
    Manifest manifest;
    uint64_t seen;     /* tables that the object in hand has had */
    bool has_signals;  /* a table of them began */
    bool put_off;      /* tables that speak of signals wait for the second reading, */
    bool second;       /* which takes nothing else */
} Import;

/* ---- records ---- */

/* Puts the place before what is wrong. */
static Status locate(const Import *import, const ExchangeTable *table, int64_t line, Error *error) {
    const ImportTable *counts = &import->report->tables[exchange_index(table)];
    int64_t number = counts->added + counts->skipped + counts->refused + 1;
    char field[sizeof error->field];
    memcpy(field, error->field, sizeof field);
    error_invalid(error, field, "line %lld, %s record %lld: %s", (long long)line, table->name,
                  (long long)number, error->message);
    error->index = number;
    return STATUS_INVALID;
}

/* A dry run goes on, to tell of all that is wrong. */
static Status note_refusal(Import *import, const ExchangeTable *table, const Error *error) {
    ImportReport *report = import->report;
    if (report->refused < IMPORT_REFUSALS_MAX) {
        char *to = report->refusals[report->refused];
        size_t room = sizeof *report->refusals - 1;
        size_t size = utf8_cut(error->message, strlen(error->message), room);
        memcpy(to, error->message, size);
        to[size] = '\0';
    }
    report->refused++;
    report->tables[exchange_index(table)].refused++;
    return STATUS_OK;
}

static Status take_record(Import *import, const ExchangeTable *table, Error *error) {
    int64_t line = window_line(import->window);
    Record *record = &import->rows.record;
    bool added;
    Text object;
    Status status = window_value(import->window, &object, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = record_read(record, table, object, import->options->ignore_unknown, error);
    if (status == STATUS_OK) {
        import->report->dropped |= record->dropped;
        exchange_hash_row(import->hash, table, record->values);
        status = import_rows_store(&import->rows, &added, error);
    }
    if (status == STATUS_INVALID) {
        locate(import, table, line, error);
        return import->options->dry_run ? note_refusal(import, table, error) : status;
    }
    if (status == STATUS_OK) {
        ImportTable *counts = &import->report->tables[exchange_index(table)];
        counts->added += added;
        counts->skipped += !added;
    }
    return status;
}

static Status pass_over(Import *import, const ExchangeTable *table, Error *error) {
    Text value;
    (void)table;
    return window_value(import->window, &value, error);
}

/* ---- the grammar ---- */

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

/* A list in brackets: what stands in it, and what takes one of these. */
typedef struct List {
    char open, close;
    const char *name, *element, *between;
    Status (*each)(Import *import, const ExchangeTable *table, Error *error);
} List;

/* After an element: a comma and another, or the end. */
static Status take_comma(Import *import, const List *list, int *byte, Error *error) {
    Status status = window_peek(import->window, byte, error);
    if (status != STATUS_OK || *byte == list->close) {
        return status;
    }
    if (*byte != ',') {
        return unexpected(import, *byte, list->between, error);
    }
    window_take(import->window);
    status = window_peek(import->window, byte, error);
    return status == STATUS_OK && *byte == list->close
               ? unexpected(import, *byte, list->element, error)
               : status;
}

static Status take_list(Import *import, const List *list, const ExchangeTable *table,
                        Error *error) {
    int byte = 0;
    Status status = expect(import, list->open, list->name, error);
    if (status == STATUS_OK) {
        status = window_peek(import->window, &byte, error);
    }
    while (status == STATUS_OK && byte != list->close) {
        status = list->each(import, table, error);
        if (status == STATUS_OK) {
            status = take_comma(import, list, &byte, error);
        }
    }
    if (status == STATUS_OK) {
        window_take(import->window);
    }
    return status;
}

static bool speaks_of_signals(const ExchangeTable *table) {
    bool speaks = exchange_is(table, "processing");
    for (int i = 0; !speaks && table->columns[i].name; i++) {
        speaks = table->columns[i].type == COLUMN_IDS;
    }
    return speaks;
}

/* A record of what speaks of signals before they are known: for the second reading. */
static Status put_off(Import *import, const ExchangeTable *table, Error *error) {
    import->put_off = true;
    if (window_size(import->window) > 0) {
        return pass_over(import, table, error);
    }
    return error_set(error, STATUS_INVALID,
                     "line %lld: this part speaks of signals that come after it, so the document "
                     "is read twice: give it as a file, not through a pipe",
                     (long long)window_line(import->window));
}

/* An array of records, or a single one. */
static Status take_table(Import *import, const ExchangeTable *table, Error *error) {
    List array = {'[', ']', "an array of records", "a record", "',' or ']'", take_record};
    bool speaks = speaks_of_signals(table);
    int byte;
    import->has_signals |= exchange_is(table, "signals");
    if (import->second && !speaks) {
        array.each = pass_over;
    } else if (!import->second && speaks && (import->put_off || !import->has_signals)) {
        array.each = put_off;
    }
    Status status = window_peek(import->window, &byte, error);
    if (status != STATUS_OK) {
        return status;
    }
    return byte == '{' ? array.each(import, table, error) : take_list(import, &array, table, error);
}

static Status refuse_twice(const Import *import, const char *name, Error *error) {
    return error_set(error, STATUS_INVALID, "line %lld: %s is given twice",
                     (long long)window_line(import->window), name);
}

/* A word's value, or what is dropped. */
static Status take_word(Import *import, ManifestWord word, Error *error) {
    Text value;
    if (word != WORD_NONE && import->manifest.given[word] && !import->second) {
        return refuse_twice(import, manifest_word_name(word), error);
    }
    Status status = window_value(import->window, &value, error);
    if (status != STATUS_OK || import->second) {
        return status;
    }
    if (word == WORD_NONE) {
        import->report->dropped = true;
        return STATUS_OK;
    }
    status = manifest_take(&import->manifest, word, value, import->options->ignore_unknown, error);
    import->rows.verbatim = import->manifest.given[WORD_FORMAT];
    return status;
}

static Status refuse_unknown(const Import *import, Text key, Error *error) {
    return error_set(error, STATUS_INVALID,
                     "line %lld: \"%.*s\" is no part of an export this program knows "
                     "(--ignore-unknown drops it)",
                     (long long)window_line(import->window), (int)utf8_cut(key.data, key.size, 60),
                     key.data);
}

static Status take_member(Import *import, const ExchangeTable *none, Error *error) {
    int byte;
    Text key;
    (void)none;
    Status status = window_peek(import->window, &byte, error);
    if (status == STATUS_OK && byte != '"') {
        return unexpected(import, byte, "a key", error);
    }
    if (status == STATUS_OK) {
        status = window_value(import->window, &key, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    key = (Text){key.data + 1, key.size - 2}; /* gone with the first look at the value */
    const ExchangeTable *table = exchange_table_find(key);
    ManifestWord word = manifest_word(key);
    if (!table && word == WORD_NONE && !import->options->ignore_unknown) {
        return refuse_unknown(import, key, error);
    }
    uint64_t bit = table ? UINT64_C(1) << exchange_index(table) : 0;
    if (import->seen & bit) {
        return refuse_twice(import, table->name, error);
    }
    import->seen |= bit;
    status = expect(import, ':', "':'", error);
    if (status != STATUS_OK) {
        return status;
    }
    return table ? take_table(import, table, error) : take_word(import, word, error);
}

static Status take_objects(Import *import, Error *error) {
    static const List object = {'{', '}', "an object", "a key", "',' or '}'", take_member};
    int byte = 0;
    Status status;
    do {
        import->seen = 0;
        status = take_list(import, &object, NULL, error);
        if (status == STATUS_OK) {
            status = window_peek(import->window, &byte, error);
        }
    } while (status == STATUS_OK && byte >= 0);
    return status;
}

/* ---- the whole ---- */

static Status take_document(Import *import, Error *error) {
    Status status = take_objects(import, error);
    if (status == STATUS_OK && import->put_off) {
        import->second = true;
        status = window_rewind(import->window, error);
        if (status == STATUS_OK) {
            status = take_objects(import, error);
        }
    }
    if (status == STATUS_OK) {
        status = import_rows_finish(&import->rows, import->manifest.last_signal_id, error);
    }
    import->report->schema_version = import->manifest.schema_version;
    if (status == STATUS_OK && import->report->refused == 0) {
        status = manifest_check(&import->manifest, import->hash, import->report->dropped,
                                &import->report->checked, error);
    }
    if (status == STATUS_OK && !import->manifest.given[WORD_FORMAT] && !import->has_signals) {
        status = error_invalid(error, "signals",
                               "signals is missing: this is no export of a store");
    }
    return status;
}

/* Nobody else is kept from writing before there is something to write. */
static Status import_all(Import *import, Error *error) {
    Store *store = import->rows.store;
    WriteScope scope;
    int byte;
    Status status = window_peek(import->window, &byte, error);
    if (status == STATUS_OK) {
        status = import_rows_begin(&import->rows, error);
    }
    if (status == STATUS_OK) {
        status = write_begin(store, &scope, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = take_document(import, error);
    if (status == STATUS_OK && import->options->dry_run) {
        Error undone;
        write_end(store, &scope, STATUS_INTERRUPTED, &undone);
        return STATUS_OK;
    }
    return write_end(store, &scope, status, error);
}

Status store_import(Store *store, const char *path, const ImportOptions *options,
                    ImportReport *report, Error *error) {
    *report = (ImportReport){.table_count = exchange_table_count};
    for (size_t i = 0; i < exchange_table_count; i++) {
        report->tables[i].name = exchange_tables[i].name;
    }
    Import import = {.options = options, .report = report};
    import.rows = (ImportRows){.store = store, .report = report};
    now_text(import.rows.now);
    Status status = window_open(path, options->progress, options->context, &import.window, error);
    if (status != STATUS_OK) {
        return status;
    }
    import.hash = exchange_hash_new();
    status = import.hash ? import_all(&import, error)
                         : error_set(error, STATUS_NO_MEMORY, "not enough memory");
    exchange_hash_free(import.hash);
    import_rows_free(&import.rows);
    window_close(import.window);
    return status;
}
