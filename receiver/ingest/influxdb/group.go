package influxdb

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

const (
	// retryAfter is how soon a poll that failed is tried again, unless the
	// group's interval is shorter. It doubles from poll to poll up to
	// retryAtMost: a query that is too much for InfluxDB must not hit it
	// every ten seconds, and one that works again must not wait for an hour.
	retryAfter  = 10 * time.Second
	retryAtMost = time.Minute
	// hangingAfter is how many rules in a row may get no answer at all in one
	// poll. Then it is the source that hangs, and the others would only wait
	// for their time-outs too; the next poll begins with them.
	hangingAfter = 2
)

// group is the life of one group of rules: asked again and again, one rule
// after another, and never twice at a time.
type group struct {
	*PollerOptions
	source *Source
	rules  *rules.Group
	log    *slog.Logger

	first   int             // the rule that the next poll begins with
	broken  map[int]trouble // by rule: why it got no usable rows when it was last asked
	hanging string          // why the last poll gave up before it had asked for all rules
	failed  int             // polls in a row that failed
	since   time.Time       // when the first of them began
	told    told
}

// trouble is why a rule gets no rows that it can use.
type trouble struct{ outcome, why string }

func newGroup(o *PollerOptions, source *Source, g *rules.Group) *group {
	return &group{
		PollerOptions: o, source: source, rules: g,
		log:    o.Logger.With("influxdb", source.name, "group", g.Name),
		broken: map[int]trouble{},
	}
}

// run polls at the group's interval until ctx ends. A poll that takes longer
// than the interval leaves out those that it is too late for.
func (g *group) run(ctx context.Context) {
	interval := g.rules.Interval
	wait := phase(g.source.name, g.rules.Name, interval)
	next := g.Now().Add(wait)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		good := g.poll(ctx)
		now := g.Now()
		if late := now.Sub(next); late >= 0 {
			next = next.Add((late/interval + 1) * interval)
		}
		wait = min(next.Sub(now), interval) // also when the clock was set back
		if !good {
			wait = min(wait, g.retry())
		}
		timer.Reset(wait)
	}
}

// retry is how long to wait after a poll that failed.
func (g *group) retry() time.Duration {
	return min(retryAfter<<min(max(g.failed-1, 0), 3), retryAtMost)
}

// poll asks for the rules and tells what is to be told. It is false if
// something has to be tried again soon.
func (g *group) poll(ctx context.Context) bool {
	began := g.Now()
	kept := g.ask(ctx)
	if ctx.Err() != nil {
		return false // we stop, which says nothing of the source
	}
	if len(g.broken) == 0 {
		g.failed = 0
	} else {
		if g.failed == 0 {
			g.since = began
		}
		g.failed++
	}
	return g.tell(ctx) && kept && g.failed == 0
}

// ask asks for the rules, one after another. It is false if rows could not be
// kept.
func (g *group) ask(ctx context.Context) (kept bool) {
	kept, g.hanging = true, ""
	silent := 0
	for n := range g.rules.Rules {
		i := (g.first + n) % len(g.rules.Rules)
		rule := g.rules.Rules[i]
		found, err := g.askFor(ctx, rule)
		switch {
		case ctx.Err() != nil:
			return false
		case err != nil:
			g.log.Warn("rows could not be kept; they are asked for again", "alert", rule.Alert, "err", err)
			kept = false
		}
		g.note(i, found)
		if found.outcome != outcomeUnreachable && found.outcome != outcomeTimeout {
			silent = 0
		} else if silent++; silent == hangingAfter && n+1 < len(g.rules.Rules) {
			g.first = (i + 1) % len(g.rules.Rules)
			g.hanging = found.why
			for left := n + 1; left < len(g.rules.Rules); left++ {
				g.Unasked(g.rules.Rules[(i+left-n)%len(g.rules.Rules)])
			}
			break
		}
	}
	return kept
}

// askFor asks for one rule and hands its rows on. The error is of who takes
// the rows, and not of the source.
func (g *group) askFor(ctx context.Context, rule *rules.Rule) (found trouble, err error) {
	began := g.Now()
	rows, err := g.source.Query(ctx, rule.Language, rule.Query)
	took := g.Now().Sub(began)
	if ctx.Err() != nil {
		return trouble{}, ctx.Err()
	}
	defer func() {
		g.Metrics.query(g.source.name, found.outcome, took)
		g.Metrics.keep(rule, Query{At: began, Took: took, Trouble: found.why})
	}()
	if err != nil {
		return troubleOf(err), nil
	}
	verdict, err := g.Rows(ctx, rule, tagged(rows, rule.By))
	if err == nil && verdict.Problem != "" {
		return trouble{outcomeUseless, g.source.oneLine(verdict.Problem, maxProblem)}, nil
	}
	return trouble{outcome: outcomeOK}, err
}

// troubleOf is what an error of Query means for a rule.
func troubleOf(err error) trouble {
	var f *failure
	if errors.As(err, &f) {
		return trouble{f.outcome, f.what + "; " + f.hint}
	}
	return trouble{outcomeRefused, err.Error()} // a language that is none
}

// note keeps what came of asking for a rule, and logs what is new.
func (g *group) note(i int, found trouble) {
	before, was := g.broken[i]
	alert := g.rules.Rules[i].Alert
	if found.outcome == outcomeOK {
		if was {
			g.log.Info("the rule gets rows again", "alert", alert)
		}
		delete(g.broken, i)
		return
	}
	g.Unasked(g.rules.Rules[i])
	if before != found {
		g.log.Warn("the rule gets no rows", "alert", alert, "outcome", found.outcome, "err", found.why)
	}
	g.broken[i] = found
}

// tagged makes tags of the text fields that a rule names in by: InfluxQL does
// not tell which columns are tags.
func tagged(rows []sample.Sample, by []string) []sample.Sample {
	for i := range rows {
		row := &rows[i]
		for _, name := range by {
			text, ok := row.Field(name).Text()
			if !ok || row.Tag(name) != "" {
				continue
			}
			// Rows of one series share their tags, so they are copied.
			row.Tags = append(slices.Clip(row.Tags), sample.Tag{Key: name, Value: text})
			slices.SortFunc(row.Tags, func(a, b sample.Tag) int { return strings.Compare(a.Key, b.Key) })
			row.Fields = slices.DeleteFunc(row.Fields, func(f sample.Field) bool { return f.Key == name })
		}
	}
	return rows
}
