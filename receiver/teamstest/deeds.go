package teamstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// directory is what the page knows of the bot and of who and what is around
// it.
type directory struct {
	Name  string `json:"name"`
	Known bool   `json:"known"` // there is a messaging endpoint to send to
	Team  string `json:"team"`
	Users []User `json:"users"`
	// Conversations are in the order in which they came.
	Conversations []place `json:"conversations"`
}

// place is a conversation in the directory.
type place struct {
	ID        string   `json:"id"`
	Kind      Kind     `json:"kind"`
	Name      string   `json:"name"`
	Installed bool     `json:"installed"`
	Blocked   bool     `json:"blocked"`
	Members   []string `json:"members"` // ids of users
}

// directory needs the lock.
func (s *Server) directory() directory {
	b := s.bot
	d := directory{Name: b.Name, Known: b.Endpoint != "", Team: b.team, Users: slices.Clone(b.users)}
	for _, c := range b.conversations {
		d.Conversations = append(d.Conversations, place{
			ID: c.id, Kind: c.kind, Name: c.name, Installed: c.installed, Blocked: c.blocked, Members: slices.Clone(c.members),
		})
	}
	return d
}

// tellDirectory says that something in the directory has changed; it needs
// the lock.
func (s *Server) tellDirectory() {
	s.bot.version++
	s.tell()
}

func (s *Server) showDirectory(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	d := s.directory()
	s.mu.Unlock()
	answerJSON(w, d)
}

// deed is what somebody does on the page, or in a script.
type deed struct {
	As           string `json:"as"` // who: see Server.As
	Conversation string `json:"conversation"`
	Message      string `json:"message"` // whose button is pressed, or what is reacted to
	Thread       string `json:"thread"`  // "": a new one
	Text         string `json:"text"`
	// Button is a title or a verb, Inputs what was typed: for scripts. The
	// page sends Action: what the renderer made of the button and the inputs.
	Button string            `json:"button"`
	Inputs map[string]string `json:"inputs"`
	// Situation is what the user's is from now on, for scripts.
	Situation Situation `json:"situation"`
	Action    *struct {
		Type  string         `json:"type"`
		ID    string         `json:"id"`
		Title string         `json:"title"`
		Verb  string         `json:"verb"`
		Data  map[string]any `json:"data"`
	} `json:"action"`
}

// deeds are what can be done, by their name in the path.
var deeds = map[string]func(context.Context, Someone, deed) (Answer, error){
	"say": func(ctx context.Context, who Someone, d deed) (Answer, error) {
		return who.say(ctx, d.Conversation, d.Thread, d.Text)
	},
	"press": press,
	"react": func(ctx context.Context, who Someone, d deed) (Answer, error) {
		return who.React(ctx, Message{Conversation: d.Conversation, MessageID: d.Message, Thread: d.Thread}, d.Text)
	},
	"install":   installation(Someone.Install),
	"uninstall": installation(Someone.Uninstall),
	"rename": func(ctx context.Context, who Someone, d deed) (Answer, error) {
		return who.Rename(ctx, d.Conversation, d.Text)
	},
	"block":   func(_ context.Context, who Someone, _ deed) (Answer, error) { who.Block(); return Answer{}, nil },
	"unblock": func(_ context.Context, who Someone, _ deed) (Answer, error) { who.Unblock(); return Answer{}, nil },
	"become": func(_ context.Context, who Someone, d deed) (Answer, error) {
		who.Become(d.Situation)
		return Answer{}, nil
	},
	"arrive": func(_ context.Context, who Someone, _ deed) (Answer, error) { who.Arrive(); return Answer{}, nil },
	"delete": func(_ context.Context, who Someone, d deed) (Answer, error) {
		who.server.Delete(Message{Conversation: d.Conversation, MessageID: d.Message})
		return Answer{}, nil
	},
}

func installation(do func(Someone, context.Context, string) ([]Answer, error)) func(context.Context, Someone, deed) (Answer, error) {
	return func(ctx context.Context, who Someone, d deed) (Answer, error) {
		answers, err := do(who, ctx, d.Conversation)
		if err != nil {
			return Answer{}, err
		}
		return answers[len(answers)-1], nil
	}
}

func press(ctx context.Context, who Someone, d deed) (Answer, error) {
	m, there := who.server.Message(d.Conversation, d.Message)
	if !there {
		return Answer{}, errGone
	}
	if d.Action == nil {
		return who.Press(ctx, m, d.Button, d.Inputs)
	}
	if d.Action.Type != "Action.Execute" {
		return who.submit(ctx, m, d.Action.Data)
	}
	return who.invoke(ctx, m, button{ID: d.Action.ID, Title: d.Action.Title, Verb: d.Action.Verb}, d.Action.Data)
}

// errGone says that a message was deleted, or forgotten.
var errGone = errors.New("the message is not there any more")

// doDeed lets a user do something and tells what the bot answered.
func (s *Server) doDeed(w http.ResponseWriter, r *http.Request) {
	do := deeds[r.PathValue("deed")]
	if do == nil {
		http.Error(w, "nobody can do this here; the deeds are arrive, become, block, delete, install, press, react, rename, say, unblock and uninstall", http.StatusNotFound)
		return
	}
	var d deed
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		http.Error(w, fmt.Sprintf("this cannot be read: %v\nwrite it like {\"as\": \"Alice\", \"conversation\": %q, \"text\": \"help\"}", err, Alerts), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	u, known := s.bot.user(d.As)
	s.mu.Unlock()
	if !known {
		http.Error(w, fmt.Sprintf("nobody is called %q here; GET /bot lists them", d.As), http.StatusBadRequest)
		return
	}
	said := struct {
		Status int    `json:"status"`          // the bot's; 0: it was not asked or did not answer
		Code   int    `json:"code,omitempty"`  // of the answer to a press
		Text   string `json:"text,omitempty"`  // what it said
		Error  string `json:"error,omitempty"` // why there is no answer
	}{}
	answer, err := do(r.Context(), Someone{u, s}, d)
	said.Status, said.Code, said.Text = answer.Status, answer.Code, answer.Text
	if err != nil {
		said.Error = err.Error()
	}
	answerJSON(w, said)
}
