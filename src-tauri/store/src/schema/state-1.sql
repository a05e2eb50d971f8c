-- What must not be lost. Times are milliseconds since 1970.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE acts (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    body TEXT NOT NULL          -- model::Act as JSON
) STRICT;
CREATE INDEX acts_pending ON acts (id) WHERE pending = 1;

CREATE TABLE incidents (
    id INTEGER PRIMARY KEY,
    cluster TEXT NOT NULL,
    instance TEXT NOT NULL,
    open INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    ended INTEGER,
    body TEXT NOT NULL          -- model::Incident as JSON
) STRICT;
CREATE INDEX incidents_open ON incidents (id) WHERE open = 1;
CREATE INDEX incidents_instance ON incidents (cluster, instance, opened);

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    body TEXT NOT NULL          -- model::Event as JSON
) STRICT;

-- The state changes among the events, for the status band of an instance.
CREATE TABLE states (
    cluster TEXT NOT NULL,
    instance TEXT NOT NULL,
    at INTEGER NOT NULL,
    seq INTEGER NOT NULL REFERENCES events (seq) ON DELETE CASCADE,
    state TEXT NOT NULL,
    PRIMARY KEY (cluster, instance, at, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX states_seq ON states (seq);

CREATE TABLE leases (
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    meta TEXT NOT NULL,
    ttl_ms INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (name, id)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
