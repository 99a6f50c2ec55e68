DROP TABLE alert_notices;
DROP TABLE alert_groups;
DROP TABLE alert_silences;
DROP TABLE alert_events;
DROP TABLE alert_instances;
DROP TABLE stat_samples;
