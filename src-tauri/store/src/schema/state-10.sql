-- Programs that act for a person. Of a token only its hash is kept (SHA-256 of 256 random bits), so that who reads
-- this file cannot act as one.

CREATE TABLE agents (
    name TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    since INTEGER NOT NULL,
    expires INTEGER,
    last_used INTEGER
) STRICT;

PRAGMA user_version = 10;
