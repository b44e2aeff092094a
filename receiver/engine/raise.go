package engine

import (
	"errors"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// raise makes what is due the wanted state of every post of a destination.
// before is the episode before, 0 where there is none.
func (e *Engine) raise(tx store.Tx, c *compiled, g *group.Group, before int64, due group.Due, now time.Time, done *after) error {
	if due.Target.Address == "" {
		if d, ok := c.audience(due.Target.Destination); ok {
			return e.raisePeople(tx, d, g, before, due, now, done)
		}
	}
	addresses, known := c.addressesOf(due.Target)
	if !known {
		if old, err := e.outdatedIn(tx, now); err != nil || old {
			return errors.Join(err, errOutdated)
		}
		return e.lostDestination(tx, g, due, now, done)
	}
	for _, a := range addresses {
		if !due.Message && !a.Editable {
			continue // waits for the next change that is a message of its own
		}
		if _, _, err := e.raiseAt(tx, g, before, due, a.ID, now, done, always); err != nil {
			return err
		}
	}
	return nil
}

// always raises every post.
func always(*store.Post) bool { return true }

// raiseAt is raise for one address, if the post there wants it: one with ID 0 is
// not there yet. It says whether it did, and returns the post.
func (e *Engine) raiseAt(tx store.Tx, g *group.Group, before int64, due group.Due, address string, now time.Time, done *after, wants func(*store.Post) bool) (post store.Post, did bool, err error) {
	title := g.Title()
	post = newPost(g, due, address, title)
	if g.Rev > 1 || len(g.Spec.Targets) > 1 || done.spreads { // else it cannot be there yet
		switch there, err := tx.PostOf(g.ID, address); {
		case err == nil:
			post = there
		case !errors.Is(err, store.ErrNotFound):
			return post, false, err
		}
	}
	if !wants(&post) {
		return post, false, nil
	}
	if before != 0 && post.ID == 0 {
		switch last, err := tx.PostOf(before, address); {
		case err == nil && last.Unsent():
			post.Follows = last.ID
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return post, false, err
		}
	}
	post.Title = title
	post.Raise(g.Rev, due, rank(g, due), now)
	if err := tx.SavePost(&post); err != nil {
		return post, false, err
	}
	done.addresses = append(done.addresses, address)
	if post.Missed && due.Loud && post.Destination != due.Target.Destination {
		err = e.missAgain(tx, g, &post, now, done)
	}
	return post, true, err
}

func newPost(g *group.Group, due group.Due, address, title string) store.Post {
	return store.Post{
		GroupID: g.ID, Address: address, Title: title,
		Destination: due.Target.Destination, Card: due.Target.Card,
	}
}

// lostDestination keeps what is due as a dead letter: the episode began when
// the destination was in the configuration, and it is not any more. Cards that
// can still be edited stay true, and call nobody. While another replica works
// with another file, which may name the destination, it waits.
func (e *Engine) lostDestination(tx store.Tx, g *group.Group, due group.Due, now time.Time, done *after) error {
	mixed, err := e.mixedIn(tx)
	if err != nil {
		return err
	}
	quiet := due
	quiet.Loud, quiet.Call = false, false
	giveUp := func(p *store.Post) error {
		p.Raise(g.Rev, due, rank(g, due), now)
		if mixed {
			done.addresses = append(done.addresses, p.Address)
			return tx.SavePost(p)
		}
		p.GiveUp(string(teams.NoAddress), "Destination "+due.Target.Destination+
			" is not in the configuration any more. Put it back and send this again, or drop it.", now)
		return tx.SavePost(p)
	}
	f := store.PostFilter{GroupID: g.ID, Destination: due.Target.Destination, Limit: manyPosts}
	edited, gaveUp := false, false
	for more := true; more; {
		posts, err := tx.ListPosts(f)
		if err != nil {
			return err
		}
		for i := range posts {
			f.Before = posts[i].ID
			post, err := tx.Post(posts[i].ID) // it may have been told, or dropped, since
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			p := &post
			if _, there := e.address(p.Address); there && p.MessageID != "" {
				_, _, err = e.raiseAt(tx, g, 0, quiet, p.Address, now, done, always)
				edited = true
			} else if due.Message {
				err = giveUp(p)
				gaveUp = true
			}
			if err != nil {
				return err
			}
		}
		more = len(posts) == manyPosts
	}
	if gaveUp || !due.Message || edited && !due.Loud {
		return nil
	}
	p := newPost(g, due, "none:"+due.Target.Destination, g.Title())
	return giveUp(&p)
}

func rank(g *group.Group, due group.Due) int {
	switch {
	case due.Loud && g.Severity() == alert.SeverityCritical:
		return store.RankLoudCritical
	case due.Loud:
		return store.RankLoud
	}
	return store.RankQuiet
}
