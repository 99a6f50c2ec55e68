-- The local copy of what the CRM holds.

-- name: suppression_put
INSERT INTO suppression_cache(canonical_key, notion_page_id, status, company_name, cached_at,
    expires_at, metadata)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (canonical_key) DO UPDATE
SET notion_page_id = excluded.notion_page_id, status = excluded.status,
    company_name = excluded.company_name, cached_at = excluded.cached_at,
    expires_at = excluded.expires_at, metadata = excluded.metadata

-- name: suppression_check
-- Rests on the unique key.
SELECT canonical_key, notion_page_id, status, company_name, cached_at, expires_at, metadata
FROM suppression_cache WHERE canonical_key = ?1 AND expires_at > ?2

-- name: suppression_clean
-- Rests on idx_suppression_expires_at.
DELETE FROM suppression_cache WHERE expires_at <= ?1
