package main

import (
	"context"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/torture"
)

// collect reads the store of replicas that have ended.
func (d *day) collect(w *torture.World) error {
	s, err := d.database.open()
	if err != nil {
		return err
	}
	defer s.Close()
	c := collector{day: d, world: w, names: map[int64]string{}}
	for _, read := range []func(store.Tx) error{c.groups, c.posts, c.deliveries, c.audit, c.leases} {
		if err := s.View(context.Background(), read); err != nil {
			return err
		}
	}
	return nil
}

type collector struct {
	day   *day
	world *torture.World
	names map[int64]string // of groups, by id
}

// pages is how much is read at once.
const pages = 1000

func (c *collector) groups(tx store.Tx) error {
	for before := int64(0); ; {
		page, err := tx.ListGroups(false, before, pages)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			c.group(&page[i])
		}
		before = page[len(page)-1].ID
	}
}

func (c *collector) group(g *group.Group) {
	stored := torture.StoredGroup{
		ID: g.ID, Short: g.ShortID(), Name: g.Name(), Episode: g.Episode, Over: g.Phase == group.Over, Told: !g.ToldAt.IsZero(),
		Rev: g.Rev, Acked: g.Ack != nil, States: map[string]string{},
	}
	for _, m := range g.Alerts {
		stored.States[m.Labels["instance"]] = string(m.State)
	}
	c.names[g.ID] = stored.Name
	c.world.Groups = append(c.world.Groups, stored)
}

// name is that of a group by its id, also of an earlier episode.
func (c *collector) name(tx store.Tx, id int64) (string, error) {
	if name, ok := c.names[id]; ok || id == 0 {
		return name, nil
	}
	g, err := tx.Group(id)
	if err != nil {
		return "", err
	}
	c.names[id] = g.Name()
	return c.names[id], nil
}

func (c *collector) posts(tx store.Tx) error {
	for before := int64(0); ; {
		page, err := tx.ListPosts(store.PostFilter{Before: before, Limit: pages})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, p := range page {
			name, err := c.name(tx, p.GroupID)
			if err != nil {
				return err
			}
			c.world.Posts = append(c.world.Posts, torture.StoredPost{
				ID: p.ID, Group: name, GroupID: p.GroupID, Place: p.Destination, State: string(p.State), Want: p.Want, Shown: p.Shown,
				DeadLetter: p.DeadLetter, Reason: p.Reason, Message: p.Message,
			})
		}
		before = page[len(page)-1].ID
	}
}

func (c *collector) deliveries(tx store.Tx) error {
	for filter := (store.DeliveryFilter{Limit: pages}); ; {
		page, err := tx.Deliveries(filter)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, l := range page {
			name, err := c.name(tx, l.GroupID)
			if err != nil {
				return err
			}
			c.world.Deliveries = append(c.world.Deliveries, torture.StoredDelivery{
				ID: l.ID, PostID: l.PostID, Group: name, Place: l.Destination, Kind: l.Kind, State: l.State, Revision: l.Revision,
				Digest: l.Digest, Status: l.Status, Reason: l.Reason, Message: l.Message, At: l.At.Sub(*c.day.began.Load()), Took: l.Took,
			})
		}
		filter.Before = page[len(page)-1].ID
	}
}

func (c *collector) audit(tx store.Tx) error {
	for filter := (store.AuditFilter{Limit: pages}); ; {
		page, err := tx.Audit(filter)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, l := range page {
			c.world.Audit = append(c.world.Audit, torture.AuditLine{Who: l.Who, Action: l.Action, After: l.After})
		}
		filter.Before = page[len(page)-1].ID
	}
}

// leases are what somebody who has ended still holds. They give everything back
// when they end, so none is there but of roles.
func (c *collector) leases(tx store.Tx) error {
	addresses, err := tx.Addresses()
	for _, a := range addresses {
		if a.Holder != "" && !strings.HasPrefix(a.Address, "role:") && !strings.HasPrefix(a.Address, "replica:") {
			c.world.Leases = append(c.world.Leases, a.Address)
		}
	}
	return err
}
