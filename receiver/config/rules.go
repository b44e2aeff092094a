package config

import (
	"fmt"
	"slices"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/influxdb"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// InfluxDB is a connection that polled rules use by its name.
type InfluxDB struct {
	Name, URL, Org, Username, Database string
	Token, Password                    Secret
	ProxyURL                           Secret // may hold a password
	TLS                                promconfig.TLSConfig
	Timeout                            time.Duration // of one query; 0: the package's default
}

// Connection is what the connection is made from. It holds the secrets in the
// clear: do not print it.
func (i InfluxDB) Connection() influxdb.Config {
	return influxdb.Config{
		Name: i.Name, URL: i.URL, Org: i.Org, Username: i.Username, Database: i.Database,
		Token: i.Token.Reveal(), Password: i.Password.Reveal(), ProxyURL: i.ProxyURL.Reveal(),
		TLS: i.TLS, Timeout: i.Timeout,
	}
}

func (d *document) influxdb(sections []influxSection) []InfluxDB {
	var made []InfluxDB
	seen := make(map[string]bool)
	for i := range sections {
		s, at := &sections[i], fmt.Sprintf("influxdb[%d]", i)
		c := InfluxDB{
			Name: s.Name, URL: s.URL, Org: s.Org, Username: s.Username, Database: s.Database,
			ProxyURL: s.ProxyURL, TLS: s.TLS, Timeout: s.Timeout,
		}
		c.TLS.SetDirectory(d.dir)
		token, tokenOK := d.secret(s.Token, s.TokenFile, at+".token")
		password, passwordOK := d.secret(s.Password, s.PasswordFile, at+".password")
		c.Token, c.Password = token, password
		switch {
		case s.Name == "":
			if !d.Faulty(at + ".name") {
				d.Wrong(at, "the InfluxDB has no name", "add name:, by which rule groups ask for it with influxdb: NAME")
			}
		case seen[s.Name]:
			d.Wrong(at+".name", "there are two InfluxDBs "+yamlfile.Quote(s.Name), "rename one of them")
		}
		seen[s.Name] = true
		for _, p := range c.Connection().Check() {
			place := at + "." + p.Field
			if !d.Has(place) && d.Has(place+"_file") {
				place += "_file"
			}
			switch {
			case d.Faulty(place), p.Field == "token" && !tokenOK, p.Field == "password" && !passwordOK, p.Field == "name":
				// It only follows from what is reported already.
			case p.Warning:
				d.Warn(place, yamlfile.OneLine(p.What), p.Hint)
			default:
				d.Wrong(place, yamlfile.OneLine(p.What), p.Hint)
			}
		}
		made = append(made, c)
	}
	return made
}

// rules reads the rule files and checks that what they query is configured.
func (d *document) rules(f *file) *rules.Set {
	var files []rules.File
	d.files(f.RuleFiles, "rule_files", func(name, text string) {
		files = append(files, rules.File{Name: name, Data: []byte(text)})
	})
	if len(files) == 0 {
		return nil
	}
	set, problems := rules.Parse(files)
	d.Problems = append(d.Problems, problems...)
	if set == nil {
		return nil
	}
	for _, g := range set.Groups {
		known := slices.ContainsFunc(f.InfluxDB, func(s influxSection) bool { return s.Name == g.InfluxDB })
		if g.InfluxDB != "" && !known && !d.Faulty("influxdb") {
			d.Problems = append(d.Problems, yamlfile.Problem{
				File: g.File, Line: g.Line, Level: yamlfile.Error,
				What: "the group " + yamlfile.Quote(g.Name) + " queries the InfluxDB " + yamlfile.Quote(g.InfluxDB) + ", which is not configured",
				Do:   "add it under influxdb: in the configuration, or correct the name",
			})
		}
	}
	return set
}
