package teams

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// URLHash is a short, stable name for a secret URL: 16 hex digits of its
// SHA-256. The URL cannot be had back from it: what is secret in a webhook's
// URL has over 250 bits. Spellings that reach the same place (the case of the
// host, the default port, the order of the query) give the same hash.
func URLHash(raw string) string {
	sum := sha256.Sum256([]byte(normalURL(raw)))
	return hex.EncodeToString(sum[:8])
}

// RedactURL is how a secret URL is written in logs, errors, pages and
// metrics: its host and the first eight digits of its hash, and nothing else.
func RedactURL(raw string) string {
	host := "no host"
	if u, err := url.Parse(strings.TrimSpace(raw)); err == nil && u.Hostname() != "" {
		host = strings.ToLower(u.Hostname())
	}
	return host + " #" + URLHash(raw)[:8]
}

// normalURL writes one place always the same way. What cannot be parsed stays
// as it is: it will not be called, but still needs a name.
func normalURL(raw string) string {
	raw = strings.TrimSpace(raw)
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw
	}
	u.Scheme = strings.ToLower(u.Scheme)
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := u.Port()
	if port != "" && !(u.Scheme == "https" && port == "443") && !(u.Scheme == "http" && port == "80") {
		host += ":" + port
	}
	u.Host = host
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	if query, err := url.ParseQuery(u.RawQuery); err == nil {
		u.RawQuery = query.Encode()
	}
	return u.String()
}
