package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const destinationColumns = `name, key_id, sealed, host, hash, added_by, added_at, rotated_by, rotated_at`

func (t *tx) addedDestinations(sql string, args ...any) ([]store.Destination, error) {
	var found []store.Destination
	err := t.query(sql, func(rows pgx.Rows) error {
		var d store.Destination
		err := rows.Scan(&d.Name, &d.KeyID, &d.Sealed, &d.Host, &d.Hash, &d.AddedBy, moment{&d.AddedAt}, &d.RotatedBy, moment{&d.RotatedAt})
		found = append(found, d)
		return err
	}, args...)
	return found, err
}

// AddedDestinations implements store.DestinationTx.
func (t *tx) AddedDestinations() (all []store.Destination, err error) {
	err = t.readUnder(destinations, func() (err error) {
		all, err = t.addedDestinations(`SELECT ` + destinationColumns + ` FROM destinations ORDER BY name`)
		return err
	})
	return all, err
}

// AddedDestination implements store.DestinationTx.
func (t *tx) AddedDestination(name string) (store.Destination, error) {
	t.lock("destination", name)
	return one(t.addedDestinations(`SELECT `+destinationColumns+` FROM destinations WHERE name = ?`+t.forUpdate("destinations"), name))
}

// SaveDestination implements store.DestinationTx.
func (t *tx) SaveDestination(d *store.Destination) error {
	if err := t.revise(destinations); err != nil {
		return err
	}
	return t.later(`INSERT INTO destinations (`+destinationColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, host = excluded.host,
			hash = excluded.hash, added_by = excluded.added_by, added_at = excluded.added_at,
			rotated_by = excluded.rotated_by, rotated_at = excluded.rotated_at`,
		d.Name, d.KeyID, d.Sealed, d.Host, d.Hash, d.AddedBy, nanos(d.AddedAt), d.RotatedBy, nanos(d.RotatedAt))
}

// DeleteDestination implements store.DestinationTx.
func (t *tx) DeleteDestination(name string) error {
	if err := t.revise(destinations); err != nil {
		return err
	}
	return t.update(`DELETE FROM destinations WHERE name = ?`, name)
}

// DisabledDestinations implements store.DestinationTx.
func (t *tx) DisabledDestinations() ([]store.Disabled, error) {
	var all []store.Disabled
	err := t.readUnder(destinations, func() error {
		return t.query(`SELECT destination, by_name, at FROM disabled ORDER BY destination`, func(rows pgx.Rows) error {
			var d store.Disabled
			err := rows.Scan(&d.Destination, &d.By, moment{&d.At})
			all = append(all, d)
			return err
		})
	})
	return all, err
}

// Disable implements store.DestinationTx.
func (t *tx) Disable(d *store.Disabled) error {
	if err := t.revise(destinations); err != nil {
		return err
	}
	return t.later(`INSERT INTO disabled (destination, by_name, at) VALUES (?, ?, ?)
		ON CONFLICT (destination) DO UPDATE SET by_name = excluded.by_name, at = excluded.at`, d.Destination, d.By, nanos(d.At))
}

// Enable implements store.DestinationTx.
func (t *tx) Enable(destination string) error {
	if err := t.revise(destinations); err != nil {
		return err
	}
	return t.update(`DELETE FROM disabled WHERE destination = ?`, destination)
}
