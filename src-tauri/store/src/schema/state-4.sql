-- What others than healing asked for, by time: charts look for it, and the book is never cut. An automatic restart
-- adds nothing to it. Nor does an act whose text was damaged, which hinders nobody but who reads that one.

CREATE INDEX acts_asked ON acts (at)
    WHERE CASE WHEN json_valid(body) THEN json_extract(body, '$.actor.kind') END <> 'healer';

PRAGMA user_version = 4;
