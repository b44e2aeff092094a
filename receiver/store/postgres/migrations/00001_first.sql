-- +goose Up

-- Times are nanoseconds since 1970 in UTC; a zero time is NULL. Texts are in
-- the order of their bytes, whatever the order of the database is.

-- The one row by which we know our own schema, with a number for what is asked
-- for often and changes seldom (store.Revisions).
CREATE SEQUENCE revisions;
CREATE TABLE teamsrelay (
    silences      bigint NOT NULL,
    subscriptions bigint NOT NULL,
    destinations  bigint NOT NULL
);
INSERT INTO teamsrelay VALUES (nextval('revisions'), nextval('revisions'), nextval('revisions'));

-- One row an episode. data is the JSON of group.Group; the columns are what it
-- leaves out, and what is searched for. key and origin hold labels, in which
-- there may be any byte.
CREATE SEQUENCE group_ids; -- people type them: never used twice
CREATE TABLE groups (
    id          bigint PRIMARY KEY,
    key         bytea   NOT NULL,
    origin      bytea   NOT NULL,
    -- 64 bits of SHA-256 each: an index takes no long texts.
    key_hash    bigint  NOT NULL,
    origin_hash bigint  NOT NULL,
    episode     bigint  NOT NULL,
    rev         bigint  NOT NULL,
    phase       text COLLATE "C" NOT NULL,
    latest      boolean NOT NULL, -- the latest episode of its key
    due_at      bigint,
    changed_at  bigint  NOT NULL, -- the latest of the group's own times
    previous    bigint,           -- the episode before
    data        bytea   NOT NULL,
    brief       bytea             -- store.Brief as text; NULL when it is over
);
CREATE UNIQUE INDEX groups_latest ON groups (origin_hash, key_hash) WHERE latest;
CREATE INDEX groups_due ON groups (due_at, id) WHERE due_at IS NOT NULL AND latest;
CREATE INDEX groups_newest ON groups (id) WHERE latest;
CREATE INDEX groups_open ON groups (id) WHERE latest AND phase <> 'over';
CREATE INDEX groups_done ON groups (changed_at) WHERE phase IN ('over', 'unheard');

CREATE SEQUENCE post_ids;
CREATE TABLE posts (
    id           bigint PRIMARY KEY,
    group_id     bigint  NOT NULL,
    address      text COLLATE "C" NOT NULL,
    destination  text COLLATE "C" NOT NULL,
    card         text    NOT NULL,
    title        text    NOT NULL,
    state        text COLLATE "C" NOT NULL,
    want         bigint  NOT NULL,
    shown        bigint  NOT NULL,
    carded       bigint  NOT NULL,
    call         bigint  NOT NULL,
    called       bigint  NOT NULL,
    loud         boolean NOT NULL,
    rank         bigint  NOT NULL,
    follows      bigint  NOT NULL, -- the post of the episode before, which goes first; 0: none
    since        bigint,
    not_before   bigint,
    attempts     bigint  NOT NULL,
    message_id   text COLLATE "C" NOT NULL,
    reason       text COLLATE "C" NOT NULL,
    message      text    NOT NULL,
    dead_letter  boolean NOT NULL,
    missed       boolean NOT NULL,
    replay       bigint  NOT NULL, -- what made it due again last; 0: nothing did
    updated_at   bigint,
    -- of the attempt under way
    sending_loud boolean NOT NULL,
    sending_rank bigint  NOT NULL
);
CREATE UNIQUE INDEX posts_group ON posts (group_id, address);
-- The order in which an address is worked, with all that decides whether a
-- post is ready, so that the posts themselves are read only to be sent.
CREATE INDEX posts_queue ON posts (address, rank DESC, since NULLS FIRST, id, not_before) WHERE state IN ('due', 'waiting');
CREATE INDEX posts_next ON posts (address, not_before) WHERE state IN ('due', 'waiting');
CREATE INDEX posts_sending ON posts (address, id) WHERE state = 'sending';
CREATE INDEX posts_destination ON posts (destination, state);
-- A press names the message on which it was made. Its id is whatever length
-- somebody gave it.
CREATE INDEX posts_message ON posts (address, md5(message_id)) WHERE message_id <> '';
CREATE INDEX posts_shown ON posts (address) WHERE message_id <> '' AND state IN ('shown', 'accepted');
CREATE INDEX posts_follows ON posts (follows) WHERE follows <> 0;
-- The list of dead letters, newest first, of all and of one kind.
CREATE INDEX posts_dead_newest ON posts (id) WHERE dead_letter;
CREATE INDEX posts_dead_address ON posts (address, id) WHERE dead_letter;
CREATE INDEX posts_dead_destination ON posts (destination, id) WHERE dead_letter;
CREATE INDEX posts_dead_reason ON posts (reason, id) WHERE dead_letter;
CREATE INDEX posts_dead_kind ON posts (reason, destination, id) WHERE dead_letter;
-- What kinds there are, how many of each, and since when.
CREATE INDEX posts_dead ON posts (destination, state) WHERE dead_letter;
CREATE INDEX posts_dead_pile ON posts (reason, destination, state, since) WHERE dead_letter;
CREATE INDEX posts_replay ON posts (replay, id) WHERE replay <> 0;
CREATE INDEX posts_replay_open ON posts (replay, state) WHERE replay <> 0 AND dead_letter;

CREATE SEQUENCE delivery_ids;
CREATE TABLE deliveries (
    id          bigint PRIMARY KEY,
    post_id     bigint NOT NULL,
    group_id    bigint NOT NULL,
    address     text COLLATE "C" NOT NULL,
    destination text COLLATE "C" NOT NULL,
    title       text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    attempt     bigint NOT NULL,
    revision    bigint NOT NULL,
    digest      bigint NOT NULL,
    status      bigint NOT NULL,
    reason      text COLLATE "C" NOT NULL,
    message     text COLLATE "C" NOT NULL,
    message_id  text   NOT NULL,
    at          bigint,
    took        bigint NOT NULL
);
CREATE INDEX deliveries_post ON deliveries (post_id, id) WHERE post_id <> 0;
CREATE INDEX deliveries_group ON deliveries (group_id, id) WHERE group_id <> 0;
CREATE INDEX deliveries_destination ON deliveries (destination, id);
CREATE INDEX deliveries_state ON deliveries (state, id);
CREATE INDEX deliveries_at ON deliveries (at);
-- Most attempts succeed, and have no reason.
CREATE INDEX deliveries_reason ON deliveries (reason, id) WHERE reason <> '';

CREATE TABLE replays (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- stands in links: never used twice
    by_name     text   NOT NULL,
    by_id       text   NOT NULL,
    done_from   text   NOT NULL,
    destination text   NOT NULL,
    reason      text   NOT NULL,
    state       text COLLATE "C" NOT NULL,
    next        bigint NOT NULL,
    total       bigint NOT NULL,
    replayed    bigint NOT NULL,
    left_alone  bigint NOT NULL,
    at          bigint,
    ended_at    bigint
);
CREATE INDEX replays_running ON replays (id) WHERE state = 'running';
CREATE INDEX replays_ended ON replays (ended_at);

CREATE TABLE addresses (
    address       text COLLATE "C" PRIMARY KEY,
    holder        text    NOT NULL,
    leased_until  bigint,
    not_before    bigint,
    failures      bigint  NOT NULL,
    digest_at     bigint,
    broken        text    NOT NULL,
    broken_reason text    NOT NULL,
    broken_at     bigint,
    waits         boolean NOT NULL -- what is to be sent there waits for the repair
);

CREATE TABLE sends (
    address text COLLATE "C" NOT NULL,
    at      bigint NOT NULL
);
CREATE INDEX sends_address ON sends (address, at);

-- What Check writes and takes away again.
CREATE TABLE checks (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    filler bytea NOT NULL
);

-- What rules know of their series. state is rules.Row's, in its own form; a
-- series is known by the SHA-256 of both names, which are of any length.
CREATE TABLE series (
    name   bytea PRIMARY KEY,
    rule   bytea NOT NULL,
    series bytea NOT NULL,
    state  bytea NOT NULL
);
CREATE INDEX series_rule ON series (sha256(rule));

-- Alerts on their way to another receiver. alert is the JSON of alert.Alert.
CREATE TABLE relayed (
    fingerprint bigint  PRIMARY KEY,
    alert       bytea   NOT NULL,
    told        boolean NOT NULL
);

-- What somebody wants done in the system that an alert came from.
CREATE TABLE intents (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id     bigint NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    source       text COLLATE "C" NOT NULL,
    verb         text   NOT NULL,
    who          text   NOT NULL,
    text         text   NOT NULL,
    state        text COLLATE "C" NOT NULL,
    attempts     bigint NOT NULL,
    not_before   bigint,
    reason       text   NOT NULL,
    requested_at bigint,
    done_at      bigint
);
CREATE INDEX intents_group ON intents (group_id, id);
-- The first of each group is the one that may be tried.
CREATE INDEX intents_queue ON intents (group_id, id, source, not_before) WHERE state = 'requested';

-- What must be remembered to talk to a user, chat or channel.
CREATE TABLE conversations (
    id             text COLLATE "C" PRIMARY KEY,
    kind           text COLLATE "C" NOT NULL,
    tenant         text    NOT NULL,
    service_url    text    NOT NULL,
    bot_id         text    NOT NULL,
    name           text    NOT NULL,
    team_id        text COLLATE "C" NOT NULL,
    team_group     text    NOT NULL,
    team_name      text    NOT NULL,
    user_id        text    NOT NULL,
    user_object_id text COLLATE "C" NOT NULL,
    installed      boolean NOT NULL,
    blocked        text    NOT NULL,
    moved_to       text COLLATE "C" NOT NULL,
    updated_at     bigint
);
CREATE INDEX conversations_team ON conversations (team_id, id) WHERE team_id <> '';
CREATE INDEX conversations_user ON conversations (user_object_id, updated_at DESC NULLS LAST, id DESC)
    WHERE kind = 'personal' AND moved_to = '' AND user_object_id <> '';

-- Activities that were worked: the service sends them again after a timeout.
-- id is the SHA-256 of Microsoft's, which is of any length.
CREATE TABLE activities (
    id      bytea  PRIMARY KEY,
    seen_at bigint NOT NULL
);
CREATE INDEX activities_seen ON activities (seen_at);

-- sets and their_ids are JSON. A silence outlives its episode, whose number is 0
-- where there is none.
CREATE TABLE silences (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- people type it: never used twice
    group_id   bigint  NOT NULL,
    sets       bytea   NOT NULL,
    by_name    text    NOT NULL,
    by_id      text    NOT NULL,
    asked_from text    NOT NULL,
    comment    text    NOT NULL,
    starts_at  bigint,
    ends_at    bigint,
    theirs     boolean NOT NULL,
    their_ids  bytea   NOT NULL,
    state      text COLLATE "C" NOT NULL,
    attempts   bigint  NOT NULL,
    not_before bigint,
    reason     text    NOT NULL,
    ended_name text    NOT NULL,
    ended_id   text    NOT NULL
);
-- Whether anything is silenced is asked for every alert that comes in: those
-- that are over are not looked at.
CREATE INDEX silences_end ON silences (ends_at);
CREATE INDEX silences_unsettled ON silences (not_before) WHERE state IN ('requested', 'ending');
CREATE INDEX silences_group ON silences (group_id) WHERE state IN ('requested', 'ending');

-- matchers is JSON.
CREATE TABLE subscriptions (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address  text COLLATE "C" NOT NULL,
    name     text  NOT NULL,
    matchers bytea NOT NULL,
    by_name  text  NOT NULL,
    by_id    text  NOT NULL,
    at       bigint
);
CREATE INDEX subscriptions_address ON subscriptions (address, id);

-- The keys that sign buttons, in the order in which they came.
CREATE TABLE button_keys (
    id      text COLLATE "C" PRIMARY KEY,
    secret  bytea  NOT NULL,
    made_at bigint,
    number  bigint GENERATED ALWAYS AS IDENTITY
);

-- Who is told personally, by the name that the file has for them.
CREATE TABLE people (
    name         text COLLATE "C" PRIMARY KEY,
    object_id    text COLLATE "C" NOT NULL,
    display_name text    NOT NULL,
    upn          text    NOT NULL,
    conversation text COLLATE "C" NOT NULL,
    state        text    NOT NULL,
    reason       text    NOT NULL,
    message      text    NOT NULL,
    wanted       boolean NOT NULL,
    attempts     bigint  NOT NULL,
    not_before   bigint,
    installed_at bigint,
    version      text    NOT NULL,
    checked_at   bigint,
    updated_at   bigint
);
CREATE INDEX people_wanted ON people (not_before, name) WHERE wanted AND conversation = '';
CREATE INDEX people_conversation ON people (conversation, name) WHERE conversation <> '';
CREATE INDEX people_object ON people (object_id) WHERE object_id <> '';

-- Entra groups and Teams tags. members is JSON.
CREATE TABLE rosters (
    id           text COLLATE "C" PRIMARY KEY,
    display_name text   NOT NULL,
    members      bytea  NOT NULL,
    refreshed_at bigint,
    reason       text   NOT NULL,
    message      text   NOT NULL,
    attempts     bigint NOT NULL,
    not_before   bigint
);

-- Webhooks that were added while the receiver runs. sealed holds the URL.
CREATE TABLE destinations (
    name       text COLLATE "C" PRIMARY KEY,
    key_id     text  NOT NULL,
    sealed     bytea NOT NULL,
    host       text  NOT NULL,
    hash       text  NOT NULL,
    added_by   text  NOT NULL,
    added_at   bigint,
    rotated_by text  NOT NULL,
    rotated_at bigint
);

-- What nothing is sent to until somebody enables it.
CREATE TABLE disabled (
    destination text COLLATE "C" PRIMARY KEY,
    by_name     text NOT NULL,
    at          bigint
);

-- Alerts that must keep coming, by the name that the file has for them.
CREATE TABLE heartbeats (
    name         text COLLATE "C" PRIMARY KEY,
    beat_at      bigint,
    beat_from    text NOT NULL,
    watched_from bigint,
    watched_at   bigint,
    missing_at   bigint
);

-- Cards that are sent to see whether they arrive.
CREATE TABLE canaries (
    destination text COLLATE "C" PRIMARY KEY,
    address     text   NOT NULL,
    message_id  text   NOT NULL,
    since       bigint,
    ok_at       bigint,
    tried_at    bigint,
    next_at     bigint,
    failures    bigint NOT NULL,
    reason      text   NOT NULL,
    message     text   NOT NULL,
    failed_at   bigint
);

-- What replicas have to know of each other.
CREATE TABLE replicas (
    name       text COLLATE "C" PRIMARY KEY,
    until      bigint,
    sighted_at bigint,
    config     text NOT NULL,
    config_at  bigint
);
CREATE TABLE sightings (
    fingerprint bigint PRIMARY KEY,
    at          bigint,
    until       bigint
);
CREATE INDEX sightings_until ON sightings (until);
-- number is that of the transaction. Who has asked when all before a number had
-- ended asks for those from there on.
CREATE TABLE changes (
    number   bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    group_id bigint NOT NULL,
    at       bigint NOT NULL
);
CREATE INDEX changes_number ON changes (number, group_id);
CREATE INDEX changes_at ON changes (at);

-- By how many nanoseconds timers have been moved in all.
CREATE TABLE shifted (total bigint NOT NULL);
INSERT INTO shifted VALUES (0);

-- Who did what. It is read from its end by whoever looks for a person, an
-- action, a target or a place, in whatever time: each has an index that is in
-- that order. What is looked for may be longer than an index takes.
CREATE TABLE audit (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        bigint NOT NULL,
    who       text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    action    text COLLATE "C" NOT NULL,
    target    text COLLATE "C" NOT NULL,
    done_from text COLLATE "C" NOT NULL,
    before_it text NOT NULL,
    after_it  text NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_who ON audit (md5(who), at, id);
CREATE INDEX audit_object ON audit (md5(object_id), at, id);
CREATE INDEX audit_action ON audit (md5(action), at, id);
CREATE INDEX audit_target ON audit (md5(target), at, id);
CREATE INDEX audit_from ON audit (md5(done_from), at, id);
-- The first word of it.
CREATE INDEX audit_way ON audit (md5(split_part(done_from, ' ', 1)), at, id);
-- What was refused.
CREATE INDEX audit_refused ON audit (left(action, 8), at, id);

-- Lines that were written before may go. It is for the database's clock to say,
-- and for no table that somebody could write first.
CREATE FUNCTION audit_goes() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT (extract(epoch FROM now())::bigint - 365 * 86400) * 1000000000';

-- +goose StatementBegin
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        RAISE EXCEPTION 'a line of the audit is never changed';
    END IF;
    IF OLD.at >= (extract(epoch FROM now())::bigint - 365 * 86400) * 1000000000 THEN
        RAISE EXCEPTION 'a line of the audit stays for a year';
    END IF;
    RETURN OLD;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays();
-- +goose StatementBegin
CREATE FUNCTION audit_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lines of the audit stay for a year';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_whole();
