-- +goose Up

-- What processes that share a store have to know of each other. Nobody shares
-- this one, so these stay empty but in tests.
CREATE TABLE replicas (
    name       TEXT PRIMARY KEY,
    until      INTEGER,
    sighted_at INTEGER,
    config     TEXT    NOT NULL,
    config_at  INTEGER
);
CREATE TABLE sightings (
    fingerprint INTEGER PRIMARY KEY,
    at          INTEGER,
    until       INTEGER
);
CREATE INDEX sightings_until ON sightings (until);
CREATE TABLE changes (
    number   INTEGER PRIMARY KEY AUTOINCREMENT, -- who has read one asks for those after it
    group_id INTEGER NOT NULL,
    at       INTEGER NOT NULL
);
CREATE INDEX changes_at ON changes (at);

-- By how many nanoseconds timers have been moved in all.
CREATE TABLE shifted (
    total INTEGER NOT NULL
);
INSERT INTO shifted (total) VALUES (0);
