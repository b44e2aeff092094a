package teamstest

import "time"

// GraphThrottle is what Graph takes of one app in one tenant. What has no
// window is not counted. Requests in a $batch count each by themselves.
type GraphThrottle struct {
	Reads    []Window // GET installedApps of users, GET appCatalogs
	Installs []Window // POST installedApps
	Removals []Window // DELETE installedApps
	Gets     []Window // other GET of Teams: chats, tags
	Others   []Window // the rest of Teams: upgrades
	Team     []Window // of one team
	Chat     []Window // of one chat
}

// RealGraphThrottle is what Microsoft allows (teams-platform §5.3). Users and
// groups are not of Teams: the limits of Entra are a hundred times as high
// (3,500 units in 10 s in the smallest tenants, 1 unit for a user), and are
// not counted here.
var RealGraphThrottle = GraphThrottle{
	Reads:    []Window{{30, time.Second}},
	Installs: []Window{{30, time.Second}},
	Removals: []Window{{15, time.Second}},
	Gets:     []Window{{30, time.Second}},
	Others:   []Window{{30, time.Second}},
	Team:     []Window{{4, time.Second}},
	Chat:     []Window{{1, time.Second}},
}

// limit is which of the windows count a call.
type limit int

const (
	unlimited limit = iota
	reading
	installingLimit
	removing
	otherWrite
	ofTeam // a GET that counts for its team too
	ofChat // a GET that counts for its chat too
)

// overLimit counts a call and returns how long to stay away when it does not
// fit. It needs the server's lock.
func (g *graph) overLimit(c *call) time.Duration {
	t := g.Throttle
	name, windows := "", []Window(nil)
	switch c.route.limit {
	case unlimited:
		return 0
	case reading:
		name, windows = "reads", t.Reads
	case installingLimit:
		name, windows = "installs", t.Installs
	case removing:
		name, windows = "removals", t.Removals
	case otherWrite:
		name, windows = "others", t.Others
	case ofTeam:
		if wait := g.admit("team "+c.params[0], t.Team, c.now); wait > 0 {
			return wait
		}
		name, windows = "gets", t.Gets
	case ofChat:
		if wait := g.admit("chat "+c.path, t.Chat, c.now); wait > 0 {
			return wait
		}
		name, windows = "gets", t.Gets
	}
	return g.admit(name, windows, c.now)
}

func (g *graph) admit(name string, windows []Window, now time.Time) time.Duration {
	m := g.meters[name]
	if m == nil {
		m = &meter{}
		g.meters[name] = m
	}
	wait, _ := m.admit(windows, now)
	return wait
}
