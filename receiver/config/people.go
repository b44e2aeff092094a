package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Group is an Entra group, or a tag of a team, whose members are told
// personally; zero: neither.
type Group struct {
	ID        string // of the Entra group, in lower case
	Team, Tag string // of the tag: the Entra group behind its team, in lower case, and Graph's id of it
}

// Roster is how the store calls it; "" if there is none.
func (g Group) Roster() string {
	switch {
	case g.ID != "":
		return people.GroupID(g.ID)
	case g.Tag != "":
		return people.TagID(g.Team, g.Tag)
	}
	return ""
}

// Personal says whether a destination is people, each of whom is told
// personally.
func (d Destination) Personal() bool { return len(d.Users) > 0 || d.Group != (Group{}) }

// maxUsers is how many people one destination may name. Each has a post of
// their own in every alert, and whoever has more keeps them in an Entra group
// and not in a file.
const maxUsers = 1000

var (
	// address is a user principal name or e-mail address, in lower case; a
	// guest's has a # in it. Nothing here needs to be stricter than what Graph
	// would not find.
	address = regexp.MustCompile(`^[^\s@<>()\[\],;:"\\/]+@[^\s@<>()\[\],;:"\\/#]+$`)
	// localID is an object id of the Agents Playground, which are longer than
	// Microsoft's.
	localID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12,16}$`)
	// within finds the address or the object id in what programs write around
	// it: Alice <alice@contoso.com>, mailto:alice@contoso.com, 8:orgid:3d5b….
	within = regexp.MustCompile(`[^\s@<>()\[\],;:"\\/?=&]+@[^\s@<>()\[\],;:"\\/?=&#]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	// tagID is what Graph calls a tag: three ids in base64.
	tagID = regexp.MustCompile(`^[A-Za-z0-9+/_-]{40,}={0,2}$`)
	// linkedGroup finds the group in a link: groupId=… in those of Teams,
	// groupId/… in Entra's.
	linkedGroup = regexp.MustCompile(`(?i)group_?id[=/]([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})`)
)

// maxAddress is how long an e-mail address can be (RFC 5321); Entra's names are
// shorter.
const maxAddress = 254

// people checks who is to be told personally.
func (d *document) people(s *destinationSection, at string, bot Microsoft, made *Destination) {
	if s.Users != nil {
		made.Users = d.told(s.Users, at+".users", bot)
	}
	if s.Group != nil {
		made.Group = d.group(s.Group, at+".group", bot)
	}
	made.Actions = d.actors(s.Actions, at+".actions")
}

// told checks the names of those who are told.
func (d *document) told(list []string, at string, bot Microsoft) []string {
	if len(list) == 0 && !d.Faulty(at) {
		d.Broken(at, "the list is empty", "name who is to be told, such as [alice@contoso.com]")
	}
	if len(list) > maxUsers {
		d.Wrong(at, fmt.Sprintf("these are %d people, and one destination takes at most %d", len(list), maxUsers), "make an Entra group of them and write group: and its Object ID, or make several destinations")
		list = list[:maxUsers] // one line is enough
	}
	users := make([]string, 0, len(list))
	seen := make(map[string]bool, len(list))
	for i, user := range list {
		place := fmt.Sprintf("%s[%d]", at, i)
		user = strings.ToLower(strings.TrimSpace(user))
		switch {
		case d.Faulty(place):
			continue
		case user == "":
			d.Wrong(place, "nobody is named here", "write an address such as alice@contoso.com or an Entra object id, or remove it")
			continue
		case seen[user]:
			d.Warn(place, yamlfile.Quote(user)+" is named twice", "remove one")
			continue
		}
		seen[user] = true
		users = append(users, user)
		d.user(user, place, bot)
	}
	return users
}

// user checks one name, in lower case.
func (d *document) user(user, at string, bot Microsoft) {
	const do = "write their address such as alice@contoso.com, or the Object ID that Entra shows of them"
	switch {
	case isPlaceholder(user):
		d.Warn(at, placeholderWords, do)
	case guid.MatchString(user) || bot.InsecureLocal && localID.MatchString(user):
	case len(user) > maxAddress:
		d.Wrong(at, "this is longer than any address", do)
	case address.MatchString(user):
	case within.MatchString(user):
		d.Wrong(at, yamlfile.Quote(user)+" has more in it than an address", "write "+strconv.Quote(within.FindString(user))+"; each person is an item of its own")
	case strings.HasPrefix(user, "29:"):
		d.Wrong(at, yamlfile.Quote(user)+" is what Teams calls somebody towards the bot, and another bot would call them otherwise", do)
	default:
		d.Wrong(at, yamlfile.Quote(user)+" is neither an address nor an Entra object id, and several people can have one name", do)
	}
}

// group checks whose members are told.
func (d *document) group(s *groupSection, at string, bot Microsoft) Group {
	g := Group{ID: strings.ToLower(strings.TrimSpace(s.ID)), Team: strings.ToLower(strings.TrimSpace(s.TeamID)), Tag: strings.TrimSpace(s.TagID)}
	switch {
	case d.Faulty(at):
	case g.ID != "" && (g.Team != "" || g.Tag != ""):
		d.Wrong(at, "this is a group and a tag", "keep one of them: group: ID, or group: {team_id: …, tag_id: …}")
	case g.ID != "":
		d.groupID(g.ID, at+".id", "group: ", "an Entra group", "write the Object ID that Entra shows of the group (Groups, the group, Overview)")
	case g.Team == "" && g.Tag == "":
		d.Wrong(at, "nothing says which group it is", "write group: and the Object ID that Entra shows of it, or group: {team_id: …, tag_id: …} for a tag of a team")
	case g.Tag == "":
		d.Wrong(at, "nothing says which tag of the team it is", "add tag_id:; Microsoft Graph lists them at /teams/{team_id}/tags. For everybody in the team write group: "+strconv.Quote(g.Team))
	case g.Team == "":
		d.Wrong(at, "nothing says which team has the tag", "add team_id:, the groupId of the link that Get link to team shows")
	default:
		d.groupID(g.Team, at+".team_id", "team_id: ", "a team", "write the groupId of the link that Get link to team shows")
		d.tag(g.Tag, at+".tag_id", bot)
	}
	if bot.Configured() && !bot.Graph() && !d.Faulty(at) {
		d.Wrong(at, "nobody can say who is in this group: with insecure_local there is no Microsoft Graph to ask", "add endpoints: {graph: URL} of a simulated one, or name the people under users:")
	}
	return g
}

// groupID checks the id of an Entra group, which a team has too. key is what
// stands before it in the file.
func (d *document) groupID(id, at, key, is, do string) {
	switch link := linkedGroup.FindStringSubmatch(id); {
	case isPlaceholder(id):
		d.Warn(at, placeholderWords, do)
	case guid.MatchString(id):
	case link != nil:
		d.Wrong(at, "this is a link and no id", "write "+key+link[1]+", which that link leads to")
	case strings.Contains(id, "@"):
		d.Wrong(at, yamlfile.Quote(id)+" is an address and no id of "+is, do)
	default:
		d.Wrong(at, yamlfile.Quote(id)+" is no id of "+is+"; names change, and several can have one", do)
	}
}

func (d *document) tag(id, at string, bot Microsoft) {
	const do = "it is the id, and not the displayName, that Microsoft Graph lists at /teams/{team_id}/tags"
	switch {
	case strings.ContainsAny(id, " \t?#%"):
		d.Wrong(at, yamlfile.Quote(id)+" is no id of a tag", do)
	case !bot.InsecureLocal && !tagID.MatchString(id):
		d.Warn(at, yamlfile.Quote(id)+" does not look like the id of a tag", do)
	}
}

// reach checks that the bot can reach people who never installed anything.
func (d *document) reach(destinations []Destination, bot Microsoft) {
	i := slices.IndexFunc(destinations, Destination.Personal)
	if i < 0 || !bot.Configured() || !bot.Graph() {
		return
	}
	const at = "microsoft"
	who := "the people of the destination " + yamlfile.Quote(destinations[i].Name)
	if bot.TeamsAppID == "" && bot.TeamsCatalogID == "" && !d.Faulty(at+".teams_app_id") && !d.Faulty(at+".teams_catalog_id") {
		d.Wrong(at, "nothing says which app is to be installed for "+who, "add teams_app_id:, the id in the app package (teamsrelay app-package proposes one), or teams_catalog_id:, the one that the organization's catalogue gave it")
	}
	if bot.TenantID == "" && !bot.InsecureLocal && !d.Faulty(at+".tenant_id") {
		d.Wrong(at, "nothing says in which tenant "+who+" are", "add tenant_id:, the Directory (tenant) ID that Entra shows")
	}
}

// fallbacks checks who is told where a destination cannot be reached.
func (d *document) fallbacks(made []Destination) {
	index := make(map[string]int, len(made))
	for i := range made {
		if _, twice := index[made[i].Name]; !twice && made[i].Name != "" {
			index[made[i].Name] = i
		}
	}
	circles := circlesOf(made, index)
	for i := range made {
		name, at := made[i].Fallback, fmt.Sprintf("destinations[%d].fallback", i)
		to, known := index[name]
		switch {
		case name == "" || d.Faulty(at):
		case name == made[i].Name:
			d.Wrong(at, "the destination "+yamlfile.Quote(name)+" is to stand in for itself", "name another one, or remove it")
		case !known && slices.Contains(d.expected, name): // it is added later
		case !known:
			d.Wrong(at, "there is no destination "+yamlfile.Quote(name), "add it under destinations:, or correct the name")
		case circles[i] != nil:
			d.Wrong(at, "the fallbacks go in a circle: "+strings.Join(circles[i], ", "), "let one of them have no fallback, such as a channel")
		case made[i].Personal() && made[to].Personal():
			d.Warn(at, "the destination "+yamlfile.Quote(name)+" is people too: what keeps the bot from some, such as a secret that has expired, keeps it from them", "name a destination with workflow: or channel:")
		}
	}
}

// maxCircle is how many destinations of a circle are named.
const maxCircle = 5

// circlesOf finds the ways on which fallbacks lead back to where they began, by
// the first destination of each in the file.
func circlesOf(made []Destination, index map[string]int) map[int][]string {
	circles := make(map[int][]string)
	walk := make([]int, len(made)) // on which walk each was passed, from 1
	for start := range made {
		at, known := start, true
		for known && walk[at] == 0 {
			walk[at] = start + 1
			at, known = index[made[at].Fallback]
		}
		if !known || walk[at] != start+1 { // it ends, or goes on where one was before
			continue
		}
		first, names, more := at, []string(nil), 0
		for next := index[made[at].Fallback]; next != at; next = index[made[next].Fallback] {
			first = min(first, next)
		}
		for next := first; len(names) == 0 || next != first; next = index[made[next].Fallback] {
			if len(names) < maxCircle {
				names = append(names, made[next].Name)
			} else {
				more++
			}
		}
		if more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		circles[first] = append(names, made[first].Name)
	}
	return circles
}
