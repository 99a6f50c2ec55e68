-- Counts, kept as the rows change (host/driver/driver.h, Counted).

-- name: statistics_by
-- The counts of one name. Rests on the primary key.
SELECT value, n FROM counters WHERE name = ?1 AND n <> 0 ORDER BY value

-- name: statistics_all
-- All that get_stats tells, in one statement, so that it is of one moment: the counters; then,
-- under names of their own, the suppression entries that hold no longer and the companies that wait
-- no longer at ?1. Rests on the counters' primary key, idx_suppression_expires_at, holds_by_until.
SELECT name, value, n FROM counters
WHERE name IN ('signals_by_type', 'processing_status', 'suppression_entries', 'company_holds')
    AND n <> 0
UNION ALL
SELECT 'suppression_expired', '', count(*) FROM suppression_cache WHERE expires_at <= ?1
UNION ALL
SELECT 'company_woken', '', count(*) FROM company_holds WHERE until <= ?1
ORDER BY name, value
