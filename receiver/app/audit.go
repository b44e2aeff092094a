package app

import (
	"context"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// hangup reloads the configuration because the process was sent a SIGHUP, and
// notes it as the API does. It has no name: who may send signals to it is for
// the operating system to say.
func (a *App) hangup(ctx context.Context) {
	after := "reloaded"
	if err := a.Reload(ctx); err != nil {
		first, _, _ := strings.Cut(shortened(err.Error()), "\n")
		after = "failed: " + first
	}
	line := store.Audit{
		At: a.engine.Now(), Who: "SIGHUP", Action: "reload", Target: "configuration", From: "process", After: after,
	}
	if err := a.store.Update(ctx, func(tx store.Tx) error { return tx.AddAudit(&line) }); err != nil {
		a.log.Error("A reload could not be noted", "err", err)
	}
}
