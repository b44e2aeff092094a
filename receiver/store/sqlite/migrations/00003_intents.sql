-- +goose Up

-- What somebody wants done in the system that an alert came from.
CREATE TABLE intents (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id     INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    source       TEXT    NOT NULL,
    verb         TEXT    NOT NULL,
    who          TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    not_before   INTEGER,
    reason       TEXT    NOT NULL,
    requested_at INTEGER,
    done_at      INTEGER
);
CREATE INDEX intents_group ON intents (group_id);
-- The first of each group is the one that may be tried.
CREATE INDEX intents_queue ON intents (group_id, id, source, not_before) WHERE state = 'requested';
