package bot

import (
	"context"

	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
)

// What package bot still lacks: it is replaced by what does something.

func (b *Bot) press(context.Context, activity.Activity) InvokeResponse { return Say("") }

func (b *Bot) say(context.Context, activity.Activity) {}

func (b *Bot) membersChanged(conversation, team string) {}
