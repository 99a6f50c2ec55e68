DROP TRIGGER signals_inserted;
CREATE TRIGGER signals_inserted AFTER INSERT ON signals BEGIN
    INSERT INTO counters VALUES ('signals_by_type', NEW.signal_type, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    DELETE FROM company_holds WHERE canonical_key = NEW.canonical_key;
END;
