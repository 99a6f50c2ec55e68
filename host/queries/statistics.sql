-- Counts, kept as the rows change (host/driver/driver.h, Counted).

-- name: statistics_by
-- The counts of one name. Rests on the primary key.
SELECT value, n FROM counters WHERE name = ?1 AND n <> 0 ORDER BY value

-- name: statistics_expired
-- Suppression entries that hold no longer. Rests on idx_suppression_expires_at.
SELECT count(*) FROM suppression_cache WHERE expires_at <= ?1

-- name: statistics_woken
-- Companies that wait no longer. Rests on holds_by_until.
SELECT count(*) FROM company_holds WHERE until <= ?1
