package bot

import (
	"encoding/json"

	"github.com/teamsrelay/teamsrelay/receiver/card"
)

// InvokeResponse is the body that answers an invoke (teams-platform §2.10).
// The HTTP status is 200 whatever it says: anything else is an error of the
// bot's to Teams, and people read that something went wrong.
type InvokeResponse struct {
	StatusCode int    `json:"statusCode"`
	Type       string `json:"type"`
	Value      any    `json:"value"`
}

// The types of answers.
const (
	cardAnswer    = "application/vnd.microsoft.card.adaptive"
	messageAnswer = "application/vnd.microsoft.activity.message"
)

// ShowCard answers with a card, which replaces the one that was pressed, for
// whoever pressed.
func ShowCard(m card.Message) InvokeResponse {
	return InvokeResponse{StatusCode: 200, Type: cardAnswer, Value: json.RawMessage(m.Card)}
}

// Say answers with words, which Teams shows under the card to whoever pressed.
// Keep them short.
func Say(words string) InvokeResponse {
	return InvokeResponse{StatusCode: 200, Type: messageAnswer, Value: words}
}
