-- The order in which acts and their outcomes came to be in the book, as the leaves of a Merkle tree; and what was
-- signed of it. The text of an entry is in the book itself, which is never changed: `body` is what was written of an act
-- first, and `ended` how it ended, where that came later. Triggers see to it that there is no row without its entry.
-- What was in the book before is not among the leaves.

ALTER TABLE acts ADD COLUMN ended TEXT;     -- model::Entry as canonical JSON

CREATE TABLE ledger (
    n INTEGER PRIMARY KEY,      -- from 1, without a gap
    act INTEGER NOT NULL,       -- 0 of an entry that is of none
    ended INTEGER NOT NULL,     -- 1 when the entry is the act's `ended`, and 0 when it is its `body`
    entry TEXT                  -- of an entry that is of none
) STRICT;
INSERT INTO ledger (n, act, ended, entry)
    SELECT 1, 0, 0, '{"acts":' || coalesce(max(id), 0) || ',"at":'
        || CAST(unixepoch('subsec') * 1000 AS INTEGER) || ',"entry":"begun"}'
    FROM acts;

CREATE TRIGGER acts_admitted AFTER INSERT ON acts BEGIN
    INSERT INTO ledger (act, ended) VALUES (NEW.id, 0);
END;
CREATE TRIGGER acts_ended AFTER UPDATE OF ended ON acts
    WHEN OLD.ended IS NULL AND NEW.ended IS NOT NULL BEGIN
    INSERT INTO ledger (act, ended) VALUES (NEW.id, 1);
END;

CREATE TABLE checkpoints (
    size INTEGER PRIMARY KEY,   -- so many entries are signed
    at INTEGER NOT NULL,
    note TEXT NOT NULL,         -- C2SP signed note
    edge BLOB NOT NULL          -- the hashes that the tree grows from
) STRICT;

PRAGMA user_version = 8;
