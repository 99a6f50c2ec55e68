-- Which schema a database has.

-- name: migration_state
-- Whether it has a table of migrations, and any table at all.
SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'),
    EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\')

-- name: migration_version
-- The newest that was applied, and the newest of the predecessor's own.
SELECT coalesce(max(version), 0), coalesce(max(CASE WHEN version < 1001 THEN version END), 0)
FROM schema_migrations

-- name: migration_record
INSERT INTO schema_migrations(version, applied_at, description) VALUES (?1, ?2, ?3)

-- name: migration_checksum
INSERT INTO schema_checksums(version, checksum) VALUES (?1, ?2)
