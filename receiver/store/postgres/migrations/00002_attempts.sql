-- +goose Up

-- The line in deliveries of the attempt under way: another replica may have taken
-- it over from who made it. What has a default is left out where a new post is
-- stored, which is most of what is written.
ALTER TABLE posts
    ADD COLUMN sending_id bigint NOT NULL DEFAULT 0,
    ALTER COLUMN shown SET DEFAULT 0,
    ALTER COLUMN carded SET DEFAULT 0,
    ALTER COLUMN call SET DEFAULT 0,
    ALTER COLUMN called SET DEFAULT 0,
    ALTER COLUMN follows SET DEFAULT 0,
    ALTER COLUMN attempts SET DEFAULT 0,
    ALTER COLUMN message_id SET DEFAULT '',
    ALTER COLUMN reason SET DEFAULT '',
    ALTER COLUMN message SET DEFAULT '',
    ALTER COLUMN dead_letter SET DEFAULT false,
    ALTER COLUMN missed SET DEFAULT false,
    ALTER COLUMN replay SET DEFAULT 0,
    ALTER COLUMN sending_loud SET DEFAULT false,
    ALTER COLUMN sending_rank SET DEFAULT 0;

-- What time it was last by the clock that timers go by; NULL: nobody has said so.
ALTER TABLE shifted ADD COLUMN last_at bigint;

-- What the target is in words: an alert is forgotten long before the line.
ALTER TABLE audit ADD COLUMN about text NOT NULL DEFAULT '';
CREATE INDEX audit_who_action ON audit (md5(md5(who) || action), at, id);
CREATE INDEX audit_object_action ON audit (md5(md5(object_id) || action), at, id);
