package sqlite

import (
	"errors"
	"fmt"

	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var (
	errClosed   = fmt.Errorf("%w: it is closed", store.ErrUnavailable)
	errReadOnly = errors.New("a view cannot write: use Update")
)

// classify turns what SQLite says into errors that callers know. The rest is
// returned as it is: a mistake of ours, and nobody is told "not now" for it.
func classify(err error) error {
	var e *modernc.Error
	if !errors.As(err, &e) || isUnavailable(err) {
		return err
	}
	what := ""
	switch e.Code() & 0xff { // the primary code
	case lib.SQLITE_FULL:
		what = "the disk is full; make room and it goes on by itself"
	case lib.SQLITE_IOERR:
		what = "the disk does not read or write; look at the system's log"
	case lib.SQLITE_CANTOPEN:
		what = "the file cannot be opened; is its directory still there?"
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		what = "the file must not be written; check its owner and the mount"
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		what = "the file is damaged; stop, keep a copy, and restore a backup"
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_PROTOCOL:
		what = "another program holds the file; end it"
	case lib.SQLITE_NOMEM:
		what = "there is not enough memory"
	default:
		return err
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, what, err)
}

func isUnavailable(err error) bool { return errors.Is(err, store.ErrUnavailable) }

func isBusy(err error) bool {
	var e *modernc.Error
	return errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_BUSY
}
