package graph_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

func definition(version, state string) string {
	return `{"version":"` + version + `","publishingState":"` + state + `"}`
}

func TestTheAppInTheCatalogue(t *testing.T) {
	page := func(apps ...string) says {
		return says{status: 200, body: `{"value":[` + strings.Join(apps, ",") + `]}`}
	}
	organization := inCatalogue(catalog, manifest, "organization", definition("1.9.0", "published"), definition("1.10.0", "published"), definition("2.0.0", "submitted"), definition("3.0.0", "rejected"))
	for name, c := range map[string]struct {
		app     graph.App
		answers map[string]says // by filter
		want    graph.CatalogueApp
		reason  teams.Reason
		says    string
	}{
		"by the manifest's id, newest published": {
			graph.App{ManifestID: manifest}, map[string]says{"externalId eq '" + manifest + "'": page(organization)},
			graph.CatalogueApp{ID: catalog, ManifestID: manifest, Name: "teamsrelay", Version: "1.10.0", Distribution: "organization"}, "", "",
		},
		"by the catalogue's own id": {
			graph.App{ManifestID: manifest, CatalogID: catalog}, map[string]says{"id eq '" + catalog + "'": page(organization)},
			graph.CatalogueApp{ID: catalog, ManifestID: manifest, Name: "teamsrelay", Version: "1.10.0", Distribution: "organization"}, "", "",
		},
		"of the Store, which has one id": {
			graph.App{ManifestID: manifest}, map[string]says{"externalId eq '" + manifest + "'": page(), "id eq '" + manifest + "'": page(inCatalogue(manifest, "", "store"))},
			graph.CatalogueApp{ID: manifest, Name: "teamsrelay", Distribution: "store"}, "", "",
		},
		"sideloaded by somebody, and published": {
			graph.App{ManifestID: manifest}, map[string]says{"externalId eq '" + manifest + "'": page(inCatalogue("other", manifest, "sideloaded"), organization)},
			graph.CatalogueApp{ID: catalog, ManifestID: manifest, Name: "teamsrelay", Version: "1.10.0", Distribution: "organization"}, "", "",
		},
		"only sideloaded": {
			graph.App{ManifestID: manifest}, map[string]says{"externalId eq '" + manifest + "'": page(inCatalogue("other", manifest, "sideloaded")), "id eq '" + manifest + "'": page()},
			graph.CatalogueApp{}, teams.NoCatalogue, "sideloaded it",
		},
		"not there": {
			graph.App{ManifestID: manifest}, map[string]says{"externalId eq '" + manifest + "'": page(), "id eq '" + manifest + "'": page()},
			graph.CatalogueApp{}, teams.NoCatalogue, "Manage apps, Upload new app",
		},
		"we may not look": {
			graph.App{ManifestID: manifest}, map[string]says{"externalId eq '" + manifest + "'": failing(403, "Forbidden", "Missing role permissions on the request. API requires one of 'AppCatalog.Read.All'.")},
			graph.CatalogueApp{}, teams.Consent, "teams_catalog_id",
		},
		"no list":        {graph.App{ManifestID: manifest}, map[string]says{"externalId eq '" + manifest + "'": {status: 200, body: `{}`, broken: true}}, graph.CatalogueApp{}, teams.Unavailable, "cannot be understood"},
		"an app of none": {graph.App{ManifestID: manifest}, map[string]says{"externalId eq '" + manifest + "'": page(`{"displayName":"x"}`)}, graph.CatalogueApp{}, teams.Unavailable, "cannot be understood"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &entra{roles: allRoles, answer: func(_ int, r asked) says {
				require.Equal(t, "appDefinitions", r.query.Get("$expand"))
				return c.answers[r.query.Get("$filter")]
			}}
			client, err := graph.New(config(watched(t, e)), c.app)
			require.NoError(t, err)
			got, err := client.Catalogue(t.Context())
			require.Equal(t, c.want, got)
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			failed := wrong(t, err)
			require.Equal(t, c.reason, failed.Reason)
			require.Contains(t, failed.Message, c.says)
			require.Equal(t, c.reason != teams.Unavailable, failed.Broken, "it is the same for everybody until somebody mends it")
		})
	}
}

func TestTheCatalogueIsAskedOnceForEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{delay: time.Second}
		c := client(t, e)
		var wait sync.WaitGroup
		for range 10 {
			wait.Go(func() {
				for _, got := range c.Install(t.Context(), people(2)) {
					require.NoError(t, got.Err)
				}
			})
		}
		wait.Wait()
		asked := 0
		for _, r := range e.requests() {
			if r == "GET /appCatalogs/teamsApps" {
				asked++
			}
		}
		require.Equal(t, 1, asked)
	})
}

// Somebody removes the app from the catalogue and uploads it again: it has
// another id then, and we must not insist on the old one until a restart.
func TestAnIDThatTheCatalogueHasForgottenIsLookedUpAnew(t *testing.T) {
	id := catalog
	e := &entra{answer: func(_ int, r asked) says {
		switch {
		case r.path == "/appCatalogs/teamsApps":
			return says{status: 200, body: `{"value":[` + inCatalogue(id, manifest, "organization") + `]}`}
		case r.method == "POST" && !strings.Contains(r.body, id):
			return failing(404, "NotFound", "App with id 'x' was not found in the catalog.")
		}
		return says{}
	}}
	c := client(t, e)
	require.NoError(t, c.Install(t.Context(), []string{"1"})[0].Err)
	id = "another"
	require.Equal(t, teams.NoCatalogue, wrong(t, c.Install(t.Context(), []string{"1"})[0].Err).Reason)
	require.NoError(t, c.Install(t.Context(), []string{"1"})[0].Err)
}

func TestWhichVersionIsNewer(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		newer bool
	}{
		{"1.10.0", "1.9.0", true}, {"1.9.0", "1.10.0", false}, {"1.0.0", "1.0.0", false}, {"1.0.1", "1.0", true},
		{"1.0", "1.0.0", false}, {"2", "1.99.99", true}, {"1.0.0.1", "1.0.0", true}, {"01.2", "1.1", true},
		{"1.0.0", "1.0.0-rc1", true}, {"1.0.0-rc1", "1.0.0", false}, {"1.0.0+build", "1.0.0", false},
		{"", "1.0.0", false}, {"1.0.0", "", false}, {"one", "1.0.0", false}, {"2.x", "1.0.0", false}, {"1..2", "1.0", false},
		{"-1", "0", false}, {"99999999999999999999.0", "1.0", false},
	} {
		require.Equal(t, c.newer, graph.Newer(c.a, c.b), "%q than %q", c.a, c.b)
	}
}
