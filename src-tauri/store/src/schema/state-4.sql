-- What others than healing asked for, by time: charts look for it, and the book is never cut. An automatic restart
-- adds nothing to it.

CREATE INDEX acts_asked ON acts (at) WHERE json_extract(body, '$.actor.kind') <> 'healer';

PRAGMA user_version = 4;
