#include "store/record.h"

#include <math.h>
#include <string.h>

#include "text/json.h"
#include "text/utf8.h"

void record_free(Record *record) {
    buffer_free(&record->texts);
}

static bool is_column(const ExchangeTable *table, int index, Text name) {
    const char *column = table->columns[index].name;
    return column && strlen(column) == name.size && memcmp(column, name.data, name.size) == 0;
}

/* The column of that name, or -1. `guess` is looked at first: keys mostly come in their order. */
static int column_index(const ExchangeTable *table, Text name, int guess) {
    if (guess < EXCHANGE_COLUMNS_MAX && is_column(table, guess, name)) {
        return guess;
    }
    for (int i = 0; i < EXCHANGE_COLUMNS_MAX && table->columns[i].name; i++) {
        if (is_column(table, i, name)) {
            return i;
        }
    }
    return -1;
}

Value *record_value(Record *record, const char *column) {
    return &record->values[column_index(record->table, text_of(column), 0)];
}

/* The text of a string token. `texts` was given room for all of them, so it doesn't move. */
static Text token_text(Record *record, const JsonToken *token) {
    if (!token->escaped) {
        return (Text){token->text, token->size};
    }
    char *to = record->texts.data + record->texts.size;
    size_t size = json_token_text(token, to);
    record->texts.size += size;
    return (Text){to, size};
}

static Status wrong_type(const ExchangeColumn *column, const char *expected, Error *error) {
    return error_invalid(error, column->name, "%s must be %s", column->name, expected);
}

static Status read_text(const ExchangeColumn *column, Text text, Error *error) {
    int64_t micros;
    switch (column->type) {
    case COLUMN_NAME:
        return check_text(column->name, text, true, error);
    case COLUMN_TIME:
        return iso_read(column->name, text.data, text.size, &micros, error);
    case COLUMN_JSON:
    case COLUMN_IDS:
        return json_check(column->name, text.data, text.size, JSON_LENIENT, error);
    default:
        return check_text(column->name, text, false, error);
    }
}

static Status read_value(Record *record, int index, const JsonToken *token, Error *error) {
    const ExchangeColumn *column = &record->table->columns[index];
    Value *value = &record->values[index];
    if (token->kind == JSON_NULL) {
        *value = value_null();
        return STATUS_OK;
    }
    if (column->type == COLUMN_INTEGER) {
        *value = value_int(token->integer);
        return token->kind == JSON_INTEGER ? STATUS_OK
                                           : wrong_type(column, "a whole number", error);
    }
    if (column->type == COLUMN_NUMBER) {
        if (token->kind != JSON_INTEGER && token->kind != JSON_DOUBLE) {
            return wrong_type(column, "a number", error);
        }
        *value = value_double(json_token_double(token));
        return STATUS_OK;
    }
    if (token->kind != JSON_STRING) {
        return wrong_type(column, column->type == COLUMN_JSON ? "a string of JSON" : "a string",
                          error);
    }
    Text text = token_text(record, token);
    *value = value_text(text);
    return read_text(column, text, error);
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The digits of {"hex":"..."} as the bytes they are; false where they aren't whole. */
static bool read_hex(Record *record, const JsonToken *digits, Value *value) {
    char *to = record->texts.data + record->texts.size;
    for (size_t i = 0; i + 1 < digits->size; i += 2) {
        int high = hex_digit(digits->text[i]), low = hex_digit(digits->text[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        to[i / 2] = (char)(high << 4 | low);
    }
    value->type = VALUE_BLOB;
    value->as.text = (Text){to, digits->size / 2};
    record->texts.size += digits->size / 2;
    return digits->size % 2 == 0;
}

/* The rest of the object whose brace was read. */
static Status read_bytes(Record *record, JsonReader *reader, int index, Error *error) {
    const ExchangeColumn *column = &record->table->columns[index];
    JsonToken key, digits, end;
    Status status = json_next(reader, &key, error);
    if (status == STATUS_OK && (key.kind != JSON_KEY || key.size != 3 ||
                                memcmp(key.text, "hex", 3) != 0)) {
        return wrong_type(column, "a string, or bytes as {\"hex\":\"...\"}", error);
    }
    if (status == STATUS_OK) {
        status = json_next(reader, &digits, error);
    }
    if (status == STATUS_OK && (digits.kind != JSON_STRING || digits.escaped ||
                                !read_hex(record, &digits, &record->values[index]))) {
        return wrong_type(column, "bytes as pairs of hexadecimal digits", error);
    }
    if (status == STATUS_OK) {
        status = json_next(reader, &end, error);
    }
    if (status == STATUS_OK && end.kind != JSON_OBJECT_END) {
        return wrong_type(column, "bytes as {\"hex\":\"...\"} alone", error);
    }
    return status;
}

/* Reads one member; *guess is the column that it may be, and becomes that of the next. */
static Status read_field(Record *record, JsonReader *reader, bool ignore_unknown, int *guess,
                         Error *error) {
    JsonToken token;
    Status status = json_next(reader, &token, error);
    if (status != STATUS_OK || token.kind == JSON_OBJECT_END) {
        return status;
    }
    Text key = token_text(record, &token);
    int index = column_index(record->table, key, *guess);
    *guess = index + 1;
    status = json_next(reader, &token, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (index >= 0 && record->given[index]) {
        const char *name = record->table->columns[index].name;
        return error_invalid(error, name, "%s is given twice", name);
    }
    if (index >= 0) {
        record->given[index] = true;
        status = token.kind == JSON_OBJECT_BEGIN &&
                         record->table->columns[index].type == COLUMN_BYTES
                     ? read_bytes(record, reader, index, error)
                     : read_value(record, index, &token, error);
    } else if (!ignore_unknown) {
        status = error_set(error, STATUS_INVALID, "\"%.*s\" is no column of %s",
                           key.size < 60 ? (int)key.size : 60, key.data, record->table->name);
    } else if (token.kind == JSON_OBJECT_BEGIN || token.kind == JSON_ARRAY_BEGIN) {
        status = json_skip(reader, error);
    }
    return status == STATUS_OK ? STATUS_ROW : status;
}

static Status check_required(const Record *record, Error *error) {
    for (int i = 0; i < EXCHANGE_COLUMNS_MAX && record->table->columns[i].name; i++) {
        const ExchangeColumn *column = &record->table->columns[i];
        if (column->required && record->values[i].type == VALUE_NULL) {
            return error_invalid(error, column->name, "%s is missing", column->name);
        }
    }
    return STATUS_OK;
}

Status record_read(Record *record, const ExchangeTable *table, Text object, bool ignore_unknown,
                   Error *error) {
    record->table = table;
    memset(record->values, 0, sizeof record->values);
    memset(record->given, 0, sizeof record->given);
    buffer_clear(&record->texts);
    if (!buffer_reserve(&record->texts, object.size)) {
        return error_set(error, STATUS_NO_MEMORY, "not enough memory");
    }
    JsonReader reader;
    JsonToken token;
    json_reader_init(&reader, object.data, object.size, JSON_STRICT);
    Status status = json_next(&reader, &token, error);
    if (status == STATUS_OK && token.kind != JSON_OBJECT_BEGIN) {
        status = error_set(error, STATUS_INVALID, "an object is expected");
    }
    if (status == STATUS_OK) {
        int guess = 0;
        do {
            status = read_field(record, &reader, ignore_unknown, &guess, error);
        } while (status == STATUS_ROW);
    }
    if (status == STATUS_OK) {
        status = json_next(&reader, &token, error); /* nothing may follow it */
    }
    return status == STATUS_OK ? check_required(record, error) : status;
}

/* Finds the columns of the statement's parameters: once a table, not once a record. */
static void bind_columns(Record *record, St *st) {
    record->bound = record->table;
    record->parameters = st_parameter_count(st);
    for (int i = 1; i <= record->parameters; i++) {
        Text name = text_of(st_parameter_name(st, i));
        record->columns[i] = (signed char)column_index(record->table, name, 0);
    }
}

Status record_insert(Record *record, St *st, bool *added, Error *error) {
    if (record->bound != record->table) {
        bind_columns(record, st);
    }
    for (int i = 1; i <= record->parameters; i++) {
        st_bind(st, i, record->values[record->columns[i]]);
    }
    Status status = st_run(st, error);
    *added = status == STATUS_OK && st_changes(st) == 1;
    st_reset(st);
    return status;
}
