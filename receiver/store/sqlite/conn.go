package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	modernc "modernc.org/sqlite"
)

// conn is one connection to the file with its prepared statements. It speaks
// to the driver without database/sql, whose pool, locks and reflection cost as
// much as a small statement does. One goroutine at a time may use it.
type conn struct {
	raw   driver.Conn
	stmts map[string]*stmt
	// fail is the tests' way to let a statement fail; nil outside tests.
	fail func(sql string) error
	// lost is the first error that says that the disk or the file cannot be
	// trusted now. Whatever a caller makes of it, the transaction is over.
	lost error
}

// stmt is a prepared statement with room for its arguments and one row.
type stmt struct {
	raw  driver.Stmt
	args []driver.NamedValue
	row  []driver.Value
}

// dsn names a file to SQLite in a way that no character of the path can break.
func dsn(path string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/… on Windows
	}
	return "file://" + (&url.URL{Path: slashed}).EscapedPath()
}

// connect opens path, which must be absolute, and runs pragmas on it.
func connect(path string, pragmas ...string) (*conn, error) {
	raw, err := new(modernc.Driver).Open(dsn(path))
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, stmts: make(map[string]*stmt)}
	for _, pragma := range pragmas {
		if err := c.run(pragma); err != nil {
			c.close()
			return nil, fmt.Errorf("%s: %w", pragma, err)
		}
	}
	return c, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.raw.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

func (c *conn) prepare(sql string) (*stmt, error) {
	if s, ok := c.stmts[sql]; ok {
		return s, nil
	}
	raw, err := c.raw.Prepare(sql)
	if err != nil {
		return nil, c.failed(err)
	}
	s := &stmt{raw: raw}
	c.stmts[sql] = s
	return s, nil
}

func (s *stmt) bind(args []any) []driver.NamedValue {
	s.args = s.args[:0]
	for i, arg := range args {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return s.args
}

// failed notes an error after which nothing more can be stored in this
// transaction.
func (c *conn) failed(err error) error {
	if err = classify(err); c.lost == nil && isUnavailable(err) {
		c.lost = err
	}
	return err
}

// exec runs a statement that returns no rows. Arguments are int64, string,
// []byte or nil.
func (c *conn) exec(sql string, args ...any) (driver.Result, error) {
	if c.fail != nil {
		if err := c.fail(sql); err != nil {
			return nil, c.failed(err)
		}
	}
	s, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	result, err := s.raw.(driver.StmtExecContext).ExecContext(context.Background(), s.bind(args))
	if err != nil {
		return nil, c.failed(err)
	}
	return result, nil
}

// run is exec for statements without arguments whose result nobody needs.
func (c *conn) run(sql string) error {
	_, err := c.exec(sql)
	return err
}

// query calls scan for every row. scan must not use the connection, and the
// row is only valid until it returns.
func (c *conn) query(sql string, scan func(row []driver.Value) error, args ...any) (err error) {
	if c.fail != nil {
		if err := c.fail(sql); err != nil {
			return c.failed(err)
		}
	}
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	rows, err := s.raw.(driver.StmtQueryContext).QueryContext(context.Background(), s.bind(args))
	if err != nil {
		return c.failed(err)
	}
	defer func() {
		if e := rows.Close(); e != nil && err == nil {
			err = c.failed(e)
		}
	}()
	if s.row == nil {
		s.row = make([]driver.Value, len(rows.Columns()))
	}
	for {
		switch err := rows.Next(s.row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.failed(err)
		}
		if err := scan(s.row); err != nil {
			return err
		}
	}
}
