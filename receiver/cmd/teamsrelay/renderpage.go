package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// page writes the page on which the cards can be seen.
func (r *rendering) page(list []rendered, w way) error {
	cards := make([]teamstest.ShownCard, len(list))
	for i, one := range list {
		cards[i] = teamstest.ShownCard{
			Name: one.name, Card: one.message.Card, Summary: one.message.Summary, Notes: notes(one.message),
			Size: fmt.Sprintf("%d of %d bytes on the wire", w.size(workflow.Envelope(one.message)), w.limit.Bytes),
		}
	}
	var page bytes.Buffer
	if err := teamstest.WriteCards(&page, "teamsrelay render", cards); err != nil {
		return err
	}
	if err := os.WriteFile(r.html, page.Bytes(), 0o644); err != nil {
		return fmt.Errorf("the page cannot be written: %w", err)
	}
	fmt.Fprintf(r.err, "teamsrelay: open %s in a browser\n", r.html)
	return nil
}
