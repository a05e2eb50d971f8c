-- The timelines of incidents, one line each: added to, and never changed.

CREATE TABLE incident_entries (
    incident INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    body TEXT NOT NULL,         -- model::IncidentEntry as JSON
    PRIMARY KEY (incident, n)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
