-- Which migrations a database has seen. The first table is the predecessor's, and may be there with
-- its versions 1 to 4; ours begin at 1001.
CREATE TABLE IF NOT EXISTS schema_migrations(
    version INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL,
    description TEXT
);

-- SHA-256 of the two files of each version, so that a changed one is noticed.
CREATE TABLE schema_checksums(
    version INTEGER PRIMARY KEY,
    checksum TEXT NOT NULL
);
