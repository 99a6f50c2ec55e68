-- What strangers' statements may read, where a connection is opened for such.

-- name: readable_tables
-- Ordinary tables; virtual ones are code that a file chooses. A look at the schema, in memory.
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND sql NOT LIKE 'CREATE VIRTUAL%';

-- name: readable_tables @postgresql
SELECT table_name AS name FROM information_schema.tables
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE';
