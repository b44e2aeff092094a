package config

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// sslModes are what PostgreSQL's programs take for sslmode.
var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// postgres checks the URL of a database. Whatever it does not know, options of
// the server for one, is left to the server. Messages do not repeat the URL: it
// may hold a password.
func (d *document) postgres(at string, secret, password Secret) Postgres {
	const example = "write postgres://user@host:5432/database, with the password in password_file"
	u, err := url.Parse(secret.Reveal())
	if err != nil {
		d.Wrong(at, "this is not a URL", example+"; in the URL write what is no letter or digit as %40 and the like")
		return Postgres{}
	}
	query, err := url.ParseQuery(u.RawQuery)
	hosts, mode := hosts(u, query), query.Get("sslmode")
	_, has := u.User.Password()
	has = has || query.Has("password")
	switch {
	case err != nil:
		d.Wrong(at, "its options, behind the ?, cannot be read", "write them as ?sslmode=verify-full&connect_timeout=5")
	case u.Fragment != "" || strings.Contains(secret.Reveal(), "#"):
		d.Wrong(at, "there is a # in it, and what follows is lost", "write # as %23, or put the password into password_file")
	case len(hosts) == 0:
		d.Wrong(at, "it names no host", example)
	case strings.Trim(u.Path, "/") == "" && !query.Has("dbname") && !query.Has("service"):
		d.Wrong(at, "it names no database", example)
	case strings.Contains(strings.Trim(u.Path, "/"), "/"):
		d.Wrong(at, "the name of the database has a / in it", example)
	case mode != "" && !slices.Contains(sslModes, mode):
		d.Wrong(at, "there is no such sslmode", "write one of "+strings.Join(sslModes, ", "))
	case has && password != "":
		d.Wrong(at, "there is a password in it, and another one beside it", "keep one of them, best password_file")
	}
	if (mode == "disable" || mode == "allow") && slices.ContainsFunc(hosts, remote) {
		d.Warn(at, "sslmode="+mode+" sends alerts and the password over the network as they are", "write sslmode=verify-full, with sslrootcert=FILE if the authority is your own")
	}
	return Postgres{URL: secret, Password: password}
}

// hosts are the hosts of a URL, several with commas between them.
func hosts(u *url.URL, query url.Values) (hosts []string) {
	named := u.Host
	if query.Has("host") {
		named = query.Get("host")
	}
	if named == "" && query.Has("service") {
		return []string{"localhost"} // the service's file knows
	}
	for _, host := range strings.Split(named, ",") {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host = strings.Trim(host, "[]"); host != "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// remote says that a host is another machine; a path is a socket on this one.
func remote(host string) bool {
	if strings.HasPrefix(host, "/") || host == "localhost" {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}
