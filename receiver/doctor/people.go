package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

const (
	// maxPeople is how many people of the configuration are looked at: what is
	// wrong for all of them shows in the first.
	maxPeople = 5
	// After an installation the conversation can take a while (teams-platform
	// §5.1, step 6). It is asked for after 1, 2, 4, 8 … seconds.
	firstWait = time.Second
	lastWait  = 8 * time.Second
	// patience is how long that goes on.
	patience = time.Minute
)

const whyPerson = "What is to be told to them is told to the destination's fallback, if it has one, and else to nobody."

// person is what is known of somebody.
type person struct {
	name  string
	found graph.FoundUser
	app   graph.Installation
	// chat is what came of looking for the installation's chat.
	chat error
}

// examinePeople looks at one person, or at the first of the configuration.
func examinePeople(ctx context.Context, e *examination) {
	client, err := e.graphClient()
	if err != nil {
		e.say(e.judgeGraph(err, whyPerson))
		return
	}
	named := names(e.Config)
	left := max(0, len(named)-maxPeople)
	named = named[:len(named)-left]
	if e.User != "" {
		named, left = []string{e.User}, 0
	}
	for _, p := range e.look(ctx, client, named) {
		f := e.judgePerson(p)
		e.say(f)
		if f.Result != Failed && e.Install {
			e.install(ctx, client, p)
		}
	}
	if left > 0 {
		e.ok("", fmt.Sprintf("These are the first %d. Of those whom the configuration names besides (%d), --user NAME looks at one.", maxPeople, left))
	}
}

// look asks Graph about people, without changing anything.
func (e *examination) look(ctx context.Context, client *graph.Client, named []string) []person {
	people := make([]person, len(named))
	var ids []string
	var at []int
	for i, found := range client.Users(ctx, named) {
		people[i] = person{name: named[i], found: found}
		if found.Err == nil {
			ids, at = append(ids, found.ID), append(at, i)
		}
	}
	if len(ids) == 0 || e.appless() != "" {
		return people
	}
	for i, app := range client.Installations(ctx, ids) {
		p := &people[at[i]]
		p.app = app
		if app.Err == nil && app.ID != "" {
			_, p.chat = client.Chat(ctx, p.found.ID, app.ID)
		}
	}
	return people
}

// appless is what keeps anybody's app from being seen; "": nothing.
func (e *examination) appless() string {
	for _, need := range []string{seesInstalls, inCatalogue} {
		if e.lost[need] {
			return need
		}
	}
	return ""
}

// judgePerson is what is known of somebody, in words.
func (e *examination) judgePerson(p person) Finding {
	user := p.found
	who := user.DisplayName
	if who == "" {
		who = p.name
	}
	refused := func(err error) Finding {
		f := e.judgeGraph(err, whyPerson)
		f.About = p.name
		return f
	}
	switch {
	case user.Err != nil:
		return refused(user.Err)
	case p.app.Err != nil:
		return refused(p.app.Err)
	}
	f := Finding{About: p.name, Result: OK}
	if user.Guest {
		f.Result = Warning
		f.What = fmt.Sprintf("%s is a guest here, whose own Teams belongs to another tenant. ", who)
		f.Why = "Teams shows a guest the bot's chat only while they have switched to this tenant, and Microsoft lets not every guest have apps."
		f.Do = "Name an account of this tenant, or a channel that they are in."
	}
	switch version, newest := p.app.Version, e.catalogue.Version; {
	case e.appless() != "":
		f.What += fmt.Sprintf("%s was found. Whether they have the app cannot be seen: %s comes first.", who, e.appless())
	case p.app.ID == "":
		f.What += who + " was found and does not have the app yet. The first alert for them installs it."
		if !e.Install && e.User != "" {
			f.What += " --install does it now: they get the app and its greeting, and no alert."
		}
	case p.chat != nil:
		f.What += who + " has the app, and its chat is not there yet."
		f.Result = Warning
		f.Why = "Teams makes the chat some seconds after the installation. If it never comes, the bot opens it when the first alert does."
	case newest != "" && version != "" && graph.Newer(newest, version):
		f.What += fmt.Sprintf("%s has the app and its chat. It is version %s; the catalogue's %s is installed with an alert or by and by.", who, version, newest)
	default:
		f.What += who + " has the app"
		if version != "" {
			f.What += ", version " + version + ","
		}
		f.What += " and its chat."
	}
	return f
}

// install installs the app for somebody and opens the conversation with them.
func (e *examination) install(ctx context.Context, client *graph.Client, p person) {
	if lost := e.appless(); lost != "" {
		e.say(Finding{About: p.name, Result: Skipped, What: "Nothing is installed: " + lost + " comes first."})
		return
	}
	if p.app.ID == "" {
		made := client.Install(ctx, []string{p.found.ID})[0]
		if made.Err != nil {
			f := e.judgeGraph(made.Err, whyPerson)
			f.About = p.name
			e.say(f)
			return
		}
		e.ok(p.name, "The app is installed now.")
	}
	if e.lost[botToken] || e.lost[serviceHost] {
		e.say(Finding{About: p.name, Result: Skipped, What: "The conversation is not opened: the sign-in as the bot and the way to Teams come first."})
		return
	}
	bot, err := e.botClient()
	if err == nil {
		err = open(ctx, bot, p.found.ID)
	}
	if err != nil {
		e.say(e.judgeOpen(p.name, err))
		return
	}
	e.opened = true
	e.ok(p.name, "The conversation with them is there, so cards will reach them. No alert was sent.")
}

// open makes the conversation with somebody, or finds it. Teams does not know
// at once that the app was installed.
func open(ctx context.Context, bot *botframework.Client, user string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		_, err := bot.Open(ctx, botframework.Place{Kind: botframework.Personal, User: user})
		var failed *botframework.Error
		if err == nil || !errors.As(err, &failed) || failed.Reason != teams.NotInstalled {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}
