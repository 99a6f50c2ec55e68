/* The reader: a state for what may come next, a bit a level for what was opened, no recursion. */
#include <stdio.h>
#include <string.h>

#include "text/json.h"
#include "text/json_scan.h"

enum {
    EXPECT_VALUE,       /* at the beginning, and behind `:` */
    EXPECT_FIRST_VALUE, /* behind `[`: a value or `]` */
    EXPECT_FIRST_KEY,   /* behind `{`: a key or `}` */
    EXPECT_MORE         /* behind a value: `,`, an end, or the end of the text */
};

void json_reader_init(JsonReader *reader, const char *data, size_t size, unsigned flags) {
    reader->begin = data;
    reader->at = data;
    reader->end = data + size;
    reader->flags = flags;
    reader->depth = 0;
    reader->state = EXPECT_VALUE;
    memset(reader->objects, 0, sizeof reader->objects);
}

/* The functions below read one thing at `at` and return what follows it; or NULL, having noted in
 * the reader the byte that is wrong and what was expected there. They are inlined into both that
 * drive them, so that `at` stays in a register, and a check makes no tokens. */
#define INLINE static inline __attribute__((always_inline))

static const char *fail(JsonReader *reader, const char *at, const char *expected) {
    reader->at = at;
    reader->expected = expected;
    return NULL;
}

INLINE bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

INLINE char byte_at(const JsonReader *reader, const char *at) {
    return at < reader->end ? *at : '\0'; /* which is nowhere a legal byte */
}

INLINE const char *skip_space(const JsonReader *reader, const char *at) {
    while (at < reader->end && (unsigned char)*at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

static const char *read_escape(JsonReader *reader, const char *at) {
    char letter = byte_at(reader, ++at);
    if (letter == '\0' || strchr("\"\\/bfnrtu", letter) == NULL)
        return fail(reader, at, "one of \" \\ / b f n r t u behind a backslash");
    for (int digits = letter == 'u' ? 4 : 0; digits > 0; digits--) {
        char digit = byte_at(reader, ++at);
        if (!is_digit(digit) && ((digit | 0x20) < 'a' || (digit | 0x20) > 'f'))
            return fail(reader, at, "four hexadecimal digits behind \\u");
    }
    return at + 1;
}

INLINE const char *read_string(JsonReader *reader, const char *at, JsonToken *token,
                               JsonKind kind) {
    token->kind = kind;
    token->escaped = false;
    token->text = ++at;
    for (;;) {
        at = json_scan(at, reader->end);
        if (at == reader->end)
            return fail(reader, at, "a closing quote");
        if (*at == '"')
            break;
        if (*at != '\\')
            return fail(reader, at, (unsigned char)*at < 0x80 ? "control characters escaped"
                                                              : "valid UTF-8");
        token->escaped = true;
        at = read_escape(reader, at);
        if (at == NULL)
            return NULL;
    }
    token->size = (size_t)(at - token->text);
    return at + 1;
}

INLINE const char *read_word(JsonReader *reader, const char *at, JsonToken *token,
                             const char *word, size_t size, JsonKind kind) {
    if ((size_t)(reader->end - at) < size || memcmp(at, word, size) != 0)
        return fail(reader, at, "a value");
    token->kind = kind;
    token->text = at;
    token->size = size;
    return at + size;
}

static const char *skip_digits(JsonReader *reader, const char *at) {
    if (!is_digit(byte_at(reader, at)))
        return fail(reader, at, "a digit");
    while (at < reader->end && is_digit(*at))
        at++;
    return at;
}

/* The rest of a number behind its whole part, which is a double's then. */
static const char *read_fraction(JsonReader *reader, const char *at) {
    if (*at == '.') {
        at = skip_digits(reader, at + 1);
        if (at == NULL || (byte_at(reader, at) | 0x20) != 'e')
            return at;
    }
    at++;
    if (byte_at(reader, at) == '+' || byte_at(reader, at) == '-')
        at++;
    return skip_digits(reader, at);
}

INLINE const char *read_number(JsonReader *reader, const char *at, JsonToken *token) {
    bool negative = *at == '-';
    const char *digits = at + negative;
    uint64_t sum = 0;

    token->text = at;
    for (at = digits; at < reader->end && is_digit(*at); at++)
        sum = sum * 10 + (uint64_t)(*at - '0');
    if (at == digits)
        return fail(reader, at, "a digit");
    if (*digits == '0' && at - digits > 1)
        return fail(reader, digits, "a number without leading zeros");
    /* A number of 20 digits is too large always; 19 stay below 10^19, which the sum could hold. */
    if (at - digits > 19 || sum > (uint64_t)INT64_MAX + negative || (negative && sum == 0))
        token->kind = JSON_DOUBLE;
    else
        token->kind = JSON_INTEGER;
    token->integer = (int64_t)(negative ? 0 - sum : sum);
    if (byte_at(reader, at) == '.' || (byte_at(reader, at) | 0x20) == 'e') {
        token->kind = JSON_DOUBLE;
        at = read_fraction(reader, at);
    }
    token->size = (size_t)(at - token->text);
    return at;
}

INLINE const char *read_begin(JsonReader *reader, const char *at, JsonToken *token, bool object) {
    uint64_t bit = UINT64_C(1) << (reader->depth & 63);

    if (reader->depth == JSON_MAX_DEPTH)
        return fail(reader, at, "at most 1000 levels of nesting");
    if (object)
        reader->objects[reader->depth >> 6] |= bit;
    else
        reader->objects[reader->depth >> 6] &= ~bit;
    reader->depth++;
    reader->state = object ? EXPECT_FIRST_KEY : EXPECT_FIRST_VALUE;
    *token = (JsonToken){.kind = object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN, .text = at,
                         .size = 1};
    return at + 1;
}

INLINE const char *read_end(JsonReader *reader, const char *at, JsonToken *token, JsonKind kind) {
    reader->depth--;
    reader->state = EXPECT_MORE;
    *token = (JsonToken){.kind = kind, .text = at, .size = 1};
    return at + 1;
}

static const char *read_lenient(JsonReader *reader, const char *at, JsonToken *token) {
    if (*at == 'N')
        return read_word(reader, at, token, "NaN", 3, JSON_DOUBLE);
    if (*at == 'I')
        return read_word(reader, at, token, "Infinity", 8, JSON_DOUBLE);
    return read_word(reader, at, token, "-Infinity", 9, JSON_DOUBLE);
}

INLINE const char *read_value(JsonReader *reader, const char *at, JsonToken *token) {
    char byte = byte_at(reader, at);

    reader->state = EXPECT_MORE;
    switch (byte) {
    case '"': return read_string(reader, at, token, JSON_STRING);
    case '{': return read_begin(reader, at, token, true);
    case '[': return read_begin(reader, at, token, false);
    case 't': return read_word(reader, at, token, "true", 4, JSON_TRUE);
    case 'f': return read_word(reader, at, token, "false", 5, JSON_FALSE);
    case 'n': return read_word(reader, at, token, "null", 4, JSON_NULL);
    }
    if (is_digit(byte) || (byte == '-' && byte_at(reader, at + 1) != 'I'))
        return read_number(reader, at, token);
    if ((reader->flags & JSON_LENIENT) != 0 && (byte == 'N' || byte == 'I' || byte == '-'))
        return read_lenient(reader, at, token);
    return fail(reader, at, "a value");
}

INLINE const char *read_key(JsonReader *reader, const char *at, JsonToken *token,
                            const char *expected) {
    if (byte_at(reader, at) != '"')
        return fail(reader, at, expected);
    at = read_string(reader, at, token, JSON_KEY);
    if (at == NULL)
        return NULL;
    at = skip_space(reader, at);
    if (byte_at(reader, at) != ':')
        return fail(reader, at, "`:` behind a key");
    reader->state = EXPECT_VALUE;
    return at + 1;
}

INLINE bool in_object(const JsonReader *reader) {
    int level = reader->depth - 1;
    return (reader->objects[level >> 6] >> (level & 63) & 1) != 0;
}

INLINE const char *read_token(JsonReader *reader, const char *at, JsonToken *token) {
    const char *key = "a key in quotes";
    bool object;
    char byte;

    at = skip_space(reader, at);
    if (reader->state == EXPECT_MORE) {
        if (reader->depth == 0) {
            *token = (JsonToken){.kind = JSON_END, .text = at};
            return at == reader->end ? at : fail(reader, at, "the end of the text");
        }
        object = in_object(reader);
        byte = byte_at(reader, at);
        if (byte == (object ? '}' : ']'))
            return read_end(reader, at, token, object ? JSON_OBJECT_END : JSON_ARRAY_END);
        if (byte != ',')
            return fail(reader, at, object ? "`,` or `}`" : "`,` or `]`");
        at = skip_space(reader, at + 1);
    } else {
        object = reader->state == EXPECT_FIRST_KEY;
        if (object && byte_at(reader, at) == '}')
            return read_end(reader, at, token, JSON_OBJECT_END);
        if (reader->state == EXPECT_FIRST_VALUE && byte_at(reader, at) == ']')
            return read_end(reader, at, token, JSON_ARRAY_END);
        key = "a key in quotes or `}`";
    }
    return object ? read_key(reader, at, token, key) : read_value(reader, at, token);
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

static Status reader_error(const JsonReader *reader, const char *field, Error *error) {
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
                             line, column, reader->expected, found);
    return error_set(error, STATUS_INVALID, "line %zu, column %zu: expected %s, found %s", line,
                     column, reader->expected, found);
}

Status json_next(JsonReader *reader, JsonToken *token, Error *error) {
    const char *at = read_token(reader, reader->at, token);
    if (at == NULL)
        return reader_error(reader, NULL, error);
    reader->at = at;
    return STATUS_OK;
}

Status json_skip(JsonReader *reader, Error *error) {
    int outside = reader->depth - 1;
    JsonToken token;

    while (reader->depth > outside) {
        Status status = json_next(reader, &token, error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

Status json_check(const char *field, const char *data, size_t size, unsigned flags, Error *error) {
    JsonReader reader;
    JsonToken token;
    const char *at = data;

    json_reader_init(&reader, data, size, flags);
    do {
        at = read_token(&reader, at, &token);
        if (at == NULL)
            return reader_error(&reader, field, error);
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
