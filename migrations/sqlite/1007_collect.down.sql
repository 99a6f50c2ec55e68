DROP TABLE quarantine;
DROP TABLE collector_state;
