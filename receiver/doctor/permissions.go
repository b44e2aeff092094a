package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// permission is one of Microsoft Graph's that we need for something, with those
// that allow the same and more (teams-platform §5.2).
type permission struct {
	least string
	// fine allow what is needed and a little more, for which there is a use.
	fine []string
	// more allow far more than is needed.
	more []string
	is   string // what it is for
	lost string // what is not there without it
	// instead is how to do without it; "": it cannot be done without.
	instead string
	// useful is what it gives where it is not needed; "": nothing.
	useful string
	// needed says whether the configuration needs it, and if not, why.
	needed func(*examination) (bool, string)
}

const (
	installSelf = "TeamsAppInstallation.ReadWriteSelfForUser.All"
	readBasic   = "User.ReadBasic.All"
)

func always(*examination) (bool, string) { return true, "" }

// permissions are those that we can need. Where there are several, one is
// enough.
var permissions = []permission{
	{
		least: readBasic, fine: []string{"User.Read.All"},
		more: []string{"User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		is:   "finds people by address", lost: findsPeople, needed: always,
	},
	{
		least: installSelf,
		fine:  []string{"TeamsAppInstallation.ReadWriteSelectedForUser.All", "TeamsAppInstallation.ManageSelectedForUser.All"},
		more:  []string{"TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All", "TeamsAppInstallation.ReadWriteForUser.All", "TeamsAppInstallation.ReadWriteAndConsentForUser.All"},
		is:    "installs the app for people who never did", lost: seesInstalls, needed: always,
	},
	{
		least: "AppCatalog.Read.All", more: []string{"AppCatalog.ReadWrite.All"},
		is: "finds the app in the organization's catalogue", lost: seesCatalogue,
		useful:  "With it people get a new version of the app when the catalogue has one.",
		instead: "With teams_catalog_id in the configuration it is not needed to install the app.",
		needed: func(e *examination) (bool, string) {
			return e.microsoft.TeamsCatalogID == "", "teams_catalog_id is in the configuration"
		},
	},
	{
		least: "GroupMember.Read.All",
		more:  []string{"GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
		is:    "reads who is in an Entra group", lost: readsGroups,
		needed: func(e *examination) (bool, string) {
			return slices.ContainsFunc(rosters(e.Config), func(r roster) bool { return r.ID != "" }), "no destination is an Entra group"
		},
	},
	{
		least: "TeamworkTag.Read.All", more: []string{"TeamworkTag.ReadWrite.All"},
		is: "reads who is behind a tag of a team", lost: readsTags,
		needed: func(e *examination) (bool, string) {
			return slices.ContainsFunc(rosters(e.Config), func(r roster) bool { return r.Tag != "" }), "no destination is a tag"
		},
	},
}

// examinePermissions compares what our token allows with what is needed.
func examinePermissions(ctx context.Context, e *examination) {
	client, err := e.graphClient()
	var roles []string
	if err == nil {
		roles, err = client.Roles(ctx)
	}
	if err != nil {
		e.say(Finding{Result: Warning, What: "Which permissions we have cannot be seen: " + sentence(err.Error()), Do: "Compare " + e.registration("API permissions") + " with sample-configs/bot/README.md."})
		return
	}
	for _, f := range e.judgePermissions(roles) {
		e.say(f)
	}
}

// judgePermissions says of each permission whether it is there and needed.
func (e *examination) judgePermissions(roles []string) []Finding {
	var found []Finding
	known := make(map[string]bool)
	for _, p := range permissions {
		needed, because := p.needed(e)
		f, uses := e.judgePermission(p, roles, needed, because)
		for _, use := range uses {
			known[use] = true
		}
		if f.Result == Failed {
			e.lose(p.lost)
		}
		found = append(found, f)
	}
	for _, role := range roles {
		if !known[role] {
			found = append(found, e.tooMuch(role, "It is not needed."))
		}
	}
	return found
}

// judgePermission says how it is with one permission, and which of our roles
// are used for it.
func (e *examination) judgePermission(p permission, roles []string, needed bool, because string) (Finding, []string) {
	has := func(list ...string) string {
		i := slices.IndexFunc(list, func(name string) bool { return slices.Contains(roles, name) })
		if i < 0 {
			return ""
		}
		return list[i]
	}
	enough := append([]string{p.least}, p.fine...)
	held := has(enough...)
	switch more := has(p.more...); {
	case !needed && held == "":
		return Finding{About: p.least, Result: Skipped, What: strings.TrimSpace(fmt.Sprintf("It %s, which is not needed: %s. %s", p.is, because, p.useful))}, nil
	case !needed && p.useful != "":
		return Finding{About: held, Result: OK, What: "It is there. " + p.useful}, enough
	case !needed:
		return e.tooMuch(held, fmt.Sprintf("It %s, which is not needed: %s.", p.is, because)), enough
	case held != "":
		f := Finding{About: held, Result: OK, What: fmt.Sprintf("It is there; it %s.", p.is)}
		switch held {
		case installSelf:
			e.onlySelf = more == ""
			f.What += " \"Self\" is the app whose manifest has app_id as its webApplicationInfo.id, as teamsrelay app-package writes it; see the catalogue below."
		case "User.Read.All":
			f.What += " It also tells which accounts are disabled."
		}
		return f, enough
	case more != "":
		f := e.tooMuch(more, fmt.Sprintf("It is there and %s, but allows far more than that. %s is enough.", p.is, p.least))
		return f, []string{more}
	}
	return Finding{
		About: p.least, Result: Failed, What: strings.TrimSpace(fmt.Sprintf("It is missing; it %s. %s", p.is, p.instead)),
		Why: "Microsoft Graph refuses without it, and those for whom it is needed cannot be told personally.",
		Do:  e.registration("API permissions", "Add a permission", "Microsoft Graph", "Application permissions") + " (not Delegated): choose it, Add permissions, then press Grant admin consent, which needs a Privileged Role Administrator. New tokens carry it after some minutes.",
	}, nil
}

// tooMuch is a permission that an application that only tells people of alerts
// need not have.
func (e *examination) tooMuch(role, what string) Finding {
	return Finding{
		About: role, Result: Warning, What: what,
		Why: "Whoever steals the secret can do whatever the application may.",
		Do:  e.registration("API permissions", "the permission's menu (…)", "Remove permission") + ", unless another program uses the same application; better give that one its own.",
	}
}
