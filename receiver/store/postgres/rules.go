package postgres

import (
	"crypto/sha256"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// SaveSeries implements store.RuleTx.
func (t *tx) SaveSeries(rows []rules.Row) error {
	for _, row := range rows {
		name := digest(row.Rule + "\x00" + row.Series)
		var err error
		if row.State == nil {
			err = t.later(`DELETE FROM series WHERE name = ?`, name)
		} else {
			err = t.later(`INSERT INTO series (name, rule, series, state) VALUES (?, ?, ?, ?)
				ON CONFLICT (name) DO UPDATE SET state = excluded.state`, name, []byte(row.Rule), []byte(row.Series), row.State)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// digest stands for a text of any length where no two may be taken for one.
func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// EachSeries implements store.RuleTx.
func (t *tx) EachSeries(fn func(rules.Row) error) error {
	return t.series(`SELECT rule, series, state FROM series ORDER BY rule, series`, fn)
}

// Series implements store.RuleTx.
func (t *tx) Series(rule string) ([]rules.Row, error) {
	var all []rules.Row
	err := t.series(`SELECT rule, series, state FROM series WHERE sha256(rule) = ? AND rule = ? ORDER BY series`, func(row rules.Row) error {
		all = append(all, row)
		return nil
	}, digest(rule), []byte(rule))
	return all, err
}

func (t *tx) series(sql string, fn func(rules.Row) error, args ...any) error {
	return t.query(sql, func(rows pgx.Rows) error {
		var rule, series, state []byte
		if err := rows.Scan(&rule, &series, &state); err != nil {
			return err
		}
		return fn(rules.Row{Rule: string(rule), Series: string(series), State: state})
	}, args...)
}

// SaveRelayed implements store.RelayTx.
func (t *tx) SaveRelayed(alerts []store.Relayed) error {
	for i := range alerts {
		data, err := json.Marshal(&alerts[i].Alert)
		if err != nil {
			return err
		}
		err = t.later(`INSERT INTO relayed (fingerprint, alert, told) VALUES (?, ?, ?)
			ON CONFLICT (fingerprint) DO UPDATE SET alert = excluded.alert, told = excluded.told`,
			int64(alerts[i].Alert.Fingerprint), data, alerts[i].Told)
		if err != nil {
			return err
		}
	}
	return nil
}

// Relayed implements store.RelayTx.
func (t *tx) Relayed() ([]store.Relayed, error) {
	var alerts []store.Relayed
	err := t.query(`SELECT alert, told FROM relayed ORDER BY fingerprint`, func(rows pgx.Rows) error {
		var r store.Relayed
		var data []byte
		if err := rows.Scan(&data, &r.Told); err != nil {
			return err
		}
		alerts = append(alerts, r)
		return json.Unmarshal(data, &alerts[len(alerts)-1].Alert)
	})
	return alerts, err
}

// DeleteRelayed implements store.RelayTx.
func (t *tx) DeleteRelayed(fingerprints []alert.Fingerprint) error {
	for _, fp := range fingerprints {
		if err := t.later(`DELETE FROM relayed WHERE fingerprint = ?`, int64(fp)); err != nil {
			return err
		}
	}
	return nil
}
