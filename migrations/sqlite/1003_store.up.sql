-- What the store needs beside the seed's tables: counters, the order in which signals are due,
-- claims and holds.

-- Number of rows by name and value: signals_by_type by signal type, processing_status by status,
-- suppression_entries and company_holds in all (value ''). The program counts its own changes; the
-- triggers below count those of other programs, and are switched off on the program's connections.
-- `fence` is the number of the last claim ever made.
CREATE TABLE counters(
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (name, value)
) WITHOUT ROWID;

-- A signal is due from `available_at` on; a held one has a later one. `detected_at` is the signal's,
-- so that the newest pending ones are found without sorting the backlog.
ALTER TABLE signal_processing ADD COLUMN available_at TEXT;
ALTER TABLE signal_processing ADD COLUMN detected_at TEXT;

-- One form for the times that signals are told apart by, so that the same moment is the same text.
-- The forms are those of Python's isoformat: without a fraction, and without an offset (UTC). A row
-- that would then equal another keeps its own form.
UPDATE OR IGNORE signals SET detected_at = substr(detected_at, 1, 19) || '.000000+00:00'
WHERE detected_at GLOB '????-??-??T??:??:??' OR detected_at GLOB '????-??-??T??:??:??+00:00';
UPDATE OR IGNORE signals SET detected_at = detected_at || '+00:00'
WHERE detected_at GLOB '????-??-??T??:??:??.??????';

UPDATE signal_processing SET
    available_at = created_at,
    detected_at = (SELECT s.detected_at FROM signals s WHERE s.id = signal_id);

INSERT INTO counters SELECT 'signals_by_type', signal_type, count(*) FROM signals GROUP BY signal_type;
INSERT INTO counters SELECT 'processing_status', status, count(*) FROM signal_processing GROUP BY status;
INSERT INTO counters SELECT 'suppression_entries', '', count(*) FROM suppression_cache;
INSERT INTO counters VALUES ('company_holds', '', 0), ('fence', '', 0);

-- signals in the order of time: the iterator's newest and oldest, since and before.
CREATE INDEX signals_by_time ON signals(detected_at);
-- get_pending_signals: newest first.
CREATE INDEX pending_by_time ON signal_processing(detected_at, signal_id) WHERE status = 'pending';
-- claim: what has been due longest.
CREATE INDEX pending_by_due ON signal_processing(available_at, signal_id) WHERE status = 'pending';

-- A company that one worker alone may decide on. `worker` is a byte of the file beside the database
-- that its process holds locked while it lives.
CREATE TABLE company_claims(
    canonical_key TEXT PRIMARY KEY,
    fence INTEGER NOT NULL UNIQUE,
    worker INTEGER NOT NULL,
    owner TEXT NOT NULL,
    claimed_at TEXT NOT NULL,
    lease_until TEXT NOT NULL
);

-- A company that waits for `until` or for a new signal.
CREATE TABLE company_holds(
    canonical_key TEXT PRIMARY KEY,
    until TEXT NOT NULL,
    reason TEXT,
    held_at TEXT NOT NULL
) WITHOUT ROWID;
-- How many of them wait no longer.
CREATE INDEX holds_by_until ON company_holds(until);

-- Other programs: what they insert is counted, due, and wakes its company.
--
-- What INSERT OR REPLACE takes away fires no trigger of deletion in most programs (SQLite's
-- recursive_triggers is off). So what the new row is in the way of is noted before it comes; a
-- trigger of deletion that does fire takes its row off the note; and what is left on it is counted
-- off when the new row is there. INSERT OR IGNORE never comes that far, and leaves a note that the
-- next row does away with.
CREATE TRIGGER signals_replacing BEFORE INSERT ON signals BEGIN
    DELETE FROM counters WHERE name = 'signals_replaced';
    INSERT INTO counters SELECT 'signals_replaced', signal_type, count(*) FROM signals
        WHERE id = NEW.id OR (canonical_key = NEW.canonical_key AND signal_type = NEW.signal_type
            AND source_api = NEW.source_api AND detected_at = NEW.detected_at)
        GROUP BY signal_type;
END;
CREATE TRIGGER signals_replaced AFTER INSERT ON signals BEGIN
    UPDATE counters SET n = n - (SELECT noted.n FROM counters noted
            WHERE noted.name = 'signals_replaced' AND noted.value = counters.value)
        WHERE name = 'signals_by_type' AND value IN (
            SELECT noted.value FROM counters noted WHERE noted.name = 'signals_replaced');
    DELETE FROM counters WHERE name = 'signals_replaced';
    UPDATE signal_processing SET detected_at = NEW.detected_at WHERE signal_id = NEW.id;
END;
CREATE TRIGGER signals_inserted AFTER INSERT ON signals BEGIN
    INSERT INTO counters VALUES ('signals_by_type', NEW.signal_type, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    DELETE FROM company_holds WHERE canonical_key = NEW.canonical_key;
END;
CREATE TRIGGER signals_deleted AFTER DELETE ON signals BEGIN
    UPDATE counters SET n = n - 1
        WHERE name IN ('signals_by_type', 'signals_replaced') AND value = OLD.signal_type;
END;
CREATE TRIGGER signals_retyped AFTER UPDATE OF signal_type ON signals
WHEN OLD.signal_type IS NOT NEW.signal_type BEGIN
    UPDATE counters SET n = n - 1 WHERE name = 'signals_by_type' AND value = OLD.signal_type;
    INSERT INTO counters VALUES ('signals_by_type', NEW.signal_type, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER signals_redated AFTER UPDATE OF detected_at ON signals BEGIN
    UPDATE signal_processing SET detected_at = NEW.detected_at WHERE signal_id = NEW.id;
END;
CREATE TRIGGER processing_replacing BEFORE INSERT ON signal_processing BEGIN
    DELETE FROM counters WHERE name = 'processing_replaced';
    INSERT INTO counters SELECT 'processing_replaced', status, 1 FROM signal_processing
        WHERE id = NEW.id;
END;
CREATE TRIGGER processing_replaced AFTER INSERT ON signal_processing BEGIN
    UPDATE counters SET n = n - (SELECT noted.n FROM counters noted
            WHERE noted.name = 'processing_replaced' AND noted.value = counters.value)
        WHERE name = 'processing_status' AND value IN (
            SELECT noted.value FROM counters noted WHERE noted.name = 'processing_replaced');
    DELETE FROM counters WHERE name = 'processing_replaced';
END;
CREATE TRIGGER processing_inserted AFTER INSERT ON signal_processing BEGIN
    INSERT INTO counters VALUES ('processing_status', NEW.status, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    UPDATE signal_processing SET
        available_at = coalesce(available_at, created_at),
        detected_at = (SELECT s.detected_at FROM signals s WHERE s.id = NEW.signal_id)
    WHERE id = NEW.id AND (available_at IS NULL OR detected_at IS NULL);
END;
CREATE TRIGGER processing_deleted AFTER DELETE ON signal_processing BEGIN
    UPDATE counters SET n = n - 1
        WHERE name IN ('processing_status', 'processing_replaced') AND value = OLD.status;
END;
CREATE TRIGGER processing_moved AFTER UPDATE OF status ON signal_processing
WHEN OLD.status IS NOT NEW.status BEGIN
    UPDATE counters SET n = n - 1 WHERE name = 'processing_status' AND value = OLD.status;
    INSERT INTO counters VALUES ('processing_status', NEW.status, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER suppression_replacing BEFORE INSERT ON suppression_cache BEGIN
    DELETE FROM counters WHERE name = 'suppression_replaced';
    INSERT INTO counters SELECT 'suppression_replaced', '', count(*) FROM suppression_cache
        WHERE id = NEW.id OR canonical_key = NEW.canonical_key;
END;
CREATE TRIGGER suppression_replaced AFTER INSERT ON suppression_cache BEGIN
    UPDATE counters SET n = n - coalesce((SELECT noted.n FROM counters noted
            WHERE noted.name = 'suppression_replaced'), 0)
        WHERE name = 'suppression_entries';
    DELETE FROM counters WHERE name = 'suppression_replaced';
END;
CREATE TRIGGER suppression_inserted AFTER INSERT ON suppression_cache BEGIN
    UPDATE counters SET n = n + 1 WHERE name = 'suppression_entries';
END;
CREATE TRIGGER suppression_deleted AFTER DELETE ON suppression_cache BEGIN
    UPDATE counters SET n = n - 1 WHERE name IN ('suppression_entries', 'suppression_replaced');
END;
CREATE TRIGGER holds_inserted AFTER INSERT ON company_holds BEGIN
    UPDATE counters SET n = n + 1 WHERE name = 'company_holds';
END;
CREATE TRIGGER holds_deleted AFTER DELETE ON company_holds BEGIN
    UPDATE counters SET n = n - 1 WHERE name = 'company_holds';
END;
