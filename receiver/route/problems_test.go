package route_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// TestProblems: what is wrong is told where it is wrong, in the path that the
// configuration file turns into a line, and a tree with a mistake is no tree.
// The words of each problem are tested with the files of package config.
func TestProblems(t *testing.T) {
	places := func(change func(*route.Options)) (errors, warnings []string) {
		made, problems := route.New(options(change))
		for _, p := range problems {
			require.NotEmpty(t, p.What)
			require.NotEmpty(t, p.Do)
			if p.Warning {
				warnings = append(warnings, p.At)
			} else {
				errors = append(errors, p.At)
			}
		}
		require.Equal(t, len(errors) == 0, made != nil, "a tree with mistakes must not be used, one with warnings can be")
		return errors, warnings
	}
	for _, test := range []struct {
		name             string
		change           func(*route.Options)
		errors, warnings []string
	}{
		{name: "nothing is wrong"},
		{
			name: "every mistake of a deep tree is reported at once",
			change: func(o *route.Options) {
				o.Route.Routes = []route.Route{{Routes: []route.Route{to("a=b", "x", "y"), to("a", "ops")}}}
			},
			errors: []string{"route.routes[0].routes[0].destinations[0]", "route.routes[0].routes[0].destinations[1]", "route.routes[0].routes[1].matchers[0]"},
		}, {
			name:   "a top route without destinations would lose alerts",
			change: func(o *route.Options) { o.Route.Destinations = nil },
			errors: []string{"route.destinations"},
		}, {
			name:   "nobody is no destination of the top route either",
			change: func(o *route.Options) { o.Route.Destinations = []string{} },
			errors: []string{"route.destinations"},
		}, {
			name: "a route behind one that takes everything",
			change: func(o *route.Options) {
				o.Route.Routes = []route.Route{{Destinations: []string{"sre"}}, to("a=b", "ops")}
			},
			warnings: []string{"route.routes[1]"},
		}, {
			name: "not behind one that takes everything and continues",
			change: func(o *route.Options) {
				o.Route.Routes = []route.Route{{Destinations: []string{"sre"}, Continue: true}, to("a=b", "ops")}
			},
		}, {
			name: "nor behind one whose matcher cannot be read",
			change: func(o *route.Options) {
				o.Route.Routes = []route.Route{to("a", "sre"), to("a=b", "ops")}
			},
			errors: []string{"route.routes[0].matchers[0]"},
		}, {
			name: "an inhibit rule without sides would silence everything",
			change: func(o *route.Options) {
				o.InhibitRules = []route.InhibitRule{{}}
			},
			errors: []string{"inhibit_rules[0]", "inhibit_rules[0]"},
		}, {
			name: "the old forms are checked where they stand",
			change: func(o *route.Options) {
				o.Route.Routes = []route.Route{{Match: map[string]string{"a.b": "c"}, MatchRE: map[string]string{"a": "("}}}
			},
			errors: []string{"route.routes[0].match.a.b", "route.routes[0].match_re.a"},
		}, {
			name:   "a step that is never told, or tells nobody, is no escalation",
			change: func(o *route.Options) { o.Route.Escalate = route.Escalation{{}} },
			errors: []string{"route.escalate[0]", "route.escalate[0].destinations"},
		}, {
			name: "steps that are told before those above them",
			change: func(o *route.Options) {
				o.Route.Escalate = route.Escalation{step(time.Hour, "sre"), step(time.Minute, "managers"), step(time.Hour, "managers"), step(0, "sre")}
			},
			errors:   []string{"route.escalate[1].after", "route.escalate[3].after"},
			warnings: []string{"route.escalate[2].after"},
		}, {
			name: "repeats that leave nobody time to answer",
			change: func(o *route.Options) {
				o.Route.Escalate = route.Escalation{
					every(step(time.Second, "sre"), time.Second-1), every(step(2*time.Second, "sre"), time.Second), every(step(3*time.Second, "sre"), time.Minute),
				}
			},
			errors:   []string{"route.escalate[0].every"},
			warnings: []string{"route.escalate[1].every"},
		}, {
			name: "a step to a destination that does not exist would tell nobody, at the worst moment",
			change: func(o *route.Options) {
				o.Route.Escalate = route.Escalation{step(time.Minute, "sre", "mangers"), step(time.Hour, "sre", "sre")}
			},
			errors: []string{"route.escalate[0].destinations[1]", "route.escalate[1].destinations[1]"},
		}, {
			name:     "a step that tells only those who know works, and is doubted",
			change:   func(o *route.Options) { o.Route.Escalate = route.Escalation{step(time.Minute, "ops")} },
			warnings: []string{"route.escalate[0].destinations"},
		}, {
			name: "where nobody is told nobody can fail to answer",
			change: func(o *route.Options) {
				o.Route.Routes = []route.Route{{Matchers: []string{"a=b"}, Destinations: []string{}, Escalate: route.Escalation{step(time.Minute, "sre")}}}
			},
			warnings: []string{"route.routes[0].escalate"},
		}, {
			name: "what is wrong above is not reported again where it is inherited",
			change: func(o *route.Options) {
				o.Route.Escalate = route.Escalation{{}}
				o.Route.Routes = []route.Route{to("a=b", "sre")}
			},
			errors: []string{"route.escalate[0]", "route.escalate[0].destinations"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			errors, warnings := places(test.change)
			require.Equal(t, test.errors, errors)
			require.Equal(t, test.warnings, warnings)
		})
	}
}

// FuzzMatchers: whatever stands in a file as a matcher, it is either read or
// refused in one line, and what was read can be asked.
func FuzzMatchers(f *testing.F) {
	for _, seed := range []string{
		`severity="critical"`, `{a=~"b|c",d!="e"}`, `"höhe über null"!~".*"`, `a=b`, `a`, `{`, `a="\xff"`, `=`, "a=\"\n\"", `a=~"("`, `,`, `{}`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, matcher string) {
		o := options(func(o *route.Options) { o.Route.Routes = []route.Route{to(matcher, "sre")} })
		made, problems := route.New(o)
		if made == nil {
			require.NotEmpty(t, problems)
			return
		}
		nodes := made.Match(labels("a", "b"))
		require.Len(t, nodes, 1)
		require.True(t, strings.HasPrefix(nodes[0].ID(), "{}"))
		if utf8.ValidString(matcher) {
			require.True(t, utf8.ValidString(nodes[0].Key("x", 0)), "a key goes into the database as text")
		}
	})
}
