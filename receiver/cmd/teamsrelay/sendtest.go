package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addSendTest(k *kingpin.Application, p *program) {
	addTest(k.Command("send-test", "Send a card that says it is a test to a destination of a running receiver, and wait for what comes of it."), p)
}

// addTest makes of a command one that sends a test.
func addTest(cmd *kingpin.CmdClause, p *program) {
	cmd.HelpLong(`Examples:
  teamsrelay send-test ops
  teamsrelay send-test oncall --timeout=10m

The card goes the way of every other: pace, retries, delivery log. Each person
of a destination gets one; for who is told for the first time the app is
installed, which takes seconds, and now and then a minute or two. Exit code 0
when Teams took all of them, 1 when one was refused or nothing was decided in
time.`)
	relay := addClient(cmd)
	destination := cmd.Arg("destination", "The destination's name.").Required().String()
	patience := cmd.Flag("timeout", "How long to wait; by default 30s, and 3m while the app is being installed for somebody.").PlaceHolder("30s").Duration()
	cmd.Action(func(*kingpin.ParseContext) error {
		var test web.Test
		path := "/api/v1/destinations/" + url.PathEscape(*destination) + "/test"
		if err := relay.call(p.ctx, http.MethodPost, path, url.Values{"who": {whoami()}}, &test); err != nil {
			return err
		}
		fmt.Fprintf(p.out, "Sent to %s …\n", *destination)
		begun := time.Now()
		said := testResults{}
		for {
			posts, err := relay.postsOf(p, test.Group)
			if err != nil {
				return err
			}
			open, failed := said.tell(p, posts)
			wait := patienceFor(posts, *patience)
			late := time.Since(begun) > wait
			switch {
			case open == 0 && len(posts) > 0 && failed > 0:
				return errFailed
			case open == 0 && len(posts) > 0:
				return nil
			case late && len(posts) > 1:
				fmt.Fprintf(p.out, "nothing final of %d after %s; it goes on being tried, see teamsrelay users list --destination=%s\n", open, wait, *destination)
				return errFailed
			case late:
				fmt.Fprintf(p.out, "nothing final after %s; it goes on being tried, see teamsrelay deliveries list --destination %s\n", wait, *destination)
				return errFailed
			}
			pause := 200 * time.Millisecond
			if len(posts) > 50 { // the receiver has better things to do than to count
				pause = time.Second
			}
			select {
			case <-p.ctx.Done():
				return p.ctx.Err()
			case <-time.After(pause):
			}
		}
	})
}

// patienceFor is how long to wait for what is not final; asked: what somebody
// wants, 0: they did not say.
func patienceFor(posts []web.Post, asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	for i := range posts {
		if p := &posts[i]; p.Who != "" && p.Last == nil && !final(p) {
			return 3 * time.Minute
		}
	}
	return 30 * time.Second
}

func final(p *web.Post) bool { return p.State == "accepted" || p.State == "shown" || p.State == "dead" }

// testResults are what was said last of each post of a test.
type testResults map[int64]string

// tell says what became of posts since, and returns of how many nothing final
// is known, and how many were refused.
func (r testResults) tell(p *program, posts []web.Post) (open, failed int) {
	for i := range posts {
		post := &posts[i]
		switch {
		case post.State == "dead":
			failed++
		case !final(post):
			open++
		}
		words := describe(post)
		if words == "" || words == r[post.ID] {
			continue
		}
		r[post.ID] = words
		if post.Who != "" {
			words = post.Who + ": " + words
		}
		fmt.Fprintln(p.out, onLine(words))
	}
	return open, failed
}

// describe says how it is with a post; "" when there is nothing to say.
func describe(post *web.Post) string {
	last := post.Last
	if last == nil { // a digest told it, or nothing was tried
		last = &web.Delivery{}
	}
	switch {
	case post.State == "accepted":
		return fmt.Sprintf("accepted after %.1f ms (HTTP %d). A webhook says no more than that: look for the card in the channel.", last.TookMS, last.Status)
	case post.State == "shown":
		return fmt.Sprintf("delivered after %.1f ms", last.TookMS)
	case post.State == "dead":
		return fmt.Sprintf("not delivered: %s: %s (when that is mended: teamsrelay dead-letters replay %d)", post.Reason, post.Message, post.ID)
	case last.State == "retry":
		return fmt.Sprintf("attempt %d: %s: %s", last.Attempt, last.Reason, last.Message)
	}
	return post.Message
}

// postsOf reads where an alert is told, page by page.
func (c *client) postsOf(p *program, group int64) ([]web.Post, error) {
	const page = 1000
	var posts []web.Post
	query := url.Values{"limit": {strconv.Itoa(page)}}
	for {
		var answer struct{ Posts []web.Post }
		if err := c.call(p.ctx, http.MethodGet, "/api/v1/alerts/"+alert.ShortID(group)+"/posts", query, &answer); err != nil {
			return nil, err
		}
		posts = append(posts, answer.Posts...)
		if len(answer.Posts) < page {
			return posts, nil
		}
		query.Set("before", strconv.FormatInt(posts[len(posts)-1].ID, 10))
	}
}
