package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"slices"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// SaveSeries implements store.RuleTx.
func (t *tx) SaveSeries(rows []rules.Row) error {
	for _, row := range rows {
		var err error
		if row.State == nil {
			_, err = t.write(`DELETE FROM series WHERE rule = ? AND series = ?`, row.Rule, row.Series)
		} else {
			_, err = t.write(`INSERT INTO series (rule, series, state) VALUES (?, ?, ?)
				ON CONFLICT (rule, series) DO UPDATE SET state = excluded.state`, row.Rule, row.Series, row.State)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// EachSeries implements store.RuleTx.
func (t *tx) EachSeries(fn func(rules.Row) error) error {
	return t.conn.query(`SELECT rule, series, state FROM series ORDER BY rule, series`, func(row []driver.Value) error {
		return fn(rules.Row{Rule: row[0].(string), Series: row[1].(string), State: slices.Clone(row[2].([]byte))})
	})
}

// Series implements store.RuleTx.
func (t *tx) Series(rule string) ([]rules.Row, error) {
	var rows []rules.Row
	err := t.conn.query(`SELECT rule, series, state FROM series WHERE rule = ? ORDER BY series`, func(row []driver.Value) error {
		rows = append(rows, rules.Row{Rule: row[0].(string), Series: row[1].(string), State: slices.Clone(row[2].([]byte))})
		return nil
	}, rule)
	return rows, err
}

// SaveRelayed implements store.RelayTx.
func (t *tx) SaveRelayed(alerts []store.Relayed) error {
	for i := range alerts {
		data, err := json.Marshal(&alerts[i].Alert)
		if err != nil {
			return err
		}
		_, err = t.write(`INSERT INTO relayed (fingerprint, alert, told) VALUES (?, ?, ?)
			ON CONFLICT (fingerprint) DO UPDATE SET alert = excluded.alert, told = excluded.told`,
			int64(alerts[i].Alert.Fingerprint), data, flag(alerts[i].Told))
		if err != nil {
			return err
		}
	}
	return nil
}

// Relayed implements store.RelayTx.
func (t *tx) Relayed() ([]store.Relayed, error) {
	var alerts []store.Relayed
	err := t.conn.query(`SELECT alert, told FROM relayed`, func(row []driver.Value) error {
		r := store.Relayed{Told: row[1].(int64) != 0}
		if err := json.Unmarshal(row[0].([]byte), &r.Alert); err != nil {
			return err
		}
		alerts = append(alerts, r)
		return nil
	})
	return alerts, err
}

// DeleteRelayed implements store.RelayTx.
func (t *tx) DeleteRelayed(fingerprints []alert.Fingerprint) error {
	for _, fp := range fingerprints {
		if _, err := t.write(`DELETE FROM relayed WHERE fingerprint = ?`, int64(fp)); err != nil {
			return err
		}
	}
	return nil
}
