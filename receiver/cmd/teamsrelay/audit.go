package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addAudit(k *kingpin.Application, p *program) {
	cmd := k.Command("audit", "Who did what, in Teams and by the API of a running receiver.")
	list := cmd.Command("list", "List what people did and what they were refused, newest first.").Default()
	list.HelpLong(`Examples:
  teamsrelay audit list --since=24h --what=silence
  teamsrelay audit list --who="Alice Example" --output=json
  teamsrelay audit list --what=refused: --from=page
  teamsrelay audit list --since=2026-11-01T00:00:00Z --until=2026-12-01T00:00:00Z --limit=100000 --output=csv

What: about alerts ack, unack, silence, expire, assign, resolve, comment,
reopen, create; subscribe, unsubscribe; of destinations add, rotate, enable,
disable, remove, test, reseal (under a new key); retry of a user; replay, drop
and stop of dead letters; reload, profile. With refused: before it, what
somebody was not allowed to do; refused: alone is all of that.
Who: exactly as the list writes it. Who names nobody is called "loopback" or
"admin token", by what let them in.
From: the beginning says the way (api, page, channel, chat, process), and all of
it the place ("api 10.0.0.7").
About: what an alert was called and what a silence matched, as it was then: the
alert itself is forgotten after the retention.
Lines are kept for a year; nothing changes them.`)
	relay := addClient(list)
	format := list.Flag("output", "table, json or csv.").Short('o').Default("table").Enum("table", "json", "csv")
	since := list.Flag("since", "Not older: a while such as 2h, or a time such as 2026-11-21T10:02:00Z.").String()
	until := list.Flag("until", "Older than that, written in the same way.").String()
	who := list.Flag("who", "Only of this person: a name, or an Entra object id.").String()
	what := list.Flag("what", "Only this, such as silence or refused:ack.").String()
	target := list.Flag("target", "Only about this: the id of an alert, the name of a destination.").String()
	from := list.Flag("from", "Only from there.").String()
	limit := list.Flag("limit", "At most so many.").Default("50").Int()
	list.Action(func(*kingpin.ParseContext) error {
		query := url.Values{}
		for name, value := range map[string]string{"who": *who, "action": *what, "target": *target, "from": *from} {
			if value != "" {
				query.Set(name, value)
			}
		}
		for name, text := range map[string]string{"since": *since, "until": *until} {
			if text == "" {
				continue
			}
			at, err := timeOrWhile(text, time.Now())
			if err != nil {
				return fmt.Errorf("--%s: %w", name, err)
			}
			query.Set(name, at.UTC().Format(time.RFC3339))
		}
		lines, err := relay.audit(p, query, *limit)
		if err != nil {
			return err
		}
		switch {
		case *format == "csv":
			return writeAudit(p.out, lines)
		case len(lines) == 0 && *format == "table":
			fmt.Fprintln(p.err, "The audit has no such lines.")
		}
		return output{format}.print(p.out, "audit", lines, "AT\tWHO\tWHAT\tTARGET\tABOUT\tFROM\tBEFORE\tAFTER", func(line func(...any)) {
			for _, l := range lines {
				line(moment(l.At), orDash(l.Who), l.Action, orDash(l.Target), orDash(l.About), orDash(l.From), orDash(l.Before), orDash(l.After))
			}
		})
	})
}

// timeOrWhile is a time, or how long before now it was.
func timeOrWhile(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	lasts, err := model.ParseDuration(text)
	if err != nil {
		return time.Time{}, errors.New("write a while such as 2h or 30d, or a time such as 2026-11-21T10:02:00Z")
	}
	return now.Add(-time.Duration(lasts)), nil
}

// audit reads up to limit lines, page by page.
func (c *client) audit(p *program, query url.Values, limit int) ([]web.Audit, error) {
	const page = 1000
	lines := []web.Audit{}
	for left := limit; left > 0; left = limit - len(lines) {
		query.Set("limit", strconv.Itoa(min(left, page)))
		var answer struct{ Audit []web.Audit }
		if err := c.call(p.ctx, http.MethodGet, "/api/v1/audit", query, &answer); err != nil {
			return nil, err
		}
		lines = append(lines, answer.Audit...)
		if len(answer.Audit) < min(left, page) {
			break
		}
		query.Set("before", strconv.FormatInt(lines[len(lines)-1].ID, 10))
	}
	return lines, nil
}

// writeAudit writes lines for a spreadsheet, which must not take what somebody
// wrote for a formula.
func writeAudit(w io.Writer, lines []web.Audit) error {
	out := csv.NewWriter(w)
	plain := func(text string) string {
		if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
			return "'" + text
		}
		return text
	}
	_ = out.Write([]string{"id", "at", "who", "object_id", "action", "target", "about", "from", "before", "after"})
	for _, l := range lines { // Error has what goes wrong
		_ = out.Write([]string{
			strconv.FormatInt(l.ID, 10), l.At.UTC().Format(time.RFC3339Nano), plain(l.Who), plain(l.ObjectID), plain(l.Action),
			plain(l.Target), plain(l.About), plain(l.From), plain(l.Before), plain(l.After),
		})
	}
	out.Flush()
	return out.Error()
}
