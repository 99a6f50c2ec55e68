-- What is asked of signals. The paragraphs signal_select to pending_order_oldest are put together
-- by host/store/cursor.c; every other one is a whole statement.

-- name: signal_insert
-- A signal that is there already is left alone: the row count tells. Rests on the unique key.
INSERT INTO signals(signal_type, source_api, canonical_key, company_name, confidence, raw_data,
    detected_at, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (canonical_key, signal_type, source_api, detected_at) DO NOTHING

-- name: signal_find
-- The signal that stands in the way of an insert. Rests on the unique key.
SELECT id FROM signals
WHERE canonical_key = ?1 AND signal_type = ?2 AND source_api = ?3 AND detected_at = ?4

-- name: signal_is_duplicate
-- Whether the company has any signal. Rests on the unique key, whose first column it is.
SELECT EXISTS (SELECT 1 FROM signals WHERE canonical_key = ?1)

-- name: signal_select
-- Signals with what became of them. A predecessor's signal can have no processing row or several,
-- of which the last counts: it comes first of its signal, and the cursor passes over the others,
-- which costs less than asking for each signal. Rests on idx_processing_signal_id beside what the
-- filter rests on.
SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,
    s.raw_data, s.detected_at, s.created_at,
    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata
FROM signals s
LEFT JOIN signal_processing p ON p.signal_id = s.id
WHERE TRUE

-- name: signal_select_in_state
-- The same where the state is asked for, and the last row must be known before that.
SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,
    s.raw_data, s.detected_at, s.created_at,
    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata
FROM signals s
LEFT JOIN signal_processing p
    ON p.id = (SELECT max(q.id) FROM signal_processing q WHERE q.signal_id = s.id)
WHERE TRUE

-- name: signal_select_pending
-- The same, by way of the backlog: where only pending ones are wanted, the others are not visited.
-- Rests on pending_by_time.
SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,
    s.raw_data, s.detected_at, s.created_at,
    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata
FROM signal_processing p
CROSS JOIN signals s ON s.id = p.signal_id
WHERE p.status = 'pending'
    AND NOT EXISTS (
        SELECT 1 FROM signal_processing q WHERE q.signal_id = p.signal_id AND q.id > p.id)

-- name: signal_get
-- One signal. Rests on the primary key and idx_processing_signal_id.
SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,
    s.raw_data, s.detected_at, s.created_at,
    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata
FROM signals s
LEFT JOIN signal_processing p
    ON p.id = (SELECT max(q.id) FROM signal_processing q WHERE q.signal_id = s.id)
WHERE s.id = ?1

-- name: signal_where_key
    AND s.canonical_key = ?

-- name: signal_where_type
    AND s.signal_type = ?

-- name: signal_where_source
    AND s.source_api = ?

-- name: signal_where_status
    AND p.status = ?

-- name: signal_where_since
-- Rests on signals_by_time.
    AND s.detected_at >= ?

-- name: signal_where_before
    AND s.detected_at < ?

-- name: pending_where_since
-- Rests on pending_by_time.
    AND p.detected_at >= ?

-- name: pending_where_before
    AND p.detected_at < ?

-- name: signal_order_newest
ORDER BY s.detected_at DESC, s.id DESC, p.id DESC

-- name: signal_order_oldest
ORDER BY s.detected_at, s.id, p.id DESC

-- name: signal_order_id
ORDER BY s.id, p.id DESC

-- name: pending_order_newest
ORDER BY p.detected_at DESC, p.signal_id DESC

-- name: pending_order_oldest
ORDER BY p.detected_at, p.signal_id
