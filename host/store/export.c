/* Export: the store as one document, streamed from one snapshot in constant memory. */
#include "store/exchange.h"

#include <math.h>
#include <string.h>

#include "store/migrations.h"
#include "text/json.h"
#include "text/utf8.h"

#define CHUNK ((size_t)1 << 16) /* bytes gathered before they are handed on */

typedef struct Export {
    Store *store;
    Db *db;
    const ExportOptions *options;
    Buffer out, record;
    ExchangeHash *hash;
    int64_t rows[64]; /* by table, in their order */
    int64_t done;
} Export;

static Status hand_on(Export *export, size_t least, Error *error) {
    if (export->out.failed || export->record.failed) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    if (export->out.size < least || export->out.size == 0) {
        return STATUS_OK;
    }
    Status status = export->options->write(export->options->context, export->out.data,
                                           export->out.size, error);
    buffer_clear(&export->out);
    return status;
}

static void put(Export *export, const char *text) {
    buffer_append_text(&export->out, text);
}

/* Bytes that are no text, as {"hex":"00ff"}. */
static void put_hex(Buffer *out, Text bytes) {
    static const char digits[] = "0123456789abcdef";
    buffer_append_text(out, "{\"hex\":\"");
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        buffer_append_byte(out, digits[byte >> 4]);
        buffer_append_byte(out, digits[byte & 15]);
    }
    buffer_append_text(out, "\"}");
}

/* What the file holds that is not UTF-8 can't be told in JSON where a text is meant. */
static Status put_text(Buffer *out, const ExchangeColumn *column, Text text, Error *error) {
    if (column->type == COLUMN_BYTES && !utf8_is_text(text.data, text.size)) {
        put_hex(out, text);
        return STATUS_OK;
    }
    size_t bad = json_write_string(out, text.data, text.size);
    if (bad < text.size) {
        return error_set(error, STATUS_CORRUPT,
                         "%s holds bytes that are no text (at %zu): validate names the row",
                         column->name, bad + 1);
    }
    return STATUS_OK;
}

static Status put_json_value(Buffer *out, const ExchangeColumn *column, Value value, Error *error) {
    switch (value.type) {
    case VALUE_INT:
        json_write_integer(out, value.as.integer);
        return STATUS_OK;
    case VALUE_DOUBLE:
        if (isfinite(value.as.number)) {
            json_write_double(out, value.as.number);
            return STATUS_OK;
        }
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        return put_text(out, column, value.as.text, error);
    case VALUE_NULL:
        break;
    }
    buffer_append_text(out, "null");
    return STATUS_OK;
}

/* One row as an object, into export->record. */
static Status record_of_row(Export *export, const ExchangeTable *table, St *st, Error *error) {
    Buffer *record = &export->record;
    buffer_clear(record);
    Status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && table->columns[i].name; i++) {
        buffer_append_text(record, i ? ",\"" : "{\"");
        buffer_append_text(record, table->columns[i].name);
        buffer_append_text(record, "\":");
        status = put_json_value(record, &table->columns[i], st_column(st, i), error);
    }
    buffer_append_byte(record, '}');
    return status;
}

static bool needs_quotes(Text text) {
    return memchr(text.data, ',', text.size) || memchr(text.data, '"', text.size) ||
           memchr(text.data, '\n', text.size) || memchr(text.data, '\r', text.size) ||
           text.size == 0;
}

/* RFC 4180; an absent value is nothing, an empty text is "". */
static void put_csv_value(Buffer *out, Value value) {
    if (value.type == VALUE_INT) {
        json_write_integer(out, value.as.integer);
    } else if (value.type == VALUE_DOUBLE) {
        json_write_double(out, value.as.number);
    } else if (value.type != VALUE_NULL && !needs_quotes(value.as.text)) {
        buffer_append(out, value.as.text.data, value.as.text.size);
    } else if (value.type != VALUE_NULL) {
        buffer_append_byte(out, '"');
        for (size_t i = 0; i < value.as.text.size; i++) {
            if (value.as.text.data[i] == '"') {
                buffer_append_byte(out, '"');
            }
            buffer_append_byte(out, value.as.text.data[i]);
        }
        buffer_append_byte(out, '"');
    }
}

static void put_csv_heads(Export *export, St *st) {
    for (int i = 0; i < st_column_count(st); i++) {
        put(export, i ? "," : "");
        put(export, st_column_name(st, i));
    }
    put(export, "\r\n");
}

static void put_csv_row(Export *export, St *st) {
    for (int i = 0; i < st_column_count(st); i++) {
        put(export, i ? "," : "");
        put_csv_value(&export->out, st_column(st, i));
    }
    put(export, "\r\n");
}

static Status put_row(Export *export, const ExchangeTable *table, St *st, bool first,
                      Error *error) {
    if (export->options->format == EXPORT_CSV) {
        put_csv_row(export, st);
        return hand_on(export, CHUNK, error);
    }
    Status status = record_of_row(export, table, st, error);
    if (status != STATUS_OK) {
        return status;
    }
    Text record = {export->record.data, export->record.size};
    if (exchange_hash_add(export->hash, table, record) != STATUS_OK) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    if (export->options->format == EXPORT_NDJSON) {
        put(export, "{\"");
        put(export, table->name);
        put(export, "\":");
        buffer_append(&export->out, record.data, record.size);
        put(export, "}\n");
    } else {
        put(export, first ? "\n    " : ",\n    ");
        buffer_append(&export->out, record.data, record.size);
    }
    return hand_on(export, CHUNK, error);
}

static Status put_rows(Export *export, size_t index, Error *error) {
    const ExchangeTable *table = &exchange_tables[index];
    const ExportOptions *options = export->options;
    St *st;
    Status status = db_statement(export->db, table->out, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (options->format == EXPORT_CSV) {
        put_csv_heads(export, st);
    }
    while ((status = st_stream(st, error)) == STATUS_ROW) {
        status = put_row(export, table, st, export->rows[index] == 0, error);
        if (status != STATUS_OK) {
            break;
        }
        export->rows[index]++;
        if (++export->done % 1000 == 0 && options->progress &&
            !options->progress(options->context, export->done)) {
            status = error_set(error, STATUS_INTERRUPTED, "the export was broken off");
            break;
        }
    }
    st_release(st);
    return status;
}

static void put_head(Export *export, int version) {
    bool lines = export->options->format == EXPORT_NDJSON;
    const char *gap = lines ? "" : "\n  ", *between = lines ? "," : ",\n  ";
    TimeText now;
    now_text(now);
    put(export, "{");
    put(export, gap);
    put(export, "\"exported_at\":\"");
    put(export, now);
    put(export, "\"");
    put(export, between);
    put(export, "\"schema_version\":");
    json_write_integer(&export->out, version);
    put(export, between);
    put(export, "\"format\":");
    json_write_integer(&export->out, EXCHANGE_FORMAT);
    put(export, lines ? "}\n" : "");
}

static void put_tail(Export *export) {
    bool lines = export->options->format == EXPORT_NDJSON;
    char checksum[33];
    exchange_hash_text(export->hash, checksum);
    put(export, lines ? "{\"counts\":{" : ",\n  \"counts\":{");
    for (size_t i = 0; i < exchange_table_count; i++) {
        put(export, i ? ",\"" : "\"");
        put(export, exchange_tables[i].name);
        put(export, "\":");
        json_write_integer(&export->out, export->rows[i]);
    }
    put(export, lines ? "},\"checksum\":\"" : "},\n  \"checksum\":\"");
    put(export, checksum);
    put(export, lines ? "\"}\n" : "\"\n}\n");
}

static Status put_document(Export *export, Error *error) {
    put_head(export, migrations[migration_count - 1].version);
    Status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < exchange_table_count; i++) {
        if (export->options->format == EXPORT_JSON) {
            put(export, ",\n  \"");
            put(export, exchange_tables[i].name);
            put(export, "\":[");
        }
        status = put_rows(export, i, error);
        if (export->options->format == EXPORT_JSON) {
            put(export, export->rows[i] ? "\n  ]" : "]");
        }
    }
    if (status == STATUS_OK) {
        put_tail(export);
    }
    return status;
}

static Status put_table(Export *export, Error *error) {
    for (size_t i = 0; i < exchange_table_count; i++) {
        if (strcmp(exchange_tables[i].name, export->options->table) == 0) {
            return put_rows(export, i, error);
        }
    }
    return error_invalid(error, "table", "table is \"%s\", and an export has no such table",
                         export->options->table);
}

Status store_export(Store *store, const ExportOptions *options, int64_t *rows, Error *error) {
    _Static_assert(sizeof((Export){0}.rows) / sizeof(int64_t) >= 64, "room for every table");
    *rows = 0;
    Reader reader;
    Status status = reader_open(store, &reader, error);
    if (status != STATUS_OK) {
        return status;
    }
    Export export = {.store = store, .db = reader.db, .options = options};
    export.hash = exchange_hash_new();
    if (!export.hash) {
        status = error_set(error, STATUS_NO_MEMORY, "not enough memory");
    } else if (options->format == EXPORT_CSV) {
        status = put_table(&export, error);
    } else {
        status = put_document(&export, error);
    }
    if (status == STATUS_OK) {
        status = hand_on(&export, 0, error);
    }
    *rows = export.done;
    exchange_hash_free(export.hash);
    buffer_free(&export.out);
    buffer_free(&export.record);
    reader_close(&reader);
    return status;
}
