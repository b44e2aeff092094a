package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	answers "github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

const (
	// maxRequest bounds the body of a request that changes something, in
	// bytes: a comment of the longest kind, with every letter escaped.
	maxRequest = 256 << 10
	// maxWho is how long a name may be, in characters.
	maxWho = 256
)

// Act is the body of POST /api/v1/alerts/{id}/{verb}.
type Act struct {
	// Who wants it, as a name for people.
	Who string `json:"who"`
	// Text is a comment; of assign it may be to whom, as To.
	Text string `json:"text"`
	To   string `json:"to"`
	// For is how long a silence lasts, such as "4h" or "1d"; or Until says
	// when it ends.
	For   string    `json:"for"`
	Until time.Time `json:"until"`
}

// Done is the answer to it, and to DELETE /api/v1/silences/{id}.
type Done struct {
	// Intent is what the system that the alert came from was asked to do.
	*Intent
	Alert string `json:"alert,omitempty"`
	Verb  string `json:"verb"`
	// Asked: another system has to do it, and has not answered yet.
	Asked   bool   `json:"asked"`
	Silence string `json:"silence,omitempty"` // the id of the silence that was made
}

// act does something about an alert. It answers once that is stored: 200 when
// it is done, 202 when another system has been asked to do it. What becomes of
// that stands with the alert.
func (s *server) act(w http.ResponseWriter, r *http.Request) {
	id, ok := groupID(w, r)
	if !ok {
		return
	}
	verb := r.PathValue("verb")
	if !slices.Contains(command.Verbs, verb) {
		refuse(w, http.StatusNotFound, "there is no verb "+strconv.Quote(verb), "use one of "+strings.Join(command.Verbs, ", "))
		return
	}
	var asked Act
	if !read(w, r, &asked, `send {"who": "Alice", "text": "…"}`) {
		return
	}
	if strings.TrimSpace(asked.Who) == "" {
		refuse(w, http.StatusBadRequest, "nobody is named who wants this", `add "who": a name for people`)
		return
	}
	cmd := command.Command{
		Verb: verb, Group: id, By: person(asked.Who), From: from(r), Of: group.AnyMark, Text: asked.Text,
	}
	switch verb {
	case command.Silence:
		if cmd.Until, ok = s.until(w, asked); !ok {
			return
		}
	case command.Assign:
		if asked.To == "" { // as it was before there was a comment to an assignment
			asked.To, cmd.Text = asked.Text, ""
		}
		cmd.To = person(asked.To)
	}
	s.do(w, r, cmd)
}

// until is when a silence is to end.
func (s *server) until(w http.ResponseWriter, asked Act) (time.Time, bool) {
	const hint = `add "for": "4h", or "until": "2026-11-21T12:00:00Z"`
	switch {
	case asked.For != "" && !asked.Until.IsZero():
		refuse(w, http.StatusBadRequest, "both for and until say when the silence ends", "leave one of them out")
	case asked.For != "":
		lasts, err := model.ParseDuration(asked.For)
		if err != nil {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("%.40q is not a time", asked.For), hint)
			break
		}
		return s.Engine.Now().Add(time.Duration(lasts)), true
	case asked.Until.IsZero():
		refuse(w, http.StatusBadRequest, "nothing says when the silence ends", hint)
	default:
		return asked.Until, true
	}
	return time.Time{}, false
}

// do carries out a command and answers what became of it.
func (s *server) do(w http.ResponseWriter, r *http.Request, cmd command.Command) {
	result, err := s.Engine.Do(r.Context(), cmd)
	switch {
	case err == nil:
	case errors.Is(err, command.ErrUnknown) && cmd.Group == 0:
		refuse(w, http.StatusNotFound, "there is no silence "+r.PathValue("id"), "take the id from the list; it may be over since")
		return
	case errors.Is(err, command.ErrUnknown):
		s.fail(w, r, store.ErrNotFound, "alert")
		return
	case errors.Is(err, command.ErrText):
		refuse(w, http.StatusBadRequest, "the text is missing, or longer than can be handed on", `add "text": what the comment says, or "to": to whom it is assigned`)
		return
	case errors.Is(err, command.ErrUntil):
		refuse(w, http.StatusBadRequest, err.Error(), `choose another "for" or "until"`)
		return
	default:
		s.fail(w, r, err, "alert")
		return
	}
	if !result.Done {
		refuse(w, http.StatusConflict, strings.TrimSuffix(result.Why, "."), "nothing was done; see /api/v1/alerts for how it is now")
		return
	}
	out := Done{Verb: cmd.Verb, Asked: result.Asked}
	if result.Group.ID != 0 {
		out.Alert = result.Group.ShortID()
	}
	if result.SilenceID != 0 {
		out.Silence = alert.ShortID(result.SilenceID)
	}
	status := http.StatusOK
	if result.Asked {
		status = http.StatusAccepted
		out.Intent = s.requested(r, &result.Group, cmd.Verb)
	}
	s.Logger.Info("Done for the API", "verb", cmd.Verb, "alert", out.Alert, "who", cmd.By.Name, "from", cmd.From, "asked", result.Asked)
	answer(w, status, out)
}

// requested is the intent that a verb has made; nil: it was none, or it cannot
// be read now, and stands with the alert.
func (s *server) requested(r *http.Request, g *group.Group, verb string) *Intent {
	if verb == command.Silence || verb == command.Expire {
		return nil
	}
	var made *Intent
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		for i := range slices.Backward(g.Wishes) {
			if g.Wishes[i].Verb != verb {
				continue
			}
			known, err := tx.Intent(g.Wishes[i].ID)
			if err == nil {
				is := intentOf(&known)
				made = &is
			}
			return err
		}
		return nil
	})
	if err != nil {
		s.Logger.Warn("What was requested could not be read", "alert", g.ShortID(), "err", err)
	}
	return made
}

// read reads the JSON body of a request; false: it was refused.
func read(w http.ResponseWriter, r *http.Request, into any, hint string) bool {
	body, ok := readBody(w, r, maxRequest, "shorten the text")
	if !ok {
		return false
	}
	if err := json.Unmarshal(body, into); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not JSON as it is wanted here: "+answers.Explain(body, err).Error(), hint)
		return false
	}
	return true
}

// readBody reads the body of a request, of up to most bytes; false: it was
// refused. smaller says how to send less.
func readBody(w http.ResponseWriter, r *http.Request, most int64, smaller string) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than "+strconv.FormatInt(most>>10, 10)+" KiB", smaller)
	}
	return body, err == nil // else the client went away
}

// person is somebody whom a request names.
func person(name string) group.Person {
	name = strings.Join(strings.Fields(strings.ToValidUTF8(name, "\uFFFD")), " ")
	if runes := []rune(name); len(runes) > maxWho {
		name = string(runes[:maxWho])
	}
	return group.Person{Name: name}
}

// caller is who changes something by the query parameter who.
func caller(r *http.Request) group.Person {
	if by := person(r.FormValue("who")); by.Name != "" {
		return by
	}
	return group.Person{Name: nameless(r)}
}

// from is where a request comes from, for the audit.
func from(r *http.Request) string { return through("api", r) }

// through is the same of a request to the API or a page.
func through(what string, r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return what
	}
	return what + " " + host
}

// groupID is the number of the group whose id stands in the path.
func groupID(w http.ResponseWriter, r *http.Request) (int64, bool) {
	id, ok := alert.FromShortID(r.PathValue("id"))
	if !ok {
		refuse(w, http.StatusBadRequest, "this is not the id of an alert", "take it from the card or from /api/v1/alerts, without the #")
	}
	return id, ok
}
