-- A new signal that another program stores wakes its company as one of ours does: what was set aside
-- is due again, too.
DROP TRIGGER signals_inserted;
CREATE TRIGGER signals_inserted AFTER INSERT ON signals BEGIN
    INSERT INTO counters VALUES ('signals_by_type', NEW.signal_type, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    UPDATE signal_processing SET available_at = strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')
    WHERE status = 'pending'
        AND signal_id IN (SELECT s.id FROM signals s WHERE s.canonical_key = NEW.canonical_key)
        AND EXISTS (SELECT 1 FROM company_holds h WHERE h.canonical_key = NEW.canonical_key);
    DELETE FROM company_holds WHERE canonical_key = NEW.canonical_key;
END;

-- Those that stayed aside when their company was woken.
UPDATE signal_processing SET available_at = strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')
WHERE status = 'pending' AND available_at > strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')
    AND NOT EXISTS (
        SELECT 1 FROM signals s JOIN company_holds h ON h.canonical_key = s.canonical_key
        WHERE s.id = signal_id);
