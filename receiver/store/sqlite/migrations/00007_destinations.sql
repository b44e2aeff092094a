-- +goose Up

-- Webhooks that were added while the receiver runs. sealed holds the URL.
CREATE TABLE destinations (
    name       TEXT PRIMARY KEY,
    key_id     TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    host       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    added_by   TEXT NOT NULL,
    added_at   INTEGER,
    rotated_by TEXT NOT NULL,
    rotated_at INTEGER
);

-- What nothing is sent to until somebody enables it.
CREATE TABLE disabled (
    destination TEXT PRIMARY KEY,
    by_name     TEXT NOT NULL,
    at          INTEGER
);

-- The audit is read from its end by whoever looks for a person, an action, a
-- target or a place, in whatever time: each has an index that is in that order.
DROP INDEX audit_at;
DROP INDEX audit_who;
DROP INDEX audit_object;
DROP INDEX audit_action;
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_who ON audit (who, at, id);
CREATE INDEX audit_object ON audit (object_id, at, id);
CREATE INDEX audit_action ON audit (action, at, id);
CREATE INDEX audit_target ON audit (target, at, id);
CREATE INDEX audit_from ON audit (done_from, at, id);
-- The first word of it.
CREATE INDEX audit_way ON audit (substr(done_from, 1, instr(done_from || ' ', ' ') - 1), at, id);
-- What was refused.
CREATE INDEX audit_refused ON audit (substr(action, 1, 8), at, id);

-- From when on the audit is whole. Prune moves it, and what is newer stays.
CREATE TABLE audit_kept (since INTEGER NOT NULL);
INSERT INTO audit_kept VALUES (-9223372036854775808);

-- +goose StatementBegin
CREATE TRIGGER audit_written BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'a line of the audit is never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_new BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'a line of the audit is never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE DELETE ON audit WHEN OLD.at >= (SELECT since FROM audit_kept) BEGIN
    SELECT RAISE(ABORT, 'a line of the audit stays for a year');
END;
-- +goose StatementEnd
