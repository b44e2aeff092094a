-- +goose Up

-- What rules know of their series. state is rules.Row's, in its own form.
CREATE TABLE series (
    rule   TEXT NOT NULL,
    series TEXT NOT NULL,
    state  BLOB NOT NULL,
    PRIMARY KEY (rule, series)
) WITHOUT ROWID;

-- Alerts on their way to another receiver. alert is the JSON of alert.Alert.
CREATE TABLE relayed (
    fingerprint INTEGER PRIMARY KEY,
    alert       BLOB    NOT NULL,
    told        INTEGER NOT NULL
);
