#include "gen/queries.h"

#include <stddef.h>

const Query query_claim_due = {
    "claim_due",
    "SELECT s.canonical_key\n"
    "FROM signal_processing p\n"
    "CROSS JOIN signals s ON s.id = p.signal_id\n"
    "WHERE p.status = 'pending' AND p.available_at <= \0771\n"
    "    AND NOT EXISTS (SELECT 1 FROM company_claims c WHERE c.canonical_key = s.canonical_key)\n"
    "ORDER BY p.available_at, p.signal_id",
    NULL,
    0,
};

const Query query_claim_due_of_type = {
    "claim_due_of_type",
    "SELECT s.canonical_key\n"
    "FROM signal_processing p\n"
    "CROSS JOIN signals s ON s.id = p.signal_id\n"
    "WHERE p.status = 'pending' AND p.available_at <= \0771 AND s.signal_type = \0772\n"
    "    AND NOT EXISTS (SELECT 1 FROM company_claims c WHERE c.canonical_key = s.canonical_key)\n"
    "ORDER BY p.available_at, p.signal_id",
    NULL,
    1,
};

const Query query_claim_end = {
    "claim_end",
    "DELETE FROM company_claims WHERE canonical_key = \0771 AND fence = \0772",
    NULL,
    2,
};

const Query query_claim_fence = {
    "claim_fence",
    "SELECT n FROM counters WHERE name = 'fence' AND value = ''",
    NULL,
    3,
};

const Query query_claim_fence_set = {
    "claim_fence_set",
    "UPDATE counters SET n = \0771 WHERE name = 'fence' AND value = ''",
    NULL,
    4,
};

const Query query_claim_free_expired = {
    "claim_free_expired",
    "DELETE FROM company_claims WHERE lease_until <= \0771",
    NULL,
    5,
};

const Query query_claim_free_worker = {
    "claim_free_worker",
    "DELETE FROM company_claims WHERE worker = \0771",
    NULL,
    6,
};

const Query query_claim_held = {
    "claim_held",
    "SELECT 1 FROM company_claims WHERE canonical_key = \0771 AND fence = \0772 AND lease_until > \0773",
    NULL,
    7,
};

const Query query_claim_insert = {
    "claim_insert",
    "INSERT INTO company_claims(canonical_key, fence, worker, owner, claimed_at, lease_until)\n"
    "VALUES (\0771, \0772, \0773, \0774, \0775, \0776)\n"
    "ON CONFLICT (canonical_key) DO NOTHING",
    NULL,
    8,
};

const Query query_claim_renew = {
    "claim_renew",
    "UPDATE company_claims SET lease_until = \0773 WHERE canonical_key = \0771 AND fence = \0772",
    NULL,
    9,
};

const Query query_claim_workers = {
    "claim_workers",
    "SELECT DISTINCT worker FROM company_claims",
    NULL,
    10,
};

const Query query_hold_any = {
    "hold_any",
    "SELECT EXISTS (SELECT 1 FROM company_holds)",
    NULL,
    11,
};

const Query query_hold_end = {
    "hold_end",
    "DELETE FROM company_holds WHERE canonical_key = \0771",
    NULL,
    12,
};

const Query query_hold_end_of_signal = {
    "hold_end_of_signal",
    "DELETE FROM company_holds\n"
    "WHERE canonical_key = (SELECT s.canonical_key FROM signals s WHERE s.id = \0771)",
    NULL,
    13,
};

const Query query_hold_end_settled = {
    "hold_end_settled",
    "DELETE FROM company_holds\n"
    "WHERE canonical_key = (SELECT s.canonical_key FROM signals s WHERE s.id = \0771)\n"
    "    AND NOT EXISTS (\n"
    "        SELECT 1 FROM signals s JOIN signal_processing p ON p.signal_id = s.id\n"
    "        WHERE s.canonical_key = company_holds.canonical_key AND p.status = 'pending')",
    NULL,
    14,
};

const Query query_hold_insert = {
    "hold_insert",
    "INSERT INTO company_holds(canonical_key, until, reason, held_at)\n"
    "SELECT \0771, \0772, \0773, \0774\n"
    "WHERE EXISTS (\n"
    "        SELECT 1 FROM signals s JOIN signal_processing p ON p.signal_id = s.id\n"
    "        WHERE s.canonical_key = \0771 AND p.status = 'pending')\n"
    "    AND NOT EXISTS (\n"
    "        SELECT 1 FROM signals s JOIN signal_processing p ON p.signal_id = s.id\n"
    "        WHERE s.canonical_key = \0771 AND p.status = 'pending' AND s.id > \0775)\n"
    "ON CONFLICT (canonical_key) DO UPDATE\n"
    "SET until = excluded.until, reason = excluded.reason, held_at = excluded.held_at",
    NULL,
    15,
};

const Query query_hold_signals = {
    "hold_signals",
    "UPDATE signal_processing SET available_at = \0772\n"
    "WHERE status = 'pending' AND signal_id <= \0773\n"
    "    AND signal_id IN (SELECT id FROM signals WHERE canonical_key = \0771)",
    NULL,
    16,
};

const Query query_migration_checksum = {
    "migration_checksum",
    "INSERT INTO schema_checksums(version, checksum) VALUES (\0771, \0772)",
    NULL,
    17,
};

const Query query_migration_record = {
    "migration_record",
    "INSERT INTO schema_migrations(version, applied_at, description) VALUES (\0771, \0772, \0773)",
    NULL,
    18,
};

const Query query_migration_state = {
    "migration_state",
    "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'),\n"
    "    EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\134_%' ESCAPE '\134')",
    NULL,
    19,
};

const Query query_migration_version = {
    "migration_version",
    "SELECT coalesce(max(version), 0), coalesce(max(CASE WHEN version < 1001 THEN version END), 0)\n"
    "FROM schema_migrations",
    NULL,
    20,
};

const Query query_pending_order_newest = {
    "pending_order_newest",
    "ORDER BY p.detected_at DESC, p.signal_id DESC",
    NULL,
    21,
};

const Query query_pending_order_oldest = {
    "pending_order_oldest",
    "ORDER BY p.detected_at, p.signal_id",
    NULL,
    22,
};

const Query query_pending_where_before = {
    "pending_where_before",
    "AND p.detected_at < \077",
    NULL,
    23,
};

const Query query_pending_where_since = {
    "pending_where_since",
    "AND p.detected_at >= \077",
    NULL,
    24,
};

const Query query_processing_adopt = {
    "processing_adopt",
    "INSERT INTO signal_processing(signal_id, status, created_at, updated_at, available_at, detected_at)\n"
    "SELECT s.id, 'pending', \0772, \0772, \0772, s.detected_at FROM signals s WHERE s.id = \0771",
    NULL,
    25,
};

const Query query_processing_fail = {
    "processing_fail",
    "UPDATE signal_processing\n"
    "SET status = 'failed', error_message = \0774, processed_at = \0772,\n"
    "    metadata = coalesce(\0773, metadata), updated_at = \0772\n"
    "WHERE signal_id = \0771",
    NULL,
    26,
};

const Query query_processing_fill = {
    "processing_fill",
    "UPDATE signal_processing\n"
    "SET available_at = created_at,\n"
    "    detected_at = (SELECT s.detected_at FROM signals s WHERE s.id = signal_id)\n"
    "WHERE status = 'pending' AND available_at IS NULL",
    NULL,
    27,
};

const Query query_processing_insert = {
    "processing_insert",
    "INSERT INTO signal_processing(signal_id, status, created_at, updated_at, available_at, detected_at)\n"
    "VALUES (\0771, 'pending', \0772, \0772, \0772, \0773)",
    NULL,
    28,
};

const Query query_processing_is_pending = {
    "processing_is_pending",
    "SELECT EXISTS (SELECT 1 FROM signal_processing WHERE signal_id = \0771 AND status = 'pending')",
    NULL,
    29,
};

const Query query_processing_push = {
    "processing_push",
    "UPDATE signal_processing\n"
    "SET status = 'pushed', notion_page_id = \0774, processed_at = \0772, error_message = NULL,\n"
    "    metadata = coalesce(\0773, metadata), updated_at = \0772\n"
    "WHERE signal_id = \0771",
    NULL,
    30,
};

const Query query_processing_queue = {
    "processing_queue",
    "UPDATE signal_processing\n"
    "SET status = 'queued', error_message = NULL, metadata = coalesce(\0773, metadata), updated_at = \0772\n"
    "WHERE signal_id = \0771",
    NULL,
    31,
};

const Query query_processing_reject = {
    "processing_reject",
    "UPDATE signal_processing\n"
    "SET status = 'rejected', error_message = \0774, processed_at = \0772,\n"
    "    metadata = coalesce(\0773, metadata), updated_at = \0772\n"
    "WHERE signal_id = \0771",
    NULL,
    32,
};

const Query query_processing_reopen = {
    "processing_reopen",
    "UPDATE signal_processing\n"
    "SET status = 'pending', notion_page_id = NULL, processed_at = NULL, error_message = NULL,\n"
    "    metadata = coalesce(\0773, metadata), updated_at = \0772, available_at = \0772\n"
    "WHERE signal_id = \0771",
    NULL,
    33,
};

const Query query_signal_find = {
    "signal_find",
    "SELECT id FROM signals\n"
    "WHERE canonical_key = \0771 AND signal_type = \0772 AND source_api = \0773 AND detected_at = \0774",
    NULL,
    34,
};

const Query query_signal_get = {
    "signal_get",
    "SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,\n"
    "    s.raw_data, s.detected_at, s.created_at,\n"
    "    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata\n"
    "FROM signals s\n"
    "LEFT JOIN signal_processing p\n"
    "    ON p.id = (SELECT max(q.id) FROM signal_processing q WHERE q.signal_id = s.id)\n"
    "WHERE s.id = \0771",
    NULL,
    35,
};

const Query query_signal_insert = {
    "signal_insert",
    "INSERT INTO signals(signal_type, source_api, canonical_key, company_name, confidence, raw_data,\n"
    "    detected_at, created_at)\n"
    "VALUES (\0771, \0772, \0773, \0774, \0775, \0776, \0777, \0778)\n"
    "ON CONFLICT (canonical_key, signal_type, source_api, detected_at) DO NOTHING",
    NULL,
    36,
};

const Query query_signal_is_duplicate = {
    "signal_is_duplicate",
    "SELECT EXISTS (SELECT 1 FROM signals WHERE canonical_key = \0771)",
    NULL,
    37,
};

const Query query_signal_key = {
    "signal_key",
    "SELECT canonical_key FROM signals WHERE id = \0771",
    NULL,
    38,
};

const Query query_signal_limit = {
    "signal_limit",
    "LIMIT \077",
    NULL,
    39,
};

const Query query_signal_order_id = {
    "signal_order_id",
    "ORDER BY s.id",
    NULL,
    40,
};

const Query query_signal_order_newest = {
    "signal_order_newest",
    "ORDER BY s.detected_at DESC, s.id DESC",
    NULL,
    41,
};

const Query query_signal_order_oldest = {
    "signal_order_oldest",
    "ORDER BY s.detected_at, s.id",
    NULL,
    42,
};

const Query query_signal_select = {
    "signal_select",
    "SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,\n"
    "    s.raw_data, s.detected_at, s.created_at,\n"
    "    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata\n"
    "FROM signals s\n"
    "LEFT JOIN signal_processing p\n"
    "    ON p.id = (SELECT max(q.id) FROM signal_processing q WHERE q.signal_id = s.id)\n"
    "WHERE TRUE",
    NULL,
    43,
};

const Query query_signal_select_claimed = {
    "signal_select_claimed",
    "SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,\n"
    "    s.raw_data, s.detected_at, s.created_at,\n"
    "    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata\n"
    "FROM company_claims c\n"
    "CROSS JOIN signals s ON s.canonical_key = c.canonical_key\n"
    "LEFT JOIN signal_processing p\n"
    "    ON p.id = (SELECT max(q.id) FROM signal_processing q WHERE q.signal_id = s.id)\n"
    "WHERE c.fence BETWEEN \0771 AND \0772\n"
    "ORDER BY c.fence, s.detected_at DESC, s.id DESC",
    NULL,
    44,
};

const Query query_signal_select_pending = {
    "signal_select_pending",
    "SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,\n"
    "    s.raw_data, s.detected_at, s.created_at,\n"
    "    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata\n"
    "FROM signal_processing p\n"
    "CROSS JOIN signals s ON s.id = p.signal_id\n"
    "WHERE p.status = 'pending'\n"
    "    AND NOT EXISTS (SELECT 1 FROM signal_processing q WHERE q.signal_id = p.signal_id AND q.id > p.id)",
    NULL,
    45,
};

const Query query_signal_where_before = {
    "signal_where_before",
    "AND s.detected_at < \077",
    NULL,
    46,
};

const Query query_signal_where_key = {
    "signal_where_key",
    "AND s.canonical_key = \077",
    NULL,
    47,
};

const Query query_signal_where_since = {
    "signal_where_since",
    "AND s.detected_at >= \077",
    NULL,
    48,
};

const Query query_signal_where_source = {
    "signal_where_source",
    "AND s.source_api = \077",
    NULL,
    49,
};

const Query query_signal_where_status = {
    "signal_where_status",
    "AND p.status = \077",
    NULL,
    50,
};

const Query query_signal_where_type = {
    "signal_where_type",
    "AND s.signal_type = \077",
    NULL,
    51,
};

const Query query_statistics_by = {
    "statistics_by",
    "SELECT value, n FROM counters WHERE name = \0771 AND n <> 0 ORDER BY value",
    NULL,
    52,
};

const Query query_statistics_expired = {
    "statistics_expired",
    "SELECT count(*) FROM suppression_cache WHERE expires_at <= \0771",
    NULL,
    53,
};

const Query query_statistics_woken = {
    "statistics_woken",
    "SELECT count(*) FROM company_holds WHERE until <= \0771",
    NULL,
    54,
};

const Query query_suppression_check = {
    "suppression_check",
    "SELECT canonical_key, notion_page_id, status, company_name, cached_at, expires_at, metadata\n"
    "FROM suppression_cache WHERE canonical_key = \0771 AND expires_at > \0772",
    NULL,
    55,
};

const Query query_suppression_clean = {
    "suppression_clean",
    "DELETE FROM suppression_cache WHERE expires_at <= \0771",
    NULL,
    56,
};

const Query query_suppression_put = {
    "suppression_put",
    "INSERT INTO suppression_cache(canonical_key, notion_page_id, status, company_name, cached_at,\n"
    "    expires_at, metadata)\n"
    "VALUES (\0771, \0772, \0773, \0774, \0775, \0776, \0777)\n"
    "ON CONFLICT (canonical_key) DO UPDATE\n"
    "SET notion_page_id = excluded.notion_page_id, status = excluded.status,\n"
    "    company_name = excluded.company_name, cached_at = excluded.cached_at,\n"
    "    expires_at = excluded.expires_at, metadata = excluded.metadata",
    NULL,
    57,
};

const Query *const query_all[] = {
    &query_claim_due,
    &query_claim_due_of_type,
    &query_claim_end,
    &query_claim_fence,
    &query_claim_fence_set,
    &query_claim_free_expired,
    &query_claim_free_worker,
    &query_claim_held,
    &query_claim_insert,
    &query_claim_renew,
    &query_claim_workers,
    &query_hold_any,
    &query_hold_end,
    &query_hold_end_of_signal,
    &query_hold_end_settled,
    &query_hold_insert,
    &query_hold_signals,
    &query_migration_checksum,
    &query_migration_record,
    &query_migration_state,
    &query_migration_version,
    &query_pending_order_newest,
    &query_pending_order_oldest,
    &query_pending_where_before,
    &query_pending_where_since,
    &query_processing_adopt,
    &query_processing_fail,
    &query_processing_fill,
    &query_processing_insert,
    &query_processing_is_pending,
    &query_processing_push,
    &query_processing_queue,
    &query_processing_reject,
    &query_processing_reopen,
    &query_signal_find,
    &query_signal_get,
    &query_signal_insert,
    &query_signal_is_duplicate,
    &query_signal_key,
    &query_signal_limit,
    &query_signal_order_id,
    &query_signal_order_newest,
    &query_signal_order_oldest,
    &query_signal_select,
    &query_signal_select_claimed,
    &query_signal_select_pending,
    &query_signal_where_before,
    &query_signal_where_key,
    &query_signal_where_since,
    &query_signal_where_source,
    &query_signal_where_status,
    &query_signal_where_type,
    &query_statistics_by,
    &query_statistics_expired,
    &query_statistics_woken,
    &query_suppression_check,
    &query_suppression_clean,
    &query_suppression_put,
    NULL,
};
