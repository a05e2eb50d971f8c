-- Small values that programs keep under keys of their own (the key-value part of Consul's API).

CREATE TABLE pairs (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    flags INTEGER NOT NULL,     -- 64 bits of the program's own, as SQLite has no unsigned number
    created INTEGER NOT NULL,   -- the registry's index when it was made, and when it last changed
    modified INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 6;
