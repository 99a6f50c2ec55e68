/* The checksum of a document's rows: of what they say, not of how they are laid out. */
#include "store/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL /* header only: nothing to link */
#include <xxhash.h>

struct ExchangeHash {
    XXH3_state_t tables[EXCHANGE_TABLES_MAX];
    int64_t rows[EXCHANGE_TABLES_MAX];
};

ExchangeHash *exchange_hash_new(void) {
    size_t align = _Alignof(ExchangeHash);
    ExchangeHash *hash = aligned_alloc(align, (sizeof *hash + align - 1) / align * align);
    if (hash) {
        memset(hash, 0, sizeof *hash);
        for (size_t i = 0; i < EXCHANGE_TABLES_MAX; i++) {
            XXH3_128bits_reset(&hash->tables[i]);
        }
    }
    return hash;
}

void exchange_hash_free(ExchangeHash *hash) {
    free(hash);
}

/* What a value is and how long: first of all columns, so that two texts are not two others. */
typedef struct Head {
    char kind;
    char bytes[8]; /* a number, or a text's length */
} Head;

static Head head_of(Value value) {
    Head head = {.kind = 'n'};
    uint64_t size;
    switch (value.type) {
    case VALUE_NULL:
        break;
    case VALUE_INT:
        head.kind = 'i';
        memcpy(head.bytes, &value.as.integer, sizeof head.bytes);
        break;
    case VALUE_DOUBLE:
        head.kind = 'd';
        memcpy(head.bytes, &value.as.number, sizeof head.bytes);
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        head.kind = 't';
        size = value.as.text.size;
        memcpy(head.bytes, &size, sizeof head.bytes);
        break;
    }
    return head;
}

void exchange_hash_row(ExchangeHash *hash, const ExchangeTable *table, const Value *values) {
    XXH3_state_t *state = &hash->tables[exchange_index(table)];
    Head heads[EXCHANGE_COLUMNS_MAX];
    size_t count = 0;
    for (; table->columns[count].name; count++) {
        heads[count] = head_of(values[count]);
    }
    XXH3_128bits_update(state, heads, count * sizeof *heads);
    for (size_t i = 0; i < count; i++) {
        if (heads[i].kind == 't') {
            XXH3_128bits_update(state, values[i].as.text.data, values[i].as.text.size);
        }
    }
    hash->rows[exchange_index(table)]++;
}

int64_t exchange_hash_rows(const ExchangeHash *hash, const ExchangeTable *table) {
    return hash->rows[exchange_index(table)];
}

static void add_number(XXH3_state_t *state, int64_t number) {
    XXH3_128bits_update(state, &number, sizeof number);
}

void exchange_hash_text(const ExchangeHash *hash, int64_t schema_version, int64_t last_signal_id,
                        char out[33]) {
    XXH3_state_t all;
    XXH3_128bits_reset(&all);
    add_number(&all, schema_version);
    add_number(&all, last_signal_id);
    for (size_t i = 0; i < exchange_table_count; i++) {
        if (hash->rows[i] > 0) {
            XXH128_hash_t sum = XXH3_128bits_digest(&hash->tables[i]);
            const char *name = exchange_tables[i].name;
            XXH3_128bits_update(&all, name, strlen(name) + 1);
            add_number(&all, hash->rows[i]);
            XXH3_128bits_update(&all, &sum, sizeof sum);
        }
    }
    XXH128_hash_t value = XXH3_128bits_digest(&all);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)value.high64,
             (unsigned long long)value.low64);
}
