// Package doctor examines everything between a configuration and a card in
// Teams that an administrator can get wrong at Microsoft, and says of each what
// is so, why it matters and where to click. It looks and changes nothing,
// unless it is told to install the app for one person. No secret and no token
// is in what it says.
//
// Each check has two halves: one that asks, and one that judges what came of it
// without asking anybody (judge…).
package doctor

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

// Result is what a check found.
type Result string

// The results.
const (
	OK      Result = "ok"
	Warning Result = "warning" // it works, and somebody should look at it
	Failed  Result = "failed"
	// Skipped: it was not examined, because something that it needs failed or
	// because the configuration has no use for it.
	Skipped Result = "skipped"
)

// Finding is one line of an examination.
type Finding struct {
	Check  string `json:"check"`           // one of Checks
	About  string `json:"about,omitempty"` // a host, a permission, a person, a destination
	Result Result `json:"result"`
	What   string `json:"what"`          // what is so, as a sentence
	Why    string `json:"why,omitempty"` // why that matters
	Do     string `json:"do,omitempty"`  // what to do, with the way through the menus
}

// Options are what is examined.
type Options struct {
	File string // the configuration's name
	// Config is what was read from it, and Problems what is wrong with it. Of
	// a configuration with errors there is nothing: nil.
	Config   *config.Config
	Problems config.Problems
	// User is the person who is looked at, by UPN, e-mail or object id; "": the
	// first of the configuration.
	User string
	// Install installs the app for User and opens the conversation with them.
	Install bool
	// PublicURL is where Microsoft sends activities; "": not examined.
	PublicURL string
	// Ready asks the receiver whether it is ready. Its error is of type
	// *NoReceiver if there is none, and else says what the receiver says. nil:
	// nobody is asked.
	Ready func(context.Context) error
	// Now is the time; nil: the machine's.
	Now func() time.Time
	// Transport carries the requests instead of the network, in tests.
	Transport http.RoundTripper
}

// What checks need of those before them.
const (
	readable      = "the configuration"
	signInHost    = "the way to Microsoft's sign-in"
	graphHost     = "the way to Microsoft Graph"
	serviceHost   = "the way to Teams"
	botToken      = "the sign-in as the bot"
	graphToken    = "the sign-in to Microsoft Graph"
	inCatalogue   = "the app in the catalogue"
	findsPeople   = "the permission to find people"
	seesInstalls  = "the permission to install the app"
	seesCatalogue = "the permission to look into the catalogue"
	readsGroups   = "the permission to read groups"
	readsTags     = "the permission to read tags"
)

// check is one thing that is looked at. Its findings are told as they are
// known; what it loses, later checks do without.
type check struct {
	name, title string
	// needless says in words why the configuration has no use for it; "": it has.
	needless func(*examination) string
	needs    []string
	gives    []string
	run      func(context.Context, *examination)
}

// checks are all of them, in the order in which one builds on another.
var checks = []check{
	{name: "configuration", title: "Configuration", gives: []string{readable}, run: examineConfiguration},
	{name: "network", title: "Network", needless: withoutBot, needs: []string{readable}, run: examineNetwork,
		gives: []string{signInHost, graphHost, serviceHost}},
	{name: "clock", title: "Clock", needless: withoutBot, needs: []string{readable}, run: examineClock},
	{name: "sign-in", title: "Sign-in as the bot", needless: withoutTokens, needs: []string{readable, signInHost}, gives: []string{botToken}, run: examineSignIn},
	{name: "graph", title: "Sign-in to Microsoft Graph", needless: withoutGraphTokens, needs: []string{readable, signInHost}, gives: []string{graphToken}, run: examineGraph},
	{name: "permissions", title: "Permissions", needless: withoutGraphTokens, needs: []string{readable, graphToken}, gives: []string{findsPeople, seesInstalls, seesCatalogue, readsGroups, readsTags}, run: examinePermissions},
	{name: "catalogue", title: "The app in the catalogue", needless: withoutGraph, needs: []string{readable, graphHost, graphToken, seesCatalogue}, gives: []string{inCatalogue}, run: examineCatalogue},
	{name: "people", title: "People", needless: withoutNames, needs: []string{readable, graphHost, graphToken, findsPeople}, run: examinePeople},
	{name: "groups", title: "Groups and tags", needless: withoutRosters, needs: []string{readable, graphHost, graphToken}, run: examineGroups},
	{name: "bot", title: "The bot in Teams", needless: withoutBot, needs: []string{readable, serviceHost, botToken}, run: examineBot},
	{name: "endpoint", title: "Messaging endpoint", needless: withoutPublicURL, run: examineEndpoint},
	{name: "receiver", title: "The receiver", needless: withoutReceiver, run: examineReceiver},
}

// Checks are the names of all checks, in the order in which they are made.
func Checks() []string {
	names := make([]string, len(checks))
	for i, c := range checks {
		names[i] = c.name
	}
	return names
}

// examination is one run over all checks.
type examination struct {
	Options
	microsoft config.Microsoft
	where     places
	secrets   outbound.Secrets
	tell      func(Finding)
	found     []Finding

	current check
	// lost are things that checks need and that are not there.
	lost map[string]bool
	// What checks have learnt for those after them.
	answers   []answer // of Microsoft's hosts
	graph     *graph.Client
	bot       *botframework.Client
	catalogue graph.CatalogueApp
	onlySelf  bool // we may install only the app that names us in its manifest
	opened    bool // a conversation was made: the bot is known
}

// Run makes all checks one after the other, tells each finding as soon as it is
// known, and returns all of them. When ctx ends, what is left is skipped.
func Run(ctx context.Context, o Options, tell func(Finding)) []Finding {
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &examination{Options: o, tell: tell, lost: make(map[string]bool), where: placesOf("")}
	if o.Config != nil {
		e.microsoft = o.Config.Microsoft
		e.where = placesOf(e.microsoft.Cloud)
		e.secrets = outbound.Hide(e.usedSecrets())
	}
	for _, c := range checks {
		e.make(ctx, c)
	}
	return e.found
}

// make makes one check, or says why not.
func (e *examination) make(ctx context.Context, c check) {
	e.current = c
	if ctx.Err() != nil {
		e.skip("There was no time left for it; give more with --timeout.")
		e.lose(c.gives...)
		return
	}
	// What a configuration needs cannot be said of one that cannot be read.
	if c.needless != nil && !(slices.Contains(c.needs, readable) && e.lost[readable]) {
		if why := c.needless(e); why != "" {
			e.skip(why)
			return
		}
	}
	for _, need := range c.needs {
		if e.lost[need] {
			e.skip(capital(need) + " comes first.")
			e.lose(c.gives...)
			return
		}
	}
	c.run(ctx, e)
}

// lose notes that something is not there for later checks.
func (e *examination) lose(what ...string) {
	for _, w := range what {
		e.lost[w] = true
	}
}

// say tells a finding of the current check.
func (e *examination) say(f Finding) {
	f.Check = e.current.name
	// Nothing secret goes into the words of the checks. What servers say is in
	// them too, so they pass here once more.
	for _, text := range []*string{&f.About, &f.What, &f.Why, &f.Do} {
		*text = e.secrets.Quote(*text, longest)
	}
	e.found = append(e.found, f)
	e.tell(f)
}

// longest is how many characters a sentence may have.
const longest = 2000

func (e *examination) ok(about, what string) { e.say(Finding{About: about, Result: OK, What: what}) }

func (e *examination) skip(why string) { e.say(Finding{Result: Skipped, What: why}) }

// Worst is the worst result of all findings, of Failed, Warning and OK.
func Worst(found []Finding) Result {
	rank := []Result{Skipped, OK, Warning, Failed}
	if len(found) == 0 {
		return OK
	}
	worst := slices.MaxFunc(found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(rank, a.Result), slices.Index(rank, b.Result))
	}).Result
	if worst == Skipped {
		return OK
	}
	return worst
}

// titleOf is how people read a check's name.
func titleOf(name string) string {
	for _, c := range checks {
		if c.name == name {
			return c.title
		}
	}
	return name
}
