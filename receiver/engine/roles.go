package engine

import (
	"context"
	"sync"

	"github.com/teamsrelay/teamsrelay/receiver/role"
)

// The roles of an engine.
const (
	roleRules         = "rules"         // polls InfluxDB, and knows what rules know
	roleIntents       = "intents"       // asks the systems that events come from
	roleAlertmanagers = "alertmanagers" // makes silences there, and asks which alerts they have
	roleUpkeep        = "upkeep"        // deletes what is old, and finishes what replicas that died have begun
)

// Roles are what one of several replicas does.
func (e *Engine) Roles() *role.Roles { return e.roles }

// playIntents does in other systems what people want there.
func (e *Engine) playIntents(ctx context.Context, fence role.Fence) {
	if err := e.intents.Run(ctx, fence); err != nil && ctx.Err() == nil {
		e.log.Error("Intents cannot be worked; trying again", "err", err)
	}
}

// playAlertmanagers makes silences in Alertmanager, and asks it which alerts it
// has. What is done twice there does no harm: a silence is looked up before it is
// made.
func (e *Engine) playAlertmanagers(ctx context.Context, _ role.Fence) {
	var work sync.WaitGroup
	work.Go(func() { e.runReconcile(ctx) })
	if err := e.silencer.Run(ctx); err != nil && ctx.Err() == nil {
		e.log.Error("Silences cannot be brought to Alertmanager; trying again", "err", err)
	}
	work.Wait()
}
