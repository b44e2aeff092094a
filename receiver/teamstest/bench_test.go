package teamstest_test

import (
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
