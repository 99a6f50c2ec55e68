#!/usr/bin/python3
"""What the predecessor does with each company, on aiosqlite, one call a step: read its signals, judge
them, put it into the outbox, deliver it to a file, mark its signals, enter it into the suppression
cache. Prints rate<TAB>companies a second.

    process_aiosqlite.py DATABASE OUT COUNT
"""
import asyncio
import json
import sys
import time
from datetime import datetime, timedelta, timezone

import aiosqlite

import gate

SETTINGS = gate.settings_of({"review_threshold": 0.1})


async def process(db, file, key, now):
    cursor = await db.execute(
        "SELECT s.* FROM signals s JOIN signal_processing p ON p.signal_id = s.id "
        "WHERE s.canonical_key = ? AND p.status = 'pending'", (key,))
    rows = await cursor.fetchall()
    signals = [dict(row) for row in rows]
    verdict = gate.evaluate(signals, SETTINGS, now)
    cursor = await db.execute("SELECT notion_page_id FROM suppression_cache "
                              "WHERE canonical_key = ? AND expires_at > ?", (key, now.isoformat()))
    if await cursor.fetchone():
        return
    stamp = datetime.now(timezone.utc).isoformat()
    payload = json.dumps({"canonical_key": key, **verdict}, default=str)
    await db.execute("INSERT INTO notion_outbox(idempotency_key, payload_json, status, created_at, "
                     "updated_at) VALUES(?, ?, 'pending', ?, ?)", (key, payload, stamp, stamp))
    await db.commit()
    file.write(payload + "\n")
    file.flush()
    await db.execute("UPDATE notion_outbox SET status = 'sent', updated_at = ? "
                     "WHERE idempotency_key = ?", (stamp, key))
    await db.commit()
    for signal in signals:
        await db.execute("UPDATE signal_processing SET status = 'pushed', notion_page_id = ?, "
                         "processed_at = ?, updated_at = ? WHERE signal_id = ?",
                         (key, stamp, stamp, signal["id"]))
        await db.commit()
    await db.execute("INSERT OR REPLACE INTO suppression_cache(canonical_key, notion_page_id, status, "
                     "cached_at, expires_at) VALUES(?, ?, 'Tracking', ?, ?)",
                     (key, key, stamp, (now + timedelta(days=7)).isoformat()))
    await db.commit()


async def main():
    path, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    now = datetime.fromisoformat("2026-08-22T00:00:00+00:00")
    async with aiosqlite.connect(path) as db:
        db.row_factory = aiosqlite.Row
        await db.execute("PRAGMA foreign_keys = ON")
        await db.execute("CREATE TABLE notion_outbox(id INTEGER PRIMARY KEY AUTOINCREMENT, "
                         "idempotency_key TEXT NOT NULL UNIQUE, payload_json TEXT NOT NULL, "
                         "status TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL)")
        cursor = await db.execute("SELECT DISTINCT canonical_key FROM signals LIMIT ?", (count,))
        keys = [row[0] for row in await cursor.fetchall()]
        begin = time.perf_counter()
        with open(out, "a") as file:
            for key in keys:
                await process(db, file, key, now)
        print(f"rate\t{len(keys) / (time.perf_counter() - begin):.1f}")


asyncio.run(main())
