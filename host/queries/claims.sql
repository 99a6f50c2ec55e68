-- Claims: a company that one worker alone may decide on. What its holder runs names the fence and
-- the worker: a fence that was rolled back is given again, to whoever claims next.

-- name: claim_due
-- Due signals of companies that nobody has, those that wait longest first. Rests on pending_by_due.
SELECT s.canonical_key
FROM signal_processing p
CROSS JOIN signals s ON s.id = p.signal_id
WHERE p.status = 'pending' AND p.available_at <= ?1
    AND NOT EXISTS (SELECT 1 FROM company_claims c WHERE c.canonical_key = s.canonical_key)
ORDER BY p.available_at, p.signal_id

-- name: claim_due_of_type
-- The same for one signal type.
SELECT s.canonical_key
FROM signal_processing p
CROSS JOIN signals s ON s.id = p.signal_id
WHERE p.status = 'pending' AND p.available_at <= ?1 AND s.signal_type = ?2
    AND NOT EXISTS (SELECT 1 FROM company_claims c WHERE c.canonical_key = s.canonical_key)
ORDER BY p.available_at, p.signal_id

-- name: claim_insert
INSERT INTO company_claims(canonical_key, fence, worker, owner, claimed_at, lease_until)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (canonical_key) DO NOTHING

-- name: claim_signals
-- The signals of the companies that one call claimed: fences from ?1 to ?2. Rests on the fence's
-- unique index and the signals' unique key; sorts the signals of each company.
SELECT s.id, s.signal_type, s.source_api, s.canonical_key, s.company_name, s.confidence,
    s.raw_data, s.detected_at, s.created_at,
    p.status, p.notion_page_id, p.processed_at, p.error_message, p.metadata
FROM company_claims c
CROSS JOIN signals s ON s.canonical_key = c.canonical_key
LEFT JOIN signal_processing p
    ON p.id = (SELECT max(q.id) FROM signal_processing q WHERE q.signal_id = s.id)
WHERE c.fence BETWEEN ?1 AND ?2
ORDER BY c.fence, s.detected_at DESC, s.id DESC

-- name: claim_fence
-- The number of the last claim ever made.
SELECT n FROM counters WHERE name = 'fence' AND value = ''

-- name: claim_fence_set
UPDATE counters SET n = ?1 WHERE name = 'fence' AND value = ''

-- name: claim_workers
-- Who holds claims. Scans company_claims, which has a row a company in work, and sorts the few
-- workers.
SELECT DISTINCT worker FROM company_claims

-- name: claim_free_worker
-- Scans company_claims.
DELETE FROM company_claims WHERE worker = ?1

-- name: claim_free_expired
-- Scans company_claims.
DELETE FROM company_claims WHERE lease_until <= ?1

-- name: claim_held
-- Whether a fence still holds its company. Rests on the primary key.
SELECT 1 FROM company_claims
WHERE canonical_key = ?1 AND fence = ?2 AND worker = ?3 AND lease_until > ?4

-- name: claim_renew
UPDATE company_claims SET lease_until = ?4 WHERE canonical_key = ?1 AND fence = ?2 AND worker = ?3

-- name: claim_end
DELETE FROM company_claims WHERE canonical_key = ?1 AND fence = ?2 AND worker = ?3

-- name: claim_member
-- Whether a signal is the company's. Rests on the primary key.
SELECT 1 FROM signals WHERE id = ?1 AND canonical_key = ?2
