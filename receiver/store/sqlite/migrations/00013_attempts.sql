-- +goose Up

-- The line in deliveries of the attempt under way: another process may have taken
-- it over from who made it.
ALTER TABLE posts ADD COLUMN sending_id INTEGER NOT NULL DEFAULT 0;

-- What time it was last by the clock that timers go by; NULL: nobody has said so.
ALTER TABLE shifted ADD COLUMN last_at INTEGER;

-- What the target is in words: an alert is forgotten long before the line.
ALTER TABLE audit ADD COLUMN about TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_who_action ON audit (who, action, at, id);
CREATE INDEX audit_object_action ON audit (object_id, action, at, id);
