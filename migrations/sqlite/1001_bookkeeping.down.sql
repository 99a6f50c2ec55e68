DROP TABLE schema_checksums;
