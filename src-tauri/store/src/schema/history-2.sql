-- Windows over a week, and what they need. Times as in the first step.

-- The health probes of one hour; `at` is where it begins. `latencies` is a sketch of what passed: a
-- JSON list of pairs, bucket and count.
CREATE TABLE probe_hours (
    key INTEGER NOT NULL,
    at INTEGER NOT NULL,
    probes INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    highest INTEGER,
    latencies TEXT NOT NULL,
    PRIMARY KEY (key, at)
) STRICT, WITHOUT ROWID;

-- Up to where the hours are rolled up.
CREATE TABLE hour_progress (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    rolled INTEGER NOT NULL
) STRICT;

-- Minutes in which an engine was there to see how things are; `at` is where each begins.
CREATE TABLE watched (
    at INTEGER PRIMARY KEY
) STRICT;

-- Open files, where they were counted.
ALTER TABLE usage ADD COLUMN files INTEGER;
ALTER TABLE usage_minutes ADD COLUMN files INTEGER;

PRAGMA user_version = 2;
