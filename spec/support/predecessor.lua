--- Databases as the Python predecessor left them, at each version of its own schema, made by its
--- own sqlite3; and its exports.
local run = require "spec.support.run"
local temp = require "spec.support.temp"

local M = {}

local MAKE <const> = [==[
import json, sqlite3, sys

path, version = sys.argv[1], int(sys.argv[2])
db = sqlite3.connect(path)
db.execute("PRAGMA synchronous = OFF")
db.execute("PRAGMA foreign_keys = ON")
db.executescript("""
CREATE TABLE schema_migrations (
    version INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL,
    description TEXT NOT NULL
);
CREATE TABLE signals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    signal_type TEXT NOT NULL,
    source_api TEXT NOT NULL,
    canonical_key TEXT NOT NULL,
    company_name TEXT,
    confidence REAL NOT NULL,
    raw_data TEXT NOT NULL,
    detected_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE(canonical_key, signal_type, source_api, detected_at)
);
CREATE INDEX idx_signals_canonical_key ON signals(canonical_key);
CREATE INDEX idx_signals_signal_type ON signals(signal_type);
CREATE INDEX idx_signals_created_at ON signals(created_at);
CREATE INDEX idx_signals_detected_at ON signals(detected_at);
CREATE TABLE signal_processing (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    signal_id INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    notion_page_id TEXT,
    processed_at TEXT,
    error_message TEXT,
    metadata TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    FOREIGN KEY (signal_id) REFERENCES signals(id) ON DELETE CASCADE
);
CREATE INDEX idx_processing_signal_id ON signal_processing(signal_id);
CREATE INDEX idx_processing_status ON signal_processing(status);
CREATE INDEX idx_processing_notion_page_id ON signal_processing(notion_page_id);
CREATE TABLE suppression_cache (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    canonical_key TEXT NOT NULL UNIQUE,
    notion_page_id TEXT NOT NULL,
    status TEXT NOT NULL,
    company_name TEXT,
    cached_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    metadata TEXT
);
CREATE INDEX idx_suppression_canonical_key ON suppression_cache(canonical_key);
CREATE INDEX idx_suppression_notion_page_id ON suppression_cache(notion_page_id);
CREATE INDEX idx_suppression_expires_at ON suppression_cache(expires_at);
CREATE VIRTUAL TABLE signals_fts USING fts5(
    signal_id UNINDEXED, company_name, searchable_text, vertical, source_api,
    tokenize='porter unicode61'
);
CREATE TABLE filter_presets (id INTEGER PRIMARY KEY, name TEXT UNIQUE, filters TEXT);
CREATE TABLE founders (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, email TEXT);
""")
if version >= 2:
    db.executescript("""
CREATE TABLE pipeline_runs (
    run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, completed_at TEXT,
    signals_collected INTEGER DEFAULT 0, errors TEXT, health_report TEXT
);""")
    db.execute("INSERT INTO pipeline_runs VALUES"
               " ('run-1', '2026-01-05T00:00:00+00:00', NULL, 3, '[]', '{}')")
if version >= 3:
    db.executescript("""
CREATE TABLE notion_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, idempotency_key TEXT NOT NULL UNIQUE,
    payload_json TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0, next_attempt_at TEXT, last_error TEXT,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);""")
    db.execute("INSERT INTO notion_outbox VALUES (1, 'k', '{}', 'sent', 1, NULL, NULL, 't', 't')")
if version >= 4:
    for column in ("deck_count", "skipped", "duration", "mode"):
        db.execute(f"ALTER TABLE pipeline_runs ADD COLUMN {column}")
for number in range(1, version + 1):
    db.execute("INSERT INTO schema_migrations VALUES (?, ?, ?)",
               (number, f"2026-01-0{number}T08:00:00.123456+00:00", f"version {number}"))

SIGNALS = [  # id, type, source, key, company, confidence, raw_data, detected, created, states
    (1, "github_spike", "github", "domain:acme.ai", "Acmé", 0.85,
     {"stars": 1500, "name": "Acmé ☃"}, "2026-01-06T09:24:26.485578+00:00", ["pending"]),
    (2, "incorporation", "companies_house", "companies_house:12345678", None, 1.0,
     {"ratio": float("nan"), "high": float("inf"), "low": float("-inf")},
     "2026-01-06T09:24:26+00:00", ["pushed"]),
    (3, "github_spike", "github", "domain:naive.io", "Naive", 0.5, {"id": 2**53 + 1},
     "2026-01-07T10:00:00", ["rejected"]),
    (4, "hiring_signal", "jobs", "domain:naive.io", "Naive", 0.25, {},
     "2026-01-07T10:00:00.250000", ["queued"]),
    (5, "github_spike", "github", "domain:bare.dev", None, 0.1, [],
     "2026-01-08T00:00:00+00:00", []),
    (9, "github_spike", "github", "domain:twice.dev", "Twice", 0.9, {},
     "2026-01-09T00:00:00+00:00", ["pending", "pushed"]),
]
for id, kind, source, key, company, confidence, raw, detected, states in SIGNALS:
    created = "2026-01-10T00:00:00.000001+00:00"
    db.execute("INSERT INTO signals VALUES (?,?,?,?,?,?,?,?,?)",
               (id, kind, source, key, company, confidence, json.dumps(raw), detected, created))
    db.execute("INSERT INTO signals_fts VALUES (?, ?, ?, '', ?)", (id, company, key, source))
    for state in states:
        done = state in ("pushed", "rejected")
        db.execute("INSERT INTO signal_processing(signal_id, status, notion_page_id, processed_at,"
                   " error_message, metadata, created_at, updated_at) VALUES (?,?,?,?,?,?,?,?)",
                   (id, state, f"page-{id}" if state == "pushed" else None,
                    "2026-01-11T00:00:00+00:00" if done else None,
                    "low score" if state == "rejected" else None,
                    json.dumps({"status": "Source"}) if done else None, created, created))
db.execute("INSERT INTO suppression_cache"
           " VALUES (1, 'domain:known.com', 'page-k', 'Passed', 'Known',"
           " '2026-01-01T00:00:00', '2999-01-01T00:00:00', ?)",
           (json.dumps({"score": float("nan")}),))
db.execute("INSERT INTO suppression_cache VALUES (2, 'domain:old.com', 'page-o', 'Lost', NULL,"
           " '2026-01-01T00:00:00+00:00', '2026-01-08T00:00:00+00:00', NULL)")
db.execute("INSERT INTO founders(name, email) VALUES ('Ada', 'ada@acme.ai')")
db.execute("INSERT INTO filter_presets VALUES (1, 'strong', '{}')")
db.commit()
]==]

local EXPORT <const> = [==[
import json, sqlite3, sys

db = sqlite3.connect(sys.argv[1])
db.row_factory = sqlite3.Row
rows = lambda sql: [dict(row) for row in db.execute(sql).fetchall()]
json.dump({
    "exported_at": "2026-01-12T00:00:00.5+00:00",
    "schema_version": db.execute("SELECT max(version) FROM schema_migrations").fetchone()[0],
    "signals": rows("SELECT id, signal_type, source_api, canonical_key, company_name, confidence,"
                    " raw_data, detected_at, created_at FROM signals ORDER BY id"),
    "processing": rows("SELECT signal_id, status, notion_page_id, processed_at, error_message,"
                       " metadata FROM signal_processing ORDER BY id"),
    "suppression_cache": rows("SELECT canonical_key, notion_page_id, status, company_name,"
                              " cached_at, expires_at, metadata FROM suppression_cache"),
}, open(sys.argv[2], "w"), indent=2)
]==]

--- Runs a Python text as the predecessor's programs ran; gives what it printed.
---@param text string
---@return string out
function M.python(text, ...)
  local result = run.program("/usr/bin/python3", { "-c", text, ... })
  assert(result.status == 0, result.err)
  return result.out
end

--- A file of version 1 to 4; gives its path.
function M.database(version)
  local path = temp.folder() .. "/signals.db"
  M.python(MAKE, path, tostring(version))
  return path
end

--- What the predecessor's export writes of the database at `path`.
function M.export(path)
  local document = temp.folder() .. "/export.json"
  M.python(EXPORT, path, document)
  return document
end

--- All rows of all its tables, and the tables' definitions, as text: to be held against later.
function M.dump(path, tables)
  return M.python([[
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for table in sys.argv[2].split():
    print(table, db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone())
    for row in db.execute(f"SELECT * FROM {table} ORDER BY 1"):
        print(row)]], path, tables)
end

return M
