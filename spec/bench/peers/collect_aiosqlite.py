#!/usr/bin/python3
"""What a collector of the predecessor does with each item, on aiosqlite: build the key, look it up in
the suppression cache, look for signals of the company, save in a transaction of its own. Prints
items<TAB>a second.

    collect_aiosqlite.py FOLDER LINES.ndjson COUNT
"""
import asyncio
import importlib.util
import json
import os
import sys
import time
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    argv, sys.argv = sys.argv, [name, sys.argv[1], "1", "full"]
    try:
        spec.loader.exec_module(module)
    finally:
        sys.argv = argv
    return module


def key_of(refs):
    host = refs["domain_or_website"].split("://")[-1].split("/")[0].lower()
    return "domain:" + (host[4:] if host.startswith("www.") else host)


async def main():
    store = load("aiosqlite_store")
    with open(sys.argv[2], encoding="utf-8") as file:
        items = [json.loads(line) for _, line in zip(range(int(sys.argv[3])), file)]
    db = await store.fresh()
    begin = time.perf_counter()
    for item in items:
        key, now = key_of(item["refs"]), datetime.now(timezone.utc).isoformat()
        cursor = await db.execute("SELECT notion_page_id FROM suppression_cache "
                                  "WHERE canonical_key = ? AND expires_at > ?", (key, now))
        if await cursor.fetchone():
            continue
        cursor = await db.execute("SELECT 1 FROM signals WHERE canonical_key = ? LIMIT 1", (key,))
        if await cursor.fetchone():
            continue
        await db.execute("BEGIN")
        cursor = await db.execute(
            "INSERT INTO signals(signal_type,source_api,canonical_key,company_name,confidence,"
            "raw_data,detected_at,created_at) VALUES(?,?,?,?,?,?,?,?)",
            (item["signal_type"], item["source_api"], key, item["company_name"],
             item["confidence"], json.dumps(item["raw_data"]), item["detected_at"], now))
        await db.execute("INSERT INTO signal_processing(signal_id,status,created_at,updated_at) "
                         "VALUES(?,'pending',?,?)", (cursor.lastrowid, now, now))
        await db.execute("COMMIT")
    print(f"items\t{len(items) / (time.perf_counter() - begin):.1f}")
    await db.close()


asyncio.run(main())
