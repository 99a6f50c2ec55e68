-- One row a run of a command that works through the store: collect, sync, process, backup. `counts`
-- is a JSON object of the numbers it reported.
CREATE TABLE runs(
    id INTEGER PRIMARY KEY,
    command TEXT NOT NULL,
    name TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed')),
    counts TEXT,
    error TEXT
);
-- The last runs of a command, and what is older than its retention.
CREATE INDEX runs_by_time ON runs(command, name, started_at);
