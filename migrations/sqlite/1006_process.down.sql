-- What was queued for delivery has nobody left who delivers it: it is due again.
UPDATE signal_processing SET
    status = 'pending',
    updated_at = strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now'),
    available_at = strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')
WHERE status = 'queued' AND signal_id IN (
    SELECT ids.value FROM outbox, json_each(outbox.signal_ids) ids);
DROP TABLE outbox;
DROP TABLE decisions;
