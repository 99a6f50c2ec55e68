#include "store/exchange.h"

#include <math.h>
#include <string.h>

const ExchangeTable exchange_tables[] = {
    {"signals", 1002, &query_export_signals, &query_import_signals,
     {{"id", COLUMN_ID, false},
      {"signal_type", COLUMN_NAME, true},
      {"source_api", COLUMN_NAME, true},
      {"canonical_key", COLUMN_NAME, true},
      {"company_name", COLUMN_TEXT, false},
      {"confidence", COLUMN_SHARE, true},
      {"raw_data", COLUMN_JSON, true},
      {"detected_at", COLUMN_TIME, true},
      {"created_at", COLUMN_TIME, true}}},
    {"processing", 1002, &query_export_processing, &query_import_processing,
     {{"id", COLUMN_ID, false},
      {"signal_id", COLUMN_ID, true},
      {"status", COLUMN_PROCESSING_STATE, true},
      {"notion_page_id", COLUMN_TEXT, false},
      {"processed_at", COLUMN_TIME, false},
      {"error_message", COLUMN_TEXT, false},
      {"metadata", COLUMN_JSON, false},
      {"created_at", COLUMN_TIME, false},
      {"updated_at", COLUMN_TIME, false},
      {"available_at", COLUMN_TIME, false}}},
    {"suppression_cache", 1002, &query_export_suppression_cache, &query_import_suppression_cache,
     {{"id", COLUMN_ID, false},
      {"canonical_key", COLUMN_NAME, true},
      {"notion_page_id", COLUMN_NAME, true},
      {"status", COLUMN_TEXT, true},
      {"company_name", COLUMN_TEXT, false},
      {"cached_at", COLUMN_TIME, true},
      {"expires_at", COLUMN_TIME, true},
      {"metadata", COLUMN_JSON, false}}},
    {"company_holds", 1003, &query_export_company_holds, &query_import_company_holds,
     {{"canonical_key", COLUMN_NAME, true},
      {"until", COLUMN_TIME, true},
      {"reason", COLUMN_TEXT, false},
      {"held_at", COLUMN_TIME, true}}},
    {"decisions", 1006, &query_export_decisions, &query_import_decisions,
     {{"id", COLUMN_ID, false},
      {"canonical_key", COLUMN_NAME, true},
      {"decided_at", COLUMN_TIME, true},
      {"as_of", COLUMN_TIME, true},
      {"decision", COLUMN_NAME, true},
      {"score", COLUMN_NUMBER, false},
      {"verification_status", COLUMN_TEXT, false},
      {"reason", COLUMN_TEXT, false},
      {"breakdown", COLUMN_JSON, false},
      {"signal_ids", COLUMN_IDS, true}}},
    {"outbox", 1006, &query_export_outbox, &query_import_outbox,
     {{"id", COLUMN_ID, false},
      {"sink", COLUMN_NAME, true},
      {"canonical_key", COLUMN_NAME, true},
      {"version", COLUMN_INTEGER, true},
      {"payload", COLUMN_JSON, true},
      {"signal_ids", COLUMN_IDS, true},
      {"state", COLUMN_OUTBOX_STATE, true},
      {"attempts", COLUMN_INTEGER, true},
      {"not_before", COLUMN_TIME, true},
      {"worker", COLUMN_INTEGER, false},
      {"fence", COLUMN_INTEGER, true},
      {"taken_at", COLUMN_TIME, false},
      {"page_id", COLUMN_TEXT, false},
      {"last_error", COLUMN_TEXT, false},
      {"created_at", COLUMN_TIME, true},
      {"updated_at", COLUMN_TIME, true}}},
    {"collector_state", 1007, &query_export_collector_state, &query_import_collector_state,
     {{"collector", COLUMN_NAME, true},
      {"stream", COLUMN_TEXT, true},
      {"value", COLUMN_JSON, false},
      {"updated_at", COLUMN_TIME, true}}},
    {"quarantine", 1007, &query_export_quarantine, &query_import_quarantine,
     {{"id", COLUMN_ID, false},
      {"collector", COLUMN_NAME, true},
      {"item", COLUMN_BYTES, true},
      {"reason", COLUMN_TEXT, true},
      {"first_seen_at", COLUMN_TIME, true},
      {"last_seen_at", COLUMN_TIME, true}}},
    {"stat_samples", 1005, &query_export_stat_samples, &query_import_stat_samples,
     {{"at", COLUMN_TIME, true}, {"figures", COLUMN_JSON, true}}},
    {"alert_instances", 1005, &query_export_alert_instances, &query_import_alert_instances,
     {{"name", COLUMN_NAME, true},
      {"labels", COLUMN_TEXT, true},
      {"state", COLUMN_ALERT_STATE, true},
      {"severity", COLUMN_TEXT, false},
      {"summary", COLUMN_TEXT, false},
      {"value", COLUMN_NUMBER, false},
      {"active_at", COLUMN_TIME, false},
      {"fired_at", COLUMN_TIME, false},
      {"resolved_at", COLUMN_TIME, false},
      {"memory", COLUMN_JSON, true}}},
    {"alert_events", 1005, &query_export_alert_events, &query_import_alert_events,
     {{"id", COLUMN_ID, false},
      {"at", COLUMN_TIME, true},
      {"name", COLUMN_NAME, true},
      {"labels", COLUMN_TEXT, true},
      {"event", COLUMN_NAME, true},
      {"value", COLUMN_NUMBER, false},
      {"detail", COLUMN_TEXT, false}}},
    {"alert_silences", 1005, &query_export_alert_silences, &query_import_alert_silences,
     {{"id", COLUMN_ID, false},
      {"matchers", COLUMN_JSON, true},
      {"comment", COLUMN_TEXT, false},
      {"author", COLUMN_TEXT, false},
      {"starts_at", COLUMN_TIME, true},
      {"ends_at", COLUMN_TIME, true}}},
    {"alert_groups", 1005, &query_export_alert_groups, &query_import_alert_groups,
     {{"receiver", COLUMN_NAME, true},
      {"group_key", COLUMN_TEXT, true},
      {"told", COLUMN_JSON, true}}},
    {"alert_notices", 1005, &query_export_alert_notices, &query_import_alert_notices,
     {{"id", COLUMN_ID, false},
      {"receiver", COLUMN_NAME, true},
      {"group_key", COLUMN_TEXT, true},
      {"notice", COLUMN_JSON, true},
      {"status", COLUMN_NOTICE_STATE, true},
      {"attempts", COLUMN_INTEGER, true},
      {"created_at", COLUMN_TIME, true},
      {"next_at", COLUMN_TIME, true},
      {"error", COLUMN_TEXT, false}}},
};

const size_t exchange_table_count = sizeof exchange_tables / sizeof *exchange_tables;
_Static_assert(sizeof exchange_tables / sizeof *exchange_tables <= EXCHANGE_TABLES_MAX,
               "reports have room for every table");

const char *exchange_words(ColumnType type) {
    switch (type) {
    case COLUMN_PROCESSING_STATE: return "pending, queued, pushed, rejected or failed";
    case COLUMN_OUTBOX_STATE: return "ready, sending, sent, refused or failed";
    case COLUMN_ALERT_STATE: return "inactive, pending, firing or resolved";
    case COLUMN_NOTICE_STATE: return "waiting, sent or failed";
    default: return NULL;
    }
}

const ExchangeTable *exchange_table_find(Text name) {
    for (size_t i = 0; i < exchange_table_count; i++) {
        if (text_is(name, exchange_tables[i].name)) {
            return &exchange_tables[i];
        }
    }
    return NULL;
}

Status exchange_check_columns(const ExchangeTable *table, St *st, Error *error) {
    int i = 0;
    while (table->columns[i].name && i < st_column_count(st) &&
           strcmp(table->columns[i].name, st_column_name(st, i)) == 0) {
        i++;
    }
    if (!table->columns[i].name && i == st_column_count(st)) {
        return STATUS_OK;
    }
    return error_set(error, STATUS_SQL, "%s: column %d is not as exchange.c has it", table->name,
                     i + 1);
}

Value exchange_value(const ExchangeColumn *column, Value value) {
    bool number = column->type == COLUMN_NUMBER || column->type == COLUMN_SHARE;
    if (value.type == VALUE_DOUBLE && !isfinite(value.as.number)) {
        return value_null();
    }
    return number && value.type == VALUE_INT ? value_double((double)value.as.integer) : value;
}
