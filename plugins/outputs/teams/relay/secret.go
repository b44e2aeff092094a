package relay

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
)

// hider takes the credentials of a request out of what is answered to it: some
// servers give the request back with an error, and answers stand in the log.
func hider(request *http.Request) *strings.Replacer {
	header := request.Header.Get("Authorization")
	_, sent, _ := strings.Cut(header, " ") // the token, or user and password in base64
	secrets := []string{sent}
	if _, password, ok := request.BasicAuth(); ok {
		secrets = append(secrets, password)
	}
	var pairs []string
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		quoted, _ := json.Marshal(secret) // every text has a form in JSON
		for _, spelling := range []string{
			secret, string(quoted[1 : len(quoted)-1]), html.EscapeString(secret), url.QueryEscape(secret), url.PathEscape(secret),
		} {
			pairs = append(pairs, spelling, "<secret>")
		}
	}
	return strings.NewReplacer(pairs...)
}
