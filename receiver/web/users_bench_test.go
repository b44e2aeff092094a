package web

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// crowd puts n people into the group, of whom one in ten cannot be reached.
func (s *site) crowd(t testing.TB, n int) {
	now := s.engine.Now()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("77777777-0000-0000-0000-%012d", i)
	}
	for begin := 0; begin < n; begin += 1000 {
		require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
			for i := begin; i < min(n, begin+1000); i++ {
				p := store.Person{
					Name: ids[i], ObjectID: ids[i], DisplayName: fmt.Sprintf("Person %d of the company", i), UPN: fmt.Sprintf("person%d@contoso.com", i),
					Conversation: "a:" + ids[i], State: store.PersonReachable, InstalledAt: now.Add(-time.Hour), Version: "1.4.0", CheckedAt: now, UpdatedAt: now,
				}
				a := store.Address{Address: botframework.AddressID(p.Conversation)}
				if i%10 == 0 {
					p.Conversation, p.State, p.Reason, p.Message = "", store.PersonKnown, string(teams.NoTeams), "They have no Teams, or have never opened it."
					a.Address = people.AddressID(p.Name)
					a.Break(p.Reason, p.Message, false, now)
				} else if err := tx.SaveConversation(&store.Conversation{ID: p.Conversation, Kind: store.Personal, Name: p.DisplayName, UserObjectID: p.ObjectID, Installed: true, UpdatedAt: now}); err != nil {
					return err
				}
				if err := tx.SavePerson(&p); err != nil {
					return err
				}
				if err := tx.SaveAddress(&a); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveRoster(&store.Roster{ID: people.GroupID(groupID1), DisplayName: "Everybody", Members: ids, RefreshedAt: now})
	}))
}

// BenchmarkTenThousandUsers is what whoever looks waits for.
func BenchmarkTenThousandUsers(b *testing.B) {
	s := newPeopleSite(b)
	s.crowd(b, 10_000)
	for _, path := range []string{"/api/v1/users", "/api/v1/users/person5001@contoso.com", "/api/v1/destinations", "/users", "/users?q=5001", "/users/person5001@contoso.com"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				require.Equal(b, 200, s.ask("GET", path, "").Code)
			}
		})
	}
}
