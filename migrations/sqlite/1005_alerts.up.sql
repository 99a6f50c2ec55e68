-- Alerts: what the rules have seen and noted, and what has been told to whom.

-- Figures of the store over time, a JSON object each: what rules compare with, and what a backtest
-- runs over.
CREATE TABLE stat_samples(
    at TEXT PRIMARY KEY,
    figures TEXT NOT NULL
) WITHOUT ROWID;

-- One alert with one set of labels. `memory` is a JSON object of what its life cycle keeps besides.
CREATE TABLE alert_instances(
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state = 'inactive' OR state = 'pending' OR state = 'firing' OR
        state = 'resolved'),
    severity TEXT,
    summary TEXT,
    value REAL,
    active_at TEXT,
    fired_at TEXT,
    resolved_at TEXT,
    memory TEXT NOT NULL,
    PRIMARY KEY (name, labels)
) WITHOUT ROWID;

-- Every change of an alert's state, and what people did about it.
CREATE TABLE alert_events(
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    event TEXT NOT NULL,
    value REAL,
    detail TEXT
);
-- What is older than its retention, and the history since a time.
CREATE INDEX alert_events_by_time ON alert_events(at);

-- Notices of alerts that fit all of `matchers` (a JSON array) are held back.
CREATE TABLE alert_silences(
    id INTEGER PRIMARY KEY,
    matchers TEXT NOT NULL,
    comment TEXT,
    author TEXT,
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL
);

-- What a receiver was last told of a group of alerts; `told` is a JSON object.
CREATE TABLE alert_groups(
    receiver TEXT NOT NULL,
    group_key TEXT NOT NULL,
    told TEXT NOT NULL,
    PRIMARY KEY (receiver, group_key)
) WITHOUT ROWID;

-- Notices on their way. A waiting one is sent at `next_at` or later; while one is being sent that
-- is the time after which it counts as lost.
CREATE TABLE alert_notices(
    id INTEGER PRIMARY KEY,
    receiver TEXT NOT NULL,
    group_key TEXT NOT NULL,
    notice TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status = 'waiting' OR status = 'sent' OR status = 'failed'),
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    next_at TEXT NOT NULL,
    error TEXT
);
-- What is waiting, in the order of its making.
CREATE INDEX alert_notices_waiting ON alert_notices(receiver, id) WHERE status = 'waiting';
