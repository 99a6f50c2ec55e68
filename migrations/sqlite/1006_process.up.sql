-- What was decided of companies, and what is on its way to a sink.

-- One row a decision; `breakdown` is the gate's arithmetic as JSON, `signal_ids` what it weighed.
CREATE TABLE decisions(
    id INTEGER PRIMARY KEY,
    canonical_key TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    as_of TEXT NOT NULL,
    decision TEXT NOT NULL,
    score REAL,
    verification_status TEXT,
    reason TEXT,
    breakdown TEXT,
    signal_ids TEXT NOT NULL,
    run INTEGER
);
-- The decisions on a company, over time.
CREATE INDEX decisions_by_company ON decisions(canonical_key, id);

-- One row a company and sink. A new decision on the company replaces the payload and raises
-- `version`; `signal_ids` are the signals that its delivery will mark.
--   ready    is to be delivered from `not_before` on
--   sending  `worker` is at it since `taken_at`; `fence` rises with every taking
--   sent     is in the sink, as `page_id`
--   refused  the sink's page is closed (Passed, Lost): nothing was written
--   failed   was given up, for a person (process retry, process reject)
CREATE TABLE outbox(
    id INTEGER PRIMARY KEY,
    sink TEXT NOT NULL,
    canonical_key TEXT NOT NULL,
    version INTEGER NOT NULL,
    payload TEXT NOT NULL,
    signal_ids TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state = 'ready' OR state = 'sending' OR state = 'sent'
        OR state = 'refused' OR state = 'failed'),
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before TEXT NOT NULL,
    worker INTEGER,
    fence INTEGER NOT NULL DEFAULT 0,
    taken_at TEXT,
    page_id TEXT,
    last_error TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (sink, canonical_key)
);
-- What is due.
CREATE INDEX outbox_by_due ON outbox(sink, not_before) WHERE state = 'ready';
-- What is under way, to be freed when its worker is gone.
CREATE INDEX outbox_by_worker ON outbox(worker) WHERE state = 'sending';
-- What waits for a person.
CREATE INDEX outbox_failed ON outbox(sink) WHERE state = 'failed';
