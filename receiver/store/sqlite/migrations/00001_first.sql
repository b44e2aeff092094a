-- +goose Up
PRAGMA application_id = 0x746d7279;

-- Times are nanoseconds since 1970 in UTC; a zero time is NULL.

-- One row an episode. data is the JSON of group.Group; the columns are what it
-- leaves out, and what is searched for.
CREATE TABLE groups (
    id         INTEGER PRIMARY KEY AUTOINCREMENT, -- people type it: never used twice
    key        TEXT    NOT NULL,
    origin     TEXT    NOT NULL,
    -- 64 bits of SHA-256 each: an index of the texts would be ten times as
    -- large, and every new group would touch a page of it that is nowhere near.
    key_hash    INTEGER NOT NULL,
    origin_hash INTEGER NOT NULL,
    episode    INTEGER NOT NULL,
    rev        INTEGER NOT NULL,
    phase      TEXT    NOT NULL,
    latest     INTEGER NOT NULL, -- 1: the latest episode of its key
    due_at     INTEGER,
    changed_at INTEGER NOT NULL, -- the latest of the group's own times
    data       BLOB    NOT NULL
);
CREATE UNIQUE INDEX groups_latest ON groups (origin_hash, key_hash) WHERE latest;
CREATE INDEX groups_due ON groups (due_at) WHERE due_at IS NOT NULL AND latest;
CREATE INDEX groups_open ON groups (id) WHERE latest AND phase <> 'over';
CREATE INDEX groups_done ON groups (changed_at) WHERE phase IN ('over', 'unheard');

CREATE TABLE posts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id    INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    address     TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    card        TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    want        INTEGER NOT NULL,
    shown       INTEGER NOT NULL,
    loud        INTEGER NOT NULL,
    rank        INTEGER NOT NULL,
    since       INTEGER,
    not_before  INTEGER,
    attempts    INTEGER NOT NULL,
    message_id  TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    dead_letter INTEGER NOT NULL,
    updated_at  INTEGER,
    -- of the attempt under way
    sending_loud INTEGER NOT NULL,
    sending_rank INTEGER NOT NULL
);
CREATE UNIQUE INDEX posts_group ON posts (group_id, address);
-- The order in which an address is worked, with all that decides whether a
-- post is ready, so that the posts themselves are read only to be sent.
CREATE INDEX posts_queue ON posts (address, rank DESC, since, id, not_before) WHERE state IN ('due', 'waiting');
CREATE INDEX posts_next ON posts (address, not_before) WHERE state IN ('due', 'waiting');
CREATE INDEX posts_sending ON posts (address) WHERE state = 'sending';
CREATE INDEX posts_destination ON posts (destination, state);
CREATE INDEX posts_dead ON posts (destination, state) WHERE dead_letter;

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    post_id     INTEGER NOT NULL,
    group_id    INTEGER NOT NULL,
    address     TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    attempt     INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    digest      INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    message_id  TEXT    NOT NULL,
    at          INTEGER,
    took        INTEGER NOT NULL
);
CREATE INDEX deliveries_post ON deliveries (post_id);
CREATE INDEX deliveries_group ON deliveries (group_id);
CREATE INDEX deliveries_destination ON deliveries (destination);
CREATE INDEX deliveries_state ON deliveries (state);
CREATE INDEX deliveries_at ON deliveries (at);

CREATE TABLE addresses (
    address       TEXT PRIMARY KEY,
    holder        TEXT    NOT NULL,
    leased_until  INTEGER,
    not_before    INTEGER,
    failures      INTEGER NOT NULL,
    digest_at     INTEGER,
    broken        TEXT    NOT NULL,
    broken_reason TEXT    NOT NULL,
    broken_at     INTEGER
);

CREATE TABLE sends (
    address TEXT    NOT NULL,
    at      INTEGER NOT NULL
);
CREATE INDEX sends_address ON sends (address, at);

-- What Check writes and takes away again.
CREATE TABLE checks (
    filler BLOB NOT NULL
);
