package postgres

import "context"

// Size is how many bytes the database has on its server.
func (s *Store) Size(ctx context.Context) (size int64, err error) {
	err = s.readers.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&size)
	return size, err
}
