//go:build systemd

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// boot starts systemd in a copy of this machine's file system, which is thrown
// away, and has it run /release/script as a unit of its own.
const boot = `set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"; cd "$1"; mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
mkdir -p root/release; cp "$2"/*.deb root/release/; printf '%s' "$3" > root/release/script
rm -f root/etc/systemd/system/*.wants/* root/lib/systemd/system/multi-user.target.wants/*; : > root/etc/machine-id
cat > root/etc/systemd/system/probe.service <<'UNIT'
[Unit]
After=basic.target
[Service]
Type=oneshot
StandardOutput=file:/release/out
StandardError=inherit
ExecStart=/bin/sh -eux /release/script
ExecStopPost=/bin/systemctl --no-block poweroff -f
UNIT
mkdir -p root/etc/systemd/system/multi-user.target.wants
ln -s /etc/systemd/system/probe.service root/etc/systemd/system/multi-user.target.wants/
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 timeout -k 5 300 systemd-nspawn --quiet --directory="$1/root" --boot --private-network \
  --register=no --keep-unit --link-journal=no --timezone=off >&2 || true
cat root/release/out`

// TestUnderSystemd installs the package where systemd runs. The sandbox of the
// unit must not keep the program from its work, "systemctl start" must fail on a
// configuration with mistakes, and an upgrade restart what runs.
func TestUnderSystemd(t *testing.T) {
	if _, err := exec.LookPath("systemd-nspawn"); err != nil || os.Getuid() != 0 {
		t.Skip("this needs root and systemd-nspawn")
	}
	program := built(t)
	dir := t.TempDir()
	for _, version := range []string{"v1.2.3", "v1.3.0"} {
		r := aRelease(t, version, program)
		r.out = dir
		require.NoError(t, r.pack(targets[0], "deb"))
	}
	run := exec.CommandContext(t.Context(), "unshare", "--mount", "/bin/sh", "-c", boot, "sh", t.TempDir(), dir, `
dpkg -i /release/*v1.2.3*.deb
systemctl start teamsrelay && exit 1
systemctl stop teamsrelay
journalctl -u teamsrelay --no-pager -o cat | grep ops.url
echo http://127.0.0.1:9/workflow/ops | install -m 640 -g teamsrelay /dev/stdin /etc/teamsrelay/ops.url
systemctl enable --now teamsrelay
teamsrelay destinations list
first=$(systemctl show -p MainPID --value teamsrelay)
grep -E '^(Uid|CapEff|Seccomp|NoNewPrivs):' /proc/$first/status
systemctl reload teamsrelay
for i in $(seq 50); do journalctl -u teamsrelay --no-pager -o cat | grep 'was reloaded' && break; sleep 0.1; done
dpkg -i /release/*v1.3.0*.deb
test "$(systemctl show -p MainPID --value teamsrelay)" != "$first"
systemctl is-active teamsrelay
echo 'destinations: wrong' > /etc/teamsrelay/teamsrelay.yml
dpkg --force-confold -i /release/*v1.2.3*.deb
systemctl is-active teamsrelay
dpkg -P teamsrelay
test ! -e /var/lib/teamsrelay
echo 'all of it'
`)
	run.Stderr = os.Stderr
	out, err := run.Output()
	require.NoError(t, err, string(out))
	t.Log(string(out))
	require.Contains(t, string(out), "\nall of it\n", "the script has stopped before its end")
	require.Contains(t, string(out), "CapEff:\t0000000000000000")
	require.Contains(t, string(out), "Seccomp:\t2")
	require.Contains(t, string(out), "was not restarted", "an old version that runs is better than a new one that does not")
}
