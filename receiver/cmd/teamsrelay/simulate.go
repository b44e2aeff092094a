package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func addSimulate(k *kingpin.Application, p *program) {
	cmd := k.Command("simulate", `A simulated Teams with a page that shows the cards. Webhooks are http://ADDRESS/workflow/NAME for any NAME; GET /messages lists what came in; POST /faults makes it behave badly.`)
	cmd.HelpLong(`Examples, with curl:
  what came in        curl http://127.0.0.1:9099/messages
  three times 429     curl http://127.0.0.1:9099/faults -d '{"webhook": "ops",
                        "faults": [{"status": 429, "retry_after": "2s", "times": 3}]}'
  a deleted flow      … {"status": 404, "times": -1}     for every request
  no answer           … {"hang": true}
  a broken connection … {"cut": "before"}                or "after" the card is shown
  a slow answer       … {"latency": "10s"}
  what is to come     curl http://127.0.0.1:9099/faults
  a good day again    curl -X DELETE http://127.0.0.1:9099/faults`)
	address := cmd.Flag("listen-address", "Where to listen.").Default("127.0.0.1:9099").String()
	throttle := cmd.Flag("throttle", "Refuse with 429 what Teams would: more than 4 requests a second at one webhook.").Default("true").Bool()
	cmd.Action(func(*kingpin.ParseContext) error {
		options := teamstest.Options{}
		if *throttle {
			options.Throttle = teamstest.RealThrottle
		}
		listener, err := net.Listen("tcp", *address)
		if err != nil {
			return fmt.Errorf("%w; --listen-address must be HOST:PORT on this machine, and nothing else may listen there", err)
		}
		teams := teamstest.New(options)
		server := &http.Server{Handler: teams, ReadHeaderTimeout: 10 * time.Second}
		fmt.Fprintf(p.out, "A simulated Teams is at http://%s/\n", listener.Addr())
		fmt.Fprintf(p.out, "Its webhooks are http://%s/workflow/NAME, any NAME\n", listener.Addr())
		done := make(chan error, 1)
		go func() { done <- server.Serve(listener) }()
		select {
		case err := <-done:
			return err
		case <-p.ctx.Done():
		}
		teams.Close() // ends the pages' event streams
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil
	})
}
