-- Acts that wait for the approval of persons. Each is used once: `used` says by which act, and is written in the same
-- transaction as that.

CREATE TABLE approvals (
    id INTEGER PRIMARY KEY,
    until INTEGER NOT NULL,
    needed INTEGER NOT NULL,
    state TEXT NOT NULL,        -- 'open', 'used', 'denied' or 'expired'
    used INTEGER,               -- the act
    body TEXT NOT NULL          -- model::Approval, without what is in the columns and below
) STRICT;
CREATE INDEX approvals_open ON approvals (id) WHERE state = 'open';

CREATE TABLE approvers (
    approval INTEGER NOT NULL,
    name TEXT NOT NULL,
    via TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (approval, name)
) STRICT;

PRAGMA user_version = 9;
