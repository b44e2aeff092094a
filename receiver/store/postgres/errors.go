package postgres

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var (
	errClosed   = fmt.Errorf("%w: it is closed", store.ErrUnavailable)
	errReadOnly = errors.New("a view cannot write: use Update")
)

// What PostgreSQL says in its own codes, and we act on.
const (
	serializationFailure = "40001"
	deadlock             = "40P01"
	uniqueViolation      = "23505"
	readOnlyTransaction  = "25006"
	noPrivilege          = "42501"
	wrongPassword        = "28P01"
	notAuthorized        = "28000"
	noSuchDatabase       = "3D000"
	noSuchSchema         = "3F000"
)

// unavailable are the codes, or the classes of codes, of what passes or what
// an administrator mends, with what there is to be done.
var unavailable = []struct{ code, what string }{
	{noPrivilege, "its role may not do that; let it own the database or the schema"},
	{wrongPassword, "it refuses the password; mend storage.url or storage.password_file, and restart"},
	{notAuthorized, "it does not let that role in; look at pg_hba.conf and at storage.url"},
	{noSuchDatabase, "there is no such database; create it: CREATE DATABASE teamsrelay OWNER ..."},
	{noSuchSchema, "there is no such schema; create it, or mend search_path in storage.url"},
	{readOnlyTransaction, "it takes no writes, like a standby; it goes on by itself when there is a primary"},
	{"57014", "it took too long; look at what else the server does"},
	{"55P03", "a lock was not given back in time; look at what else the server does"},
	{"25P03", "it was idle for too long inside a transaction; is this machine out of breath?"},
	{"08P01", "what answers there does not speak as PostgreSQL does; if it is a pooler like PgBouncer, let storage.url lead to the server itself"},
	{"53100", "its disk is full; make room and it goes on by itself"},
	{"53200", "it is out of memory"},
	{"53300", "it has no connection left; raise max_connections, each replica takes up to " + maxConnectionsText},
	{"53", "it is out of something; look at its log"},
	{"08", "the connection was lost"},
	{"57P", "it was shut down or is starting; it goes on by itself"},
	{"58", "it cannot use its files; look at its log"},
	{"XX", "it is damaged; look at its log"},
}

// classify turns what PostgreSQL or the network says into errors that callers
// know. The rest is returned as it is: a mistake of ours, and nobody is told
// "not now" for it. What it returns names no user, password or URL.
func classify(err error) error {
	var e *pgconn.PgError
	switch {
	case err == nil || isUnavailable(err):
		return err
	case errors.As(err, &e):
		for _, u := range unavailable {
			if strings.HasPrefix(e.Code, u.code) {
				return fmt.Errorf("%w: PostgreSQL: %s (%s, SQLSTATE %s)", store.ErrUnavailable, u.what, plain(e.Message), e.Code)
			}
		}
		return fmt.Errorf("PostgreSQL: %s (SQLSTATE %s)", e.Message, e.Code)
	}
	return fmt.Errorf("%w: PostgreSQL cannot be reached: %s", store.ErrUnavailable, network(err))
}

// plain is a message without the names that PostgreSQL quotes in it.
func plain(message string) string {
	var b strings.Builder
	for i, part := range strings.Split(message, `"`) {
		if i%2 == 1 {
			part = "…"
		}
		b.WriteString(part)
	}
	return b.String()
}

// network says in words what is wrong with a connection: what the driver says
// begins with the user and the database.
func network(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return "its certificate does not hold (" + plain(certificate.Err.Error()) + "); name your authority with sslrootcert=FILE in storage.url, and the server as its certificate does"
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return "it has no TLS, which sslmode in storage.url asks for; set ssl = on there, or write sslmode=disable if it is on this machine"
	case errors.As(err, &dns):
		return "its host has no address; mend storage.url or the name server"
	case errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err):
		return "it does not answer in time; is it up, and does a firewall let us through?"
	case errors.As(err, &op) && op.Op == "dial":
		return "nobody listens there (" + op.Err.Error() + "); is it up?"
	}
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return "the connection was lost (" + plain(err.Error()) + ")"
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

func isUnavailable(err error) bool { return errors.Is(err, store.ErrUnavailable) }

// code is PostgreSQL's, "" where it is not PostgreSQL that failed.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// fatal says that the server has ended the connection with what it said.
func fatal(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC")
}
