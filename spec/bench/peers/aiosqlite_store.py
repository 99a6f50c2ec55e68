#!/usr/bin/python3
"""What a user of the seed has today: the documented SignalStore shape on aiosqlite, one transaction a call.
Written from the seed document's API; prints "workload<TAB>operations per second" like limit.c.
Run: aiosqlite_store.py DIR [rows] [full|normal]   (Debian: python3-aiosqlite)"""
import asyncio, json, os, sys, time
from datetime import datetime, timedelta, timezone
import aiosqlite

DIR, N, SYNC = (sys.argv + [".", "100000", "full"])[1:4] if len(sys.argv) > 3 else (
    sys.argv[1] if len(sys.argv) > 1 else ".", sys.argv[2] if len(sys.argv) > 2 else "100000", "full")
N = int(N)
SCHEMA = """
CREATE TABLE signals(id INTEGER PRIMARY KEY AUTOINCREMENT,signal_type TEXT NOT NULL,source_api TEXT NOT NULL,
 canonical_key TEXT NOT NULL,company_name TEXT,confidence REAL NOT NULL,raw_data TEXT NOT NULL,detected_at TEXT NOT NULL,
 created_at TEXT NOT NULL,UNIQUE(canonical_key,signal_type,source_api,detected_at));
CREATE INDEX i1 ON signals(canonical_key);CREATE INDEX i2 ON signals(signal_type);
CREATE INDEX i3 ON signals(created_at);CREATE INDEX i4 ON signals(detected_at);
CREATE TABLE signal_processing(id INTEGER PRIMARY KEY AUTOINCREMENT,signal_id INTEGER NOT NULL REFERENCES signals(id) ON DELETE CASCADE,
 status TEXT NOT NULL,notion_page_id TEXT,processed_at TEXT,error_message TEXT,metadata TEXT,created_at TEXT NOT NULL,updated_at TEXT NOT NULL);
CREATE INDEX i5 ON signal_processing(signal_id);CREATE INDEX i6 ON signal_processing(status);CREATE INDEX i7 ON signal_processing(notion_page_id);
CREATE TABLE suppression_cache(id INTEGER PRIMARY KEY AUTOINCREMENT,canonical_key TEXT NOT NULL UNIQUE,notion_page_id TEXT NOT NULL,
 status TEXT NOT NULL,company_name TEXT,cached_at TEXT NOT NULL,expires_at TEXT NOT NULL,metadata TEXT);
CREATE INDEX i8 ON suppression_cache(notion_page_id);CREATE INDEX i9 ON suppression_cache(expires_at);
"""
RAW = {"repo": "acme/awesome-ml", "stars": 1500, "recent_stars": 200, "topics": ["ai", "machine-learning", "devtools"],
       "description": "An awesome machine learning library for doing things fast and well", "language": "Python",
       "owner": {"login": "acme", "id": 1234567, "type": "Organization"}, "homepage": "https://acme.ai"}
COLS = ("SELECT s.id,s.signal_type,s.source_api,s.canonical_key,s.company_name,s.confidence,s.raw_data,s.detected_at,s.created_at,"
        "p.status,p.notion_page_id,p.processed_at,p.error_message FROM signals s ")
T0 = datetime(2025, 10, 9, 8, 53, 20, 1, tzinfo=timezone.utc)


def row(r):
    return {"id": r[0], "type": r[1], "source": r[2], "key": r[3], "name": r[4], "confidence": r[5], "raw": json.loads(r[6]),
            "detected_at": datetime.fromisoformat(r[7]), "created_at": datetime.fromisoformat(r[8]), "status": r[9]}


async def fresh():
    path = os.path.join(DIR, "aio.db")
    for s in ("", "-wal", "-shm"):
        if os.path.exists(path + s):
            os.unlink(path + s)
    db = await aiosqlite.connect(path, isolation_level=None)
    await db.execute("PRAGMA journal_mode=WAL")
    await db.execute(f"PRAGMA synchronous={SYNC}")
    await db.execute("PRAGMA foreign_keys=ON")
    await db.executescript(SCHEMA)
    return db


async def insert(db, i):
    now = datetime.now(timezone.utc).isoformat()
    c = await db.execute("INSERT INTO signals(signal_type,source_api,canonical_key,company_name,confidence,raw_data,detected_at,created_at)"
                         "VALUES(?,?,?,?,?,?,?,?)", ("github_spike" if i % 3 else "incorporation", "github" if i % 3 else "companies_house",
                         f"domain:company{i//3}.example", "Acme Inc", 0.85, json.dumps(RAW), (T0 + timedelta(seconds=i)).isoformat(), now))
    await db.execute("INSERT INTO signal_processing(signal_id,status,created_at,updated_at)VALUES(?,'pending',?,?)", (c.lastrowid, now, now))


async def save(db, i):
    await db.execute("BEGIN")
    await insert(db, i)
    await db.commit()


def say(name, n, t):
    print(f"{name}\t{n/(time.perf_counter()-t):.1f}", flush=True)


async def main():
    clock = time.perf_counter
    db = await fresh()
    t = clock()
    for i in range(1000):
        await save(db, i)
    say("save_each", 1000, t)
    await db.close()
    db = await fresh()
    t = clock()
    await db.execute("BEGIN")
    for i in range(N):
        await insert(db, i)
        if i % 10000 == 9999:
            await db.commit()
            await db.execute("BEGIN")
    await db.commit()
    say("save_bulk", N, t)
    t = clock()
    rows = await (await db.execute(COLS + "LEFT JOIN signal_processing p ON p.signal_id=s.id ORDER BY s.id")).fetchall()
    out = [row(r) for r in rows]
    say("scan", len(out), t)
    t = clock()
    for i in range(5000):
        await (await db.execute("SELECT COUNT(*) FROM signals WHERE canonical_key=?", (f"domain:company{(i*7919)%(N//2)}.example",))).fetchone()
    say("is_duplicate", 5000, t)
    t = clock()
    await db.execute("BEGIN")
    for i in range(20000):
        await db.execute("INSERT INTO suppression_cache(canonical_key,notion_page_id,status,company_name,cached_at,expires_at,metadata)"
                         "VALUES(?,?,'Source','Acme',?,?,NULL) ON CONFLICT(canonical_key)DO UPDATE SET notion_page_id=excluded.notion_page_id,"
                         "status=excluded.status,cached_at=excluded.cached_at,expires_at=excluded.expires_at",
                         (f"domain:sup{i}.example", f"page{i}", "2026-01-01T00:00:00.000001+00:00", "2099-01-01T00:00:00.000001+00:00"))
    await db.commit()
    say("suppress_bulk", 20000, t)
    t = clock()
    for i in range(5000):
        await (await db.execute("SELECT canonical_key,notion_page_id,status,company_name,cached_at,expires_at,metadata FROM suppression_cache "
                                "WHERE canonical_key=? AND expires_at>?", (f"domain:sup{(i*7919)%40000}.example", datetime.now(timezone.utc).isoformat()))).fetchone()
    say("check_suppression", 5000, t)
    t = clock()
    for i in range(1000):
        now = datetime.now(timezone.utc).isoformat()
        await db.execute("BEGIN")
        await db.execute("UPDATE signal_processing SET status='pushed',notion_page_id=?,processed_at=?,metadata=?,updated_at=? WHERE signal_id=?",
                         ("page", now, None, now, i + 1))
        await db.commit()
    say("mark_each", 1000, t)
    t = clock()
    for _ in range(3):
        for sql in ("SELECT signal_type,COUNT(*) FROM signals GROUP BY signal_type", "SELECT status,COUNT(*) FROM signal_processing GROUP BY status",
                    "SELECT COUNT(*) FROM suppression_cache WHERE expires_at>'2026-11-23'", "SELECT COUNT(*) FROM signals"):
            await (await db.execute(sql)).fetchall()
    say("get_stats", 3, t)
    t = clock()
    for _ in range(5):
        [row(r) for r in await (await db.execute(COLS + "JOIN signal_processing p ON s.id=p.signal_id WHERE p.status='pending' ORDER BY s.detected_at DESC LIMIT 50")).fetchall()]
    say("pending50", 5, t)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main())
