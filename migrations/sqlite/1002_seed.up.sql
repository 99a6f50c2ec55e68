-- The seed's tables. A predecessor's database has them: there this migration is recorded, not run,
-- in either direction.
CREATE TABLE signals(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    signal_type TEXT NOT NULL,
    source_api TEXT NOT NULL,
    canonical_key TEXT NOT NULL,
    company_name TEXT,
    confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    raw_data TEXT NOT NULL,
    detected_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (canonical_key, signal_type, source_api, detected_at)
);

CREATE TABLE signal_processing(
    id INTEGER PRIMARY KEY,
    signal_id INTEGER NOT NULL REFERENCES signals(id) ON DELETE CASCADE,
    -- not IN (...), for which SQLite builds a table at every insert
    status TEXT NOT NULL CHECK (status = 'pending' OR status = 'queued' OR status = 'pushed'
        OR status = 'rejected' OR status = 'failed'),
    notion_page_id TEXT,
    processed_at TEXT,
    error_message TEXT,
    metadata TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE suppression_cache(
    id INTEGER PRIMARY KEY,
    canonical_key TEXT NOT NULL UNIQUE,
    notion_page_id TEXT NOT NULL,
    status TEXT NOT NULL,
    company_name TEXT,
    cached_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    metadata TEXT
);

-- A signal's processing row.
CREATE INDEX idx_processing_signal_id ON signal_processing(signal_id);
-- clean_expired_cache, and the count of active entries.
CREATE INDEX idx_suppression_expires_at ON suppression_cache(expires_at);
