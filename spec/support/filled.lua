--- A store with something in every table that an export has, and its path.
local data = require "spec.support.data"
local stores = require "spec.support.store"

return function()
  local store, path = stores.open()
  assert(store:save_signals(data.signals(40)))
  assert(store:save_signal(data.signal {
    canonical_key = "domain:odd.io",
    company_name = 'a,"b"\n☃',
    raw_data = '{"id": 9007199254740993, "x": 1e-7,  "n": [1.0, -0]}',
  }))
  assert(store:mark_pushed(3, "page-3", { status = "Source" }))
  assert(store:mark_rejected(4, "no"))
  assert(store:update_suppression_cache { data.suppression(), data.suppression {
    canonical_key = "domain:other.ai", metadata = { a = 1 } } })
  assert(store:claim { limit = 1 }[1]:hold { for_ = 3600, reason = "one source" })
  for _, sql in ipairs {
    [[INSERT INTO decisions(canonical_key, decided_at, as_of, decision, score, signal_ids)
      VALUES ('domain:odd.io', '2026-01-01T00:00:00.000000+00:00',
        '2026-01-01T00:00:00.000000+00:00', 'hold', 0.1, '[41]')]],
    [[INSERT INTO outbox(sink, canonical_key, version, payload, signal_ids, state, not_before,
        created_at, updated_at)
      VALUES ('file', 'domain:odd.io', 1, '{}', '[41]', 'ready', '2026-01-01T00:00:00.000000+00:00',
        '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00')]],
    [[INSERT INTO collector_state VALUES ('file', '', '{"at":1}', 7,
        '2026-01-01T00:00:00.000000+00:00')]],
    [[INSERT INTO stat_samples VALUES ('2026-01-01T00:00:00.000000+00:00', '{}')]],
    [[INSERT INTO alert_instances(name, labels, state, value, memory)
      VALUES ('a', '{}', 'firing', 2.5, '{}')]],
    [[INSERT INTO alert_events(at, name, labels, event)
      VALUES ('2026-01-01T00:00:00.000000+00:00', 'a', '{}', 'fired')]],
    [[INSERT INTO alert_silences(matchers, starts_at, ends_at)
      VALUES ('[]', '2026-01-01T00:00:00.000000+00:00', '2026-01-02T00:00:00.000000+00:00')]],
    [[INSERT INTO alert_groups VALUES ('slack', '', '{}')]],
    [[INSERT INTO alert_notices(receiver, group_key, notice, status, created_at, next_at)
      VALUES ('slack', '', '{}', 'sent', '2026-01-01T00:00:00.000000+00:00',
        '2026-01-01T00:00:00.000000+00:00')]],
  } do
    assert(store:exec(sql))
  end
  assert(store:exec([[
    INSERT INTO quarantine(collector, item, reason, first_seen_at, last_seen_at)
    VALUES ('file', ?, 'no JSON', '2026-01-01T00:00:00.000000+00:00',
      '2026-01-01T00:00:00.000000+00:00')]], "\xff\0odd"))
  return store, path
end
