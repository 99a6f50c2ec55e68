-- What a collector knows from its earlier runs: its cursor (stream '') and whatever else it
-- remembers, a stream each, as JSON; written in the transaction of the signals it covers. `run` of
-- the cursor is the run that may write: one that began earlier has lost it.
CREATE TABLE collector_state(
    collector TEXT NOT NULL,
    stream TEXT NOT NULL,
    value TEXT,
    run INTEGER,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (collector, stream)
) WITHOUT ROWID;

-- What collectors found and could not store, for a person: `item` is the line or the JSON that it
-- was, to be tried again.
CREATE TABLE quarantine(
    id INTEGER PRIMARY KEY,
    collector TEXT NOT NULL,
    item TEXT NOT NULL,
    reason TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    UNIQUE (collector, item)
);
