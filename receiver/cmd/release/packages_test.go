package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// noOverlay is the exit code for a machine that cannot throw a file system away.
const noOverlay = 77

// enter makes a copy of this machine's file system, which is thrown away, with
// the release at /release, and runs a script in it.
const enter = `set -e
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$1/root" || exit 77
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" || exit 77
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
mkdir "$1/root/release" && mount --bind "$2" "$1/root/release"
exec chroot "$1/root" /bin/sh -euc "$3"`

// inCopy runs a shell script as root in a copy of this machine, and returns
// what it printed.
func inCopy(t *testing.T, release, script string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can install a package, even where nothing of it stays")
	}
	run := exec.CommandContext(t.Context(), "unshare", "--mount", "--pid", "--fork", "/bin/sh", "-c", enter, "sh", t.TempDir(), release, script)
	out, err := run.CombinedOutput()
	var ended *exec.ExitError
	if errors.Is(err, exec.ErrNotFound) || errors.As(err, &ended) && (ended.ExitCode() == noOverlay || strings.HasPrefix(string(out), "unshare:")) {
		t.Skipf("this machine cannot be copied: %v: %s", err, out)
	}
	require.NoError(t, err, string(out))
	return string(out)
}

// TestTheDebianPackage installs, upgrades, removes and purges it. What an
// operator has written must survive an upgrade, and what was stored a removal.
func TestTheDebianPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("there is no dpkg here")
	}
	program := built(t)
	dir := t.TempDir()
	// The newer one is only put in its place, and need not run.
	for version, program := range map[string][]byte{"v1.2.3": program, "v1.3.0": nil} {
		r := aRelease(t, version, program)
		r.out = dir
		require.NoError(t, r.pack(targets[0], "deb"))
	}
	out := inCopy(t, dir, `
say() { echo "== $*"; }
dpkg -i /release/teamsrelay_v1.2.3_linux_amd64.deb
say installed; stat -c '%A %U:%G %n' /etc/teamsrelay /etc/teamsrelay/teamsrelay.yml /var/lib/teamsrelay /usr/bin/teamsrelay
test -f /usr/share/doc/teamsrelay/sample-configs/teamsrelay.yml
test ! -e /etc/systemd/system/multi-user.target.wants/teamsrelay.service
say check; teamsrelay check-config /etc/teamsrelay/teamsrelay.yml && exit 1
echo http://127.0.0.1:9/workflow/ops | install -m 640 -g teamsrelay /dev/stdin /etc/teamsrelay/ops.url
say again; setpriv --reuid=teamsrelay --regid=teamsrelay --clear-groups teamsrelay check-config /etc/teamsrelay/teamsrelay.yml
setpriv --reuid=teamsrelay --regid=teamsrelay --clear-groups --no-new-privs teamsrelay serve --config.file=/etc/teamsrelay/teamsrelay.yml --web.listen-address=127.0.0.1:0 2>/tmp/log & pid=$!
for i in $(seq 100); do grep -q 'Taking alerts' /tmp/log && break; sleep 0.1; done
kill $pid; wait $pid; say served; cat /tmp/log
test -f /var/lib/teamsrelay/teamsrelay.db
echo '# mine' >> /etc/teamsrelay/teamsrelay.yml
say upgrade; dpkg --force-confold -i /release/teamsrelay_v1.3.0_linux_amd64.deb
grep -q '# mine' /etc/teamsrelay/teamsrelay.yml
say remove; dpkg -r teamsrelay
test ! -e /usr/bin/teamsrelay; test -f /etc/teamsrelay/teamsrelay.yml; test -f /var/lib/teamsrelay/teamsrelay.db
say purge; dpkg -P teamsrelay
test ! -e /etc/teamsrelay/teamsrelay.yml; test ! -e /var/lib/teamsrelay
`)
	require.Contains(t, out, "drwxr-x--- root:teamsrelay /etc/teamsrelay\n")
	require.Contains(t, out, "-rw-r----- root:teamsrelay /etc/teamsrelay/teamsrelay.yml\n", "some write secrets into it")
	require.Contains(t, out, "drwxr-x--- teamsrelay:teamsrelay /var/lib/teamsrelay\n")
	require.Contains(t, out, "not started yet", "it says what to do first")
	require.Contains(t, out, "teamsrelay.yml:19: error:", "what is left to do is said with its line")
	require.Contains(t, out, "ops.url")
	require.Contains(t, out, "Taking alerts")
}

// TestTheRPM reads the package with rpm itself.
func TestTheRPM(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("there is no rpm here")
	}
	r := aRelease(t, "v1.2.3", nil)
	require.NoError(t, r.pack(targets[0], "rpm"))
	rpm := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "rpm", append([]string{"--dbpath", t.TempDir(), "--nosignature", "-qp"}, append(args, r.name("linux_amd64.rpm"))...)...).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	require.Contains(t, rpm("--qf", "%{NAME} %{VERSION} %{LICENSE}\n"), "teamsrelay 1.2.3 Apache-2.0")
	require.Equal(t, "/etc/teamsrelay/teamsrelay.yml\n", rpm("--configfiles"))
	list := rpm("--qf", "[%{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES}\n]")
	require.Contains(t, list, "drwxr-x--- teamsrelay:teamsrelay /var/lib/teamsrelay\n")
	require.Contains(t, list, "-rw-r----- root:teamsrelay /etc/teamsrelay/teamsrelay.yml\n")
	require.Contains(t, rpm("--scripts"), "useradd")
}

// TestTheImageRuns starts the program in the unpacked image as a container
// would: its user, nothing else in the file system, and that read-only.
func TestTheImageRuns(t *testing.T) {
	root := t.TempDir()
	authorities, err := certificates()
	require.NoError(t, err)
	// TestTheImage holds the image against the same files.
	var packed bytes.Buffer
	require.NoError(t, tarred(&packed, append(rootOf(authorities), file{name: "usr/bin/teamsrelay", mode: 0o755, text: built(t)}), time.Now()))
	untar := exec.CommandContext(t.Context(), "tar", "--extract", "--same-owner", "--preserve-permissions", "--directory", root)
	untar.Stdin = &packed
	if os.Getuid() == 0 { // inCopy says it to the others
		require.NoError(t, untar.Run())
	}
	out := inCopy(t, root, `
install -m 644 /dev/stdin /release/etc/teamsrelay/teamsrelay.yml <<'YAML'
storage: {url: "sqlite:/var/lib/teamsrelay/teamsrelay.db"}
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:9/workflow/ops"}}]
route: {destinations: [ops]}
time_intervals: [{name: nights, time_intervals: [{location: Europe/Berlin}]}]
YAML
mount -t tmpfs -o uid=65532,mode=750 tmpfs /release/var/lib/teamsrelay
mount -o remount,bind,ro /release
test ! -e /release/bin/sh
chroot --userspec=65532:65532 --groups= /release /usr/bin/teamsrelay serve --config.file=/etc/teamsrelay/teamsrelay.yml --web.listen-address=127.0.0.1:0 2>/tmp/log & pid=$!
for i in $(seq 100); do grep -q 'Taking alerts' /tmp/log && break; sleep 0.1; done
grep '^Uid:' /proc/$pid/status || { cat /tmp/log; exit 1; }
kill $pid; wait $pid; cat /tmp/log
`)
	require.Contains(t, out, "Uid:\t65532\t65532", "it does not run as root")
	require.Contains(t, out, "Taking alerts")
	require.Contains(t, out, "msg=Stopped")
}
