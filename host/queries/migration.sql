-- Which schema a database has, and the record of how it came to it.

-- name: migration_state
-- Whether it has a table of migrations, and any table at all.
SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'),
    EXISTS (SELECT 1 FROM sqlite_schema
        WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\')

-- name: migration_version
-- The newest that was applied, and the newest of the predecessor's own.
SELECT coalesce(max(version), 0), coalesce(max(CASE WHEN version < 1001 THEN version END), 0)
FROM schema_migrations

-- name: migration_signals
-- How many signals a step back would drop. Scans signals, once in a file's life.
SELECT count(*) FROM signals

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
