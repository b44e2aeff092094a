package outbound

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// MinSecret is how many characters a secret must have to be looked for in
	// what a server says: what is shorter stands in ordinary words too, and
	// what is left of those would tell it.
	MinSecret = 4
	// maxSecret is how many bytes one may have: no server takes more in a
	// header, and looking for them would take too long.
	maxSecret = 4 << 10
	// maxSaid is how much of what a server says is looked at, in bytes.
	maxSaid = 16 << 10
	// masked stands where a secret was.
	masked = "<secret>"
	// NotQuoted stands for all that a server says where secrets cannot be found
	// in it. It does not say why: it goes on cards.
	NotQuoted = "(the answer is not quoted, because it could hold a secret)"
)

// Secrets are what nobody may see of a connection. The zero value is none.
type Secrets struct {
	spelled *regexp.Regexp // any of them; nil: there are none
	blind   bool           // they cannot be found in a text
}

// Hide makes secrets of texts.
func Hide(all []string) Secrets {
	if len(all) == 0 {
		return Secrets{}
	}
	patterns := make([]string, len(all))
	for i, secret := range all {
		if IsWeak(secret) || len(secret) > maxSecret {
			return Secrets{blind: true}
		}
		patterns[i] = spellings(secret)
	}
	spelled, err := regexp.Compile("(?i)" + strings.Join(patterns, "|"))
	if err != nil { // it would show them
		return Secrets{blind: true}
	}
	spelled.Longest() // where one secret begins with another
	return Secrets{spelled: spelled}
}

// SignIn are the secrets of basic auth: the password, and both in the form in
// which they are sent.
func SignIn(user, password string) []string {
	both := []byte(user + ":" + password)
	return []string{password, base64.RawStdEncoding.EncodeToString(both), base64.RawURLEncoding.EncodeToString(both)}
}

// ProxySignIn are the secrets for the proxy through which a transport with
// this proxyURL ("": the environment's) reaches a URL. A proxy that cannot be
// one is an error elsewhere.
func ProxySignIn(proxyURL, to string) []string {
	proxy, _ := url.Parse(proxyURL)
	if proxyURL == "" {
		if u, err := url.Parse(strings.TrimSpace(to)); err == nil {
			proxy, _ = http.ProxyFromEnvironment(&http.Request{URL: u})
		}
	}
	if proxy == nil || proxy.User == nil {
		return nil
	}
	if password, _ := proxy.User.Password(); password != "" {
		return SignIn(proxy.User.Username(), password)
	}
	if !IsWeak(proxy.User.Username()) { // some proxies take a key for a user
		return []string{proxy.User.Username()}
	}
	return nil
}

// IsWeak tells whether a secret is too short to be found in a text.
func IsWeak(secret string) bool {
	return utf8.RuneCountInString(strings.Join(strings.FieldsFunc(secret, isBlank), "")) < MinSecret
}

// Quote makes what a server says fit for a card, a log and an error: one short
// line of at most so many characters, without secrets and without links that
// somebody might press.
func (s Secrets) Quote(said string, most int) string {
	// It may say megabytes. Half a secret at the cut is not found, but comes
	// far behind what is passed on, unless blanks or secrets were most.
	cut := len(said) >= maxSaid
	said = s.hide(folded(said[:min(len(said), maxSaid)]))
	if cut && len(said) < maxSaid/2 {
		return NotQuoted
	}
	said = strings.ReplaceAll(said, "](", "] (")
	if runes := []rune(said); len(runes) > most {
		said = string(runes[:most]) + "…"
	}
	return said
}

// hide is a folded text without the secrets.
func (s Secrets) hide(text string) string {
	switch {
	case text != "" && s.blind:
		return NotQuoted
	case s.spelled == nil:
		return text
	}
	return s.spelled.ReplaceAllLiteralString(text, masked)
}

// folded is a text with a single space for all blanks that stand together.
func folded(text string) string {
	return strings.Join(strings.FieldsFunc(text, isBlank), " ")
}

// isBlank tells what folded makes a space of.
func isBlank(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }

// between may stand between any two characters of a secret in a folded text:
// ends of lines, also escaped ones.
const between = `(?: |\\+[nrt]|%(?:25)*0[ad])*`

// spellings is a pattern of the ways in which others write a text: as it is,
// escaped as in URLs, JSON or HTML, wholly or in part, and over several lines.
func spellings(text string) string {
	var pattern strings.Builder
	for at, size := 0, 0; at < len(text); at += size {
		var r rune
		r, size = utf8.DecodeRuneInString(text[at:])
		ways := []string{fmt.Sprintf("&#0*%d;|&#x0*%x;|%s", r, r, regexp.QuoteMeta(html.EscapeString(string(r))))}
		percent, escaped := "", ""
		for _, b := range []byte(text[at : at+size]) {
			percent += fmt.Sprintf("%%(?:25)*%02x", b) // 25 is a % that was escaped itself
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			escaped += fmt.Sprintf(`\\+u%04x`, unit)
		}
		ways = append(ways, percent, escaped)
		switch {
		case isBlank(r):
			ways = append(ways, `\+`, `\\+[a-z]`, "") // itself is one of between
		case r == '\\':
			ways = append(ways, `\\+`)
		case r == '"':
			ways = append(ways, `\\*"`, "&quot;")
		default:
			ways = append(ways, `\\*`+regexp.QuoteMeta(string(r)))
		}
		if at > 0 {
			pattern.WriteString(between)
		}
		pattern.WriteString("(?:" + strings.Join(ways, "|") + ")")
	}
	return pattern.String()
}
