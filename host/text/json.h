/* JSON as RFC 8259 has it, read from memory and written into a buffer.
 *
 * Reading is strict: one value, white space around it, valid UTF-8, no raw control characters, no
 * byte order mark, nesting at most JSON_MAX_DEPTH. Decisions where the RFC leaves room:
 *   - Duplicate keys are legal; whoever decodes keeps the last.
 *   - A number without fraction and exponent that fits 64 bits is an integer, exactly; every other
 *     is a double, correctly rounded. `-0` is a double, for there is no such integer. One too large
 *     for a double, `1e999`, is legal text and reads as infinity, which cannot be written again.
 *   - A lone surrogate escape, `\ud800`, is legal text and decodes to U+FFFD, so that what was
 *     decoded is always valid UTF-8.
 *   - JSON_LENIENT also takes the bare words NaN, Infinity and -Infinity, which the predecessor
 *     wrote.
 *
 * Writing is compact; only `"`, `\`, and control characters are escaped. */
#ifndef SIGNALBOX_TEXT_JSON_H
#define SIGNALBOX_TEXT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "text/buffer.h"

#define JSON_MAX_DEPTH 1000

enum {
    JSON_STRICT = 0,
    JSON_LENIENT = 1
};

typedef enum JsonKind {
    JSON_END,           /* behind the value, and only white space after it */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_INTEGER,       /* fits int64 */
    JSON_DOUBLE,        /* every other number, and the lenient words */
    JSON_STRING,
    JSON_KEY,           /* a member's name; its value comes next */
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END
} JsonKind;

typedef struct JsonToken {
    JsonKind kind;
    bool escaped;       /* of STRING and KEY: there is at least one escape in it */
    const char *text;   /* the token's bytes in the document; a STRING's or KEY's without quotes */
    size_t size;
    int64_t integer;    /* of INTEGER: its value */
} JsonToken;

/* Where a reader stands. Members are its own. The document must outlive it; it owns nothing, and
 * may be copied to come back to a place. */
typedef struct JsonReader {
    const char *begin;
    const char *at;
    const char *end;
    const char *expected; /* once it failed: what was, at `at` */
    unsigned flags;
    int depth;
    int state;
    uint64_t objects[(JSON_MAX_DEPTH + 63) / 64]; /* a bit a level: 1 is an object, 0 an array */
} JsonReader;

void json_reader_init(JsonReader *reader, const char *data, size_t size, unsigned flags);

/* The next token: OK (also for JSON_END, which is then given for ever), or INVALID with a message
 * that has the line, the column in bytes, what was expected and what is there; after that the
 * reader is of no further use. `error` may be NULL. */
Status json_next(JsonReader *reader, JsonToken *token, Error *error);

/* Passes over the rest of the innermost array or object, its end included, checking it. */
Status json_skip(JsonReader *reader, Error *error);

/* The document's line and column, both from 1, of the reader's place. */
void json_position(const JsonReader *reader, size_t *line, size_t *column);

/* The value of a token INTEGER or DOUBLE. */
double json_token_double(const JsonToken *token);

/* Writes the text of a token STRING or KEY with its escapes resolved into `out`, which has room for
 * `token->size` bytes, and returns how many it wrote. It can contain NUL (`\u0000`). */
size_t json_token_text(const JsonToken *token, char *out);

/* Whether `data` is one JSON value. INVALID where not, about `field` ("raw_data"). */
Status json_check(const char *field, const char *data, size_t size, unsigned flags, Error *error);

/* Appends a string with quotes and escapes. Returns the offset of the first byte that is NUL or not
 * valid UTF-8, and then has appended nothing that counts (the caller drops the document); `size`
 * where all is well. NUL is refused, as it is in every text of the store. */
size_t json_write_string(Buffer *out, const char *data, size_t size);

void json_write_integer(Buffer *out, int64_t value);

/* Appends the shortest digits that read back as the same double, with a fraction or an exponent
 * always: 1.0 is `1.0`, not `1`, so that a double comes back as one. `value` is finite. */
void json_write_double(Buffer *out, double value);

#endif
