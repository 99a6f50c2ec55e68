-- Holds: a company that nobody needs to look at until a time, or until a new signal of it. One that
-- waits has a row here, and its pending signals a later `available_at`: both or neither.

-- name: hold_any
-- Whether any company waits: where none does, saves and marks have nothing to wake. Scans
-- company_holds to its first row.
SELECT EXISTS (SELECT 1 FROM company_holds)

-- name: hold_insert
INSERT INTO company_holds(canonical_key, until, reason, held_at)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (canonical_key) DO UPDATE
SET until = excluded.until, reason = excluded.reason, held_at = excluded.held_at

-- name: hold_signal
-- Sets one signal aside until ?2. Rests on idx_processing_signal_id.
UPDATE signal_processing SET available_at = ?2 WHERE signal_id = ?1 AND status = 'pending'

-- name: hold_pending
-- The newest pending signal of the company: none has to wait, or one that came later is due. Rests
-- on the signals' unique key and idx_processing_signal_id.
SELECT max(p.signal_id) FROM signals s JOIN signal_processing p ON p.signal_id = s.id
WHERE s.canonical_key = ?1 AND p.status = 'pending'

-- name: hold_company
-- The company of a signal, where it waits.
SELECT h.canonical_key FROM signals s JOIN company_holds h ON h.canonical_key = s.canonical_key
WHERE s.id = ?1

-- name: hold_end
DELETE FROM company_holds WHERE canonical_key = ?1

-- name: hold_end_settled
-- The same where none of the company's signals is pending any more.
DELETE FROM company_holds
WHERE canonical_key = ?1
    AND NOT EXISTS (
        SELECT 1 FROM signals s JOIN signal_processing p ON p.signal_id = s.id
        WHERE s.canonical_key = company_holds.canonical_key AND p.status = 'pending')

-- name: hold_wake
-- What was set aside is due from ?2 on. Rests on the signals' unique key and
-- idx_processing_signal_id.
UPDATE signal_processing SET available_at = ?2
WHERE signal_id IN (SELECT s.id FROM signals s WHERE s.canonical_key = ?1)
    AND status = 'pending' AND available_at > ?2
