-- What is to be sent to whom, written with the event it tells, and how far each receiver has come.

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    seq INTEGER NOT NULL,       -- of the event
    at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,     -- of the body, so that it need not be read to be counted
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX outbox_target ON outbox (target, seq, at, bytes);

CREATE TABLE outbox_targets (
    target TEXT PRIMARY KEY,
    lost INTEGER NOT NULL,      -- that were never sent, for want of room or time
    body TEXT NOT NULL          -- whatever the sender wants to remember
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 3;
