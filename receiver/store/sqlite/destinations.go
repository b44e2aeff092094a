package sqlite

import (
	"database/sql/driver"
	"slices"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const destinationColumns = `name, key_id, sealed, host, hash, added_by, added_at, rotated_by, rotated_at`

func (t *tx) addedDestinations(sql string, args ...any) ([]store.Destination, error) {
	var destinations []store.Destination
	err := t.conn.query(sql, func(row []driver.Value) error {
		destinations = append(destinations, store.Destination{
			Name:      row[0].(string),
			KeyID:     row[1].(string),
			Sealed:    slices.Clone(row[2].([]byte)),
			Host:      row[3].(string),
			Hash:      row[4].(string),
			AddedBy:   row[5].(string),
			AddedAt:   moment(row[6]),
			RotatedBy: row[7].(string),
			RotatedAt: moment(row[8]),
		})
		return nil
	}, args...)
	return destinations, err
}

// AddedDestinations implements store.DestinationTx.
func (t *tx) AddedDestinations() ([]store.Destination, error) {
	return t.addedDestinations(`SELECT ` + destinationColumns + ` FROM destinations ORDER BY name`)
}

// AddedDestination implements store.DestinationTx.
func (t *tx) AddedDestination(name string) (store.Destination, error) {
	return one(t.addedDestinations(`SELECT `+destinationColumns+` FROM destinations WHERE name = ?`, name))
}

// SaveDestination implements store.DestinationTx.
func (t *tx) SaveDestination(d *store.Destination) error {
	t.destinationsChange()
	_, err := t.write(`INSERT INTO destinations (`+destinationColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, host = excluded.host,
			hash = excluded.hash, added_by = excluded.added_by, added_at = excluded.added_at,
			rotated_by = excluded.rotated_by, rotated_at = excluded.rotated_at`,
		d.Name, d.KeyID, d.Sealed, d.Host, d.Hash, d.AddedBy, nanos(d.AddedAt), d.RotatedBy, nanos(d.RotatedAt))
	return err
}

// DeleteDestination implements store.DestinationTx.
func (t *tx) DeleteDestination(name string) error {
	t.destinationsChange()
	return t.update(`DELETE FROM destinations WHERE name = ?`, name)
}

// DisabledDestinations implements store.DestinationTx.
func (t *tx) DisabledDestinations() ([]store.Disabled, error) {
	var all []store.Disabled
	err := t.conn.query(`SELECT destination, by_name, at FROM disabled ORDER BY destination`, func(row []driver.Value) error {
		all = append(all, store.Disabled{Destination: row[0].(string), By: row[1].(string), At: moment(row[2])})
		return nil
	})
	return all, err
}

// Disable implements store.DestinationTx.
func (t *tx) Disable(d *store.Disabled) error {
	t.destinationsChange()
	_, err := t.write(`INSERT INTO disabled (destination, by_name, at) VALUES (?, ?, ?)
		ON CONFLICT (destination) DO UPDATE SET by_name = excluded.by_name, at = excluded.at`, d.Destination, d.By, nanos(d.At))
	return err
}

// Enable implements store.DestinationTx.
func (t *tx) Enable(destination string) error {
	t.destinationsChange()
	return t.update(`DELETE FROM disabled WHERE destination = ?`, destination)
}
