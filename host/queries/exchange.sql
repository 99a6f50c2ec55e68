-- Export and import: each table that a document holds has two paragraphs, and a line in
-- host/store/exchange.c. An export reads its table from end to end, in the order of its key; its
-- columns are the keys of the records. The parameters of the import are the same, by name. What is
-- there already is left alone: a row is inserted unless it conflicts, and one whose number alone is
-- taken is tried again without it. So a table that has no other key than its number looks for the
-- row itself first, and a second import adds nothing. OR FAIL, because a broken constraint ends the
-- whole import: the engine then keeps no journal for each row.

-- name: export_signals
SELECT id, signal_type, source_api, canonical_key, company_name, confidence, raw_data, detected_at,
    created_at
FROM signals ORDER BY id

-- name: import_signals
INSERT OR FAIL INTO signals(id, signal_type, source_api, canonical_key, company_name, confidence,
    raw_data, detected_at, created_at)
VALUES (:id, :signal_type, :source_api, :canonical_key, :company_name, :confidence, :raw_data,
    :detected_at, :created_at)
ON CONFLICT DO NOTHING

-- name: export_processing
-- Also those whose signal is gone, which an import leaves out: to look each signal up would read
-- the largest table twice.
SELECT id, signal_id, status, notion_page_id, processed_at, error_message, metadata, created_at,
    updated_at, available_at
FROM signal_processing ORDER BY id

-- name: check_seed_processing
-- The same as a predecessor has it. Scans signal_processing, as the export does.
SELECT id, signal_id, status, notion_page_id, processed_at, error_message, metadata, created_at,
    updated_at, NULL AS available_at
FROM signal_processing ORDER BY id

-- name: import_processing
INSERT OR FAIL INTO signal_processing(id, signal_id, status, notion_page_id, processed_at,
    error_message, metadata, created_at, updated_at, available_at, detected_at)
VALUES (:id, :signal_id, :status, :notion_page_id, :processed_at, :error_message, :metadata,
    :created_at, :updated_at, coalesce(:available_at, :created_at),
    (SELECT detected_at FROM signals WHERE id = :signal_id))
ON CONFLICT DO NOTHING

-- name: export_suppression_cache
SELECT id, canonical_key, notion_page_id, status, company_name, cached_at, expires_at, metadata
FROM suppression_cache ORDER BY id

-- name: import_suppression_cache
-- An entry that has expired here is none, and makes room for one that holds longer.
INSERT OR FAIL INTO suppression_cache(id, canonical_key, notion_page_id, status, company_name,
    cached_at, expires_at, metadata)
VALUES (:id, :canonical_key, :notion_page_id, :status, :company_name, :cached_at, :expires_at,
    :metadata)
ON CONFLICT (canonical_key) DO UPDATE
SET notion_page_id = excluded.notion_page_id, status = excluded.status,
    company_name = excluded.company_name, cached_at = excluded.cached_at,
    expires_at = excluded.expires_at, metadata = excluded.metadata
WHERE suppression_cache.expires_at <= :now AND excluded.expires_at > suppression_cache.expires_at
ON CONFLICT DO NOTHING

-- name: export_company_holds
SELECT canonical_key, until, reason, held_at FROM company_holds ORDER BY canonical_key

-- name: import_company_holds
INSERT INTO company_holds(canonical_key, until, reason, held_at)
VALUES (:canonical_key, :until, :reason, :held_at)
ON CONFLICT DO NOTHING

-- name: export_decisions
-- Runs stay behind, and with them the number of the run.
SELECT id, canonical_key, decided_at, as_of, decision, score, verification_status, reason,
    breakdown, signal_ids
FROM decisions ORDER BY id

-- name: import_decisions
INSERT INTO decisions(id, canonical_key, decided_at, as_of, decision, score, verification_status,
    reason, breakdown, signal_ids)
SELECT :id, :canonical_key, :decided_at, :as_of, :decision, :score, :verification_status, :reason,
    :breakdown, :signal_ids
WHERE NOT EXISTS (
    SELECT 1 FROM decisions
    WHERE canonical_key = :canonical_key AND decided_at = :decided_at AND as_of = :as_of
        AND decision = :decision)
ON CONFLICT DO NOTHING

-- name: export_outbox
SELECT id, sink, canonical_key, version, payload, signal_ids, state, attempts, not_before, worker,
    fence, taken_at, page_id, last_error, created_at, updated_at
FROM outbox ORDER BY id

-- name: import_outbox
INSERT INTO outbox(id, sink, canonical_key, version, payload, signal_ids, state, attempts,
    not_before, worker, fence, taken_at, page_id, last_error, created_at, updated_at)
VALUES (:id, :sink, :canonical_key, :version, :payload, :signal_ids, :state, :attempts, :not_before,
    :worker, :fence, :taken_at, :page_id, :last_error, :created_at, :updated_at)
ON CONFLICT DO NOTHING

-- name: export_collector_state
SELECT collector, stream, value, updated_at FROM collector_state ORDER BY collector, stream

-- name: import_collector_state
INSERT INTO collector_state(collector, stream, value, updated_at)
VALUES (:collector, :stream, :value, :updated_at)
ON CONFLICT DO NOTHING

-- name: export_quarantine
SELECT id, collector, item, reason, first_seen_at, last_seen_at FROM quarantine ORDER BY id

-- name: import_quarantine
INSERT INTO quarantine(id, collector, item, reason, first_seen_at, last_seen_at)
VALUES (:id, :collector, :item, :reason, :first_seen_at, :last_seen_at)
ON CONFLICT DO NOTHING

-- name: export_stat_samples
SELECT at, figures FROM stat_samples ORDER BY at

-- name: import_stat_samples
INSERT INTO stat_samples(at, figures) VALUES (:at, :figures) ON CONFLICT DO NOTHING

-- name: export_alert_instances
SELECT name, labels, state, severity, summary, value, active_at, fired_at, resolved_at, memory
FROM alert_instances ORDER BY name, labels

-- name: import_alert_instances
INSERT INTO alert_instances(name, labels, state, severity, summary, value, active_at, fired_at,
    resolved_at, memory)
VALUES (:name, :labels, :state, :severity, :summary, :value, :active_at, :fired_at, :resolved_at,
    :memory)
ON CONFLICT DO NOTHING

-- name: export_alert_events
SELECT id, at, name, labels, event, value, detail FROM alert_events ORDER BY id

-- name: import_alert_events
INSERT INTO alert_events(id, at, name, labels, event, value, detail)
SELECT :id, :at, :name, :labels, :event, :value, :detail
WHERE NOT EXISTS (
    SELECT 1 FROM alert_events
    WHERE at = :at AND name = :name AND labels = :labels AND event = :event)
ON CONFLICT DO NOTHING

-- name: export_alert_silences
SELECT id, matchers, comment, author, starts_at, ends_at FROM alert_silences ORDER BY id

-- name: import_alert_silences
-- Scans alert_silences, which people make.
INSERT INTO alert_silences(id, matchers, comment, author, starts_at, ends_at)
SELECT :id, :matchers, :comment, :author, :starts_at, :ends_at
WHERE NOT EXISTS (
    SELECT 1 FROM alert_silences
    WHERE matchers = :matchers AND starts_at = :starts_at AND ends_at = :ends_at)
ON CONFLICT DO NOTHING

-- name: export_alert_groups
SELECT receiver, group_key, told FROM alert_groups ORDER BY receiver, group_key

-- name: import_alert_groups
INSERT INTO alert_groups(receiver, group_key, told) VALUES (:receiver, :group_key, :told)
ON CONFLICT DO NOTHING

-- name: export_alert_notices
SELECT id, receiver, group_key, notice, status, attempts, created_at, next_at, error
FROM alert_notices ORDER BY id

-- name: import_alert_notices
-- Scans alert_notices, whose sent ones are removed after a week.
INSERT INTO alert_notices(id, receiver, group_key, notice, status, attempts, created_at, next_at,
    error)
SELECT :id, :receiver, :group_key, :notice, :status, :attempts, :created_at, :next_at, :error
WHERE NOT EXISTS (
    SELECT 1 FROM alert_notices
    WHERE receiver = :receiver AND group_key = :group_key AND created_at = :created_at
        AND notice = :notice)
ON CONFLICT DO NOTHING

-- name: exchange_has_sequence
-- Whether numbers that were given are remembered: a predecessor's file may do without.
SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')

-- name: export_last_signal_id
-- The highest number ever given to a signal. Scans sqlite_sequence, which has a row a table.
SELECT seq FROM sqlite_sequence WHERE name = 'signals'

-- name: import_sequence_make
-- Scans sqlite_sequence.
INSERT INTO sqlite_sequence(name, seq)
SELECT 'signals', ?1 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'signals')

-- name: import_sequence_raise
-- Scans sqlite_sequence.
UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'signals' AND seq < ?1

-- name: import_map_make
-- Where the document's signals went that have no place in the runs of host/store/import_map.h:
-- their number there, their number here, whether this import brought them, and whether they wait
-- for an outbox row that it didn't bring.
CREATE TEMP TABLE IF NOT EXISTS import_map(
    document_id INTEGER PRIMARY KEY,
    id INTEGER NOT NULL,
    added INTEGER NOT NULL,
    stranded INTEGER NOT NULL DEFAULT 0
)

-- name: import_map_index
CREATE INDEX IF NOT EXISTS temp.import_map_by_id ON import_map(id)

-- name: import_map_clear
DELETE FROM temp.import_map

-- name: import_map_put
INSERT INTO temp.import_map(document_id, id, added) VALUES (?1, ?2, ?3)

-- name: import_map_get
SELECT id, added FROM temp.import_map WHERE document_id = ?1

-- name: import_map_taken
SELECT 1 FROM temp.import_map WHERE id = ?1

-- name: import_map_strand
INSERT INTO temp.import_map(document_id, id, added, stranded) VALUES (?1, ?2, 1, 1)
ON CONFLICT (document_id) DO UPDATE SET stranded = 1

-- name: import_map_reopen
-- Queued signals whose delivery isn't here: they are due again, and are decided on anew.
UPDATE signal_processing SET status = 'pending', updated_at = ?1, available_at = ?1
WHERE status = 'queued' AND signal_id IN (SELECT id FROM temp.import_map WHERE stranded = 1)
