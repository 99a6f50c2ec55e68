-- The table of counters, as the SQLite driver keeps it true (host/driver/sqlite_count.c).

-- name: counter_add
-- Rests on the primary key.
INSERT INTO counters(name, value, n) VALUES (?1, ?2, ?3)
ON CONFLICT (name, value) DO UPDATE SET n = counters.n + excluded.n

-- name: counter_triggers
-- Whether the table is there, and how many triggers the file has beside those of migration
-- 1003_store, which do nothing but what our own statements do without them. A new migration that
-- brings a trigger for other programs adds it here.
SELECT
    EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'counters'),
    (SELECT count(*) FROM (
        SELECT name FROM sqlite_schema WHERE type = 'trigger'
        UNION ALL
        SELECT 'temp.' || name FROM sqlite_temp_schema WHERE type = 'trigger')
     WHERE name NOT IN (
        'signals_replacing', 'signals_replaced', 'signals_inserted', 'signals_deleted',
        'signals_retyped', 'signals_redated', 'processing_replacing', 'processing_replaced',
        'processing_inserted', 'processing_deleted', 'processing_moved', 'suppression_replacing',
        'suppression_replaced', 'suppression_inserted', 'suppression_deleted', 'holds_inserted',
        'holds_deleted'))

-- name: counter_column
-- Where a counted column stands in its table, from 0.
SELECT cid FROM pragma_table_info(?1) WHERE name = ?2
