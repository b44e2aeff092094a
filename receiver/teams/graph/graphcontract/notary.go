package graphcontract

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// Notary is a transport that holds every request to Graph, and its answer,
// against the contract. Where they break it, the test fails.
type Notary struct {
	T        testing.TB
	Contract *Contract
	Inner    http.RoundTripper
	// Broken tells whether an answer breaks the contract on purpose, so that
	// only the request is looked at; nil: none does.
	Broken func(*http.Response) bool

	mu   sync.Mutex
	seen map[Operation]int
}

// version stands before every path of Graph's.
const version = "/v1.0"

// RoundTrip implements http.RoundTripper. What is not Graph's (sign-in) goes by.
func (n *Notary) RoundTrip(r *http.Request) (*http.Response, error) {
	target, ours := strings.CutPrefix(r.URL.EscapedPath(), version+"/")
	if !ours {
		return n.Inner.RoundTrip(r)
	}
	if target = "/" + target; r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	var asked []byte
	if r.Body != nil {
		var err error
		if asked, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(asked))
	}
	answer, err := n.Inner.RoundTrip(r)
	if err != nil || n.Broken != nil && n.Broken(answer) {
		n.note(n.Contract.CheckRequest(r.Method, target, asked))
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	n.note(n.Contract.Check(Exchange{r.Method, target, asked, answer.StatusCode, body}))
	return answer, nil
}

func (n *Notary) note(operations []Operation, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = map[Operation]int{}
	}
	for _, op := range operations {
		n.seen[op]++
	}
	if err != nil {
		n.T.Errorf("not as the contract of Microsoft Graph says: %v", err)
	}
}

// Seen is how often each operation was asked, also within $batch.
func (n *Notary) Seen() map[Operation]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	seen := map[Operation]int{}
	for op, times := range n.seen {
		seen[op] = times
	}
	return seen
}
