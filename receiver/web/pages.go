package web

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/cardview"
)

// The pages are forms and lists that work without scripts. pages/base.tmpl is
// what all of them stand in; each page defines "title" and "main".
//
//go:embed pages
var pageFiles embed.FS

// pagePolicy lets a page use our style sheet, show the pictures that stand in
// it, and send its forms to us. There is no script, and nothing comes from
// anywhere else.
const pagePolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const (
	// maxForm bounds the body of a form, in bytes.
	maxForm = 64 << 10
	// csrfCookie holds what a form repeats in csrfField: rand.Text.
	csrfCookie = "teamsrelay_csrf"
	csrfField  = "csrf_token"
	csrfLength = 26
	// tokenField is where a form has the admin token, where it needs one.
	tokenField = "admin_token"
)

var (
	style     = append(mustRead("pages/style.css"), cardview.Style...)
	styleHash = hashOf(style) // new content has a new address, so that browsers may keep it
)

func mustRead(name string) []byte {
	content, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err) // the name is wrong: a mistake in this package
	}
	return content
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// pageTemplate is the page of a file in pages, within base.tmpl.
func pageTemplate(file string) *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"spans": spansOf, "foldable": foldable}).ParseFS(pageFiles, "pages/base.tmpl", "pages/"+file))
}

// span is a part of a text: words, or what somebody types.
type span struct {
	Text  string
	Typed bool
}

// spansOf takes a text apart at its backquotes.
func spansOf(text string) []span {
	var spans []span
	for i, part := range strings.Split(text, "`") {
		if part != "" {
			spans = append(spans, span{Text: part, Typed: i%2 == 1})
		}
	}
	return spans
}

// foldable takes a mail address apart where a line may end: after @ and after
// dots. A phone has no room for most, and would end the line within a word.
func foldable(address string) (parts []string) {
	for address != "" {
		end := strings.IndexAny(address, "@.") + 1
		if end == 0 {
			end = len(address)
		}
		parts, address = append(parts, address[:end]), address[end:]
	}
	return parts
}

// clockTime is a moment within a sentence.
func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// pages puts the pages and their forms on the main listener.
func (s *server) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /-/style.css", asset("text/css; charset=utf-8", style))
	mux.HandleFunc("GET /-/icon.svg", asset("image/svg+xml", mustRead("pages/icon.svg")))
	mux.HandleFunc("GET /{$}", s.nowPage)
	mux.HandleFunc("GET /alerts/{id}", s.alertPage)
	mux.HandleFunc("GET /rules", s.rulesPage)
	mux.HandleFunc("GET /rules/{number}", s.rulePage)
	mux.HandleFunc("GET /watchdogs", s.watchdogsPage)
	mux.HandleFunc("GET /audit", s.auditPage)
	mux.HandleFunc("GET /configuration", s.configurationPage)
	mux.HandleFunc("GET /deliveries", s.deliveriesPage)
	mux.HandleFunc("GET /deliveries/{id}", s.deliveryPage)
	mux.HandleFunc("GET /dead-letters", s.lettersPage)
	mux.Handle("POST /dead-letters", s.form(s.replayOnPage))
	mux.Handle("POST /dead-letters/drop", s.form(s.dropOnPage))
	mux.HandleFunc("GET /dead-letters/replays/{id}", s.replayPage)
	mux.Handle("POST /dead-letters/replays/{id}/stop", s.form(s.stopOnPage))
	mux.HandleFunc("GET /subscriptions", s.subscriptionsPage)
	mux.Handle("POST /subscriptions", s.form(s.addOnPage))
	mux.Handle("POST /subscriptions/{id}/remove", s.form(s.removeOnPage))
	mux.HandleFunc("GET /destinations", s.destinationsPage)
	mux.Handle("POST /destinations", s.form(s.addDestinationOnPage))
	mux.HandleFunc("GET /destinations/{name}", s.destinationPage)
	mux.Handle("POST /destinations/{name}/rotate", s.changeOnPage(s.rotateOnPage))
	mux.Handle("POST /destinations/{name}/enable", s.changeOnPage(s.enableOnPage))
	mux.Handle("POST /destinations/{name}/disable", s.changeOnPage(s.disableOnPage))
	mux.Handle("POST /destinations/{name}/remove", s.form(s.removeDestinationOnPage))
	mux.Handle("POST /destinations/{name}/test", s.form(s.testOnPage))
	mux.HandleFunc("GET /users", s.usersPage)
	mux.HandleFunc("GET /users/{name}", s.userPage)
	mux.Handle("POST /users/{name}/retry", s.form(s.retryOnPage))
}

// asset is a file that pages need and browsers may keep.
func asset(kind string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "max-age=31536000, immutable")
		_, _ = w.Write(content)
	}
}

// pageLink is a page that all pages lead to.
type pageLink struct{ Path, Name string }

// navigation are those: what is looked at first comes first.
var navigation = []pageLink{
	{"deliveries", "Deliveries"},
	{"dead-letters", "Dead letters"},
	{"destinations", "Destinations"},
	{"rules", "Rules"},
	{"watchdogs", "Watchdogs"},
	{"subscriptions", "Subscriptions"},
	{"users", "Users"},
	{"configuration", "Configuration"},
	{"audit", "Audit"},
}

// base is what base.tmpl needs.
type base struct {
	Root  string // the way to / from this page, for links that hold behind a proxy's path too
	Style string
	Here  string // the first part of the page's path
	Pages []pageLink
	CSRF  string
	// AsksToken: forms have an input for the admin token. ReadOnly: there are
	// no forms, because nobody could give the token.
	AsksToken, ReadOnly bool
}

// base makes that for a request, and gives the browser its cookie.
func (s *server) base(w http.ResponseWriter, r *http.Request) base {
	here, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	b := base{Root: root(r), Style: styleHash, Here: here, Pages: navigation, CSRF: csrfOf(r)}
	if b.CSRF == "" {
		b.CSRF = rand.Text()
		// Lax: who follows a link from Teams keeps the cookie that the forms in
		// the other tabs have; a form of another site is sent without.
		http.SetCookie(w, &http.Cookie{
			Name: csrfCookie, Value: b.CSRF, Path: "/", HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteLaxMode,
		})
	}
	if !overLoopback(r) && !s.hasToken(r) {
		b.ReadOnly = s.AdminToken() == ""
		b.AsksToken = !b.ReadOnly
	}
	return b
}

// root is the way from the page of a request to /.
func root(r *http.Request) string {
	return "./" + strings.Repeat("../", strings.Count(r.URL.Path, "/")-1)
}

// csrfOf is what a form of this browser must repeat; "" when the browser has
// nothing that we gave it.
func csrfOf(r *http.Request) string {
	c, err := r.Cookie(csrfCookie)
	if err != nil || len(c.Value) != csrfLength {
		return ""
	}
	return c.Value
}

// problem is why nothing was done, for whoever sent the form.
type problem struct {
	Status int
	Field  string // which it is shown beside; "" the whole form
	Text   string
}

// form guards a form as admin guards the API: forms of other sites are never
// taken, and who does not come over loopback needs the admin token, here in an
// input. do shows the page again when there is a problem, with what was typed.
//
// That a form repeats its browser's cookie holds off a page that could not
// read it, should the browser not say where the form is from.
func (s *server) form(do func(http.ResponseWriter, *http.Request, *problem)) http.Handler {
	return s.sameOrigin("page", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		do(w, r, s.formProblem(r))
	}))
}

func (s *server) formProblem(r *http.Request) *problem {
	var tooLarge *http.MaxBytesError
	_, bad := url.ParseQuery(r.URL.RawQuery)
	switch err := errors.Join(r.ParseForm(), bad); {
	case errors.As(err, &tooLarge):
		return &problem{Status: http.StatusRequestEntityTooLarge, Text: "Nothing was changed: this is more than " + strconv.Itoa(maxForm>>10) + " KiB. Shorten it."}
	case err != nil:
		return &problem{Status: http.StatusBadRequest, Text: "Nothing was changed: the form came damaged. Send it again."}
	}
	csrf, given := csrfOf(r), r.PostForm.Get(csrfField)
	if csrf == "" || subtle.ConstantTimeCompare([]byte(csrf), []byte(given)) != 1 {
		s.refused(r, "page", "the form did not come from a page of this browser's session")
		return &problem{
			Status: http.StatusForbidden,
			Text:   "Nothing was changed: the page is older than this session of your browser, or the browser keeps no cookies. Press the button again.",
		}
	}
	token := r.PostForm.Get(tokenField)
	if overLoopback(r) || s.hasToken(r) || s.isToken(token) {
		return nil
	}
	s.refused(r, "page", s.without(token))
	p := &problem{Status: http.StatusForbidden, Field: tokenField}
	switch {
	case s.AdminToken() == "":
		p.Text = "Nothing was changed: set admin_token_file in the configuration, or open this page on the machine of teamsrelay."
	case token == "":
		p.Text = "Nothing was changed: this needs the admin token, which is in the file that admin_token_file names."
	default:
		p.Text = "Nothing was changed: this is not the admin token, which is in the file that admin_token_file names."
	}
	return p
}

// show writes a page.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, page *template.Template, data any) {
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, "base", data); err != nil {
		s.Logger.Error("A page could not be made", "path", r.URL.Path, "err", err)
		http.Error(w, "the page could not be made; the log says why", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: forms would then come with "Origin: null", which cannot
	// be told from another site's.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}
