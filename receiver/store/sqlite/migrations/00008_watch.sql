-- +goose Up

-- Alerts that must keep coming, by the name that the file has for them.
CREATE TABLE heartbeats (
    name         TEXT PRIMARY KEY,
    beat_at      INTEGER,
    beat_from    TEXT    NOT NULL,
    watched_from INTEGER,
    watched_at   INTEGER,
    missing_at   INTEGER
);

-- Cards that are sent to see whether they arrive.
CREATE TABLE canaries (
    destination TEXT PRIMARY KEY,
    address     TEXT    NOT NULL,
    message_id  TEXT    NOT NULL,
    since       INTEGER,
    ok_at       INTEGER,
    tried_at    INTEGER,
    next_at     INTEGER,
    failures    INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    failed_at   INTEGER
);
