-- +goose Up

-- 1: the episode knows that the post could not be told.
ALTER TABLE posts ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;

-- Who is told personally, by the name that the file has for them.
CREATE TABLE people (
    name         TEXT PRIMARY KEY,
    object_id    TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    upn          TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    wanted       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    not_before   INTEGER,
    installed_at INTEGER,
    version      TEXT    NOT NULL,
    checked_at   INTEGER,
    updated_at   INTEGER
);
CREATE INDEX people_wanted ON people (not_before, name) WHERE wanted AND conversation = '';
CREATE INDEX people_conversation ON people (conversation) WHERE conversation <> '';
CREATE INDEX people_object ON people (object_id) WHERE object_id <> '';
-- Who a person's chat is with is asked for every name that is new.
CREATE INDEX conversations_user ON conversations (user_object_id, updated_at, id)
    WHERE kind = 'personal' AND moved_to = '' AND user_object_id <> '';
-- Who was to wait for a post that another one took over.
CREATE INDEX posts_follows ON posts (follows) WHERE follows <> 0;

-- Entra groups and Teams tags. members is JSON.
CREATE TABLE rosters (
    id           TEXT PRIMARY KEY,
    display_name TEXT    NOT NULL,
    members      BLOB    NOT NULL,
    refreshed_at INTEGER,
    reason       TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    not_before   INTEGER
);
