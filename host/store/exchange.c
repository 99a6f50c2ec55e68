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
    {"decisions", &query_export_decisions, &query_import_decisions,
     {{"id", COLUMN_INTEGER, false},
      {"canonical_key", COLUMN_NAME, true},
      {"decided_at", COLUMN_TIME, true},
      {"as_of", COLUMN_TIME, true},
      {"decision", COLUMN_NAME, true},
      {"score", COLUMN_NUMBER, false},
      {"verification_status", COLUMN_TEXT, false},
      {"reason", COLUMN_TEXT, false},
      {"breakdown", COLUMN_JSON, false},
      {"signal_ids", COLUMN_IDS, true}}},
    {"outbox", &query_export_outbox, &query_import_outbox,
     {{"id", COLUMN_INTEGER, false},
      {"sink", COLUMN_NAME, true},
      {"canonical_key", COLUMN_NAME, true},
      {"version", COLUMN_INTEGER, true},
      {"payload", COLUMN_JSON, true},
      {"signal_ids", COLUMN_IDS, true},
      {"state", COLUMN_NAME, true},
      {"attempts", COLUMN_INTEGER, true},
      {"not_before", COLUMN_TIME, true},
      {"worker", COLUMN_INTEGER, false},
      {"fence", COLUMN_INTEGER, true},
      {"taken_at", COLUMN_TIME, false},
      {"page_id", COLUMN_TEXT, false},
      {"last_error", COLUMN_TEXT, false},
      {"created_at", COLUMN_TIME, true},
      {"updated_at", COLUMN_TIME, true}}},
    {"collector_state", &query_export_collector_state, &query_import_collector_state,
     {{"collector", COLUMN_NAME, true},
      {"stream", COLUMN_TEXT, true},
      {"value", COLUMN_JSON, false},
      {"updated_at", COLUMN_TIME, true}}},
    {"quarantine", &query_export_quarantine, &query_import_quarantine,
     {{"id", COLUMN_INTEGER, false},
      {"collector", COLUMN_NAME, true},
      {"item", COLUMN_BYTES, true},
      {"reason", COLUMN_TEXT, true},
      {"first_seen_at", COLUMN_TIME, true},
      {"last_seen_at", COLUMN_TIME, true}}},
    {"stat_samples", &query_export_stat_samples, &query_import_stat_samples,
     {{"at", COLUMN_TIME, true}, {"figures", COLUMN_JSON, true}}},
    {"alert_instances", &query_export_alert_instances, &query_import_alert_instances,
     {{"name", COLUMN_NAME, true},
      {"labels", COLUMN_TEXT, true},
      {"state", COLUMN_NAME, true},
      {"severity", COLUMN_TEXT, false},
      {"summary", COLUMN_TEXT, false},
      {"value", COLUMN_NUMBER, false},
      {"active_at", COLUMN_TIME, false},
      {"fired_at", COLUMN_TIME, false},
      {"resolved_at", COLUMN_TIME, false},
      {"memory", COLUMN_JSON, true}}},
    {"alert_events", &query_export_alert_events, &query_import_alert_events,
     {{"id", COLUMN_INTEGER, false},
      {"at", COLUMN_TIME, true},
      {"name", COLUMN_NAME, true},
      {"labels", COLUMN_TEXT, true},
      {"event", COLUMN_NAME, true},
      {"value", COLUMN_NUMBER, false},
      {"detail", COLUMN_TEXT, false}}},
    {"alert_silences", &query_export_alert_silences, &query_import_alert_silences,
     {{"id", COLUMN_INTEGER, false},
      {"matchers", COLUMN_JSON, true},
      {"comment", COLUMN_TEXT, false},
      {"author", COLUMN_TEXT, false},
      {"starts_at", COLUMN_TIME, true},
      {"ends_at", COLUMN_TIME, true}}},
    {"alert_groups", &query_export_alert_groups, &query_import_alert_groups,
     {{"receiver", COLUMN_NAME, true},
      {"group_key", COLUMN_TEXT, true},
      {"told", COLUMN_JSON, true}}},
    {"alert_notices", &query_export_alert_notices, &query_import_alert_notices,
     {{"id", COLUMN_INTEGER, false},
      {"receiver", COLUMN_NAME, true},
      {"group_key", COLUMN_TEXT, true},
      {"notice", COLUMN_JSON, true},
      {"status", COLUMN_NAME, true},
      {"attempts", COLUMN_INTEGER, true},
      {"created_at", COLUMN_TIME, true},
      {"next_at", COLUMN_TIME, true},
      {"error", COLUMN_TEXT, false}}},
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
