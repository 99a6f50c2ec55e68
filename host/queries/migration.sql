-- Which schema a database has, and the record of how it came to it.

-- name: migration_tables
-- How many tables it has; whether one of migrations is among them, how many of our three columns
-- that has, and whether there is one of signals.
SELECT count(*), coalesce(sum(name = 'schema_migrations'), 0),
    (SELECT count(*) FROM pragma_table_info('schema_migrations')
        WHERE name IN ('version', 'applied_at', 'description')),
    coalesce(sum(name = 'signals'), 0)
FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'

-- name: migration_version
-- The newest that was applied, and the newest of the predecessor's own. The rest names what another
-- program's table of that name has not.
SELECT coalesce(max(version), 0), coalesce(max(CASE WHEN version < 1001 THEN version END), 0),
    count(applied_at), count(description)
FROM schema_migrations

-- name: migration_loss_1002
-- What the way back of that migration drops: its tables that have rows. Scans signals, and scans
-- suppression_cache, once in a file's life.
SELECT * FROM (
    SELECT 'signals' AS name, count(*) AS n FROM signals
    UNION ALL SELECT 'suppression_cache', count(*) FROM suppression_cache)
WHERE n > 0

-- name: migration_loss_1003
-- Scans company_holds.
SELECT * FROM (SELECT 'company_holds' AS name, count(*) AS n FROM company_holds) WHERE n > 0

-- name: migration_loss_1004
-- Scans runs.
SELECT * FROM (SELECT 'runs' AS name, count(*) AS n FROM runs) WHERE n > 0

-- name: migration_loss_1005
-- Scans stat_samples, scans alert_instances, scans alert_events, scans alert_silences, scans
-- alert_groups, scans alert_notices.
SELECT * FROM (
    SELECT 'stat_samples' AS name, count(*) AS n FROM stat_samples
    UNION ALL SELECT 'alert_instances', count(*) FROM alert_instances
    UNION ALL SELECT 'alert_events', count(*) FROM alert_events
    UNION ALL SELECT 'alert_silences', count(*) FROM alert_silences
    UNION ALL SELECT 'alert_groups', count(*) FROM alert_groups
    UNION ALL SELECT 'alert_notices', count(*) FROM alert_notices)
WHERE n > 0

-- name: migration_loss_1006
-- Scans decisions, scans outbox.
SELECT * FROM (
    SELECT 'decisions' AS name, count(*) AS n FROM decisions
    UNION ALL SELECT 'outbox', count(*) FROM outbox)
WHERE n > 0

-- name: migration_loss_1007
-- Scans collector_state, scans quarantine.
SELECT * FROM (
    SELECT 'collector_state' AS name, count(*) AS n FROM collector_state
    UNION ALL SELECT 'quarantine', count(*) FROM quarantine)
WHERE n > 0

-- name: migration_has_data
-- Whether there is something to lose. Scans signals, and scans suppression_cache, to the first row.
SELECT EXISTS (SELECT 1 FROM signals) OR EXISTS (SELECT 1 FROM suppression_cache)

-- name: migration_record
INSERT INTO schema_migrations(version, applied_at, description) VALUES (?1, ?2, ?3)

-- name: migration_checksum
INSERT INTO schema_checksums(version, checksum) VALUES (?1, ?2)

-- name: migration_forget
DELETE FROM schema_migrations WHERE version = ?1

-- name: migration_checksum_forget
DELETE FROM schema_checksums WHERE version = ?1

-- name: migration_forget_all
-- The first step back, where the table is no predecessor's.
DROP TABLE schema_migrations
