-- +goose Up

-- How long a line stays is for the clock of whoever runs the database to say, and
-- for no table that somebody could write first.
DROP TRIGGER audit_stays;
DROP TABLE audit_kept;

-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
WHEN OLD.at IS NULL OR OLD.at >= (CAST(strftime('%s', 'now') AS INTEGER) - 365 * 86400) * 1000000000 BEGIN
    SELECT RAISE(ABORT, 'a line of the audit stays for a year');
END;
-- +goose StatementEnd
