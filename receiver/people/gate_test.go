package people

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

var (
	down    = teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Message: "503"}
	consent = teams.Outcome{Kind: teams.Retry, Reason: teams.Consent, Broken: true}
)

func TestOneAttemptStandsForAll(t *testing.T) {
	var g gate
	require.True(t, g.lets("a", noon), "it is open")
	g.begin()
	g.shut(consent, []string{"a"}, noon)
	require.False(t, g.lets("b", noon), "an administrator has to mend it: nobody else is luckier")
	require.Equal(t, noon.Add(time.Second), g.next(noon))
	at := noon.Add(time.Second)
	require.True(t, g.lets("b", at))
	g.begin()
	require.False(t, g.lets("c", at), "one is on the way")
	g.shut(consent, []string{"b"}, at)
	require.Equal(t, at.Add(2*time.Second), g.until, "longer each time")
	g.shut(consent, []string{"c"}, at)
	require.Equal(t, at.Add(2*time.Second), g.until, "what began before says nothing new")
	g.begin()
	g.rest()
	require.True(t, g.lets("d", at.Add(2*time.Second)), "nothing came of it, so it is tried again")
	g.pass([]string{"d"})
	for _, name := range []string{"a", "b", "c"} {
		require.True(t, g.lets(name, at), "it works: nobody waits for their turn")
	}
}

func TestOneWhoFailsIsNoProofThatAllDo(t *testing.T) {
	var g gate
	g.shut(down, []string{"a"}, noon)
	require.False(t, g.lets("a", noon))
	require.True(t, g.lets("b", noon), "it may be a's trouble alone")
	g.begin()
	g.pass([]string{"b"})
	require.True(t, g.open())
	require.False(t, g.lets("a", noon), "who failed has to wait all the same, or would be tried without end")
	require.Equal(t, noon.Add(time.Second), g.next(noon))
	require.True(t, g.lets("a", noon.Add(time.Second)))
	g.shut(down, []string{"a"}, noon)
	require.False(t, g.lets("a", noon.Add(time.Second)), "longer each time")

	g.shut(down, []string{"b"}, noon)
	g.shut(down, []string{"c"}, noon)
	require.False(t, g.lets("d", noon), "three without anybody luckier are proof enough")
	g.pass([]string{"d"})
	require.True(t, g.lets("a", noon), "and when it is over all are tried")
}

func TestMicrosoftSaysHowLongToWait(t *testing.T) {
	var g gate
	g.shut(teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, After: time.Minute}, []string{"a"}, noon)
	require.Equal(t, noon.Add(time.Minute), g.until)
	require.False(t, g.lets("b", noon.Add(59*time.Second)))
	g.shut(teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, After: time.Hour}, nil, noon)
	require.Equal(t, noon.Add(time.Hour), g.until, "the longest counts")
}

// Who has just put a new secret in place must not wait for minutes to see that
// it is right.
func TestWhoHasMendedItNeedNotWait(t *testing.T) {
	var g gate
	for i := range 8 {
		g.begin()
		g.shut(teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true}, []string{"a"}, noon.Add(time.Duration(i)))
	}
	later := noon.Add(time.Second)
	require.False(t, g.lets("a", later))
	require.False(t, g.lets("b", later))
	g.urge(later)
	require.True(t, g.lets("a", later))
	g.begin()
	require.False(t, g.lets("b", later), "one attempt still stands for all")

	var patient gate
	patient.shut(teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, After: time.Minute}, []string{"a"}, noon)
	patient.urge(later)
	require.False(t, patient.lets("a", later), "Microsoft has said when")
}

func TestWhatIsBegunTogether(t *testing.T) {
	fresh := func(n int) (all []store.Person) {
		for i := range n {
			all = append(all, store.Person{Name: string(rune('a'+i%26)) + string(rune('a'+i/26)) + "@b", Wanted: true})
		}
		return all
	}
	opening := func(name, id string) store.Person {
		return store.Person{Name: name, ObjectID: id, State: store.PersonInstalling, Wanted: true}
	}
	t.Run("chunks of twenty, a few at once, and the rest later", func(t *testing.T) {
		d := desk{withGraph: true, busy: map[string]bool{}, queue: fresh(100)}
		do := d.plan(noon)
		require.Len(t, do.chunks, 4)
		require.Len(t, do.chunks[0], 20)
		require.Len(t, d.queue, 20)
		require.Len(t, d.busy, 80)
		again := d.plan(noon)
		require.True(t, again.empty(), "all are at work")
	})
	t.Run("one alone need not wait for twenty", func(t *testing.T) {
		d := desk{withGraph: true, busy: map[string]bool{}, queue: fresh(1)}
		require.Len(t, d.plan(noon).chunks, 1)
	})
	t.Run("who only waits for their chat does not wait behind those who are new", func(t *testing.T) {
		d := desk{withGraph: true, busy: map[string]bool{}, queue: append(fresh(100), opening("x@b", "x"))}
		require.Len(t, d.plan(noon).opens, 1)
	})
	t.Run("names of one person are opened together", func(t *testing.T) {
		d := desk{withGraph: true, busy: map[string]bool{}, queue: []store.Person{opening("x@b", "x"), opening("y@b", "y"), opening("x", "x")}}
		do := d.plan(noon)
		require.Len(t, do.opens, 2)
		require.Len(t, do.opens[0], 2)
		require.Equal(t, 2, d.opens)
	})
	t.Run("conversations are opened a few at once", func(t *testing.T) {
		d := desk{withGraph: true, busy: map[string]bool{}}
		for _, p := range fresh(30) {
			d.queue = append(d.queue, opening(p.Name, p.Name))
		}
		require.Len(t, d.plan(noon).opens, maxOpens)
		require.Len(t, d.queue, 30-maxOpens)
	})
	t.Run("while Graph fails for all, those who need it learn why, once, and the others go on", func(t *testing.T) {
		d := desk{withGraph: true, busy: map[string]bool{}, queue: append(fresh(3), opening("x@b", "x"))}
		d.graph.shut(consent, nil, noon)
		do := d.plan(noon)
		require.Empty(t, do.chunks)
		require.Len(t, do.opens, 1)
		require.Len(t, do.held, 3)
		for _, s := range do.held {
			require.True(t, s.Waits)
			require.Equal(t, "consent", s.Person.Reason)
			delete(d.busy, s.Person.Name)
			d.queue = append(d.queue, s.Person)
		}
		again := d.plan(noon)
		require.True(t, again.empty(), "that is known")
		do = d.plan(noon.Add(time.Second))
		require.Len(t, do.chunks, 1, "one attempt for all")
	})
	t.Run("while Graph fails nobody is asked what became of an installation", func(t *testing.T) {
		p := opening("x@b", "x")
		p.Attempts, p.NotBefore = 2, noon
		d := desk{withGraph: true, busy: map[string]bool{}, queue: []store.Person{p}}
		d.graph.shut(down, []string{"a", "b", "c"}, noon)
		require.Len(t, d.plan(noon).opens, 1)
	})
}
