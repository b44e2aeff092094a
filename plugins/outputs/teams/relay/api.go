package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

// API is the other side: a receiver or an Alertmanager.
type API struct {
	url    *url.URL
	client *http.Client
	// authorize puts the credentials into a request.
	authorize func(*http.Request) error
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// NewAPI makes an API of its base URL, such as http://127.0.0.1:9097. The
// client has to have a timeout. authorize may be nil. It does not touch the
// network.
func NewAPI(base string, client *http.Client, authorize func(*http.Request) error) (*API, error) {
	u, err := url.Parse(strings.TrimSpace(base))
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, errors.New("this is not the URL of a receiver or an Alertmanager; write it like http://127.0.0.1:9097")
	case u.User != nil:
		return nil, errors.New("a user or password does not belong into the URL; use username and password, or bearer_token")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL must end with the host or a path; remove what begins with ? or #")
	case strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), "/api/v2/alerts"):
		return nil, errors.New("leave /api/v2/alerts away; write it like http://127.0.0.1:9097")
	}
	never := *client
	never.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if authorize == nil {
		authorize = func(*http.Request) error { return nil }
	}
	return &API{url: u.JoinPath("api", "v2", "alerts"), client: &never, authorize: authorize}, nil
}

// Name is what the other side is called in logs.
func (a *API) Name() string { return a.url.Host }

// wire is an alert as Alertmanager's API takes it.
type wire struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// refused: this request can never be taken as it is.
type refused struct{ what string }

func (e *refused) Error() string { return e.what }

// unavailable: not now.
type unavailable struct {
	what  string
	after time.Duration // asked for; 0: nothing was said
}

func (e *unavailable) Error() string { return e.what }

// post makes one attempt. Its error is a *refused or an *unavailable.
func (a *API) post(ctx context.Context, letters []letter) error {
	alerts := make([]wire, len(letters))
	for i := range letters {
		l := &letters[i].alert
		alerts[i] = wire{l.Labels, l.Annotations, l.StartsAt.UTC(), l.EndsAt.UTC(), l.GeneratorURL}
	}
	body, err := json.Marshal(alerts)
	if err != nil {
		return &refused{err.Error()}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url.String(), bytes.NewReader(body))
	if err != nil {
		return &unavailable{what: err.Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "teamsrelay")
	if err := a.authorize(request); err != nil {
		return &unavailable{what: fmt.Sprintf("the credentials cannot be read: %v", err)}
	}
	response, err := a.client.Do(request)
	if err != nil {
		return &unavailable{what: quoted(request, plain(err))} // it may quote what is no HTTP
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // the status says enough
	return judge(response, text, request)
}

// judge makes an outcome of the answer to a request.
func judge(response *http.Response, text []byte, request *http.Request) error {
	code := response.StatusCode
	taken := code >= 200 && code < 300
	if taken && !isWebPage(response.Header, text) {
		return nil
	}
	what := fmt.Sprintf("it answered %d %s", code, http.StatusText(code))
	if words := quoted(request, string(text)); words != "" {
		what += ": " + words
	}
	switch {
	case taken:
		what = fmt.Sprintf("a web page answered (%d), and no Alertmanager: a proxy or a sign-in page stands before it, or relay_url is wrong; it must be the base of a teamsrelay or an Alertmanager, such as http://127.0.0.1:9097", code)
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return &refused{what}
	case code >= 300 && code < 400:
		what += "; write the address that it leads to into relay_url"
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		what += "; check bearer_token, or username and password"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		what += "; relay_url must be the base of a teamsrelay or an Alertmanager, such as http://127.0.0.1:9097"
	}
	after, _ := strconv.Atoi(response.Header.Get("Retry-After")) // a date is left to our own waits
	return &unavailable{what: what, after: time.Duration(min(max(after, 0), 3600)) * time.Second}
}

// isWebPage says that an answer is one for people: whoever gave it has not
// taken alerts, whatever its status.
func isWebPage(header http.Header, text []byte) bool {
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return kind == "text/html" || bytes.HasPrefix(bytes.TrimSpace(text), []byte("<"))
}

// plain is what is wrong with the network, without the URL around it.
func plain(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}

// quoted is the beginning of what a server says to a request, on one line and
// without the credentials: some give the request back with an error, and what
// they say stands in the log.
func quoted(request *http.Request, said string) string {
	const longest = 200
	secrets := outbound.ProxySignIn("", request.URL.String())
	if user, password, ok := request.BasicAuth(); ok && password != "" {
		secrets = append(secrets, outbound.SignIn(user, password)...)
	} else if token, ok := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer "); ok {
		secrets = append(secrets, token)
	}
	return outbound.Hide(secrets).Quote(said, longest)
}
