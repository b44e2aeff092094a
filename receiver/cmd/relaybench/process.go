package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// receiver is a running teamsrelay serve, or the proxy.
type receiver struct {
	others []*receiver // that share its store
	cmd    *exec.Cmd
	base   string
	dir    string
	client *http.Client
	output bytes.Buffer
}

// receiver starts a receiver at the default pace.
func (b *bench) receiver(teams string) (*receiver, error) { return b.start(teams, "") }

// start starts a receiver; pace is the destination's, "" the default.
func (b *bench) start(teams, pace string) (*receiver, error) {
	if pace != "" {
		pace = "\n    pace: " + pace
	}
	return b.startOn("sqlite:bench.db", teams, pace)
}

// startOn starts a receiver with a store.
func (b *bench) startOn(store, teams, pace string) (*receiver, error) {
	config := fmt.Sprintf("storage: {url: %q}\ndestinations:\n  - name: ops\n    workflow: {url: %q}%s\nroute: {destinations: [ops], group_by: [alertname, group], group_wait: 1s}\n",
		store, teams+"/workflow/ops", pace)
	return b.run(func(dir, address string) (*exec.Cmd, error) {
		file := filepath.Join(dir, "teamsrelay.yml")
		err := os.WriteFile(file, []byte(config), 0o600)
		return exec.Command(b.program, "serve", "--config.file="+file, "--web.listen-address="+address, "--log.level=error"), err
	})
}

// proxy starts the proxy to compare with.
func (b *bench) proxy(teams string) (*receiver, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.run(func(_, address string) (*exec.Cmd, error) {
		return exec.Command(self, "-proxy", address, "-proxy-to", teams+"/workflow/ops"), nil
	})
}

// run starts a process and waits until it is ready.
func (b *bench) run(command func(dir, address string) (*exec.Cmd, error)) (*receiver, error) {
	dir, err := os.MkdirTemp("", "relaybench")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &receiver{
		dir: dir, base: "http://127.0.0.1:" + port,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: b.clients}, Timeout: 30 * time.Second},
	}
	if r.cmd, err = command(dir, "127.0.0.1:"+port); err != nil {
		return nil, err
	}
	r.cmd.Stderr = &r.output
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if _, err = r.get("/-/ready"); err == nil {
			return r, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.stop()
	return nil, fmt.Errorf("it does not start: %w\n%s", err, r.output.String())
}

// replica is the one that a client sends to.
func (r *receiver) replica(client int) *receiver {
	if i := client % (len(r.others) + 1); i > 0 {
		return r.others[i-1]
	}
	return r
}

// used is the processor time that it and those with it have taken; it has
// stopped.
func (r *receiver) used() time.Duration {
	sum := r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime()
	for _, other := range r.others {
		sum += other.used()
	}
	return sum
}

func (r *receiver) stop() {
	for _, other := range r.others {
		other.stop()
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	_ = r.cmd.Wait()
	_ = os.RemoveAll(r.dir)
}

func (r *receiver) post(path string, body []byte) error {
	response, err := r.client.Post(r.base+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, said)
	}
	return err
}

func (r *receiver) get(path string) (string, error) {
	response, err := r.client.Get(r.base + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}

var residentLine = regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`)

// resident is the process' own reading, in MB.
func (r *receiver) resident() (float64, error) {
	metrics, err := r.get("/metrics")
	if err != nil {
		return 0, err
	}
	found := residentLine.FindStringSubmatch(metrics)
	if found == nil {
		return 0, errors.New("no process_resident_memory_bytes in /metrics")
	}
	bytes, err := strconv.ParseFloat(found[1], 64)
	return bytes / 1e6, err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
