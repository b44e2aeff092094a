package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// Adding is what is needed for destinations that are added while the receiver
// runs. The zero value: none can be.
type Adding struct {
	// Expected are names that the file uses before they are added: what goes
	// there waits.
	Expected []string
	// Key is the id of the key that seals; "": there is none.
	Key string
	// Seal checks a webhook and makes a row of it. Its error is a *Refusal.
	Seal func(name string, w Webhook) (store.Destination, error)
	// Open is the destination of a row. Its error is one of package vault, or
	// says what of the webhook is not allowed any more.
	Open func(row *store.Destination) (Destination, error)
	// Reseal is a row under the key that seals.
	Reseal func(row store.Destination) (store.Destination, error)
}

// Webhook is what somebody adds. It is never shown.
type Webhook struct {
	URL  string
	Pace []string // as in the configuration; none: the default
}

// Format keeps the URL out of every verb of package fmt.
func (Webhook) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("<webhook>")) }

// Added is a destination that was added, as it can be shown.
type Added struct {
	store.Destination // without what is sealed
	// Hidden: the file has a destination of this name, and that one holds.
	Hidden bool
	// OldKey: it is sealed under another key than the one that seals now.
	OldKey bool
}

// Reasons why a destination is broken that was added, or is to be.
const (
	ReasonKey      = "key"       // its URL cannot be opened
	ReasonNotAdded = "not_added" // the file expects it
)

// Trouble says why nothing can be sent to a destination at all.
type Trouble struct{ Reason, Words string }

// kept is what the store has about destinations, as it was read.
type kept struct {
	revision int64
	rows     []store.Destination
	disabled map[string]store.Disabled
	opened   map[string]opened // by name
}

// opened is a row that was opened, and what came of it.
type opened struct {
	of   store.Destination
	made Destination
}

// readKept reads what the store has about destinations.
func readKept(tx store.Tx) (*kept, error) {
	revisions, err := tx.Revisions() // before the rows
	if err != nil {
		return nil, err
	}
	rows, err := tx.AddedDestinations()
	if err != nil {
		return nil, err
	}
	disabled, err := tx.DisabledDestinations()
	if err != nil {
		return nil, err
	}
	found := &kept{revision: revisions.Destinations, rows: rows, disabled: make(map[string]store.Disabled, len(disabled))}
	for _, d := range disabled {
		found.disabled[d.Destination] = d
	}
	return found, nil
}

// join adds to the destinations of a file those that were added. was has what
// was opened for the same file, so that connections are kept; after a reload
// everything is opened anew.
func (k *kept) join(c *Config, was map[string]opened, reloaded bool) []Added {
	k.opened = map[string]opened{}
	all := slices.Clone(c.Destinations)
	named := map[string]bool{}
	for i := range all {
		named[all[i].Name] = true
	}
	var added []Added
	for i := range k.rows {
		row := &k.rows[i]
		is := Added{Destination: *row, Hidden: named[row.Name], OldKey: row.KeyID != c.Adding.Key}
		is.Sealed = nil
		added = append(added, is)
		if is.Hidden {
			continue
		}
		named[row.Name] = true
		before, known := was[row.Name]
		if known && !reloaded && same(&before.of, row) {
			k.opened[row.Name] = before
			all = append(all, before.made)
			continue
		}
		made, err := open(c, row)
		if errors.Is(err, vault.ErrNoKey) && known && before.of.Hash == row.Hash && before.made.Trouble == nil {
			made, err = before.made, nil // another replica has the key already, and it is the same URL
		}
		if err != nil {
			made = unopened(row, err)
		}
		k.opened[row.Name] = opened{*row, made}
		all = append(all, made)
	}
	for _, name := range c.Adding.Expected {
		if !named[name] {
			all = append(all, expected(name))
		}
	}
	c.Destinations = all
	return added
}

func same(a, b *store.Destination) bool {
	return a.KeyID == b.KeyID && a.Hash == b.Hash && slices.Equal(a.Sealed, b.Sealed)
}

func open(c *Config, row *store.Destination) (Destination, error) {
	if c.Adding.Open == nil {
		return Destination{}, vault.ErrNoKey
	}
	return c.Adding.Open(row)
}

// unopened stands for a destination whose webhook is not known. What goes there
// waits at its address.
func unopened(row *store.Destination, err error) Destination {
	words := err.Error() + ". What goes there waits."
	again := fmt.Sprintf(" Or give it its URL again: `teamsrelay destinations rotate %s`.", row.Name)
	switch {
	case errors.Is(err, vault.ErrNoKey):
		words = fmt.Sprintf("Its URL is sealed under the key %s, which is not in storage.encryption_key_file. What goes there waits. Put the key back, below the first line, and reload."+again, row.KeyID)
	case errors.Is(err, vault.ErrForged):
		words = "What the store has of its URL was changed, or belongs to another destination. What goes there waits." + again
	}
	made := troubled(row.Name, AddedAddress(row.Hash), Trouble{ReasonKey, words})
	made.Target = shownOf(row)
	return made
}

// expected stands for a destination that the file uses and nobody has added.
func expected(name string) Destination {
	return troubled(name, "expected:"+name, Trouble{ReasonNotAdded, fmt.Sprintf(
		"The configuration expects it, and nobody has added it. What goes there waits. Add it: `teamsrelay destinations add %s`.", name)})
}

func troubled(name, address string, trouble Trouble) Destination {
	return Destination{
		Name: name, Trouble: &trouble,
		Addresses: []deliver.Address{{ID: address, Destination: name, Paused: true, Broken: true}},
	}
}

// AddedAddress is the address of a webhook by what is shown of it, so that it is
// known without the key.
func AddedAddress(hash string) string { return "workflow:" + hash }

// lookEvery is how often it is looked whether another replica has changed what
// the store has about destinations.
const lookEvery = 3 * time.Second

// runAdded seals anew what is sealed under an old key, and takes over what other
// replicas do to destinations.
func (e *Engine) runAdded(ctx context.Context) {
	e.reseal(ctx)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := e.followOthers(ctx)
		if err != nil && ctx.Err() == nil {
			e.log.Warn("What was done to destinations could not be read; trying again", "err", err)
		}
		if err == nil && !e.store.Shared() {
			return // nobody else does anything to them
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// followOthers takes over what was done to destinations since the last look, by
// this process or another.
func (e *Engine) followOthers(ctx context.Context) error {
	var now store.Revisions
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		now, err = tx.Revisions()
		return err
	})
	if err != nil || now.Destinations == e.current.Load().kept.revision {
		return err
	}
	e.reload.Lock()
	defer e.reload.Unlock()
	return e.join(ctx, e.current.Load().file)
}

// behind says that what is at an address that is not known must not be given up:
// another replica has done something to destinations that was not read here yet,
// or works with another file, and it may be at one that is new or that an old
// replica still has alerts for. Whoever puts it there has the address locked, as
// the turn that asks has. What is only at the wrong address is moved.
func (e *Engine) behind(tx store.Tx, address string) (bool, error) {
	if !e.shared() {
		return false, nil
	}
	known := e.current.Load().kept.revision
	now, err := tx.Revisions()
	if err != nil || now.Destinations != known {
		return true, err
	}
	misled, err := e.mixedIn(tx)
	if err == nil && !misled {
		misled, err = e.elsewhere(tx, address)
	}
	at, last := e.Now().UnixNano(), e.others.movedAt.Load()
	if misled && (at < last || at-last >= int64(moveAgain)) && e.others.movedAt.CompareAndSwap(last, at) {
		e.move()
	}
	return misled, err
}

// elsewhere says that something waits at an address whose destination leads
// elsewhere: a replica that had not heard of that yet has put it there, after
// what was there had been moved. It may stand behind what leads nowhere any more,
// of another destination that had the same webhook: more is looked at than is
// given up in one turn.
func (e *Engine) elsewhere(tx store.Tx, address string) (bool, error) {
	c := e.current.Load()
	posts, err := tx.ReadyPosts(address, e.Now(), manyPosts)
	return slices.ContainsFunc(posts, func(p store.Post) bool {
		there := c.destinations[p.Destination]
		return len(there) > 0 && !slices.ContainsFunc(there, func(a deliver.Address) bool { return a.ID == address })
	}), err
}

// join has a file hold together with what the store has about destinations. The
// lock of reloads must be held.
func (e *Engine) join(ctx context.Context, file Config) error {
	var found *kept
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		found, err = readKept(tx)
		return err
	})
	if err != nil {
		return err
	}
	e.current.Store(compile(file, found, e.current.Load().kept.opened, false))
	e.move()
	return e.gather(ctx)
}

// keptNow is what the store has about destinations, as it was read last if it
// cannot be read now.
func (e *Engine) keptNow(ctx context.Context) *kept {
	var found *kept
	err := e.store.View(ctx, func(tx store.Tx) (err error) {
		found, err = readKept(tx)
		return err
	})
	if err != nil {
		e.log.Warn("What was done to destinations could not be read; what is known of it goes on", "err", err)
		last := *e.current.Load().kept
		return &last
	}
	return found
}

// reseal seals under the key that seals now what older ones have sealed, and says
// whether there was anything.
func (e *Engine) reseal(ctx context.Context) (did bool) {
	c := e.current.Load()
	for _, a := range c.added {
		if !a.OldKey || c.Adding.Key == "" {
			continue
		}
		var was, is store.Destination
		err := e.store.Update(ctx, func(tx store.Tx) (err error) {
			is = store.Destination{}
			was, err = tx.AddedDestination(a.Name)
			if err != nil || was.KeyID == c.Adding.Key {
				return err // it is gone, or another replica was faster
			}
			if is, err = c.Adding.Reseal(was); err != nil {
				return err
			}
			if err := tx.SaveDestination(&is); err != nil {
				return err
			}
			return tx.AddAudit(&store.Audit{
				At: e.Now(), Who: "teamsrelay", Action: ActionReseal, Target: a.Name, From: "process",
				Before: "key " + was.KeyID, After: "key " + is.KeyID,
			})
		})
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			e.log.Warn("A destination could not be sealed under the new key; the old one has to stay in storage.encryption_key_file, below the new one", "destination", a.Name, "key", a.KeyID, "err", err)
		case is.Name != "":
			did = true
			e.log.Info("A destination is sealed under the new key", "destination", a.Name, "old_key", was.KeyID, "key", is.KeyID)
		}
	}
	return did
}

// AddedDestinations are those that were added, as they can be shown.
func (e *Engine) AddedDestinations() []Added { return slices.Clone(e.current.Load().added) }

// Disabled says who has disabled a destination; false: nobody has.
func (e *Engine) Disabled(destination string) (store.Disabled, bool) {
	d, is := e.current.Load().kept.disabled[destination]
	return d, is
}

// SealingKey is the id of the key under which webhooks are sealed; "": there is
// none, so that none can be added.
func (e *Engine) SealingKey() string { return e.current.Load().Adding.Key }

// StillTold are the destinations that lead to an address of one that is
// disabled and are not: what goes there is still sent.
func (e *Engine) StillTold(destination string) []string {
	c := e.current.Load()
	var others []string
	note := func(names []string) {
		if !slices.Contains(names, destination) {
			return
		}
		for _, name := range names {
			if _, off := c.kept.disabled[name]; !off && name != destination && !slices.Contains(others, name) {
				others = append(others, name)
			}
		}
	}
	for _, names := range c.leads {
		note(names)
	}
	for _, names := range e.where.Load().in {
		note(names)
	}
	slices.Sort(others)
	return others
}

// paused says that nothing is to be sent to an address: every destination that
// leads there is disabled. One that is not still gets what goes there.
func (e *Engine) paused(c *compiled, a *deliver.Address) bool {
	if len(c.kept.disabled) == 0 {
		return false
	}
	names := c.leads[a.ID]
	if a.Name != "" {
		names = slices.Concat(names, e.where.Load().in[a.Name])
	}
	for _, name := range names {
		if _, off := c.kept.disabled[name]; !off {
			return false
		}
	}
	return len(names) > 0
}
