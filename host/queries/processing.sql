-- What became of signals. A signal has one row here; where a predecessor left several, all of them
-- move together.

-- name: processing_insert
-- A new signal is pending, and due from now on.
INSERT INTO signal_processing(signal_id, status, created_at, updated_at, available_at, detected_at)
VALUES (?1, 'pending', ?2, ?2, ?2, ?3)

-- name: processing_adopt
-- The row of a signal that has none (a predecessor's): none is made where there is no such signal.
INSERT INTO signal_processing(signal_id, status, created_at, updated_at, available_at, detected_at)
SELECT s.id, 'pending', ?2, ?2, ?2, s.detected_at FROM signals s WHERE s.id = ?1

-- name: processing_reopen
-- Rests, as all of these, on idx_processing_signal_id. ?5 or ?6 is the state that it is to be in;
-- with ?5 NULL any does. OR FAIL, because none of them can break a constraint: the engine then
-- keeps no journal of its own for each, which costs a third; nor may a function be called here.
UPDATE OR FAIL signal_processing
SET status = 'pending', notion_page_id = NULL, processed_at = NULL, error_message = NULL,
    metadata = coalesce(?3, metadata), updated_at = ?2, available_at = ?2
WHERE signal_id = ?1 AND (?5 IS NULL OR status = ?5 OR status = ?6)

-- name: processing_queue
UPDATE OR FAIL signal_processing
SET status = 'queued', error_message = NULL, metadata = coalesce(?3, metadata), updated_at = ?2
WHERE signal_id = ?1 AND (?5 IS NULL OR status = ?5 OR status = ?6)

-- name: processing_push
UPDATE OR FAIL signal_processing
SET status = 'pushed', notion_page_id = ?4, processed_at = ?2, error_message = NULL,
    metadata = coalesce(?3, metadata), updated_at = ?2
WHERE signal_id = ?1 AND (?5 IS NULL OR status = ?5 OR status = ?6)

-- name: processing_reject
UPDATE OR FAIL signal_processing
SET status = 'rejected', error_message = ?4, processed_at = ?2,
    metadata = coalesce(?3, metadata), updated_at = ?2
WHERE signal_id = ?1 AND (?5 IS NULL OR status = ?5 OR status = ?6)

-- name: processing_fail
UPDATE OR FAIL signal_processing
SET status = 'failed', error_message = ?4, processed_at = ?2,
    metadata = coalesce(?3, metadata), updated_at = ?2
WHERE signal_id = ?1 AND (?5 IS NULL OR status = ?5 OR status = ?6)

-- name: processing_unfilled
-- Whether there are rows that a program wrote which runs no triggers. Rests on pending_by_due,
-- where they stand first.
SELECT 1 FROM signal_processing WHERE status = 'pending' AND available_at IS NULL LIMIT 1

-- name: processing_fill
-- Such rows are due since they were made. Rests on pending_by_due.
UPDATE signal_processing
SET available_at = created_at,
    detected_at = (SELECT s.detected_at FROM signals s WHERE s.id = signal_id)
WHERE status = 'pending' AND available_at IS NULL
