-- +goose Up

-- Dead letters that somebody wants to be sent again.
CREATE TABLE replays (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- stands in links: never used twice
    by_name     TEXT    NOT NULL,
    by_id       TEXT    NOT NULL,
    done_from   TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    next        INTEGER NOT NULL,
    total       INTEGER NOT NULL,
    replayed    INTEGER NOT NULL,
    left_alone  INTEGER NOT NULL,
    at          INTEGER,
    ended_at    INTEGER
);
CREATE INDEX replays_running ON replays (id) WHERE state = 'running';
CREATE INDEX replays_ended ON replays (ended_at);

-- What made the post due again last; 0: nothing did.
ALTER TABLE posts ADD COLUMN replay INTEGER NOT NULL DEFAULT 0;
CREATE INDEX posts_replay ON posts (replay) WHERE replay <> 0;
CREATE INDEX posts_replay_open ON posts (replay, state) WHERE replay <> 0 AND dead_letter;

-- The list of dead letters, newest first, of all and of one kind.
CREATE INDEX posts_dead_newest ON posts (id) WHERE dead_letter;
CREATE INDEX posts_dead_destination ON posts (destination) WHERE dead_letter;
CREATE INDEX posts_dead_reason ON posts (reason) WHERE dead_letter;
CREATE INDEX posts_dead_kind ON posts (reason, destination) WHERE dead_letter;
-- What kinds there are, and since when.
CREATE INDEX posts_dead_pile ON posts (reason, destination, state, since) WHERE dead_letter;

-- Most attempts succeed, and have no reason.
CREATE INDEX deliveries_reason ON deliveries (reason) WHERE reason <> '';
