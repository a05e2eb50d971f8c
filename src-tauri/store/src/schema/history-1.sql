-- Measurements. Times are milliseconds since 1970, latencies microseconds, CPU thousandths of a
-- core, memory bytes. Rows are kept in the order they are read in: by instance, then by time.

CREATE TABLE instances (
    key INTEGER PRIMARY KEY,
    cluster TEXT NOT NULL,
    instance TEXT NOT NULL,
    UNIQUE (cluster, instance)
) STRICT;

CREATE TABLE probes (
    key INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,      -- 0 ready, 1 health
    verdict INTEGER NOT NULL,   -- 0 pass, 1 fail, 2 trouble
    latency INTEGER NOT NULL,
    PRIMARY KEY (key, at, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
    key INTEGER NOT NULL,
    at INTEGER NOT NULL,
    cpu INTEGER NOT NULL,
    memory INTEGER NOT NULL,
    PRIMARY KEY (key, at)
) STRICT, WITHOUT ROWID;

-- The health probes and usage of one minute; `at` is where it begins.
CREATE TABLE probe_minutes (
    key INTEGER NOT NULL,
    at INTEGER NOT NULL,
    probes INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    median INTEGER,
    highest INTEGER,
    PRIMARY KEY (key, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_minutes (
    key INTEGER NOT NULL,
    at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    cpu INTEGER NOT NULL,
    memory INTEGER NOT NULL,
    PRIMARY KEY (key, at)
) STRICT, WITHOUT ROWID;

-- Up to where the minutes are rolled up.
CREATE TABLE progress (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    rolled INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 1;
