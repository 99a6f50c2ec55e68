/* The reader: a state for what may come next, a bit a level for what was opened, no recursion. */
#include <stdio.h>
#include <string.h>

#include "text/json.h"
#include "text/json_scan.h"

enum {
    EXPECT_VALUE,       /* at the beginning, behind `:`, or behind `,` in an array */
    EXPECT_FIRST_VALUE, /* behind `[`: a value or `]` */
    EXPECT_FIRST_KEY,   /* behind `{`: a key or `}` */
    EXPECT_KEY,         /* behind `,` in an object */
    EXPECT_MORE         /* behind a value: `,`, an end, or the end of the text */
};

void json_reader_init(JsonReader *reader, const char *data, size_t size, unsigned flags) {
    reader->begin = data;
    reader->at = data;
    reader->end = data + size;
    reader->flags = flags;
    reader->depth = 0;
    reader->state = EXPECT_VALUE;
}

static inline bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static inline const char *skip_space(const char *at, const char *end) {
    while (at < end && (unsigned char)*at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* The functions below read one thing at `reader->at` and give NULL; or they leave `reader->at` at
 * the byte that is wrong and say what was expected there. */

static const char *read_escape(JsonReader *reader) {
    const char *at = reader->at + 1;
    if (at < reader->end && *at == 'u') {
        for (int i = 0; i < 4; i++) {
            reader->at = ++at;
            if (at == reader->end || !(is_digit(*at) || ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'f')))
                return "four hexadecimal digits behind \\u";
        }
    } else if (at == reader->end || *at == '\0' || strchr("\"\\/bfnrt", *at) == NULL) {
        reader->at = at;
        return "one of \" \\ / b f n r t u behind a backslash";
    }
    reader->at = at + 1;
    return NULL;
}

static inline const char *read_string(JsonReader *reader, JsonToken *token, JsonKind kind) {
    const char *wrong;

    token->kind = kind;
    token->escaped = false;
    token->text = ++reader->at;
    for (;;) {
        reader->at = json_scan(reader->at, reader->end);
        if (reader->at == reader->end)
            return "a closing quote";
        if (*reader->at == '"')
            break;
        if (*reader->at != '\\')
            return (unsigned char)*reader->at < 0x80 ? "control characters escaped" : "valid UTF-8";
        token->escaped = true;
        wrong = read_escape(reader);
        if (wrong != NULL)
            return wrong;
    }
    token->size = (size_t)(reader->at - token->text);
    reader->at++;
    return NULL;
}

static inline const char *read_literal(JsonReader *reader, JsonToken *token, const char *word,
                                       size_t size, JsonKind kind) {
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, word, size) != 0)
        return "a value";
    token->kind = kind;
    token->text = reader->at;
    token->size = size;
    reader->at += size;
    return NULL;
}

static inline const char *skip_digits(JsonReader *reader) {
    if (reader->at == reader->end || !is_digit(*reader->at))
        return "a digit";
    do
        reader->at++;
    while (reader->at < reader->end && is_digit(*reader->at));
    return NULL;
}

/* Whether digits fit 64 bits, and their value. The 20th digit overflows always, and 19 digits stay
 * below 10^19, which an unsigned number holds. */
static inline bool digits_integer(const char *digits, const char *end, bool negative,
                                  int64_t *value) {
    uint64_t sum = 0;
    if (end - digits > 19)
        return false;
    for (; digits < end; digits++)
        sum = sum * 10 + (uint64_t)(*digits - '0');
    if (sum > (uint64_t)INT64_MAX + negative || (negative && sum == 0))
        return false;
    *value = negative ? -(int64_t)(sum - 1) - 1 : (int64_t)sum;
    return true;
}

static inline const char *read_number(JsonReader *reader, JsonToken *token) {
    bool negative = *reader->at == '-';
    const char *digits = reader->at + negative;
    const char *wrong;

    token->kind = JSON_INTEGER;
    token->text = reader->at;
    reader->at = digits;
    wrong = skip_digits(reader);
    if (wrong != NULL)
        return wrong;
    if (*digits == '0' && reader->at - digits > 1) {
        reader->at = digits;
        return "a number without leading zeros";
    }
    if (!digits_integer(digits, reader->at, negative, &token->integer))
        token->kind = JSON_DOUBLE;
    if (reader->at < reader->end && *reader->at == '.') {
        token->kind = JSON_DOUBLE;
        reader->at++;
        wrong = skip_digits(reader);
    }
    if (wrong == NULL && reader->at < reader->end && (*reader->at | 0x20) == 'e') {
        token->kind = JSON_DOUBLE;
        reader->at++;
        if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
            reader->at++;
        wrong = skip_digits(reader);
    }
    token->size = (size_t)(reader->at - token->text);
    return wrong;
}

static inline const char *read_begin(JsonReader *reader, JsonToken *token, bool object) {
    uint64_t bit = UINT64_C(1) << (reader->depth & 63);

    if (reader->depth == JSON_MAX_DEPTH)
        return "at most 1000 levels of nesting";
    if (object)
        reader->objects[reader->depth >> 6] |= bit;
    else
        reader->objects[reader->depth >> 6] &= ~bit;
    reader->depth++;
    token->kind = object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN;
    token->text = reader->at++;
    token->size = 1;
    reader->state = object ? EXPECT_FIRST_KEY : EXPECT_FIRST_VALUE;
    return NULL;
}

static inline const char *read_end(JsonReader *reader, JsonToken *token, JsonKind kind) {
    reader->depth--;
    token->kind = kind;
    token->text = reader->at++;
    token->size = 1;
    reader->state = EXPECT_MORE;
    return NULL;
}

static inline const char *read_value(JsonReader *reader, JsonToken *token) {
    bool lenient = (reader->flags & JSON_LENIENT) != 0;

    if (reader->at == reader->end)
        return "a value";
    reader->state = EXPECT_MORE;
    switch (*reader->at) {
    case '"': return read_string(reader, token, JSON_STRING);
    case '{': return read_begin(reader, token, true);
    case '[': return read_begin(reader, token, false);
    case 't': return read_literal(reader, token, "true", 4, JSON_TRUE);
    case 'f': return read_literal(reader, token, "false", 5, JSON_FALSE);
    case 'n': return read_literal(reader, token, "null", 4, JSON_NULL);
    case 'N':
        return lenient ? read_literal(reader, token, "NaN", 3, JSON_DOUBLE) : "a value";
    case 'I':
        return lenient ? read_literal(reader, token, "Infinity", 8, JSON_DOUBLE) : "a value";
    case '-':
        if (lenient && read_literal(reader, token, "-Infinity", 9, JSON_DOUBLE) == NULL)
            return NULL;
        return read_number(reader, token);
    default:
        return is_digit(*reader->at) ? read_number(reader, token) : "a value";
    }
}

static inline const char *read_key(JsonReader *reader, JsonToken *token, const char *expected) {
    const char *wrong;

    if (reader->at == reader->end || *reader->at != '"')
        return expected;
    wrong = read_string(reader, token, JSON_KEY);
    if (wrong != NULL)
        return wrong;
    reader->at = skip_space(reader->at, reader->end);
    if (reader->at == reader->end || *reader->at != ':')
        return "`:` behind a key";
    reader->at++;
    reader->state = EXPECT_VALUE;
    return NULL;
}

static inline const char *read_more(JsonReader *reader, JsonToken *token) {
    int level = reader->depth - 1;
    bool object;
    char byte = reader->at < reader->end ? *reader->at : '\0';

    if (reader->depth == 0) {
        if (reader->at < reader->end)
            return "the end of the text";
        *token = (JsonToken){.kind = JSON_END, .text = reader->at};
        return NULL;
    }
    object = (reader->objects[level >> 6] >> (level & 63) & 1) != 0;
    if (byte == ',') {
        reader->at = skip_space(reader->at + 1, reader->end);
        return object ? read_key(reader, token, "a key in quotes") : read_value(reader, token);
    }
    if (byte == (object ? '}' : ']'))
        return read_end(reader, token, object ? JSON_OBJECT_END : JSON_ARRAY_END);
    return object ? "`,` or `}`" : "`,` or `]`";
}

static inline const char *read_token(JsonReader *reader, JsonToken *token) {
    char byte;

    reader->at = skip_space(reader->at, reader->end);
    byte = reader->at < reader->end ? *reader->at : '\0';
    switch (reader->state) {
    case EXPECT_FIRST_KEY:
        return byte == '}' ? read_end(reader, token, JSON_OBJECT_END)
                           : read_key(reader, token, "a key in quotes or `}`");
    case EXPECT_FIRST_VALUE:
        return byte == ']' ? read_end(reader, token, JSON_ARRAY_END) : read_value(reader, token);
    case EXPECT_MORE:
        return read_more(reader, token);
    default:
        return read_value(reader, token);
    }
}

void json_position(const JsonReader *reader, size_t *line, size_t *column) {
    const char *begin = reader->begin;
    const char *found;

    *line = 1;
    while (begin < reader->at &&
           (found = memchr(begin, '\n', (size_t)(reader->at - begin))) != NULL) {
        begin = found + 1;
        ++*line;
    }
    *column = (size_t)(reader->at - begin) + 1;
}

static Status reader_fail(const JsonReader *reader, const char *field, const char *expected,
                          Error *error) {
    size_t line, column;
    char found[24] = "the end of the text";

    json_position(reader, &line, &column);
    if (reader->at < reader->end) {
        unsigned char byte = (unsigned char)*reader->at;
        snprintf(found, sizeof found, byte > 0x20 && byte < 0x7f ? "`%c`" : "byte 0x%02x", byte);
    }
    if (field != NULL)
        return error_invalid(error, field,
                             "%s is not JSON: line %zu, column %zu: expected %s, found %s", field,
                             line, column, expected, found);
    return error_set(error, STATUS_INVALID, "line %zu, column %zu: expected %s, found %s", line,
                     column, expected, found);
}

Status json_next(JsonReader *reader, JsonToken *token, Error *error) {
    const char *expected = read_token(reader, token);
    return expected == NULL ? STATUS_OK : reader_fail(reader, NULL, expected, error);
}

Status json_skip(JsonReader *reader, Error *error) {
    int outside = reader->depth - 1;
    JsonToken token;

    while (reader->depth > outside) {
        const char *expected = read_token(reader, &token);
        if (expected != NULL)
            return reader_fail(reader, NULL, expected, error);
    }
    return STATUS_OK;
}

Status json_check(const char *field, const char *data, size_t size, unsigned flags, Error *error) {
    JsonReader reader;
    JsonToken token;

    json_reader_init(&reader, data, size, flags);
    do {
        const char *expected = read_token(&reader, &token);
        if (expected != NULL)
            return reader_fail(&reader, field, expected, error);
    } while (token.kind != JSON_END);
    return STATUS_OK;
}

static uint32_t read_hex4(const char *digits) {
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char digit = digits[i];
        code = code << 4 | (uint32_t)(is_digit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return code;
}

/* The code point of the `\u` escape at `*at`, which moves behind it: two escapes where they are a
 * pair of surrogates; U+FFFD for a surrogate alone. */
static uint32_t unescape_unicode(const char **at, const char *end) {
    uint32_t code = read_hex4(*at + 2), low;

    *at += 6;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    if (code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        low = read_hex4(*at + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *at += 6;
            return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return 0xfffd;
}

static char unescape_byte(char letter) {
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return letter;
    }
}

size_t json_token_text(const JsonToken *token, char *out) {
    const char *at = token->text, *end = token->text + token->size;
    char *to = out;

    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape != NULL ? escape : end) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (escape == NULL)
            break;
        if (at[1] == 'u') {
            to += utf8_write(unescape_unicode(&at, end), to);
        } else {
            *to++ = unescape_byte(at[1]);
            at += 2;
        }
    }
    return (size_t)(to - out);
}
