package teamstest

import (
	"embed"
	"io/fs"
	"net/http"
)

// site is the page. Its folder vendor holds what `make page` bundles from
// npm: the renderer of the cards and of their Markdown. Only a placeholder is
// kept in git, so that everything builds without npm; the page then shows the
// cards' JSON.
//
//go:embed page/site
var site embed.FS

// policy lets the page use what it brought along and nothing else: what a
// card holds comes from anybody.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func pages(mux *http.ServeMux) {
	root, err := fs.Sub(site, "page/site")
	if err != nil {
		panic(err) // the name above is wrong: a mistake in this file
	}
	files := http.FileServerFS(root)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	})
}

// Bundled tells whether the renderer is built in, so that the page shows
// cards and not their JSON.
func Bundled() bool {
	_, err := fs.Stat(site, "page/site/vendor/adaptivecards.min.js")
	return err == nil
}
