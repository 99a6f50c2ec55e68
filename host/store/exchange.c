#include "store/exchange.h"

#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL /* header only: nothing to link */
#include <xxhash.h>

const ExchangeTable exchange_tables[] = {
    {"signals", &query_export_signals, &query_import_signals,
     {{"id", COLUMN_INTEGER, false},
      {"signal_type", COLUMN_NAME, true},
      {"source_api", COLUMN_NAME, true},
      {"canonical_key", COLUMN_NAME, true},
      {"company_name", COLUMN_TEXT, false},
      {"confidence", COLUMN_NUMBER, true},
      {"raw_data", COLUMN_JSON, true},
      {"detected_at", COLUMN_TIME, true},
      {"created_at", COLUMN_TIME, true}}},
    {"processing", &query_export_processing, &query_import_processing,
     {{"id", COLUMN_INTEGER, false},
      {"signal_id", COLUMN_INTEGER, true},
      {"status", COLUMN_NAME, true},
      {"notion_page_id", COLUMN_TEXT, false},
      {"processed_at", COLUMN_TIME, false},
      {"error_message", COLUMN_TEXT, false},
      {"metadata", COLUMN_JSON, false},
      {"created_at", COLUMN_TIME, false},
      {"updated_at", COLUMN_TIME, false},
      {"available_at", COLUMN_TIME, false}}},
    {"suppression_cache", &query_export_suppression_cache, &query_import_suppression_cache,
     {{"id", COLUMN_INTEGER, false},
      {"canonical_key", COLUMN_NAME, true},
      {"notion_page_id", COLUMN_NAME, true},
      {"status", COLUMN_TEXT, true},
      {"company_name", COLUMN_TEXT, false},
      {"cached_at", COLUMN_TIME, true},
      {"expires_at", COLUMN_TIME, true},
      {"metadata", COLUMN_JSON, false}}},
    {"company_holds", &query_export_company_holds, &query_import_company_holds,
     {{"canonical_key", COLUMN_NAME, true},
      {"until", COLUMN_TIME, true},
      {"reason", COLUMN_TEXT, false},
      {"held_at", COLUMN_TIME, true}}},
};

const size_t exchange_table_count = sizeof exchange_tables / sizeof *exchange_tables;

const ExchangeTable *exchange_table_find(Text name) {
    for (size_t i = 0; i < exchange_table_count; i++) {
        const ExchangeTable *table = &exchange_tables[i];
        if (strlen(table->name) == name.size && memcmp(table->name, name.data, name.size) == 0) {
            return table;
        }
    }
    return NULL;
}

struct ExchangeHash {
    XXH3_state_t state;
};

ExchangeHash *exchange_hash_new(void) {
    XXH3_state_t *state = XXH3_createState(); /* aligned as it needs */
    if (state) {
        XXH3_128bits_reset(state);
    }
    return (ExchangeHash *)state;
}

void exchange_hash_add(ExchangeHash *hash, const char *table, Text record) {
    XXH3_128bits_update(&hash->state, table, strlen(table));
    XXH3_128bits_update(&hash->state, record.data, record.size);
    XXH3_128bits_update(&hash->state, "\n", 1);
}

void exchange_hash_text(const ExchangeHash *hash, char out[33]) {
    XXH128_hash_t value = XXH3_128bits_digest(&hash->state);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)value.high64,
             (unsigned long long)value.low64);
}

void exchange_hash_free(ExchangeHash *hash) {
    XXH3_freeState((XXH3_state_t *)hash);
}
