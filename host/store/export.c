/* Export: the store as one document, streamed from one snapshot in constant memory. */
#include "store/exchange.h"

#include <string.h>

#include "store/migrations.h"
#include "text/json.h"
#include "text/utf8.h"

#define CHUNK ((size_t)1 << 18) /* bytes gathered before they are handed on */

typedef struct Export {
    Db *db;
    const ExportOptions *options;
    Buffer out, keys;
    ExchangeHash *hash;
    const ExchangeTable *table;       /* the one in hand, */
    Text heads[EXCHANGE_COLUMNS_MAX]; /* and what stands before each of its values, in `keys` */
    int64_t done;
} Export;

static Status hand_on(Export *export, size_t least, Error *error) {
    if (export->out.failed || export->keys.failed) {
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

/* ---- a row as JSON ---- */

/* {"id": ,"signal_type": and so on: once a table, not once a row. */
static void make_heads(Export *export) {
    size_t ends[EXCHANGE_COLUMNS_MAX], count = 0;
    Buffer *keys = &export->keys;
    buffer_clear(keys);
    for (; export->table->columns[count].name; count++) {
        buffer_append_text(keys, count ? ",\"" : "{\"");
        buffer_append_text(keys, export->table->columns[count].name);
        buffer_append_text(keys, "\":");
        ends[count] = keys->size;
    }
    for (size_t i = 0; i < count && !keys->failed; i++) {
        size_t begin = i ? ends[i - 1] : 0;
        export->heads[i] = (Text){keys->data + begin, ends[i] - begin};
    }
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

/* What isn't UTF-8 can't be told in JSON as a text, and is told all the same: one wrong byte must
 * not keep a store from being saved. */
static void put_text(Buffer *out, const ExchangeColumn *column, Value value) {
    Text text = value.as.text;
    size_t before = out->size;
    bool blob = value.type == VALUE_BLOB && column->type == COLUMN_BYTES;
    if (blob || json_write_string(out, text.data, text.size) < text.size) {
        out->size = before;
        put_hex(out, text);
    }
}

static void put_value(Buffer *out, const ExchangeColumn *column, Value value) {
    switch (value.type) {
    case VALUE_INT: json_write_integer(out, value.as.integer); break;
    case VALUE_DOUBLE: json_write_double(out, value.as.number); break;
    case VALUE_TEXT:
    case VALUE_BLOB: put_text(out, column, value); break;
    case VALUE_NULL: buffer_append(out, "null", 4); break;
    }
}

static void put_record(Export *export, St *st) {
    Value values[EXCHANGE_COLUMNS_MAX];
    const ExchangeColumn *columns = export->table->columns;
    Buffer *out = &export->out;
    for (int i = 0; columns[i].name; i++) {
        values[i] = exchange_value(&columns[i], st_column(st, i));
        buffer_append(out, export->heads[i].data, export->heads[i].size);
        put_value(out, &columns[i], values[i]);
    }
    buffer_append_byte(out, '}');
    exchange_hash_row(export->hash, export->table, values);
}

/* ---- a row as CSV ---- */

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

/* ---- tables ---- */

static void put_row(Export *export, St *st, bool first) {
    switch (export->options->format) {
    case EXPORT_CSV:
        put_csv_row(export, st);
        break;
    case EXPORT_NDJSON:
        put(export, "{\"");
        put(export, export->table->name);
        put(export, "\":");
        put_record(export, st);
        put(export, "}\n");
        break;
    case EXPORT_JSON:
        put(export, first ? "\n    " : ",\n    ");
        put_record(export, st);
        break;
    }
}

static Status tell_progress(Export *export, Error *error) {
    const ExportOptions *options = export->options;
    bool goes_on = ++export->done % 1000 != 0 || !options->progress ||
                   options->progress(options->context, export->done);
    return goes_on ? STATUS_OK
                   : error_set(error, STATUS_INTERRUPTED, "the export was broken off");
}

static Status put_each_row(Export *export, St *st, Error *error) {
    bool first = true;
    Status status;
    while ((status = st_stream(st, error)) == STATUS_ROW) {
        put_row(export, st, first);
        first = false;
        status = hand_on(export, CHUNK, error);
        if (status == STATUS_OK) {
            status = tell_progress(export, error);
        }
        if (status != STATUS_OK) {
            break;
        }
    }
    return status;
}

static Status put_rows(Export *export, const ExchangeTable *table, Error *error) {
    St *st;
    Status status = db_statement(export->db, table->out, &st, error);
    if (status != STATUS_OK) {
        return status;
    }
    export->table = table;
    status = exchange_check_columns(table, st, error);
    if (status == STATUS_OK) {
        make_heads(export);
        if (export->options->format == EXPORT_CSV) {
            put_csv_heads(export, st);
        }
        status = put_each_row(export, st, error);
    }
    st_release(st);
    return status;
}

static Status put_table(Export *export, Error *error) {
    const ExchangeTable *table = exchange_table_find(text_of(export->options->table));
    return table ? put_rows(export, table, error)
                 : error_invalid(error, "table",
                                 "table is \"%s\", and an export has no such table",
                                 export->options->table);
}

/* ---- the document ---- */

static int newest_version(void) {
    return migrations[migration_count - 1].version;
}

static void put_head(Export *export) {
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
    json_write_integer(&export->out, newest_version());
    put(export, between);
    put(export, "\"format\":");
    json_write_integer(&export->out, EXCHANGE_FORMAT);
    put(export, lines ? "}\n" : "");
}

static void put_tail(Export *export, int64_t last_signal_id) {
    bool lines = export->options->format == EXPORT_NDJSON;
    const char *between = lines ? "," : ",\n  ";
    char checksum[33];
    exchange_hash_text(export->hash, newest_version(), last_signal_id, checksum);
    put(export, lines ? "{" : between);
    put(export, "\"counts\":{");
    for (size_t i = 0; i < exchange_table_count; i++) {
        put(export, i ? ",\"" : "\"");
        put(export, exchange_tables[i].name);
        put(export, "\":");
        json_write_integer(&export->out, exchange_hash_rows(export->hash, &exchange_tables[i]));
    }
    put(export, "}");
    put(export, between);
    put(export, "\"last_signal_id\":");
    json_write_integer(&export->out, last_signal_id);
    put(export, between);
    put(export, "\"checksum\":\"");
    put(export, checksum);
    put(export, lines ? "\"}\n" : "\"\n}\n");
}

/* The highest number that was ever given to a signal, so that none is given twice; 0 where that
 * isn't remembered. */
static Status read_last_signal_id(Export *export, int64_t *id, Error *error) {
    int64_t has = 0;
    *id = 0;
    Db *db = export->db;
    Status status = query_numbers(db, &query_exchange_has_sequence, NULL, 0, &has, 1, error);
    if (status == STATUS_ROW && has) {
        status = query_numbers(db, &query_export_last_signal_id, NULL, 0, id, 1, error);
    }
    return status == STATUS_ROW ? STATUS_OK : status;
}

static Status put_document(Export *export, Error *error) {
    bool lines = export->options->format == EXPORT_NDJSON;
    int64_t last_signal_id;
    Status status = read_last_signal_id(export, &last_signal_id, error);
    put_head(export);
    for (size_t i = 0; status == STATUS_OK && i < exchange_table_count; i++) {
        const ExchangeTable *table = &exchange_tables[i];
        if (!lines) {
            put(export, ",\n  \"");
            put(export, table->name);
            put(export, "\":[");
        }
        status = put_rows(export, table, error);
        if (!lines) {
            put(export, exchange_hash_rows(export->hash, table) ? "\n  ]" : "]");
        }
    }
    if (status == STATUS_OK) {
        put_tail(export, last_signal_id);
    }
    return status;
}

/* What a newer program has added would be missing, and nobody would see it. */
static Status refuse_newer(Store *store, Error *error) {
    StoreSchema schema;
    Status status = store_schema(store, &schema, error);
    if (status == STATUS_OK && schema.version > schema.newest) {
        status = error_set(error, STATUS_SCHEMA,
                           "%s: the schema is version %lld, newer than this program's %d, whose "
                           "export would lack what is new: export it with a newer signalbox",
                           store_label(store), (long long)schema.version, schema.newest);
    }
    return status;
}

Status store_export(Store *store, const ExportOptions *options, int64_t *rows, Error *error) {
    *rows = 0;
    Reader reader;
    Status status = refuse_newer(store, error);
    if (status == STATUS_OK) {
        status = reader_open(store, &reader, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    Export export = {.db = reader.db, .options = options};
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
    buffer_free(&export.keys);
    reader_close(&reader);
    return status;
}
