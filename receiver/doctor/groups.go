package doctor

import (
	"context"
	"fmt"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

// examineGroups reads who is in the groups and tags of the configuration.
func examineGroups(ctx context.Context, e *examination) {
	client, err := e.graphClient()
	if err != nil {
		e.say(e.judgeGraph(err, whyGroup))
		return
	}
	for _, r := range rosters(e.Config) {
		need := readsGroups
		if r.Tag != "" {
			need = readsTags
		}
		if e.lost[need] {
			e.say(Finding{About: r.destination, Result: Skipped, What: capital(need) + " comes first."})
			continue
		}
		var name string
		var members []graph.User
		if r.ID != "" {
			name, members, err = client.GroupMembers(ctx, r.ID)
		} else {
			name, members, err = client.TagMembers(ctx, r.Team, r.Tag)
		}
		e.say(e.judgeRoster(r, name, members, err))
	}
}

const whyGroup = "Nobody in it is told as long as it cannot be read for the first time; later the last members that were read are."

// judgeRoster is what came of reading one group or tag.
func (e *examination) judgeRoster(r roster, name string, members []graph.User, err error) Finding {
	kind, where := "group", path(e.where.entra, "Groups", "All groups")
	if r.Tag != "" {
		kind, where = "tag", path("Teams", "the team's menu (…)", "Manage tags")
	}
	if err != nil {
		f := e.judgeGraph(err, whyGroup)
		f.About = r.destination
		if reason := reasonOf(err); reason == teams.NotFound || reason == teams.UnknownUser {
			f.Do = where + ": look for the " + kind + ", and correct its id in the configuration."
		}
		return f
	}
	if len(members) == 0 {
		return Finding{
			About: r.destination, Result: Warning, What: fmt.Sprintf("Nobody is in the %s %q.", kind, name),
			Why: "An alert for it is told to nobody.", Do: where + fmt.Sprintf(" > %s > Members: add who is to be told.", name),
		}
	}
	what := fmt.Sprintf("The %s %q has %s.", kind, name, plural(len(members), "member"))
	disabled := 0
	for _, m := range members {
		if m.Enabled != nil && !*m.Enabled {
			disabled++
		}
	}
	if disabled > 0 {
		what += fmt.Sprintf(" Accounts that are disabled: %d.", disabled)
	}
	return Finding{About: r.destination, Result: OK, What: what}
}
