package influxdb

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

// How much is passed on, in characters.
const (
	// maxSaid is for what InfluxDB says.
	maxSaid = 200
	// maxProblem is for what a rule says of its rows: it names columns, and
	// ends with what to do.
	maxProblem = 1000
)

const (
	// minSecret is how many characters a secret must have to be looked for in
	// what InfluxDB says: what is shorter stands in ordinary words too, and
	// what is left of those would tell it.
	minSecret = 4
	// maxSecret is how many bytes one may have: no server takes more in a
	// header, and looking for them would take too long.
	maxSecret = 4 << 10
	// masked stands where a secret was.
	masked = "<secret>"
	// notShown stands for all that InfluxDB says where secrets cannot be found
	// in it. It does not say why: it goes on cards.
	notShown = "(the answer is not quoted, because it could hold a secret)"
)

// quote makes what InfluxDB says fit for a card, a log and an error: one short
// line, without secrets and without links that somebody might press.
func (s *Source) quote(said string) string { return s.oneLine(said, maxSaid) }

// oneLine is quote for a text of at most so many characters, maxProblem at most.
func (s *Source) oneLine(said string, most int) string {
	// InfluxDB may say megabytes. Half a secret at the cut is not found, but
	// comes far behind what is passed on, unless blanks or secrets were most.
	cut := len(said) >= maxComplaint
	said = s.secrets.hide(folded(said[:min(len(said), maxComplaint)]))
	if cut && len(said) < maxComplaint/2 {
		return notShown
	}
	said = strings.ReplaceAll(said, "](", "] (")
	if runes := []rune(said); len(runes) > most {
		said = string(runes[:most]) + "…"
	}
	return said
}

// folded is a text with a single space for all blanks that stand together.
func folded(text string) string {
	return strings.Join(strings.FieldsFunc(text, isBlank), " ")
}

// isBlank tells what folded makes a space of.
func isBlank(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }

// secrets hides what nobody may see.
type secrets struct {
	spelled *regexp.Regexp // any of them; nil: there are none
	blind   bool           // they cannot be found in a text
}

// secretsOf are the token, and the passwords for InfluxDB and for the proxy,
// also in the form in which they are sent.
func secretsOf(cfg Config) secrets {
	var all []string
	signIn := func(user, password string) {
		both := []byte(user + ":" + password)
		all = append(all, password, base64.RawStdEncoding.EncodeToString(both), base64.RawURLEncoding.EncodeToString(both))
	}
	if cfg.Token != "" {
		all = append(all, cfg.Token)
	}
	if cfg.Password != "" {
		signIn(cfg.Username, cfg.Password)
	}
	if user := proxyUser(cfg); user != nil {
		if password, _ := user.Password(); password != "" {
			signIn(user.Username(), password)
		} else if !isWeak(user.Username()) { // some proxies take a key for a user
			all = append(all, user.Username())
		}
	}
	return hiding(all)
}

// proxyUser is who signs in to the proxy that the transport goes through, nil
// for nobody. A proxy that cannot be one is an error elsewhere.
func proxyUser(cfg Config) *url.Userinfo {
	proxy, _ := url.Parse(cfg.ProxyURL)
	if cfg.ProxyURL == "" {
		if influx, err := url.Parse(strings.TrimSpace(cfg.URL)); err == nil {
			proxy, _ = http.ProxyFromEnvironment(&http.Request{URL: influx})
		}
	}
	if proxy == nil {
		return nil
	}
	return proxy.User
}

// hiding makes secrets of texts.
func hiding(all []string) secrets {
	if len(all) == 0 {
		return secrets{}
	}
	patterns := make([]string, len(all))
	for i, secret := range all {
		if isWeak(secret) || len(secret) > maxSecret {
			return secrets{blind: true}
		}
		patterns[i] = spellings(secret)
	}
	spelled, err := regexp.Compile("(?i)" + strings.Join(patterns, "|"))
	if err != nil { // it would show them
		return secrets{blind: true}
	}
	spelled.Longest() // where one secret begins with another
	return secrets{spelled: spelled}
}

// isWeak tells whether a secret is too short to be found in a text.
func isWeak(secret string) bool {
	return utf8.RuneCountInString(strings.Join(strings.FieldsFunc(secret, isBlank), "")) < minSecret
}

// hide is a folded text without the secrets.
func (s secrets) hide(text string) string {
	switch {
	case text != "" && s.blind:
		return notShown
	case s.spelled == nil:
		return text
	}
	return s.spelled.ReplaceAllLiteralString(text, masked)
}

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
