package people

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestTheNextStepForAPerson(t *testing.T) {
	there := &store.Conversation{ID: "a:1", Installed: true, UpdatedAt: noon}
	for name, c := range map[string]struct {
		person       store.Person
		conversation *store.Conversation
		withoutGraph bool
		want         step
	}{
		"nobody knows them: find them":                        {store.Person{Name: "a@b"}, nil, false, stepFind},
		"an object id in the file is looked up for its name":  {store.Person{Name: "id"}, nil, false, stepFind},
		"their conversation is known: take it":                {store.Person{Name: "id"}, there, false, stepTake},
		"also without Graph":                                  {store.Person{Name: "id"}, there, true, stepTake},
		"they have blocked the bot: it may be over":           {store.Person{Name: "id"}, &store.Conversation{ID: "a:1", Installed: true, Blocked: "x"}, false, stepFind},
		"they have removed the app":                           {store.Person{Name: "id"}, &store.Conversation{ID: "a:1"}, false, stepFind},
		"a retry does not trust what was known before":        {store.Person{Name: "id", CheckedAt: noon, UpdatedAt: noon.Add(1)}, there, false, stepFind},
		"but what was heard since":                            {store.Person{Name: "id", CheckedAt: noon, UpdatedAt: noon.Add(-1)}, there, false, stepTake},
		"a member of a group is known: install":               {store.Person{Name: "id", ObjectID: "id", State: store.PersonKnown}, nil, false, stepInstall},
		"what failed for everybody is done again, no more":    {store.Person{Name: "a@b", ObjectID: "id", State: store.PersonKnown, Reason: "consent"}, nil, false, stepInstall},
		"a disabled account may be enabled: find them":        {store.Person{Name: "a@b", ObjectID: "id", State: store.PersonKnown, Reason: "disabled"}, nil, false, stepFind},
		"a policy may be another one now: find them":          {store.Person{Name: "a@b", ObjectID: "id", State: store.PersonPolicy, Reason: "policy"}, nil, false, stepFind},
		"installing: open":                                    {store.Person{Name: "a@b", ObjectID: "id", State: store.PersonInstalling}, nil, false, stepOpen},
		"after the first failure: open":                       {store.Person{Name: "a@b", ObjectID: "id", State: store.PersonInstalling, Attempts: 1, NotBefore: noon}, nil, false, stepOpen},
		"after the second: see whether it was installed":      {store.Person{Name: "a@b", ObjectID: "id", State: store.PersonInstalling, Attempts: 2, NotBefore: noon, CheckedAt: noon.Add(-1)}, nil, false, stepCheck},
		"and then open":                                       {store.Person{Name: "a@b", ObjectID: "id", State: store.PersonInstalling, Attempts: 2, NotBefore: noon, CheckedAt: noon}, nil, false, stepOpen},
		"after two minutes: see each time":                    {store.Person{Name: "a@b", ObjectID: "id", State: store.PersonInstalling, Attempts: patience + 1, NotBefore: noon, CheckedAt: noon.Add(-1)}, nil, false, stepCheck},
		"without Graph, an object id is enough":               {store.Person{Name: "id"}, nil, true, stepOpen},
		"without Graph, a name leads nowhere":                 {store.Person{Name: "a@b"}, nil, true, stepRefuse},
		"without Graph, a name whose object id is known does": {store.Person{Name: "a@b", ObjectID: "id"}, nil, true, stepOpen},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, next(&c.person, c.conversation, !c.withoutGraph))
		})
	}
}

func TestWhatIsTriedAgainWhen(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 7: 64, 9: 256, 10: 300, 1000: 300} {
		require.Equal(t, want*time.Second, backoff(n, 0), "after attempt %d", n)
	}
	require.Equal(t, time.Hour, backoff(1, time.Hour), "Microsoft's word wins, for longer")
	require.Equal(t, time.Second, backoff(50, time.Second), "and for shorter")
	var sum time.Duration
	for n := 1; n <= patience; n++ {
		sum += backoff(n, 0)
	}
	require.Equal(t, 127*time.Second, sum, "patience is two minutes")
}

func failing(kind teams.Kind, reason teams.Reason) *graph.Error {
	return &graph.Error{Outcome: teams.Outcome{Kind: kind, Reason: reason, Message: "words", Broken: reason == teams.Consent}}
}

func TestWhatAPersonBecomes(t *testing.T) {
	notInstalled := &botframework.Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotInstalled, Message: "words"}}
	known := store.Person{Name: "a@b", ObjectID: "id", State: store.PersonKnown, Wanted: true}
	installing := store.Person{Name: "a@b", ObjectID: "id", State: store.PersonInstalling, Wanted: true, InstalledAt: noon.Add(-time.Minute)}
	with := func(p store.Person, change func(*store.Person)) store.Person { change(&p); return p }
	for name, c := range map[string]struct {
		person store.Person
		does   func(p *store.Person) course
		want   course
		is     store.Person
	}{
		"who is found is known, and what was against them is forgotten": {
			store.Person{Name: "a@b", State: store.PersonUnknown, Reason: "unknown_user", Message: "x", Attempts: 3, NotBefore: noon, Wanted: true},
			func(p *store.Person) course {
				return found(p, graph.FoundUser{User: graph.User{ID: "ID", UPN: "a@B", DisplayName: "Al"}}, noon)
			},
			onward, store.Person{Name: "a@b", ObjectID: "id", UPN: "a@B", DisplayName: "Al", State: store.PersonKnown, Wanted: true},
		},
		"who is disabled is known all the same": {
			store.Person{Name: "a@b", Wanted: true},
			func(p *store.Person) course {
				return found(p, graph.FoundUser{User: graph.User{ID: "id"}, Err: failing(teams.GiveUp, teams.Disabled)}, noon)
			},
			givenUp, store.Person{Name: "a@b", ObjectID: "id", State: store.PersonKnown, Reason: "disabled", Message: "words", CheckedAt: noon},
		},
		"what fails for a moment is tried again": {
			with(known, func(p *store.Person) { p.Attempts = 1 }),
			func(p *store.Person) course {
				return installed(p, graph.Installed{Err: failing(teams.Retry, teams.Unavailable)}, "", noon)
			},
			waiting, with(known, func(p *store.Person) {
				p.Attempts, p.NotBefore, p.Reason, p.Message = 2, noon.Add(2*time.Second), "unavailable", "words"
			}),
		},
		"an installation that is taken has begun": {
			with(known, func(p *store.Person) { p.Attempts, p.NotBefore, p.Reason = 4, noon, "network" }),
			func(p *store.Person) course { return installed(p, graph.Installed{}, "1.0.0", noon) },
			onward, with(known, func(p *store.Person) {
				p.State, p.InstalledAt, p.Version, p.CheckedAt = store.PersonInstalling, noon, "1.0.0", noon
			}),
		},
		"one that was there already is not ours": {
			known,
			func(p *store.Person) course { return installed(p, graph.Installed{Already: true}, "1.0.0", noon) },
			onward, with(known, func(p *store.Person) { p.State, p.CheckedAt = store.PersonInstalling, noon }),
		},
		"who is installed for again keeps the patience that is left": {
			with(installing, func(p *store.Person) { p.State, p.Attempts = store.PersonKnown, 5 }),
			func(p *store.Person) course { return installed(p, graph.Installed{}, "", noon) },
			onward, with(installing, func(p *store.Person) { p.Attempts, p.InstalledAt, p.CheckedAt = 5, noon, noon }),
		},
		"not yet, says the bot's service": {
			installing,
			func(p *store.Person) course { return opened(p, botframework.Place{}, notInstalled, true, noon) },
			waiting, with(installing, func(p *store.Person) { p.Attempts, p.NotBefore = 1, noon.Add(time.Second) }),
		},
		"there is nothing to wait for without Graph": {
			with(installing, func(p *store.Person) { p.State = store.PersonUnknown }),
			func(p *store.Person) course { return opened(p, botframework.Place{}, notInstalled, false, noon) },
			givenUp, with(installing, func(p *store.Person) {
				p.State, p.Wanted, p.Reason, p.Message, p.CheckedAt = store.PersonKnown, false, "not_installed", withoutGraph(p), noon
			}),
		},
		"they have blocked the bot": {
			installing,
			func(p *store.Person) course {
				return opened(p, botframework.Place{}, &botframework.Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Message: "words"}}, true, noon)
			},
			givenUp, with(installing, func(p *store.Person) {
				p.State, p.Wanted, p.Reason, p.Message, p.CheckedAt = store.PersonBlocked, false, "blocked", "words", noon
			}),
		},
		"there they are": {
			with(installing, func(p *store.Person) { p.Attempts, p.Reason, p.Message = 9, "installing", "x" }),
			func(p *store.Person) course {
				return opened(p, botframework.Place{Conversation: "a:1"}, nil, true, noon)
			},
			arrived, with(installing, func(p *store.Person) {
				p.State, p.Wanted, p.Conversation, p.CheckedAt = store.PersonReachable, false, "a:1", noon
			}),
		},
		"what nobody knows is the service's fault": {
			known,
			func(p *store.Person) course {
				return installed(p, graph.Installed{Err: errors.New("strange")}, "", noon)
			},
			waiting, with(known, func(p *store.Person) {
				p.Attempts, p.NotBefore, p.Reason, p.Message = 1, noon.Add(time.Second), "unavailable", "strange"
			}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.person
			require.Equal(t, c.want, c.does(&p))
			require.Equal(t, c.is, p)
		})
	}
}

func TestAfterTwoMinutesOfInstallingItIsSaid(t *testing.T) {
	p := store.Person{Name: "a@b", ObjectID: "id", State: store.PersonInstalling, Attempts: patience - 1}
	fail := func() {
		require.Equal(t, waiting, opened(&p, botframework.Place{}, &botframework.Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotInstalled}}, true, noon))
	}
	fail()
	require.Empty(t, p.Reason)
	fail()
	require.Equal(t, "installing", p.Reason)
	require.Contains(t, p.Message, "no chat with them yet")
	checked(&p, graph.Installation{ID: "i", Version: "1.0.0"}, true, noon)
	require.Contains(t, p.Message, "made the chat", "what Graph adds")
	require.Equal(t, "1.0.0", p.Version)
	fail()
	require.Contains(t, p.Message, "made the chat", "stays")
	was := p
	checked(&p, graph.Installation{Err: failing(teams.Retry, teams.Network)}, false, noon)
	was.CheckedAt = noon
	require.Equal(t, was, p, "what Graph does not say changes nothing")
	checked(&p, graph.Installation{}, false, noon)
	require.Equal(t, store.PersonKnown, p.State, "it did not happen: it is ordered again")
}

// What failed for one is theirs, what failed for all is everybody's.
func TestWhoseFailureItIs(t *testing.T) {
	candidateAt := func(name string, err *graph.Error) *candidate {
		c := &candidate{person: store.Person{Name: name, State: store.PersonKnown, ObjectID: name}}
		var cause error
		if err != nil {
			cause = err
		}
		c.after(cause, func(p *store.Person) course { return installed(p, graph.Installed{Err: cause}, "", noon) })
		return c
	}
	for name, c := range map[string]struct {
		all            []*candidate
		everybody      teams.Reason
		passed, failed int
		settled        int
	}{
		"all worked":                     {[]*candidate{candidateAt("a", nil), candidateAt("b", nil)}, "", 2, 0, 2},
		"one is given up":                {[]*candidate{candidateAt("a", nil), candidateAt("b", failing(teams.GiveUp, teams.Policy))}, "", 2, 0, 2},
		"one fails for a moment":         {[]*candidate{candidateAt("a", nil), candidateAt("b", failing(teams.Retry, teams.Unavailable))}, "", 1, 1, 2},
		"all fail for a moment":          {[]*candidate{candidateAt("a", failing(teams.Retry, teams.Network)), candidateAt("b", failing(teams.Retry, teams.Network))}, teams.Network, 0, 2, 2},
		"we may not":                     {[]*candidate{candidateAt("a", nil), candidateAt("b", failing(teams.Retry, teams.Consent))}, teams.Consent, 1, 1, 2},
		"it is too much":                 {[]*candidate{candidateAt("a", nil), candidateAt("b", failing(teams.Retry, teams.Throttled))}, teams.Throttled, 1, 1, 2},
		"we were stopped in the middle":  {[]*candidate{candidateAt("a", nil), candidateAt("b", failing(teams.Retry, teams.Interrupted))}, "", 1, 0, 1},
		"we were stopped before anybody": {[]*candidate{candidateAt("a", failing(teams.Retry, teams.Interrupted))}, "", 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := conclude(c.all)
			if c.everybody == "" {
				require.Nil(t, r.everybody)
			} else {
				require.Equal(t, c.everybody, r.everybody.Reason)
			}
			require.Len(t, r.passed, c.passed)
			require.Len(t, r.failed, c.failed)
			require.Len(t, r.settled, c.settled)
			for _, s := range r.settled {
				if p := s.Person; c.everybody != "" && p.Reason == string(c.everybody) {
					require.True(t, s.Waits)
					require.Zero(t, p.NotBefore, "their turn comes as soon as it is mended")
					require.Zero(t, p.Attempts)
				}
			}
		})
	}
}
