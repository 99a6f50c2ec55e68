DROP TABLE outbox;
DROP TABLE decisions;
