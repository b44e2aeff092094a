package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/pace"
)

const (
	// requestTimeout is how long one request may take, from the dial to the
	// last byte of the answer. A batch of installations takes some seconds.
	requestTimeout = 30 * time.Second
	// maxAnswer is how much of an answer is read, in bytes. A page of 999
	// people has about 300,000, a batch of 20 less.
	maxAnswer = 4 << 20
	// maxBatch is how many requests a $batch holds (teams-platform §5.3).
	maxBatch = 20
	// transientPause is before the one repetition of a 400: some of them
	// succeed then (teams-platform §5.1).
	transientPause = time.Second
	// version stands before every path.
	version = "/v1.0"
)

// App is the Teams app that is installed for people.
type App struct {
	ManifestID string // the id in its manifest; "" if only CatalogID is known
	// CatalogID is what the organization's catalogue calls it; "": it is looked
	// up by ManifestID. An app of the Store has the same id in both.
	CatalogID string
}

// Client asks Graph about one tenant. It may be used by several goroutines, and
// there should be one for each application: its pace holds for all that use it.
type Client struct {
	base  string // with version, without a slash at the end
	app   App
	token *auth.Source
	http  *http.Client
	pace  pace.Pace

	// looking has room for one who asks the catalogue, and guards inCatalogue:
	// what the catalogue calls the app; "" until it was asked.
	looking     chan struct{}
	inCatalogue string
}

// New makes a client, or tells what in cfg and app keeps it from working. It
// does not touch the network.
func New(cfg auth.Config, app App) (*Client, error) {
	source, err := auth.NewGraph(cfg)
	if err != nil {
		return nil, err
	}
	base := cfg.Where().Graph
	var problems []outbound.Problem
	if u, err := url.Parse(base); cfg.InsecureLocal && (err != nil || !outbound.IsLoopback(u.Hostname())) {
		problems = append(problems, outbound.Problem{
			Field: "endpoints.graph", What: "insecure_local does without tokens, which Microsoft's Graph does not",
			Hint: "name a simulated Graph on this machine, or leave insecure_local out",
		})
	}
	if app.ManifestID == "" && app.CatalogID == "" {
		problems = append(problems, outbound.Problem{
			Field: "teams_app_id", What: "it is not known which app is to be installed for people",
			Hint: "write the id that stands in the app's manifest",
		})
	}
	if err := outbound.Failed(problems); err != nil {
		return nil, fmt.Errorf("microsoft: %w", err)
	}
	client, err := cfg.HTTP()
	if err != nil {
		return nil, err
	}
	return &Client{base: base + version, app: app, token: source, http: client, looking: make(chan struct{}, 1), inCatalogue: app.CatalogID}, nil
}

// kind is what several requests have in common.
type kind struct {
	name    string // of the line in which they wait; some kinds share one
	windows []pace.Window
	// does is what they do, as the end of "We may not …".
	does string
	// needs are the permissions of which one is needed, the least first
	// (teams-platform §5.2).
	needs []string
	// without is a sentence about how to do without them; "": there is no way.
	without string
	// personal: a 403 may be about the person, and not about us.
	personal bool
	// spare: it is known to need more than we may have to have, so that a 403
	// is no reason to ask for another token.
	spare bool
}

// second is the window of one limit. It is a little longer than a second:
// requests do not arrive as evenly as they leave.
func second(requests int) []pace.Window {
	return []pace.Window{{N: requests, Per: time.Second + 50*time.Millisecond}}
}

// What Graph takes of an application in a tenant (teams-platform §5.3).
var (
	readApps  = second(30)
	install   = second(30)
	otherGet  = second(30)
	otherPost = second(30)
	ofTeam    = second(4) // of one team
	ofChat    = second(1) // of one chat
	// People and groups are Entra's, whose limit is higher: 3,500 units in 10 s
	// in the smallest tenants, where a person costs one unit and a page of a
	// group's members five. This is a third of it.
	directory = second(100)
)

// The permissions, the least first.
var (
	readUsers    = []string{"User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readInstalls = append([]string{
		"TeamsAppInstallation.ReadWriteSelfForUser.All", "TeamsAppInstallation.ReadForUser.All",
	}, writeInstalls[1:]...)
	writeInstalls = []string{
		"TeamsAppInstallation.ReadWriteSelfForUser.All", "TeamsAppInstallation.ReadWriteForUser.All",
		"TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All", "TeamsAppInstallation.ReadWriteAndConsentForUser.All",
		"TeamsAppInstallation.ReadWriteSelectedForUser.All", "TeamsAppInstallation.ManageSelectedForUser.All",
	}
	readCatalogue = []string{"AppCatalog.Read.All", "AppCatalog.ReadWrite.All"}
	readGroups    = []string{"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readTags      = []string{"TeamworkTag.Read.All", "TeamworkTag.ReadWrite.All"}
)

// ofOthers is for who lets us install an app that is not the application's own.
const ofOthers = " It is for an app whose webApplicationInfo.id is the application; for others it takes TeamsAppInstallation.ReadWriteForUser.All."

// What Graph is asked for.
var (
	lookingUp  = kind{name: "directory", windows: directory, does: "look people up", needs: readUsers}
	searching  = kind{name: "directory", windows: directory, does: "look people up", needs: readUsers, spare: true}
	installing = kind{name: "install", windows: install, does: "install the app for people", needs: writeInstalls, without: ofOthers, personal: true}
	listing    = kind{name: "apps", windows: readApps, does: "see for whom the app is installed", needs: readInstalls, without: ofOthers}
	upgrading  = kind{name: "post", windows: otherPost, does: "upgrade the app for people", needs: writeInstalls, without: ofOthers}
	chatting   = kind{name: "get", windows: otherGet, does: "find the app's chat with people", needs: readInstalls, without: ofOthers}
	cataloging = kind{
		name: "apps", windows: readApps, does: "look into the organization's catalogue of apps", needs: readCatalogue,
		without: " Or do without it: set teams_catalog_id to the id that the Teams admin center shows (Teams apps, Manage apps, the app).",
	}
	grouping = kind{name: "directory", windows: directory, does: "read who is in a group", needs: readGroups}
	tagging  = kind{name: "get", windows: otherGet, does: "read for whom a tag is", needs: readTags}
)

// request is one request of Graph's.
type request struct {
	method string
	path   string // below the version, with query; escaped
	body   any    // becomes JSON; nil: none
	// resource is what has a limit of its own beside that of its kind, which
	// holds for requests that are made alone; its zero value: nothing has.
	resource resource
}

type resource struct {
	name    string
	windows []pace.Window
}

// get is a request that asks, with query parameters: name, value, name, value.
func get(path string, query ...string) request {
	var parts []string
	for i := 0; i+1 < len(query); i += 2 {
		// Not every reader of Graph's takes + for a blank.
		parts = append(parts, query[i]+"="+strings.ReplaceAll(url.QueryEscape(query[i+1]), "+", "%20"))
	}
	if parts != nil {
		path += "?" + strings.Join(parts, "&")
	}
	return request{method: http.MethodGet, path: path}
}

// answer is what came of a request.
type answer struct {
	status int    // 0: none came
	body   []byte // of a success
	err    *Error // nil: a success
}

// ask makes one request.
func (c *Client) ask(ctx context.Context, k kind, r request) answer {
	return c.askAll(ctx, k, []request{r})[0]
}

// askAll makes requests of one kind, many at once, as fast as Graph takes them,
// and returns what came of each, in the same order.
func (c *Client) askAll(ctx context.Context, k kind, requests []request) []answer {
	answers := make([]answer, len(requests))
	all := make([]int, len(requests))
	for i := range all {
		all[i] = i
	}
	round := round{c, k, requests, answers}
	round.ask(ctx, all, "")
	if again := round.with(http.StatusBadRequest, all); len(again) > 0 {
		if !pause(ctx, transientPause) {
			round.fail(again, late(ctx, 0)) // nobody is given up because we were stopped
			return answers
		}
		round.ask(ctx, again, "")
	}
	return answers
}

// pause waits; false: ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
