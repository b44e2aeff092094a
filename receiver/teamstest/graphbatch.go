package teamstest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxBatch is how many requests a $batch holds (teams-platform §5.3).
const maxBatch = 20

// innerRequest is one of a $batch.
type innerRequest struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"` // behind the version
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// innerResponse is the answer to one.
type innerResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

// runBatch answers a $batch: each request by itself, with its own limits and
// errors. The answers come in another order than the requests, as they may at
// Microsoft. It needs the lock.
func (s *Server) runBatch(c *call) graphAnswer {
	var batch struct {
		Requests []innerRequest `json:"requests"`
	}
	if answer, ok := c.decode(&batch); !ok {
		return answer
	}
	if problem := checkBatch(batch.Requests); problem != "" {
		return c.fail(http.StatusBadRequest, "BadRequest", problem)
	}
	failed := map[string]bool{}
	responses := make([]innerResponse, 0, len(batch.Requests))
	for _, r := range batch.Requests {
		response := s.runInner(c, r, failed)
		failed[r.ID] = response.Status >= 400
		responses = append(responses, response)
	}
	slices.Reverse(responses)
	return graphAnswer{status: http.StatusOK, body: properties{"responses": responses}}
}

// checkBatch says what is wrong with the requests of a $batch; "": nothing.
func checkBatch(requests []innerRequest) string {
	if len(requests) == 0 {
		return "Invalid batch payload format."
	}
	if len(requests) > maxBatch {
		return "Number of batch request steps exceeds the maximum value of " + strconv.Itoa(maxBatch) + "."
	}
	seen := map[string]bool{}
	for _, r := range requests {
		switch {
		case r.ID == "" || r.Method == "" || r.URL == "":
			return "Invalid batch payload format: a request needs id, method and url."
		case seen[r.ID]:
			return "Request Id '" + r.ID + "' is not unique in the batch."
		case len(r.Body) > 0 && !hasContentType(r.Headers):
			return "Write request id '" + r.ID + "' does not contain Content-Type header or body."
		}
		for _, other := range r.DependsOn {
			if !seen[other] {
				return "Request '" + r.ID + "' depends on '" + other + "', which does not come before it."
			}
		}
		seen[r.ID] = true
	}
	return ""
}

func hasContentType(headers map[string]string) bool {
	for name := range headers {
		if strings.EqualFold(name, "Content-Type") {
			return true
		}
	}
	return false
}

// runInner needs the lock.
func (s *Server) runInner(outer *call, r innerRequest, failed map[string]bool) innerResponse {
	inner := &call{
		method: strings.ToUpper(r.Method), header: http.Header{}, body: bytes.TrimSpace(r.Body),
		base: outer.base, roles: outer.roles, now: outer.now, batched: true, request: newGUID(),
	}
	for name, value := range r.Headers {
		inner.header.Set(name, value)
	}
	var answer graphAnswer
	u, err := url.Parse("/" + strings.TrimPrefix(r.URL, "/"))
	switch {
	case err != nil:
		answer = inner.fail(http.StatusBadRequest, "BadRequest", "The url cannot be read.")
	case slices.ContainsFunc(r.DependsOn, func(id string) bool { return failed[id] }):
		answer = inner.fail(http.StatusFailedDependency, "FailedDependency", "A request that this one depends on has failed.")
	default:
		inner.path, inner.query = u.EscapedPath(), u.Query()
		inner.find(s.graph.routes)
		if inner.route != nil && inner.route.call == Batch {
			answer = inner.fail(http.StatusBadRequest, "BadRequest", "A batch cannot hold a batch.")
			break
		}
		answer, _ = s.dispatch(inner)
	}
	response := innerResponse{ID: r.ID, Status: answer.status, Headers: map[string]string{}, Body: answer.body}
	if answer.body != nil {
		response.Headers["Content-Type"] = "application/json"
	}
	if answer.retryAfter > 0 {
		response.Headers["Retry-After"] = seconds(answer.retryAfter)
	}
	return response
}
