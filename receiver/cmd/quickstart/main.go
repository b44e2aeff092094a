// Command quickstart is `make run`: it starts a simulated Teams and a receiver
// as a user would, sends an alert the way Alertmanager does, shows how people
// answer its card until it is resolved, and goes on until it is stopped.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The addresses of sample-configs/bot/local.yml and of the programs' defaults.
const (
	teams  = "http://127.0.0.1:9099"
	relay  = "http://127.0.0.1:9097"
	public = "127.0.0.1:3978"
)

func main() {
	program := flag.String("program", "bin/teamsrelay", "the built teamsrelay")
	config := flag.String("config.file", "sample-configs/bot/local.yml", "the receiver's configuration")
	pause := flag.Duration("pause", 10*time.Second, "how long the alert fires")
	once := flag.Bool("once", false, "stop when the resolved card has arrived")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *program, *config, *pause, *once); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, config string, pause time.Duration, once bool) error {
	trial, err := os.MkdirTemp("", "teamsrelay-run-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(trial) }()
	if config, err = copied(config, trial); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var children []*child
	defer func() {
		cancel(nil)
		for _, c := range children {
			c.stop()
		}
	}()
	// The alert must not go to a receiver that somebody relies on.
	for _, url := range []string{teams, relay, "http://" + public} {
		if free, err := net.Listen("tcp", strings.TrimPrefix(url, "http://")); err != nil {
			return fmt.Errorf("something listens at %s already; stop it first, it may be another make run", url)
		} else if err := free.Close(); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"simulate", "--bot-endpoint=http://" + public + "/api/messages"},
		{"serve", "--config.file=" + config, "--public.listen-address=" + public, "--log.level=warn"},
	} {
		c, err := start(program, args, cancel)
		if err != nil {
			return err
		}
		children = append(children, c)
	}
	for _, url := range []string{teams + "/messages", relay + "/-/ready"} {
		if err := answers(ctx, url); err != nil {
			return err
		}
	}

	if err := installed(ctx); err != nil {
		return err
	}
	fmt.Printf(`
Open in a browser
  %s/  Teams, simulated: cards as people see them, with buttons to press
  %s/  teamsrelay: what fires, what was told to whom, and what could not be

`, teams, relay)
	if err := story(ctx, pause); err != nil || once {
		return err
	}
	fmt.Printf(`
Both programs go on until you press Ctrl-C. Try:
  press a button on a card, or write help to the bot, in the simulated Teams
  find what was not told on teamsrelay's page, and have it told
  %[1]s deliveries list
  %[1]s audit list
  %[1]s send-test ops
  and in your Alertmanager, see sample-configs/alertmanager.yml
`, program)
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// copied puts a copy of the configuration into a directory of its own, and with
// it the store that it names. The simulated Teams begins anew each time: to it
// nobody has the app, and a receiver that remembers them from the last time
// would have everybody told that they cannot be told.
func copied(config, dir string) (string, error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return "", fmt.Errorf("%w; start it where the Makefile is", err)
	}
	to := filepath.Join(dir, filepath.Base(config))
	return to, os.WriteFile(to, text, 0o600)
}

// child is one of the two programs.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// start runs one; should it end by itself, everything ends.
func start(program string, args []string, cancel context.CancelCauseFunc) (*child, error) {
	c := &child{cmd: exec.Command(program, args...), done: make(chan struct{})}
	c.cmd.Stderr = os.Stderr // what they say of a good day is for those who start them by hand
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w; run make build first", err)
	}
	go func() {
		err := c.cmd.Wait()
		cancel(fmt.Errorf("teamsrelay %s has ended (%v); what it said stands above", args[0], err))
		close(c.done)
	}()
	return c, nil
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(15 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

// answers waits until a URL answers 200.
func answers(ctx context.Context, url string) error {
	for range 100 {
		if _, err := get(ctx, url); err == nil {
			return nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s does not answer", url)
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return do(request)
}

func do(request *http.Request) ([]byte, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if cause := context.Cause(request.Context()); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("%s answers %s: %s", request.URL, response.Status, strings.TrimSpace(string(body)))
	}
	return body, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// service is what Butler's service monitor posts.
func service(host, state string) []byte {
	body, err := json.Marshal(map[string]any{
		"event": "Windows service monitor", "host": host, "serviceStatus": state, "stateChanged": true, "currState": state,
		"serviceName": "QlikSenseEngineService", "serviceDisplayName": "Qlik Sense Engine Service", "serviceStartType": "Automatic",
	})
	if err != nil {
		panic(err) // these values can be marshalled
	}
	return body
}

// payload is a group of three alerts as Alertmanager's webhook sends it. The
// group is this run's own, as its site: what a run that was stopped early left
// firing in the store is no news of it.
func payload(status, site string, start, end time.Time) []byte {
	type object = map[string]any
	var alerts []object
	for i, rack := range []string{"r1", "r2", "r7"} {
		alerts = append(alerts, object{
			"status": status,
			"labels": object{"alertname": "DatacenterTemperatureHigh", "severity": "critical", "site": site, "team": "facilities", "rack": rack},
			"annotations": object{
				"summary":       "Inlet temperature above 32 °C for 2 minutes",
				"description":   "Check the CRAC units on the row. Above 35 °C the servers throttle.",
				"value":         fmt.Sprintf("%.1f °C", 33.1-0.4*float64(i)),
				"runbook_url":   "https://wiki.example.com/runbooks/datacenter-temperature",
				"dashboard_url": "https://grafana.example.com/d/datacenter",
			},
			"startsAt":     start.Add(-time.Duration(12-3*i) * time.Minute).UTC(),
			"endsAt":       end.UTC(),
			"generatorURL": "http://prometheus.example.com:9090/graph?g0.expr=temperature_celsius",
		})
	}
	body, err := json.Marshal(object{
		"version": "4", "receiver": "teamsrelay", "status": status,
		"groupKey":    fmt.Sprintf(`{}/{run="%d"}:{alertname="DatacenterTemperatureHigh", site="%s"}`, start.UnixNano(), site),
		"groupLabels": object{"alertname": "DatacenterTemperatureHigh", "site": site},
		"externalURL": "http://alertmanager.example.com:9093",
		"alerts":      alerts,
	})
	if err != nil {
		panic(err) // these values can be marshalled
	}
	return body
}
