package graph

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// CatalogueApp is the app as the catalogue has it.
type CatalogueApp struct {
	ID           string // the catalogue's id
	ManifestID   string // "" for an app of the Store, which has one id
	Name         string
	Version      string // the newest that is published; "" if the catalogue does not say
	Distribution string // store, organization or sideloaded
	// EntraID is webApplicationInfo.id in its manifest: the application that may
	// install it with a permission with "Self" in its name. "" if Graph does not
	// say.
	EntraID string
}

// Catalogue looks the app up in the organization's catalogue. Its id is
// remembered, and need not be asked for again; its version is what the
// catalogue says now.
func (c *Client) Catalogue(ctx context.Context) (CatalogueApp, error) {
	if !c.takeTurn(ctx) {
		return CatalogueApp{}, late(ctx, 0)
	}
	defer c.giveTurn()
	app, err := c.lookUp(ctx)
	if err != nil {
		return CatalogueApp{}, err
	}
	return app, nil
}

// catalogueID is the catalogue's id of the app: as configured, as remembered,
// or looked up.
func (c *Client) catalogueID(ctx context.Context) (string, *Error) {
	if !c.takeTurn(ctx) {
		return "", late(ctx, 0)
	}
	defer c.giveTurn()
	if c.inCatalogue != "" {
		return c.inCatalogue, nil
	}
	app, err := c.lookUp(ctx)
	return app.ID, err
}

// forget gives up an id that the catalogue does not know any more: an app that
// was removed and uploaded again has another one.
func (c *Client) forget(ctx context.Context, id string) {
	if !c.takeTurn(ctx) {
		return // whoever installs next finds out too
	}
	defer c.giveTurn()
	if c.inCatalogue == id && c.app.CatalogID == "" {
		c.inCatalogue = ""
	}
}

// takeTurn waits until nobody else asks the catalogue; false: ctx has ended.
func (c *Client) takeTurn(ctx context.Context) bool {
	select {
	case c.looking <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Client) giveTurn() { <-c.looking }

// lookUp asks the catalogue. The caller has the turn, so that those who come
// meanwhile wait for the answer instead of asking too.
func (c *Client) lookUp(ctx context.Context) (CatalogueApp, *Error) {
	filters := []string{"id eq '" + quoted(c.app.CatalogID) + "'"}
	if c.app.CatalogID == "" {
		// An app of the Store has no external id: it is the catalogue's own.
		filters = []string{"externalId eq '" + quoted(c.app.ManifestID) + "'", "id eq '" + quoted(c.app.ManifestID) + "'"}
	}
	sideloaded := false
	for _, filter := range filters {
		a := c.ask(ctx, cataloging, get("/appCatalogs/teamsApps", "$filter", filter, "$expand", "appDefinitions"))
		if a.err != nil {
			return CatalogueApp{}, a.err
		}
		apps, ok := appsIn(a.body)
		if !ok {
			return CatalogueApp{}, unreadable("")
		}
		for _, app := range apps {
			if app.Distribution == "sideloaded" {
				sideloaded = true
				continue
			}
			c.inCatalogue = app.ID
			return app, nil
		}
	}
	said := ""
	if sideloaded {
		said = " Somebody has only sideloaded it, for themselves."
	}
	return CatalogueApp{}, noCatalogue(said)
}

// quoted writes a text into a filter.
func quoted(text string) string { return strings.ReplaceAll(text, "'", "''") }

// appsIn reads a page of the catalogue; false: it is none.
func appsIn(body []byte) ([]CatalogueApp, bool) {
	var page struct {
		Value []struct {
			ID, ExternalID, DisplayName, DistributionMethod string
			AppDefinitions                                  []struct {
				Version, PublishingState string
				Authorization            struct{ ClientAppID string }
			}
		}
	}
	if json.Unmarshal(body, &page) != nil || page.Value == nil {
		return nil, false
	}
	var apps []CatalogueApp
	for _, v := range page.Value {
		if v.ID == "" {
			return nil, false
		}
		app := CatalogueApp{ID: v.ID, ManifestID: v.ExternalID, Name: teams.Printable(v.DisplayName, 200), Distribution: v.DistributionMethod}
		for _, d := range v.AppDefinitions {
			// What was submitted waits for an administrator, and nobody gets it.
			if (d.PublishingState == "published" || d.PublishingState == "") && (app.Version == "" || Newer(d.Version, app.Version)) {
				app.Version, app.EntraID = d.Version, strings.ToLower(d.Authorization.ClientAppID)
			}
		}
		apps = append(apps, app)
	}
	return apps, true
}

// Newer tells whether one version of a manifest is newer than another: numbers
// with dots, of which missing ones are 0, and a release is newer than what leads
// to it (1.2.0-rc). What is no version is not newer, nor is anything newer than
// it.
func Newer(version, than string) bool {
	a, aEarly, ok := numbers(version)
	b, bEarly, ok2 := numbers(than)
	if !ok || !ok2 {
		return false
	}
	for i := range max(len(a), len(b)) {
		var x, y uint64
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return x > y
		}
	}
	return bEarly && !aEarly
}

// numbers reads a version; early: it leads to a release.
func numbers(version string) (all []uint64, early, ok bool) {
	version, _, _ = strings.Cut(strings.TrimSpace(version), "+")
	version, _, early = strings.Cut(version, "-")
	for _, part := range strings.Split(version, ".") {
		n, err := strconv.ParseUint(part, 10, 64)
		if err != nil {
			return nil, false, false
		}
		all = append(all, n)
	}
	return all, early, true
}
