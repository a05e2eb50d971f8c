-- What registered itself, whole as the registry writes it, instead of a column for each thing it may say.

CREATE TABLE registered (
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    since INTEGER NOT NULL,
    body TEXT NOT NULL,         -- registry::Registration as JSON
    PRIMARY KEY (name, id)
) STRICT, WITHOUT ROWID;

INSERT INTO registered (name, id, since, body)
    SELECT name, id, since, json_object(
        'name', name, 'id', id, 'url', url,
        'keep', json_object('kind', 'lease', 'ttl', ttl_ms),
        'meta', json(CASE WHEN json_valid(meta) THEN meta ELSE '{}' END))
    FROM leases;
DROP TABLE leases;

PRAGMA user_version = 5;
