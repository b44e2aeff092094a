package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// tinyDisk is a file system of a few MiB in memory.
type tinyDisk struct {
	t   *testing.T
	dir string
}

// smallDisk mounts one, which only root may.
func smallDisk(t *testing.T) *tinyDisk {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("only root on Linux can make a disk so small that it can be filled")
	}
	d := &tinyDisk{t: t, dir: t.TempDir()}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", d.dir).CombinedOutput(); err != nil {
		t.Skipf("no small disk can be mounted here: %s", out)
	}
	t.Cleanup(func() {
		require.NoError(t, exec.Command("umount", d.dir).Run())
	})
	return d
}

func (d *tinyDisk) filler() string { return filepath.Join(d.dir, "somebody-elses-file") }

// fill takes every byte that is left.
func (d *tinyDisk) fill() {
	d.t.Helper()
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(d.t, err)
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	_ = f.Close() // the disk is full, which is what we want
}

func (d *tinyDisk) empty() {
	d.t.Helper()
	require.NoError(d.t, os.Remove(d.filler()))
}

// fillUntilRefused fills the disk, and uses up the room that SQLite's files
// have left, until a receiver takes nothing more. It returns what was taken.
func (d *tinyDisk) fillUntilRefused(r *relay) (taken []string) {
	d.t.Helper()
	d.fill()
	for i := range 10_000 {
		name := fmt.Sprintf("Filling%04d", i)
		a := r.post("/alertmanager", body(name, "firing"))
		if a.status == http.StatusServiceUnavailable {
			return taken
		}
		require.Equal(d.t, http.StatusOK, a.status, a.body)
		taken = append(taken, name)
	}
	d.t.Fatal("the disk is full and everything is taken all the same")
	return nil
}

func TestAFullDiskIsSaidAndNothingIsLostByIt(t *testing.T) {
	disk := smallDisk(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{Keep: 20_000})
	relay := serve(t, program(t), disk.dir, configuration(destination("ops", url+"/workflow/ops", fast)))
	require.Equal(t, http.StatusOK, relay.get("/-/ready").status)
	require.Equal(t, http.StatusOK, relay.post("/alertmanager", body("Before", "firing")).status)
	cards(t, teams, "ops", 1)

	taken := disk.fillUntilRefused(relay)
	refused := relay.post("/alertmanager", body("During", "firing"))
	require.Equal(t, http.StatusServiceUnavailable, refused.status, "Alertmanager only tries again after a 5xx")
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Contains(t, refused.body, "send them again")
	require.Equal(t, http.StatusServiceUnavailable, relay.get("/-/ready").status)
	require.Equal(t, http.StatusOK, relay.get("/-/healthy").status, "a restart would not help")
	require.Contains(t, relay.get("/").body, "Nothing can be stored since", "whoever looks is told first of all")

	disk.empty()
	eventually(t, patience, "it is ready again by itself", func() bool { return relay.get("/-/ready").status == http.StatusOK })
	require.NotContains(t, relay.get("/").body, "Nothing can be stored since")
	require.Equal(t, http.StatusOK, relay.post("/alertmanager", body("During", "firing")).status)
	relay.settled(time.Minute + patience) // an attempt that could not be recorded is made again after a minute
	var shown strings.Builder
	for _, m := range teams.Shown("ops") {
		shown.Write(m.Card)
	}
	for _, name := range append(taken, "Before", "During") {
		require.Contains(t, shown.String(), name, "it was acknowledged and nobody was told")
	}
}
