package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kingpin/v2"
)

// client talks to a running receiver.
type client struct {
	base  *string
	token *string
}

// addClient adds the flags of the commands about a running receiver.
func addClient(cmd *kingpin.CmdClause) *client {
	return &client{
		base:  cmd.Flag("relay.url", "The running receiver.").Default("http://127.0.0.1:9097").Envar("TEAMSRELAY_URL").String(),
		token: cmd.Flag("admin-token-file", "File with the receiver's admin token; needed for changes that do not come over loopback.").String(),
	}
}

// clientTimeout is how long one answer may take.
const clientTimeout = 30 * time.Second

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 20

// call makes one request and reads the JSON answer into out.
func (c *client) call(ctx context.Context, method, path string, query url.Values, out any) error {
	base, err := url.Parse(strings.TrimSuffix(*c.base, "/"))
	if err != nil || base.Host == "" {
		return fmt.Errorf("--relay.url must be a URL such as http://127.0.0.1:9097")
	}
	base.Path += path
	base.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, base.String(), nil)
	if err != nil {
		return err
	}
	if *c.token != "" {
		token, err := os.ReadFile(*c.token)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return fmt.Errorf("no receiver answers at %s (%w); start one with teamsrelay serve, or name it with --relay.url", base.Host, err)
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
		return fmt.Errorf("%s answers %s; is it a teamsrelay?", base.Host, response.Status)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("the answer of %s is not ours: %w", base.Host, err)
	}
	return nil
}

// output is how a list is printed.
type output struct{ format *string }

func addOutput(cmd *kingpin.CmdClause) output {
	return output{cmd.Flag("output", "table or json.").Short('o').Default("table").Enum("table", "json")}
}

// print writes a list, as {"name": [...]} or as a table with a line a row.
func (o output) print(w io.Writer, name string, list any, header string, rows func(line func(cells ...any))) error {
	if *o.format == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{name: list})
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, header)
	rows(func(cells ...any) {
		for i, cell := range cells {
			if i > 0 {
				fmt.Fprint(table, "\t")
			}
			fmt.Fprint(table, cell)
		}
		fmt.Fprintln(table)
	})
	return table.Flush()
}

// moment is a time as lists show it.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// orDash keeps the columns of a table readable.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
