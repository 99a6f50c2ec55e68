#!/usr/bin/python3
"""get_stats and get_pending_signals of peers/aiosqlite_store.py on a backlog of a given size, which
is made in one statement; prints "workload<TAB>operations per second".
Run: aiosqlite_scale.py fill|reads DIR ROWS"""
import asyncio, os, sys, time

STEP = sys.argv.pop(1)
import aiosqlite
import aiosqlite_store as store

PATH = os.path.join(store.DIR, f"aio-{store.N}.db")
FILL = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
INSERT INTO signals(signal_type, source_api, canonical_key, company_name, confidence, raw_data, detected_at, created_at)
SELECT CASE WHEN i % 3 THEN 'github_spike' ELSE 'incorporation' END, CASE WHEN i % 3 THEN 'github' ELSE 'companies_house' END,
    'domain:company' || i / 3 || '.example', 'Acme Inc', 0.85, '{"stars":1500,"description":"An awesome machine learning library"}',
    strftime('%Y-%m-%dT%H:%M:%S', 1760000000 + i, 'unixepoch') || '.000001+00:00', '2026-01-01T00:00:00.000001+00:00' FROM n"""
STATS = ("SELECT signal_type,COUNT(*) FROM signals GROUP BY signal_type", "SELECT status,COUNT(*) FROM signal_processing GROUP BY status",
         "SELECT COUNT(*) FROM suppression_cache WHERE expires_at>'2026-11-23'", "SELECT COUNT(*) FROM signals")
PENDING = (store.COLS + "JOIN signal_processing p ON s.id=p.signal_id WHERE p.status='pending' "
           "ORDER BY s.detected_at DESC LIMIT 50")


async def fill(db):
    await db.executescript(store.SCHEMA)
    await db.execute(FILL, (store.N,))
    await db.execute("INSERT INTO signal_processing(signal_id,status,created_at,updated_at)"
                     "SELECT id,'pending',created_at,created_at FROM signals")
    await db.commit()


async def reads(db):
    start = time.perf_counter()
    for sql in STATS:
        await (await db.execute(sql)).fetchall()
    store.say("get_stats", 1, start)
    start = time.perf_counter()
    [store.row(r) for r in await (await db.execute(PENDING)).fetchall()]
    store.say("pending50", 1, start)


async def main():
    async with aiosqlite.connect(PATH) as db:
        await {"fill": fill, "reads": reads}[STEP](db)

asyncio.run(main())
