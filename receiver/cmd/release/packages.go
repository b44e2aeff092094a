package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// semantic is a version that a package manager can put in order.
var semantic = regexp.MustCompile(`^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// packageVersion is the version that a package manager compares: a commit
// without a version of its own counts by its day, so that a later one is an
// upgrade.
func packageVersion(version, commit string, at time.Time) string {
	if semantic.MatchString(version) {
		return version
	}
	return fmt.Sprintf("0.0.0+%s.%.8s", at.Format("20060102150405"), commit)
}

// pack makes the package of a distribution: deb or rpm.
func (r *release) pack(t target, format string) error {
	deploy := filepath.Join(r.source, "sample-configs", "deploy")
	packaged := filepath.Join(deploy, "package")
	put := func(source, destination, kind, owner, group string, mode os.FileMode) *files.Content {
		return &files.Content{Source: source, Destination: destination, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: owner, Group: group, Mode: mode, MTime: r.at}}
	}
	contents := files.Contents{
		put(r.program(t, "teamsrelay"), "/usr/bin/teamsrelay", "", "root", "root", 0o755),
		put(r.program(t, "telegraf-output-teams"), "/usr/bin/telegraf-output-teams", "", "root", "root", 0o755),
		put(filepath.Join(deploy, "systemd", "teamsrelay.service"), "/usr/lib/systemd/system/teamsrelay.service", "", "root", "root", 0o644),
		// The configuration names secrets, and some people write them into it:
		// preinstall.sh has made the group that may read it.
		put("", "/etc/teamsrelay", files.TypeDir, "root", "teamsrelay", 0o750),
		put(filepath.Join(packaged, "teamsrelay.yml"), "/etc/teamsrelay/teamsrelay.yml", files.TypeConfigNoReplace, "root", "teamsrelay", 0o640),
		put("", "/var/lib/teamsrelay", files.TypeDir, "teamsrelay", "teamsrelay", 0o750),
	}
	if format == "deb" { // which has the text of the licence, and wants to be told where
		contents = append(contents, put(filepath.Join(packaged, "copyright"), "/usr/share/doc/teamsrelay/copyright", "", "root", "root", 0o644))
	}
	copied, err := r.copied()
	if err != nil {
		return err
	}
	for _, name := range copied {
		to := filepath.ToSlash(name)
		contents = append(contents, put(filepath.Join(r.source, name), "/usr/share/doc/teamsrelay/"+to, "", "root", "root", 0o644))
	}
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "teamsrelay", Arch: t.arch, Platform: "linux", Version: packageVersion(r.version, r.commit, r.at), Release: "1",
		Section: "net", Priority: "optional", License: "Apache-2.0",
		Homepage:    "https://github.com/teamsrelay/teamsrelay",
		Maintainer:  "teamsrelay <maintainers@teamsrelay.invalid>",
		Description: "carries alerts from Telegraf, InfluxDB and Alertmanager to Microsoft Teams\n Every alert group becomes one card in the right channel or chat. With the bot,\n people acknowledge, silence and assign on the card.",
		MTime:       r.at, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Contents: contents, Umask: 0o022,
			Scripts: nfpm.Scripts{
				PreInstall:  filepath.Join(packaged, "preinstall.sh"),
				PostInstall: filepath.Join(packaged, "postinstall.sh"),
				PreRemove:   filepath.Join(packaged, "preremove.sh"),
				PostRemove:  filepath.Join(packaged, "postremove.sh"),
			},
			Deb: nfpm.Deb{Predepends: []string{"passwd"}}, // for the user
			RPM: nfpm.RPM{BuildHost: "localhost", Summary: "carries alerts to Microsoft Teams"},
		},
	})
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	return create(r.name(t.String()+"."+format), func(w io.Writer) error { return packager.Package(info, w) })
}
