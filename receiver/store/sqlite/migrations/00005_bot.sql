-- +goose Up

-- The revision that wants a message of its own beside the edit of the card, and
-- the one that has had it. A post of before had a message for all it told.
ALTER TABLE posts ADD COLUMN call INTEGER NOT NULL DEFAULT 0;
ALTER TABLE posts ADD COLUMN called INTEGER NOT NULL DEFAULT 0;
-- A press names the message on which it was made.
CREATE INDEX posts_message ON posts (address, message_id) WHERE message_id <> '';
CREATE INDEX posts_dead_address ON posts (address) WHERE dead_letter;

-- What an attempt sends: a card, an edit, a call or a digest; of before: unknown.
ALTER TABLE deliveries ADD COLUMN kind TEXT NOT NULL DEFAULT '';
-- 1: what is to be sent to a broken address waits for its repair.
ALTER TABLE addresses ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;

-- What must be remembered to talk to a user, chat or channel.
CREATE TABLE conversations (
    id             TEXT PRIMARY KEY,
    kind           TEXT    NOT NULL,
    tenant         TEXT    NOT NULL,
    service_url    TEXT    NOT NULL,
    bot_id         TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    team_id        TEXT    NOT NULL,
    team_group     TEXT    NOT NULL,
    team_name      TEXT    NOT NULL,
    user_id        TEXT    NOT NULL,
    user_object_id TEXT    NOT NULL,
    installed      INTEGER NOT NULL,
    blocked        TEXT    NOT NULL,
    moved_to       TEXT    NOT NULL,
    updated_at     INTEGER
);
CREATE INDEX conversations_team ON conversations (team_id, id) WHERE team_id <> '';

-- Activities that were worked: the service sends them again after a timeout.
CREATE TABLE activities (
    id      TEXT PRIMARY KEY,
    seen_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX activities_seen ON activities (seen_at);

-- sets and their_ids are JSON. A silence outlives its episode, whose number is 0
-- where there is none.
CREATE TABLE silences (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- people type it: never used twice
    group_id   INTEGER NOT NULL,
    sets       BLOB    NOT NULL,
    by_name    TEXT    NOT NULL,
    by_id      TEXT    NOT NULL,
    asked_from TEXT    NOT NULL,
    comment    TEXT    NOT NULL,
    starts_at  INTEGER,
    ends_at    INTEGER,
    theirs     INTEGER NOT NULL,
    their_ids  BLOB    NOT NULL,
    state      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    not_before INTEGER,
    reason     TEXT    NOT NULL,
    ended_name TEXT    NOT NULL,
    ended_id   TEXT    NOT NULL
);
-- Whether anything is silenced is asked for every alert that comes in: those
-- that are over are not looked at.
CREATE INDEX silences_end ON silences (ends_at);
CREATE INDEX silences_unsettled ON silences (not_before) WHERE state IN ('requested', 'ending');
CREATE INDEX silences_group ON silences (group_id) WHERE state IN ('requested', 'ending');

-- matchers is JSON.
CREATE TABLE subscriptions (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    address  TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    matchers BLOB    NOT NULL,
    by_name  TEXT    NOT NULL,
    by_id    TEXT    NOT NULL,
    at       INTEGER
);
CREATE INDEX subscriptions_address ON subscriptions (address);

-- Who did what.
CREATE TABLE audit (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER,
    who          TEXT    NOT NULL,
    object_id    TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    done_from    TEXT    NOT NULL,
    before_it    TEXT    NOT NULL,
    after_it     TEXT    NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_who ON audit (who);
CREATE INDEX audit_object ON audit (object_id);
CREATE INDEX audit_action ON audit (action);

-- The keys that sign buttons.
CREATE TABLE button_keys (
    id      TEXT PRIMARY KEY,
    secret  BLOB    NOT NULL,
    made_at INTEGER
);
