-- What a batch writes of each company touches fewer pages: a claim's key is its fence, which only
-- ever rises, so that claims are appended.
DROP TABLE company_claims;

-- A company that one worker alone may decide on. `worker` is a byte of the file beside the database
-- that its process holds locked while it lives.
CREATE TABLE company_claims(
    fence INTEGER PRIMARY KEY,
    canonical_key TEXT NOT NULL UNIQUE,
    worker INTEGER NOT NULL,
    owner TEXT NOT NULL,
    claimed_at TEXT NOT NULL,
    lease_until TEXT NOT NULL
);

-- What is under way, to be freed when its worker is gone; read without its rows, for a batch is
-- under way at a time.
DROP INDEX outbox_by_worker;
CREATE INDEX outbox_by_worker ON outbox(sink, worker, taken_at) WHERE state = 'sending';
