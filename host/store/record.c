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
    return column && text_is(name, column);
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
    int index = column_index(record->table, text_of(column), 0);
    return index < 0 ? NULL : &record->values[index];
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

/* Whether it is among words as "ready, sending or sent". */
static bool is_word(const char *words, Text text) {
    for (const char *at = words; *at; at += strspn(at, ", ")) {
        size_t length = strcspn(at, ", ");
        if (length == text.size && memcmp(at, text.data, length) == 0) {
            return !text_is(text, "or");
        }
        at += length;
    }
    return false;
}

static Status check_word(const ExchangeColumn *column, Text text, Error *error) {
    const char *words = exchange_words(column->type);
    Status status = check_text(column->name, text, true, error);
    return status != STATUS_OK || is_word(words, text)
               ? status
               : error_invalid(error, column->name, "%s is \"%.*s\", and must be %s", column->name,
                               (int)utf8_cut(text.data, text.size, 40), text.data, words);
}

static Status check_ids(const ExchangeColumn *column, Text text, Error *error) {
    JsonReader reader;
    JsonToken token;
    json_reader_init(&reader, text.data, text.size, JSON_STRICT);
    Status status = json_next(&reader, &token, error);
    bool array = status == STATUS_OK && token.kind == JSON_ARRAY_BEGIN;
    do {
        status = status == STATUS_OK ? json_next(&reader, &token, error) : status;
    } while (status == STATUS_OK && token.kind == JSON_INTEGER);
    bool ended = status == STATUS_OK && token.kind == JSON_ARRAY_END;
    status = ended ? json_next(&reader, &token, error) : status;
    return status == STATUS_OK && array && ended
               ? STATUS_OK
               : wrong_type(column, "an array of numbers of signals", error);
}

static Status check_number(const ExchangeColumn *column, Value value, Error *error) {
    if (column->type == COLUMN_NUMBER || column->type == COLUMN_SHARE) {
        return value.type == VALUE_DOUBLE ? STATUS_OK : wrong_type(column, "a number", error);
    }
    if (value.type != VALUE_INT) {
        return wrong_type(column, "a whole number", error);
    }
    bool possible = value.as.integer >= 1 && value.as.integer <= EXCHANGE_ID_MAX;
    return column->type == COLUMN_INTEGER || possible
               ? STATUS_OK
               : error_invalid(error, column->name, "%s is %lld, and must be from 1 to %lld",
                               column->name, (long long)value.as.integer,
                               (long long)EXCHANGE_ID_MAX);
}

Status column_check(const ExchangeColumn *column, Value value, Error *error) {
    Text text = value.as.text;
    int64_t micros;
    if (value.type == VALUE_NULL) {
        return STATUS_OK;
    }
    if (column->type <= COLUMN_SHARE) {
        return check_number(column, value, error);
    }
    if (value.type != VALUE_TEXT && value.type != VALUE_BLOB) {
        return wrong_type(column, column->type == COLUMN_JSON ? "a string of JSON" : "a string",
                          error);
    }
    if (exchange_words(column->type)) {
        return check_word(column, text, error);
    }
    switch (column->type) {
    case COLUMN_TIME: return iso_read(column->name, text.data, text.size, &micros, error);
    case COLUMN_IDS: return check_ids(column, text, error);
    case COLUMN_JSON:
        return json_check(column->name, text.data, text.size, JSON_LENIENT, error);
    default: return check_text(column->name, text, column->type == COLUMN_NAME, error);
    }
}

/* The token's value, in the type of its column where it has one. */
static Value value_of(Record *record, const ExchangeColumn *column, const JsonToken *token) {
    switch (token->kind) {
    case JSON_NULL: return value_null();
    case JSON_INTEGER: return exchange_value(column, value_int(token->integer));
    case JSON_DOUBLE: return value_double(json_token_double(token));
    case JSON_STRING: return value_text(token_text(record, token));
    default: return (Value){.type = VALUE_INT}; /* no column takes a truth value or a list */
    }
}

static Status read_value(Record *record, int index, const JsonToken *token, Error *error) {
    const ExchangeColumn *column = &record->table->columns[index];
    if (token->kind == JSON_FALSE || token->kind == JSON_TRUE ||
        token->kind == JSON_OBJECT_BEGIN || token->kind == JSON_ARRAY_BEGIN) {
        return wrong_type(column, column->type <= COLUMN_SHARE ? "a number" : "a string", error);
    }
    record->values[index] = value_of(record, column, token);
    return column_check(column, record->values[index], error);
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
    value->as.text = (Text){to, digits->size / 2};
    record->texts.size += digits->size / 2;
    return digits->size % 2 == 0;
}

/* The rest of the object whose brace was read. */
static Status read_bytes(Record *record, JsonReader *reader, int index, Error *error) {
    const ExchangeColumn *column = &record->table->columns[index];
    record->values[index].type = column->type == COLUMN_BYTES ? VALUE_BLOB : VALUE_TEXT;
    JsonToken key, digits, end;
    Status status = json_next(reader, &key, error);
    if (status == STATUS_OK && (key.kind != JSON_KEY ||
                                !text_is((Text){key.text, key.size}, "hex"))) {
        return wrong_type(column, "a string, or bytes as {\"hex\":\"...\"}", error);
    }
    if (status == STATUS_OK) {
        status = json_next(reader, &digits, error);
    }
    if (status == STATUS_OK && (digits.kind != JSON_STRING || digits.escaped ||
                                !read_hex(record, &digits, &record->values[index]))) {
        return wrong_type(column, "bytes as pairs of hexadecimal digits", error);
    }
    if (status == STATUS_OK && digits.size == 0 && column->type == COLUMN_NAME) {
        return error_invalid(error, column->name, "%s is empty", column->name);
    }
    if (status == STATUS_OK) {
        status = json_next(reader, &end, error);
    }
    if (status == STATUS_OK && end.kind != JSON_OBJECT_END) {
        return wrong_type(column, "bytes as {\"hex\":\"...\"} alone", error);
    }
    return status;
}

static bool is_free_text(const ExchangeColumn *column) {
    return column->type == COLUMN_TEXT || column->type == COLUMN_NAME ||
           column->type == COLUMN_BYTES;
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
                         is_free_text(&record->table->columns[index])
                     ? read_bytes(record, reader, index, error)
                     : read_value(record, index, &token, error);
    } else if (!ignore_unknown) {
        status = error_set(error, STATUS_INVALID, "\"%.*s\" is no column of %s",
                           (int)utf8_cut(key.data, key.size, 60), key.data, record->table->name);
    } else {
        record->dropped = true;
        status = token.kind == JSON_OBJECT_BEGIN || token.kind == JSON_ARRAY_BEGIN
                     ? json_skip(reader, error)
                     : STATUS_OK;
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
    record->dropped = false;
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

void record_normalise_times(Record *record) {
    for (int i = 0; record->table->columns[i].name; i++) {
        Value *value = &record->values[i];
        int64_t micros;
        Error ignored;
        if (record->table->columns[i].type == COLUMN_TIME && value->type == VALUE_TEXT &&
            iso_read("", value->as.text.data, value->as.text.size, &micros, &ignored) ==
                STATUS_OK) {
            iso_write(micros, record->times[i]);
            *value = value_text(text_of_time(record->times[i]));
        }
    }
}

/* Finds the columns of the statement's parameters: once a table, not once a record. Each has to
 * have one: what is written in SQL and what is written in C can't grow apart unseen. */
static Status bind_columns(Record *record, St *st, Error *error) {
    int columns = 0, bound = 0;
    while (record->table->columns[columns].name) {
        columns++;
    }
    record->parameters = st_parameter_count(st);
    for (int i = 1; i <= record->parameters; i++) {
        Text name = text_of(st_parameter_name(st, i));
        record->columns[i] = column_index(record->table, name, 0);
        bound += record->columns[i] >= 0;
        if (record->columns[i] < 0 && !text_is(name, "now")) {
            bound = -1;
            break;
        }
    }
    if (bound != columns) {
        return error_set(error, STATUS_SQL, "%s: the insert's parameters are not its columns",
                         record->table->name);
    }
    record->bound = record->table;
    return STATUS_OK;
}

Status record_insert(Record *record, St *st, Text now, bool *added, Error *error) {
    Status status = record->bound == record->table ? STATUS_OK : bind_columns(record, st, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (int i = 1; i <= record->parameters; i++) {
        int column = record->columns[i];
        st_bind(st, i, column < 0 ? value_text(now) : record->values[column]);
    }
    status = st_run(st, error);
    *added = status == STATUS_OK && st_changes(st) == 1;
    st_reset(st);
    return status;
}
