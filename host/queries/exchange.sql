-- Export and import: each table that a document holds has two paragraphs, and a line in
-- host/store/exchange.c. The columns of the first are the keys of its records; the parameters of
-- the second are the same, by name. What is there already is left alone.

-- name: export_signals
SELECT id, signal_type, source_api, canonical_key, company_name, confidence, raw_data, detected_at,
    created_at
FROM signals ORDER BY id

-- name: import_signals
INSERT INTO signals(id, signal_type, source_api, canonical_key, company_name, confidence, raw_data,
    detected_at, created_at)
VALUES (:id, :signal_type, :source_api, :canonical_key, :company_name, :confidence, :raw_data,
    :detected_at, :created_at)
ON CONFLICT DO NOTHING

-- name: export_processing
SELECT id, signal_id, status, notion_page_id, processed_at, error_message, metadata, created_at,
    updated_at, available_at
FROM signal_processing ORDER BY id

-- name: import_processing
INSERT INTO signal_processing(id, signal_id, status, notion_page_id, processed_at, error_message,
    metadata, created_at, updated_at, available_at, detected_at)
VALUES (:id, :signal_id, :status, :notion_page_id, :processed_at, :error_message, :metadata,
    :created_at, :updated_at, coalesce(:available_at, :created_at),
    (SELECT detected_at FROM signals WHERE id = :signal_id))
ON CONFLICT DO NOTHING

-- name: export_suppression_cache
SELECT id, canonical_key, notion_page_id, status, company_name, cached_at, expires_at, metadata
FROM suppression_cache ORDER BY id

-- name: import_suppression_cache
INSERT INTO suppression_cache(id, canonical_key, notion_page_id, status, company_name, cached_at,
    expires_at, metadata)
VALUES (:id, :canonical_key, :notion_page_id, :status, :company_name, :cached_at, :expires_at,
    :metadata)
ON CONFLICT DO NOTHING

-- name: export_company_holds
SELECT canonical_key, until, reason, held_at FROM company_holds ORDER BY canonical_key

-- name: import_company_holds
INSERT INTO company_holds(canonical_key, until, reason, held_at)
VALUES (:canonical_key, :until, :reason, :held_at)
ON CONFLICT DO NOTHING

-- name: import_map_make
-- Where the document's signals went: their number there, their number here, and whether this import
-- brought them. It spills to a temporary file, so that a million cost no memory.
CREATE TEMP TABLE IF NOT EXISTS import_map(
    document_id INTEGER PRIMARY KEY,
    id INTEGER NOT NULL,
    added INTEGER NOT NULL
)

-- name: import_map_clear
DELETE FROM temp.import_map

-- name: import_map_put
INSERT INTO temp.import_map(document_id, id, added) VALUES (?1, ?2, ?3)
ON CONFLICT (document_id) DO NOTHING

-- name: import_map_get
SELECT id, added FROM temp.import_map WHERE document_id = ?1

-- name: import_suppression_known
SELECT EXISTS (SELECT 1 FROM suppression_cache WHERE canonical_key = ?1)
