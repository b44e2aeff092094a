package teamstest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// What the simulated Teams costs bounds what can be measured against it.
func BenchmarkTakeACard(b *testing.B) {
	s := teamstest.New(teamstest.Options{})
	card := envelope(strings.Repeat("a row of the card ", 200))
	b.SetBytes(int64(len(card)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequest(http.MethodPost, webhookURL("ops"), strings.NewReader(card))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Transport().RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
}

// A bench of the receiver presses against this: what a press and an edit cost
// here is no part of what it measures.
func BenchmarkEditACard(b *testing.B) {
	s := teamstest.New(teamstest.Options{Keep: 100_000, Bot: teamstest.Bot{Client: noBot, Endpoint: "http://127.0.0.1/"}})
	if err := s.InstallEverywhere(b.Context()); err != nil {
		b.Fatal(err)
	}
	card, err := json.Marshal(cardActivity(textBlock(strings.Repeat("a row of the card ", 200))))
	if err != nil {
		b.Fatal(err)
	}
	request := func(method, path string) {
		r, err := http.NewRequest(method, strings.TrimSuffix(s.ServiceURL(), "/")+path, bytes.NewReader(card))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Transport().RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
	for range 10_000 {
		request(http.MethodPost, alerts+"/activities")
	}
	posted := s.Posted(teamstest.Alerts)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		request(http.MethodPut, alerts+"/activities/"+posted[i%len(posted)].MessageID)
	}
}
