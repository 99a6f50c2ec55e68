DROP TABLE company_claims;
CREATE TABLE company_claims(
    canonical_key TEXT PRIMARY KEY,
    fence INTEGER NOT NULL UNIQUE,
    worker INTEGER NOT NULL,
    owner TEXT NOT NULL,
    claimed_at TEXT NOT NULL,
    lease_until TEXT NOT NULL
);

DROP INDEX outbox_by_worker;
CREATE INDEX outbox_by_worker ON outbox(worker) WHERE state = 'sending';
