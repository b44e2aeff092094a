package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Nobody waits for ever for a server that is gone or a network that swallows
// what is sent.
const (
	// connectTimeout is for one host of the URL, sign-in included.
	connectTimeout = 5 * time.Second
	// answerTimeout is for what is awaited of the network; longer than
	// statementTimeout, which the server keeps, because it knows more.
	answerTimeout    = 15 * time.Second
	statementTimeout = 10 * time.Second
	// acquireTimeout is for a connection of ours to become free or be made.
	acquireTimeout = 10 * time.Second
	// keepAlive is how soon both sides notice that the other one is gone while
	// nothing is said: then the locks of a dead replica are free.
	keepAlive = 10 * time.Second
)

// Connections of one replica at most. Writers share the disk's work in
// PostgreSQL, so there are as many as requests that come at once; a page that
// reads much keeps none of them from an alert.
const (
	maxWriters         = 16
	maxReaders         = 6
	maxConnectionsText = "22"
)

// parameters are settings of our connections.
var parameters = map[string]string{
	"application_name":  "teamsrelay",
	"statement_timeout": milliseconds(statementTimeout),
	// A replica that is stopped or cut off in the middle of a transaction holds
	// up the others for no longer.
	"idle_in_transaction_session_timeout": milliseconds(answerTimeout),
	"tcp_keepalives_idle":                 seconds(keepAlive),
	"tcp_keepalives_interval":             "3",
	"tcp_keepalives_count":                "3",
	"timezone":                            "UTC",
	"client_encoding":                     "UTF8",
	// Every statement of ours has an index, and plans are kept: one that was
	// made when a table was empty must not read all of it in a storm, before
	// PostgreSQL has counted it again.
	"enable_seqscan":  "off",
	"plan_cache_mode": "force_generic_plan",
	"jit":             "off",
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }
func seconds(d time.Duration) string      { return fmt.Sprint(int(d.Seconds())) }

// parse reads a URL as PostgreSQL's own programs do. Its errors do not repeat
// it: it may hold a password.
func parse(url string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil {
		var file *fs.PathError
		if errors.As(err, &file) {
			return nil, fmt.Errorf("storage.url names the file %q, which cannot be read (%w); correct its path, or let this user read it", file.Path, file.Err)
		}
		return nil, errors.New("storage.url is not what PostgreSQL understands; write postgres://user@host:5432/database, with options like ?sslmode=verify-full")
	}
	return c, nil
}

// connection is the configuration of one connection.
func connection(o Options) (*pgx.ConnConfig, error) {
	c, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Password != "" {
		c.Password = o.Password
	}
	for name, value := range parameters {
		c.RuntimeParams[name] = value
	}
	if c.ConnectTimeout == 0 || c.ConnectTimeout > connectTimeout {
		c.ConnectTimeout = connectTimeout
	}
	if c.ValidateConnect == nil { // a standby takes no alerts
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	patience := answerTimeout
	if o.patience != 0 {
		patience, c.ConnectTimeout = o.patience, o.patience
	}
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: 3 * time.Second, Count: 3}}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatient{conn, patience}, nil
	}
	// A commit that was answered is on the server's disk, whatever the server's
	// own default is for others.
	c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`).Close()
	}
	return c, nil
}

// impatient is a connection whose reads and writes do not wait for longer than
// that. A context for each statement would do the same and cost a
// goroutine each.
type impatient struct {
	net.Conn
	patience time.Duration
}

func (c *impatient) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *impatient) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// newPool makes a pool that connects when it is asked to.
func newPool(connection *pgx.ConnConfig, most int32) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	c.ConnConfig = connection.Copy()
	c.MaxConns = most
	c.MinConns = 1
	c.MaxConnLifetime, c.MaxConnLifetimeJitter = time.Hour, 5*time.Minute
	c.MaxConnIdleTime = 5 * time.Minute
	c.HealthCheckPeriod = 30 * time.Second
	c.PingTimeout = connectTimeout
	return pgxpool.NewWithConfig(context.Background(), c)
}

// Host is what may be shown of a URL: the host of the database, "" of what is
// no URL.
func Host(url string) string {
	c, err := parse(url)
	if err != nil {
		return ""
	}
	return c.Host
}
