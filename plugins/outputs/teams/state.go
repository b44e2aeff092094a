package teams

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver that the store has, to look into a file that may not be ours
)

// How a file of SQLite begins, and the mark of ours and where in the head it
// stands, in bytes; see https://www.sqlite.org/fileformat.html.
const (
	sqliteMagic  = "SQLite format 3\x00"
	ourMark      = 0x746d7279
	markAt       = 68
	sqliteHeader = 100 // bytes
)

// checkState says what would keep the store at path from being opened, as far
// as can be known without creating or changing anything. named is the option
// that names it. That another process uses the file is no mistake: somebody
// may check a section while it is in use.
func checkState(p *problems, named, path string) {
	if path == "" {
		return // reported
	}
	info, err := os.Stat(path)
	if err == nil {
		if itself, err := filepath.EvalSymlinks(path); err == nil {
			path = itself // what stands beside the file stands there
		}
	}
	dir := filepath.Dir(path)
	const where = "correct the path"
	switch at, dirErr := os.Stat(dir); {
	case errors.Is(dirErr, fs.ErrNotExist):
		p.wrong(named, fmt.Sprintf("there is no directory %q", dir), "create it for the user who runs Telegraf, or "+where)
		return
	case dirErr != nil:
		p.wrong(named, fmt.Sprintf("the directory %q cannot be had: %v", dir, reason(dirErr)), "let the user who runs Telegraf enter it, or "+where)
		return
	case !at.IsDir():
		p.wrong(named, fmt.Sprintf("%q is not a directory", dir), where)
		return
	case !writable(dir):
		p.wrong(named, fmt.Sprintf("nothing can be written into the directory %q", dir), "give it to the user who runs Telegraf, or "+where)
		return
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return // a new one
	case err == nil && !info.Mode().IsRegular():
		p.wrong(named, fmt.Sprintf("%q is not an ordinary file", path), where)
		return
	case err == nil:
		err = foreign(path)
	}
	if err != nil {
		p.wrong(named, fmt.Sprintf("the file %q cannot be used: %v", path, reason(err)), "let the user who runs Telegraf write it, move it away, or "+where)
	}
}

// foreign says why a file is no store of ours that can be written.
func foreign(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	head := make([]byte, sqliteHeader)
	n, err := io.ReadFull(file, head)
	switch {
	case errors.Is(err, io.EOF): // empty: a new one
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case n < len(head) || !strings.HasPrefix(string(head), sqliteMagic):
		return errors.New("it is not an SQLite database")
	case binary.BigEndian.Uint32(head[markAt:]) == ourMark:
		return nil
	case tables(path) > 0:
		return errors.New("it is the database of another program")
	}
	return nil
}

// tables counts those that do not stand alone where a first start of ours was
// cut off; 0 also when they cannot be counted: the start will say why.
func tables(path string) (n int) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… on Windows
	}
	db, err := sql.Open("sqlite", "file://"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&immutable=1") // no file appears beside it
	if err != nil {
		return 0
	}
	defer db.Close()
	if db.QueryRow(`SELECT count(*) FROM sqlite_schema
		WHERE type = 'table' AND name NOT IN ('goose_db_version', 'sqlite_sequence')`).Scan(&n) != nil {
		return 0
	}
	return n
}
