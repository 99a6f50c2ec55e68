/* The checksum of a document's records: of what they say, not of how they are laid out. */
#include "store/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL /* header only: nothing to link */
#include <xxhash.h>

#include "text/json.h"

struct ExchangeHash {
    XXH3_state_t *state; /* aligned as it needs */
    Buffer field;        /* a key and its value, as bytes */
};

ExchangeHash *exchange_hash_new(void) {
    ExchangeHash *hash = calloc(1, sizeof *hash);
    if (!hash) {
        return NULL;
    }
    hash->state = XXH3_createState();
    if (!hash->state) {
        free(hash);
        return NULL;
    }
    XXH3_128bits_reset(hash->state);
    return hash;
}

void exchange_hash_free(ExchangeHash *hash) {
    if (hash) {
        XXH3_freeState(hash->state);
        buffer_free(&hash->field);
        free(hash);
    }
}

static void add_bytes(ExchangeHash *hash, const void *data, size_t size) {
    buffer_append(&hash->field, data, size);
}

/* The text without its escapes, behind its length, so that two texts are not two others. */
static void add_text(ExchangeHash *hash, const JsonToken *token) {
    uint64_t length = 0;
    size_t at = hash->field.size;
    add_bytes(hash, &length, sizeof length);
    char *to = buffer_reserve(&hash->field, token->size);
    if (!to) {
        return;
    }
    if (token->escaped) {
        length = json_token_text(token, to);
    } else {
        length = token->size;
        memcpy(to, token->text, token->size);
    }
    hash->field.size += length;
    memcpy(hash->field.data + at, &length, sizeof length);
}

static void add_token(ExchangeHash *hash, const JsonToken *token) {
    char kind = (char)token->kind;
    add_bytes(hash, &kind, 1);
    if (token->kind == JSON_STRING || token->kind == JSON_KEY) {
        add_text(hash, token);
    } else if (token->kind == JSON_INTEGER) {
        add_bytes(hash, &token->integer, sizeof token->integer);
    } else if (token->kind == JSON_DOUBLE) {
        double number = json_token_double(token);
        add_bytes(hash, &number, sizeof number);
    }
}

/* The value behind a key: added, or where the table has no such column passed over. */
static Status add_value(ExchangeHash *hash, JsonReader *reader, bool known) {
    JsonToken token;
    size_t depth = 0;
    Status status;
    do {
        status = json_next(reader, &token, NULL);
        if (status == STATUS_OK && known) {
            add_token(hash, &token);
        }
        depth += token.kind == JSON_OBJECT_BEGIN || token.kind == JSON_ARRAY_BEGIN;
        depth -= token.kind == JSON_OBJECT_END || token.kind == JSON_ARRAY_END;
    } while (status == STATUS_OK && depth > 0);
    return status;
}

static bool is_column(const ExchangeTable *table, const JsonToken *key) {
    return !key->escaped && exchange_has_column(table, (Text){key->text, key->size});
}

/* Fields are added up, so that their order is of no account. */
Status exchange_hash_add(ExchangeHash *hash, const ExchangeTable *table, Text record) {
    XXH128_hash_t sum = {0, 0};
    JsonReader reader;
    JsonToken token;
    json_reader_init(&reader, record.data, record.size, JSON_STRICT);
    Status status = json_next(&reader, &token, NULL);
    while (status == STATUS_OK && token.kind != JSON_OBJECT_END && token.kind != JSON_END) {
        status = json_next(&reader, &token, NULL);
        if (status != STATUS_OK || token.kind != JSON_KEY) {
            continue;
        }
        bool known = is_column(table, &token);
        buffer_clear(&hash->field);
        add_token(hash, &token);
        status = add_value(hash, &reader, known);
        if (known && hash->field.size > 0) {
            XXH128_hash_t field = XXH3_128bits(hash->field.data, hash->field.size);
            sum.low64 += field.low64;
            sum.high64 += field.high64;
        }
    }
    XXH3_128bits_update(hash->state, table->name, strlen(table->name) + 1);
    XXH3_128bits_update(hash->state, &sum, sizeof sum);
    return hash->field.failed ? STATUS_NO_MEMORY : status;
}

void exchange_hash_text(const ExchangeHash *hash, char out[33]) {
    XXH128_hash_t value = XXH3_128bits_digest(hash->state);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)value.high64,
             (unsigned long long)value.low64);
}
