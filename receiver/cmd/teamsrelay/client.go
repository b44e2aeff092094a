package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/alecthomas/kingpin/v2"
	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// client talks to a running receiver.
type client struct {
	base  *string
	http  *string
	token *string
}

// addClient adds the flags of the commands about a running receiver.
func addClient(cmd *kingpin.CmdClause) *client {
	return &client{
		base:  cmd.Flag("relay.url", "The running receiver.").Default("http://127.0.0.1:9097").Envar("TEAMSRELAY_URL").String(),
		http:  cmd.Flag("http.config.file", "How to talk to it, when it runs with --web.config.file: basic_auth, tls_config and the like, as in amtool.").PlaceHolder("FILE").String(),
		token: cmd.Flag("admin-token-file", "File with the receiver's admin token; needed for changes that do not come over loopback.").PlaceHolder("FILE").String(),
	}
}

// clientTimeout is how long one answer may take.
const clientTimeout = 30 * time.Second

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 20

// call makes one request and reads the JSON answer into out.
func (c *client) call(ctx context.Context, method, path string, query url.Values, out any) error {
	return c.send(ctx, method, path, query, nil, out)
}

// send is call with a body, which is sent as JSON; nil: there is none.
func (c *client) send(ctx context.Context, method, path string, query url.Values, in, out any) error {
	base, err := url.Parse(strings.TrimSuffix(*c.base, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return errors.New("--relay.url must be a URL such as http://127.0.0.1:9097")
	}
	transport, err := c.transport()
	if err != nil {
		return err
	}
	base = base.JoinPath(path) // names may have signs that end a path
	base.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	var text []byte
	if in != nil {
		if text, err = json.Marshal(in); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, base.String(), bytes.NewReader(text))
	if err != nil {
		return err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if *c.token != "" {
		token, err := os.ReadFile(*c.token)
		if err != nil {
			return fmt.Errorf("the admin token cannot be read: %w", err)
		}
		request.Header.Set(web.AdminTokenHeader, strings.TrimSpace(string(token)))
	}
	response, err := transport.Do(request)
	if err != nil {
		return unreachable(base.Host, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var refused struct{ Error, Hint string }
		if json.Unmarshal(body, &refused) == nil && refused.Error != "" {
			return fmt.Errorf("%s; %s", refused.Error, refused.Hint)
		}
		return unexpected(base.Host, response, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s does not answer like a teamsrelay; correct --relay.url", base.Host)
	}
	return nil
}

// transport is how requests travel: as the user's file says, if there is one.
func (c *client) transport() (*http.Client, error) {
	if *c.http == "" {
		return http.DefaultClient, nil
	}
	text, err := os.ReadFile(*c.http)
	if err != nil {
		return nil, fmt.Errorf("--http.config.file cannot be read: %w", err)
	}
	settings, err := promconfig.LoadHTTPConfig(string(text))
	if err != nil {
		return nil, fmt.Errorf("--http.config.file %s: %w", *c.http, err)
	}
	settings.SetDirectory(filepath.Dir(*c.http))
	transport, err := promconfig.NewClientFromConfig(*settings, "teamsrelay")
	if err != nil {
		return nil, fmt.Errorf("--http.config.file %s: %w", *c.http, err)
	}
	return transport, nil
}

// unreachable says what to do when there is no answer.
func unreachable(host string, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s has not answered for %s; look into the receiver's log", host, clientTimeout)
	case errors.As(err, &certificate):
		return fmt.Errorf("the certificate of %s is not trusted (%w); name its CA in --http.config.file (tls_config: {ca_file: …})", host, certificate.Err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s speaks no TLS; write --relay.url=http://%s", host, host)
	}
	return fmt.Errorf("no receiver answers at %s (%w); start one with teamsrelay serve, or name it with --relay.url", host, err)
}

// unexpected says what to do when the answer is not one of ours: it comes from
// what --web.config.file put before the receiver, or from somebody else.
func unexpected(host string, response *http.Response, body []byte) error {
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s wants a user and a password; give them in --http.config.file (basic_auth: {username: …, password_file: …})", host)
	case response.StatusCode == http.StatusBadRequest && bytes.Contains(body, []byte("HTTPS server")):
		return fmt.Errorf("%s speaks TLS; write --relay.url=https://%s", host, host)
	}
	return fmt.Errorf("%s answers %s, which is not like a teamsrelay; correct --relay.url", host, response.Status)
}

// output is how a list is printed.
type output struct{ format *string }

func addOutput(cmd *kingpin.CmdClause) output {
	return output{cmd.Flag("output", "table or json.").Short('o').Default("table").Enum("table", "json")}
}

// print writes a list, as {"name": [...]} or as a table with a line a row.
func (o output) print(w io.Writer, name string, list any, header string, rows func(line func(cells ...any))) error {
	if *o.format == "json" {
		return writeJSON(w, map[string]any{name: list})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, header)
	rows(func(cells ...any) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(table, "\t")
			}
			fmt.Fprint(table, onLine(fmt.Sprint(cell)))
		}
		fmt.Fprintln(table)
	})
	return table.Flush()
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// onLine keeps what people and other systems wrote in its cell: a line break
// would end the row, and a terminal does what control characters say.
func onLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// moment is a time as lists show it: in the zone of whoever reads it, and with
// its name, because the pages and the cards may have another.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// orDash keeps the columns of a table readable.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
